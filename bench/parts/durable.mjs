// The durable accept: what it costs to store a delivery before it is answered.

import { counts, each } from "../asked.mjs";
import { cell, compare, same } from "../compare.mjs";
import { barred, ratio, table } from "../figures.mjs";
import { post } from "../load.mjs";
import { article, signed } from "../messages.mjs";
import { start } from "../runtime.mjs";
import { counted, keeping, presshook } from "../workers.mjs";

/** Of all but the last each request is an event of its own. */
const ACCEPTS = [
  { name: "1 KB", bytes: 1_000, first: 15_000, requests: 500 },
  { name: "10 KB", bytes: 10_000, first: 2_000, requests: 400 },
  { name: "1 KB, repeats", bytes: 1_000, first: 10_000, requests: 500 },
];
const LEAST = 0.9;
/** Deliveries whose calls and rows are counted. */
const COUNTED = 100;
/** Nothing leaves while it is measured. */
const LATE = { DEPLOY_SETTLE_SECONDS: "86400", DEPLOY_MAX_WAIT_SECONDS: "86400", LOG_LEVEL: "error" };

/** @typedef {import("../asked.mjs").Asked} Asked */
/** @typedef {{ compared: import("../compare.mjs").Compared, own: Asked, other: Asked }} Accept */

/** @type {import("../run.mjs").Part<Accept[]>} */
export const part = {
  name: "durable",
  edge: "worker",
  title: "The durable accept on Cloudflare",
  about:
    "CPU microseconds, and requests a second; and what one delivery asks of the Durable Object, and that of its store.",
  rounds: 21,
  seconds: 110,

  async measure({ directory, rounds, step }) {
    const runtime = await start(
      [presshook("Presshook", LATE), keeping(), counted("counted", LATE), keeping({ counted: true })],
      directory,
    );
    try {
      const [own, other, ownCounted, otherCounted] = runtime.workers;
      let event = 0;
      const fresh = (/** @type {(typeof ACCEPTS)[number]} */ size) => () =>
        Array.from({ length: size.requests }, () => signed(article(size.bytes, `evt_${event++}`)));
      const measured = [];
      for (const size of ACCEPTS) {
        const messages = same(size);
        const prepared = size.name.endsWith("repeats") ? () => messages : fresh(size);
        const compared = await compare(runtime.pid, [own, other], size, prepared, rounds, step);
        const few = prepared();
        const costs = {
          own: await asked(ownCounted.port, few),
          other: await asked(otherCounted.port, few),
        };
        // Of repeats Presshook writes down from time to time how many there were.
        const [one, two] = [costs.own, costs.other].map(({ written }) => written);
        if (Math.round(one) !== Math.round(two)) {
          throw new Error(`${size.name}: Presshook writes ${one} rows, and the JavaScript Worker ${two}`);
        }
        measured.push({ compared, ...costs });
      }
      return measured;
    } finally {
      await runtime.stop();
    }
  },

  bars(measured) {
    return measured.flatMap(({ compared: { Presshook: own, JavaScript: other } }, at) => [
      {
        what: `Presshook ÷ JavaScript, requests a second, ${ACCEPTS[at].name}`,
        value: ratio(own, other, "rate"),
        least: LEAST,
      },
      {
        what: `JavaScript ÷ Presshook, CPU, ${ACCEPTS[at].name}`,
        value: ratio(other, own, "cpu"),
        least: LEAST,
      },
    ]);
  },

  tables(measured, bars) {
    return [
      table(
        ["body", "Presshook", "JavaScript", bars[0].what, bars[1].what].map((it) => it.replace(", 1 KB", "")),
        measured.map(({ compared }, at) => [
          ACCEPTS[at].name,
          cell(compared.Presshook),
          cell(compared.JavaScript),
          barred(bars[2 * at]),
          barred(bars[2 * at + 1]),
        ]),
      ),
      table(
        ["body", "calls of the object", "rows written", "rows read", "rows that JavaScript writes, reads"],
        measured.map(({ own, other }, at) => [
          ACCEPTS[at].name,
          ...[own.requests, own.written, own.read].map((it) => it.toFixed(1)),
          `${other.written.toFixed(1)}, ${other.read.toFixed(1)}`,
        ]),
      ),
    ];
  },
};

/**
 * What one delivery asks for, once a deploy waits that it joins.
 *
 * @param {number} port @param {import("../messages.mjs").Message[]} messages
 */
async function asked(port, messages) {
  await post(port, messages.slice(0, 1), 1, 1);
  const before = await counts(port);
  await post(port, messages.slice(-COUNTED), COUNTED, 1);
  return each(before, await counts(port), COUNTED);
}
