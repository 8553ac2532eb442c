// How large the Worker is, and how long it takes to start.

import { readFileSync } from "node:fs";
import { get } from "node:http";
import { gzipSync } from "node:zlib";
import { barred, middle, table } from "../figures.mjs";
import { alternating } from "../rounds.mjs";
import { cpuMicroseconds, start } from "../runtime.mjs";
import { JAVASCRIPT, PRESSHOOK, SMALLEST_RUST, verifying } from "../workers.mjs";

/** Bytes of the module after gzip. */
const MODULE = 400_000;
/** Milliseconds that Cloudflare allows a Worker for its start. */
const START = 1000;

/** @typedef {{ raw: number, gzip: number }} Size bytes */
/** @typedef {{ module: Size, sizes: Record<string, Size>, starts: Record<string, { milliseconds: number, cpu: number }[]> }} Figures */

/** @type {import("../run.mjs").Part<Figures>} */
export const part = {
  name: "size",
  edge: "worker",
  title: "Size and start of the Worker",
  about:
    "Bytes of all its files, and of Presshook's Wasm module alone; and from the start of the runtime's process until the Worker has answered, which includes the runtime's own start: milliseconds, medians.",
  rounds: 15,
  seconds: 12,

  async measure({ directory, rounds, step }) {
    const workers = [verifying("Presshook", { LOG_LEVEL: "error" }), SMALLEST_RUST, JAVASCRIPT];
    const measure = async (/** @type {import("../runtime.mjs").Worker} */ worker) => {
      const began = performance.now();
      const { pid, workers, stop } = await start([worker], directory);
      try {
        await answer(workers[0].port);
        return { milliseconds: performance.now() - began, cpu: cpuMicroseconds(pid) / 1000 };
      } finally {
        await stop();
      }
    };
    return {
      module: size([PRESSHOOK["build/index_bg.wasm"]]),
      sizes: Object.fromEntries(workers.map(({ name, modules }) => [name, size(Object.values(modules))])),
      starts: await alternating(workers, rounds, measure, { step }),
    };
  },

  bars: ({ module, starts }) => [
    { what: "bytes of the module after gzip", value: module.gzip, most: MODULE, digits: 0 },
    {
      what: "milliseconds until the first answer",
      value: middle(starts.Presshook, "milliseconds"),
      most: START,
      digits: 0,
    },
  ],

  tables({ module, sizes, starts }, bars) {
    const bytes = (/** @type {number} */ count) => count.toLocaleString("en");
    return [
      table(
        ["", "bytes", "after gzip", "until the first answer", "CPU until then"],
        [
          ["Presshook's module", bytes(module.raw), barred(bars[0]), "", ""],
          ...Object.entries(sizes).map(([name, { raw, gzip }]) => [
            name,
            bytes(raw),
            bytes(gzip),
            name === "Presshook" ? barred(bars[1]) : middle(starts[name], "milliseconds").toFixed(0),
            middle(starts[name], "cpu").toFixed(0),
          ]),
        ],
      ),
    ];
  },
};

/** @param {string[]} files @returns {Size} */
function size(files) {
  const texts = files.map((file) => readFileSync(file));
  const gzip = texts.reduce((sum, text) => sum + gzipSync(text, { level: 9 }).length, 0);
  return { raw: texts.reduce((sum, text) => sum + text.length, 0), gzip };
}

/** Waits until a Worker answers; what, is of no account. @param {number} port */
function answer(port) {
  return new Promise((resolve, reject) => {
    get({ port, host: "127.0.0.1", path: "/api/health", agent: false }, (response) => {
      response.resume().on("end", resolve);
    }).on("error", reject);
  });
}
