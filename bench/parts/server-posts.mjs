// A verified POST to the server: the CPU time of its process for each, and how many a second it answers.

import path from "node:path";
import { barred, middle, ratio, table } from "../figures.mjs";
import { article, signed } from "../messages.mjs";
import { alternating } from "../rounds.mjs";
import { lacking } from "../server/lacking.mjs";
import { load, prepare } from "../server/load.mjs";
import { CONNECTIONS, loaded, milliseconds, verify } from "../server/loaded.mjs";
import * as servers from "../server/servers.mjs";

/** Bytes, and what Presshook may cost of what Node.js costs, and of `webhook`, where that is asked for. */
const SIZES = [
  { name: "1 KB", bytes: 1_000, node: 0.5, webhook: 0.1 },
  { name: "10 KB", bytes: 10_000, node: 0.5, webhook: 0.1 },
  { name: "100 KB", bytes: 100_000, node: 0.6, webhook: undefined },
  { name: "1 MB", bytes: 1_000_000, node: 0.5, webhook: undefined },
];
/** How long each is loaded in a round. */
const SECONDS = 1;

/** @typedef {import("../server/loaded.mjs").Round} Round */

/** @type {import("../run.mjs").Part<Record<string, Round[]>[]>} */
export const part = {
  name: "server-posts",
  edge: "server",
  title: "A verified POST to the server",
  about: `BlogShoot's \`test\` event over ${CONNECTIONS} connections: CPU microseconds of the server for each request, requests a second, and the time that 99 of 100 took at most; medians, and of ratios the medians of those within a round.`,
  rounds: 5,
  seconds: 130,
  lacking,

  async measure({ directory, rounds, step }) {
    const measured = [];
    for (const { name, bytes } of SIZES) {
      const message = signed(article(bytes, "evt_bench", "test"));
      const file = path.join(directory, "same");
      await prepare(file, [message]);
      const running = await servers.startAll(directory);
      try {
        for (const server of running) {
          await verify(server, message);
          // Hot before it is measured.
          await load(server.port, file, CONNECTIONS, 1);
        }
        const measure = (/** @type {servers.Server} */ { port, pid }) =>
          loaded(pid, () => load(port, file, CONNECTIONS, SECONDS));
        measured.push(await alternating(running, rounds, measure, { step, what: name }));
      } finally {
        for (const server of running) await server.stop();
      }
    }
    return measured;
  },

  bars: (measured) =>
    measured.flatMap(({ Presshook: own, "Node.js": node, webhook }, at) => {
      const { name, ...most } = SIZES[at];
      const cpu = (
        /** @type {string} */ rival,
        /** @type {Round[]} */ other,
        /** @type {number} */ most,
      ) => ({
        what: `CPU, Presshook ÷ ${rival}, ${name}`,
        value: ratio(own, other, "cpu"),
        most,
      });
      const rate = (/** @type {string} */ rival, /** @type {Round[]} */ other) => ({
        what: `requests a second, Presshook ÷ ${rival}, ${name}`,
        value: ratio(own, other, "rate"),
        least: 1,
      });
      return [
        cpu("Node.js", node, most.node),
        rate("Node.js", node),
        ...(webhook && most.webhook ? [cpu("webhook", webhook, most.webhook)] : []),
        ...(webhook ? [rate("webhook", webhook)] : []),
      ];
    }),

  tables: (measured, bars) => [
    table(
      ["body", "server", "CPU", "a second", "p99", "CPU, Presshook ÷ it", "a second, Presshook ÷ it"],
      [
        ...measured.flatMap((figures, at) =>
          Object.entries(figures).map(([name, rounds]) => {
            const against = (/** @type {"cpu" | "rate"} */ of, /** @type {string} */ what) => {
              const bar = bars.find((it) => it.what === `${what}, Presshook ÷ ${name}, ${SIZES[at].name}`);
              if (name === servers.PRESSHOOK_SERVER) return "";
              return bar ? barred(bar) : ratio(figures.Presshook, rounds, of).toFixed(2);
            };
            return [
              SIZES[at].name,
              name,
              middle(rounds, "cpu").toFixed(0),
              middle(rounds, "rate").toFixed(0),
              milliseconds(middle(rounds, "p99")),
              against("cpu", "CPU"),
              against("rate", "requests a second"),
            ];
          }),
        ),
        ...servers.absent(6).map((row) => ["", ...row]),
      ],
    ),
  ],
};
