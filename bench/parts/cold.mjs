// The first and the second POST to a runtime that has only just started.

import { barred, middle, ratio, table } from "../figures.mjs";
import { alternating } from "../rounds.mjs";
import { post } from "../load.mjs";
import { article, signed } from "../messages.mjs";
import { cpuMicroseconds, rest, start } from "../runtime.mjs";
import { JAVASCRIPT, SMALLEST_RUST, verifying } from "../workers.mjs";

/** Bytes, and how much of JavaScript's CPU time the first may take. */
const SIZES = [
  { name: "1 MB", bytes: 1_000_000, most: 2 },
  { name: "100 KB", bytes: 100_000, most: 3 },
];
const NAMES = ["Presshook", SMALLEST_RUST.name, JAVASCRIPT.name];

/** @typedef {{ first: number, second: number }} Pair CPU milliseconds */

/** @type {import("../run.mjs").Part<Record<string, Pair[]>[]>} */
export const part = {
  name: "cold",
  edge: "worker",
  title: "A runtime that has only just started",
  about: "CPU milliseconds of the whole process for its first POST, and for the second; medians.",
  rounds: 15,
  seconds: 70,

  async measure({ directory, rounds, step }) {
    const workers = [verifying("Presshook", { LOG_LEVEL: "error" }), SMALLEST_RUST, JAVASCRIPT];
    const measured = [];
    for (const size of SIZES) {
      const messages = [signed(article(size.bytes))];
      const measure = (/** @type {(typeof workers)[number]} */ worker) => pair(worker, messages, directory);
      measured.push(await alternating(workers, rounds, measure, { step, what: size.name }));
    }
    return measured;
  },

  bars: (measured) =>
    measured.map(({ Presshook: own, [JAVASCRIPT.name]: other }, at) => ({
      what: `the first of ${SIZES[at].name}, Presshook ÷ JavaScript`,
      value: ratio(own, other, "first"),
      most: SIZES[at].most,
    })),

  tables(measured, bars) {
    const rows = measured.flatMap((figures, at) =>
      NAMES.map((name) => [
        SIZES[at].name,
        name,
        middle(figures[name], "first").toFixed(1),
        middle(figures[name], "second").toFixed(1),
        name === "Presshook" ? barred(bars[at]) : "",
      ]),
    );
    return [table(["body", "", "first", "second", "first ÷ JavaScript's"], rows)];
  },
};

/**
 * @param {import("../runtime.mjs").Worker} worker
 * @param {import("../messages.mjs").Message[]} messages
 * @param {string} directory
 * @returns {Promise<Pair>}
 */
async function pair(worker, messages, directory) {
  const { pid, workers, stop } = await start([worker], directory);
  const one = async () => {
    // Neither its start nor compiling in the background is counted.
    await rest(pid);
    const cpu = cpuMicroseconds(pid);
    await post(workers[0].port, messages, 1, 1);
    return (cpuMicroseconds(pid) - cpu) / 1000;
  };
  try {
    return { first: await one(), second: await one() };
  } finally {
    await stop();
  }
}
