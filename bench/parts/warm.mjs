// A verified POST to a Worker that is warm: the CPU time of the runtime for each.

import { cell, compare, same } from "../compare.mjs";
import { barred, ratio, table } from "../figures.mjs";
import { start } from "../runtime.mjs";
import { CEILING, JAVASCRIPT, SMALLEST_RUST, verifying } from "../workers.mjs";

/** Bytes, requests to one Worker before it is measured and in one round, and what must hold. */
export const SIZES = [
  { name: "1 KB", bytes: 1_000, first: 15_000, requests: 1_000, javascript: 1 },
  { name: "10 KB", bytes: 10_000, first: 10_000, requests: 700, javascript: 1 },
  { name: "100 KB", bytes: 100_000, first: 800, requests: 200, javascript: 0.64 },
  { name: "1 MB", bytes: 1_000_000, first: 200, requests: 40, javascript: 0.55 },
];
/** What Presshook may cost beyond the smallest Rust Worker. */
const SMALLEST = 1.15;

const LOGGING = "Presshook, logging";
const TARGETS = ["Presshook", LOGGING, SMALLEST_RUST.name, CEILING.name, JAVASCRIPT.name];

/** @type {import("../run.mjs").Part<import("../compare.mjs").Compared[]>} */
export const part = {
  name: "warm",
  edge: "worker",
  title: "A verified POST to the Worker",
  about:
    "CPU microseconds of the runtime for each request, and requests a second; medians, and of ratios the medians of those within a round.",
  rounds: 21,
  seconds: 105,

  async measure({ directory, rounds, step }) {
    const quiet = { LOG_LEVEL: "error" };
    const workers = [
      verifying("Presshook", quiet),
      verifying(LOGGING, {}),
      SMALLEST_RUST,
      CEILING,
      JAVASCRIPT,
    ];
    const runtime = await start(workers, directory);
    try {
      const measured = [];
      for (const size of SIZES) {
        const messages = same(size);
        measured.push(await compare(runtime.pid, runtime.workers, size, () => messages, rounds, step));
      }
      return measured;
    } finally {
      await runtime.stop();
    }
  },

  bars(measured) {
    return measured.flatMap((compared, at) => {
      const { name, javascript } = SIZES[at];
      const [own, smallest, other] = ["Presshook", SMALLEST_RUST.name, JAVASCRIPT.name].map(
        (it) => compared[it],
      );
      return [
        { what: `JavaScript ÷ Presshook, ${name}`, value: ratio(other, own, "cpu"), least: javascript },
        { what: `Presshook ÷ smallest Rust, ${name}`, value: ratio(own, smallest, "cpu"), most: SMALLEST },
      ];
    });
  },

  tables(measured, bars) {
    return [
      table(
        ["body", ...TARGETS],
        measured.map((compared, at) => [SIZES[at].name, ...TARGETS.map((it) => cell(compared[it]))]),
      ),
      table(
        ["body", "JavaScript ÷ Presshook", "the ceiling", "Presshook above it", "Presshook ÷ smallest Rust"],
        measured.map((compared, at) => {
          const { Presshook: own, [CEILING.name]: ceiling, [JAVASCRIPT.name]: other } = compared;
          const distance = (ratio(own, ceiling, "cpu") - 1) * 100;
          return [
            SIZES[at].name,
            barred(bars[2 * at]),
            ratio(other, ceiling, "cpu").toFixed(2),
            `${distance.toFixed(0)} %`,
            barred(bars[2 * at + 1]),
          ];
        }),
      ),
    ];
  },
};
