// What one delivery costs its owner on Cloudflare, from the webhook until the deploy hook has answered.

import { aDay, counts, each } from "../asked.mjs";
import { barred, middle, table } from "../figures.mjs";
import { hook } from "../hook.mjs";
import { post } from "../load.mjs";
import { article, signed } from "../messages.mjs";
import { alternating } from "../rounds.mjs";
import { cpuMicroseconds, rest, start } from "../runtime.mjs";
import { counted, presshook, relay } from "../workers.mjs";

/** Bytes, and deliveries in a round. */
const SIZES = [
  { name: "1 KB", bytes: 1_000, deliveries: 60 },
  { name: "100 KB", bytes: 100_000, deliveries: 40 },
  { name: "1 MB", bytes: 1_000_000, deliveries: 20 },
];
/** CPU milliseconds that the free plan allows one request. */
const FREE = 10;
/** Each delivery has a call of its own. */
const PROMPT = { DEPLOY_SETTLE_SECONDS: "0", DEPLOY_MIN_GAP_SECONDS: "0" };

/** @typedef {import("../asked.mjs").Asked} Asked */
/** @typedef {{ cpu: Record<string, { milliseconds: number }[]>, asked: Asked }} Cost */

/** @type {import("../run.mjs").Part<Cost[]>} */
export const part = {
  name: "cost",
  edge: "worker",
  title: "What a delivery costs on Cloudflare",
  about:
    "One after the other, from the webhook until the deploy hook has answered and that is written down: CPU milliseconds of the runtime for all of it, of which Cloudflare counts the request and the Durable Object's share each by itself; what is asked of the Durable Object; and how many deliveries a day the free plan has room for.",
  rounds: 5,
  seconds: 30,

  async measure({ directory, rounds, step }) {
    const [own, other, counting] = await Promise.all([hook(), hook(), hook()]);
    const settings = (/** @type {string} */ url) => ({ ...PROMPT, CLOUDFLARE_DEPLOY_HOOK: url });
    const runtime = await start(
      [
        { ...presshook("Presshook", settings(own.url)), hook: own },
        { ...relay(other.url), hook: other },
        {
          ...counted("counted", settings(counting.url)),
          hook: counting,
        },
      ],
      directory,
    );
    try {
      const [one, two, watched] = runtime.workers;
      let event = 0;
      /** @param {typeof one} worker @param {number} bytes @param {number} deliveries */
      const deliver = async ({ port, hook }, bytes, deliveries) => {
        for (let sent = 0; sent < deliveries; sent++) {
          const id = `evt_${event++}`;
          hook.expect(id);
          await post(port, [signed(article(bytes, id))], 1, 1);
          await hook.all();
        }
      };
      const measured = [];
      for (const { name, bytes, deliveries } of SIZES) {
        // Hot before they are measured.
        for (const worker of [one, two]) await deliver(worker, bytes, deliveries);
        const measure = async (/** @type {typeof one} */ worker) => {
          await rest(runtime.pid);
          const cpu = cpuMicroseconds(runtime.pid);
          await deliver(worker, bytes, deliveries);
          await rest(runtime.pid);
          return { milliseconds: (cpuMicroseconds(runtime.pid) - cpu) / 1000 / deliveries };
        };
        const cpu = await alternating([one, two], rounds, measure, { step, what: name });
        await deliver(watched, bytes, 1);
        await rest(runtime.pid);
        const before = await counts(watched.port);
        await deliver(watched, bytes, deliveries);
        await rest(runtime.pid);
        measured.push({ cpu, asked: each(before, await counts(watched.port), deliveries) });
      }
      return measured;
    } finally {
      await runtime.stop();
      for (const { close } of [own, other, counting]) close();
    }
  },

  bars: (measured) =>
    measured.map(({ cpu }, at) => ({
      what: `CPU milliseconds of a delivery of ${SIZES[at].name}`,
      value: middle(cpu.Presshook, "milliseconds"),
      most: FREE,
    })),

  tables: (measured, bars) => [
    table(
      ["body", "CPU ms", "of a plain relay", "requests", "rows written", "rows read", "in a day, free"],
      measured.map(({ cpu, asked }, at) => [
        SIZES[at].name,
        barred(bars[at]),
        middle(cpu.relay, "milliseconds").toFixed(2),
        ...[asked.requests, asked.written, asked.read].map((it) => it.toFixed(1)),
        aDay(asked),
      ]),
    ),
  ],
};
