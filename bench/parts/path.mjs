// The whole path: from the moment at which something is published until the deploy hook is called, on both edges.

import path from "node:path";
import { median, quantile, table } from "../figures.mjs";
import { hook } from "../hook.mjs";
import { poster } from "../load.mjs";
import { article, signed } from "../messages.mjs";
import { alternating } from "../rounds.mjs";
import { start } from "../runtime.mjs";
import * as servers from "../server/servers.mjs";
import { presshook, relay } from "../workers.mjs";

/** Events a second, and seconds of a round. At the lowest rate all are measured at once, as none is busy. */
const RATES = [
  { rate: 1, seconds: 30, together: true },
  { rate: 50, seconds: 5, together: false },
  { rate: 200, seconds: 5, together: false },
];
/** Nothing is waited for by design: a call leaves at once, and the next as soon as that has been answered. */
const PROMPT = { DEPLOY_SETTLE_SECONDS: "0", DEPLOY_MIN_GAP_SECONDS: "0", LOG_LEVEL: "error" };

/** @typedef {{ name: string, port: number, hook: import("../hook.mjs").Hook }} Side */
/** @typedef {{ waits: number[], calls: number }} Round milliseconds of each event, and calls of the hook */

/** @type {import("../run.mjs").Part<Record<string, Round[]>[]>} */
export const part = {
  name: "path",
  edge: "both",
  title: "From publishing to the deploy hook",
  about:
    "Milliseconds from the sending of a webhook of 1 KB, at a fixed pace, until the deploy hook's stand-in has received the call that carries it, p50 and p99; and how many events one call carried. Presshook stores each event before it answers; its quiet time and its gap are set to 0, so that nothing is waited for by design. The relays store nothing and call for each event.",
  rounds: 2,
  seconds: 120,

  async measure({ directory, rounds, step }) {
    const hooks = await Promise.all([hook(), hook(), hook(), hook()]);
    const settings = { ...PROMPT, CLOUDFLARE_DEPLOY_HOOK: hooks[0].url };
    const runtime = await start([presshook("Worker", settings), relay(hooks[1].url)], directory);
    const database = path.join(directory, "presshook.db");
    const own = { ...PROMPT, DEPLOY_HOOK_URL: hooks[2].url };
    const server = await servers.start("server", (port) => servers.presshook(port, database, own));
    const node = await servers.start("Node.js", (port) =>
      servers.node(port, { DEPLOY_HOOK_URL: hooks[3].url }),
    );
    const ports = [...runtime.workers.map(({ port }) => port), server.port, node.port];
    const sides = SIDES.map((name, at) => ({ name, port: ports[at], hook: hooks[at] }));
    try {
      // Hot before they are measured.
      for (const side of sides) await publish(side, 100, 1);
      const measured = [];
      for (const { rate, seconds, together } of RATES) {
        const what = `${rate} a second`;
        if (together) {
          step(what);
          const all = await Promise.all(
            sides.map((side) => publish(side, rate, seconds * Math.min(rounds, 1))),
          );
          measured.push(Object.fromEntries(SIDES.map((name, at) => [name, [all[at]]])));
        } else {
          const measure = (/** @type {Side} */ side) => publish(side, rate, seconds);
          measured.push(await alternating(sides, rounds, measure, { step, what }));
        }
      }
      return measured;
    } finally {
      await Promise.all([runtime.stop(), server.stop(), node.stop()]);
      for (const { close } of hooks) close();
    }
  },

  bars: () => [],

  tables: (measured) => [
    table(
      ["events a second", ...SIDES, "events in a call, Worker", "server"],
      measured.map((figures, at) => [
        String(RATES[at].rate),
        ...SIDES.map((name) => times(figures[name].flatMap(({ waits }) => waits))),
        ...[SIDES[0], SIDES[2]].map((name) => {
          const events = figures[name].reduce((sum, { waits }) => sum + waits.length, 0);
          return (events / figures[name].reduce((sum, { calls }) => sum + calls, 0)).toFixed(1);
        }),
      ]),
    ),
  ],
};

const SIDES = ["Worker", "relay in JavaScript, a Worker", "server", "relay in Node.js"];

/** @param {number[]} waits */
const times = (waits) => `${median(waits).toFixed(1)}, ${quantile(waits, 0.99).toFixed(1)}`;

let event = 0;

/**
 * Publishes at a fixed pace, whether or not what came before has been answered, until each has been carried.
 *
 * @param {Side} side @param {number} rate events a second @param {number} seconds
 * @returns {Promise<Round>}
 */
async function publish({ port, hook }, rate, seconds) {
  const { post, close } = poster(port, 64);
  const calls = hook.calls();
  /** When each was published. @type {Map<string, number>} */
  const published = new Map();
  const answers = [];
  // Signed beforehand.
  const messages = Array.from({ length: rate * seconds }, () => {
    const id = `evt_path_${event++}`;
    return { id, message: signed(article(1_000, id)) };
  });
  const began = performance.now();
  for (const [at, { id, message }] of messages.entries()) {
    const wait = began + (at * 1000) / rate - performance.now();
    if (wait > 1) await new Promise((resolve) => setTimeout(resolve, wait));
    hook.expect(id);
    published.set(id, performance.now());
    answers.push(post(message));
  }
  try {
    await Promise.all(answers);
    await hook.all();
    const waits = [...published].map(([id, at]) => hook.at(id) - at);
    return { waits, calls: hook.calls() - calls };
  } finally {
    close();
  }
}
