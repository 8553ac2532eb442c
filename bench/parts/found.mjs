// What it costs to find the sender: the URL that names none, beside the one that names it, on one Worker.

import { cell, compare, same } from "../compare.mjs";
import { ratio, table } from "../figures.mjs";
import { start } from "../runtime.mjs";
import { verifying } from "../workers.mjs";
import { SIZES } from "./warm.mjs";

const NAMED = "/api/webhook/blogshoot";
const NAMELESS = "/api/webhook";

/** @type {import("../run.mjs").Part<import("../compare.mjs").Compared[]>} */
export const part = {
  name: "found",
  edge: "worker",
  title: "The URL that names no sender",
  about: `The same POST to \`${NAMELESS}\` and to \`${NAMED}\` of one Worker, with all senders configured.`,
  rounds: 21,
  seconds: 45,

  async measure({ directory, rounds, step }) {
    const worker = verifying("every sender", { LOG_LEVEL: "error" });
    const { pid, workers, stop } = await start([worker], directory);
    try {
      const targets = [NAMED, NAMELESS].map((path) => ({ name: path, port: workers[0].port, path }));
      const measured = [];
      for (const size of SIZES) {
        const messages = same(size);
        measured.push(await compare(pid, targets, size, () => messages, rounds, step));
      }
      return measured;
    } finally {
      await stop();
    }
  },

  bars: () => [],

  tables: (measured) => [
    table(
      ["body", "nameless URL", "named URL", "nameless ÷ named"],
      measured.map(({ [NAMED]: named, [NAMELESS]: nameless }, at) => [
        SIZES[at].name,
        cell(nameless),
        cell(named),
        ratio(nameless, named, "cpu").toFixed(2),
      ]),
    ),
  ],
};
