// The memory of the server, at rest and at most under load.

import path from "node:path";
import { barred, table } from "../figures.mjs";
import { article, signed } from "../messages.mjs";
import { lacking } from "../server/lacking.mjs";
import { load, prepare } from "../server/load.mjs";
import { CONNECTIONS, post } from "../server/loaded.mjs";
import * as servers from "../server/servers.mjs";
import { articles } from "./server-durable.mjs";

/** MB. */
const IDLE = 10;
const PEAK = 32;
/** How long it is at rest before it is looked at, and how long it is loaded then. */
const SECONDS = 3;
/** Articles of 1 MB, which are stored. */
const STORED = 200;

/** @typedef {{ name: string, idle: number, peak: number }} Memory in MB */

/** @type {import("../run.mjs").Part<Memory[]>} */
export const part = {
  name: "server-memory",
  edge: "server",
  title: "The memory of the server",
  about: `Resident MB: some seconds after the start, and at most while ${CONNECTIONS} connections sent 1 MB each, first a test event for some seconds and then ${STORED} articles, which Presshook stores.`,
  rounds: 1,
  seconds: 50,
  lacking,

  async measure({ directory, step }) {
    const file = path.join(directory, "large");
    await prepare(file, [signed(article(1_000_000, "evt_bench", "test"))]);
    const measured = [];
    for (const { name, command, health } of servers.present()) {
      step(name);
      const server = await servers.start(name, (port) => command(port, directory));
      try {
        await servers.isWell(server.port, health);
        await new Promise((resolve) => setTimeout(resolve, SECONDS * 1000));
        const idle = servers.memory(server.pid).resident;
        await load(server.port, file, CONNECTIONS, SECONDS);
        const stored = articles(1_000_000, STORED);
        const connection = async () => {
          for (const message of stored) {
            const { status, text } = await post(server.port, message);
            if (status !== 200) throw new Error(`${name} answers ${status} ${text}`);
          }
        };
        await Promise.all(Array.from({ length: CONNECTIONS }, connection));
        measured.push({ name, idle, peak: servers.memory(server.pid).peak });
      } finally {
        await server.stop();
      }
    }
    return measured;
  },

  bars: ([own]) => [
    { what: "MB at rest", value: own.idle, most: IDLE, digits: 1 },
    { what: "MB at most", value: own.peak, most: PEAK, digits: 1 },
  ],

  tables: ([own, ...others], bars) => [
    table(
      ["", "at rest", "at most"],
      [
        [own.name, ...bars.map(barred)],
        ...others.map(({ name, idle, peak }) => [name, idle.toFixed(1), peak.toFixed(1)]),
        ...servers.absent(3),
      ],
    ),
  ],
};
