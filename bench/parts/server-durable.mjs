// Events that the server has stored before it answers, each another one.

import { closeSync, fdatasyncSync, openSync, writeSync } from "node:fs";
import path from "node:path";
import { barred, middle, quantile, ratio, table } from "../figures.mjs";
import { article, signed } from "../messages.mjs";
import { alternating } from "../rounds.mjs";
import { lacking } from "../server/lacking.mjs";
import { load, prepare } from "../server/load.mjs";
import { loaded, milliseconds, post } from "../server/loaded.mjs";
import * as servers from "../server/servers.mjs";

const CONNECTIONS = 64;
const SECONDS = 2;
/** Requests a second, of those of a server that stores nothing. */
const LEAST = 0.5;
/** Of a test of the disk, in bytes. */
const PAGE = 4096;

/** @typedef {import("../server/loaded.mjs").Round} Round */
/** @typedef {{ rounds: Record<string, Round[]>, synchronized: number[] }} Figures times of the disk in microseconds */

/** @type {import("../run.mjs").Part<Figures>} */
export const part = {
  name: "server-durable",
  edge: "server",
  title: "The durable accept on the server",
  about: `1 KB, each request another event, over ${CONNECTIONS} connections; Presshook has each on the disk before it answers, and Node.js stores nothing.`,
  rounds: 5,
  seconds: 55,
  lacking,

  async measure({ directory, rounds, step }) {
    const file = path.join(directory, "each");
    const fresh = (/** @type {number} */ count) => prepare(file, articles(1_000, count));
    const running = await servers.startAll(directory, [servers.PRESSHOOK_SERVER, "Node.js"]);
    try {
      // Hot before they are measured; and so it is known how many requests a round needs at most.
      let fastest = 0;
      for (const { port } of running) {
        await fresh(100_000);
        fastest = Math.max(fastest, (await load(port, file, CONNECTIONS, 1)).requests);
      }
      /** @type {number[]} */
      const synchronized = [];
      /** @type {import("../messages.mjs").Message[]} */
      const sent = [];
      const before = async () => {
        synchronized.push(...synchronizing(directory));
        // One that is surely sent; the very first is asked for by wrk, and not sent.
        sent.push(created(1_000, `evt_${events + 10}`));
        await fresh(fastest * SECONDS * 4);
      };
      const measure = (/** @type {servers.Server} */ { pid, port }) =>
        loaded(pid, () => load(port, file, CONNECTIONS, SECONDS));
      const figures = await alternating(running, rounds, measure, { step, before });
      // What it has answered, it has: a second time, each is known.
      for (const message of sent) {
        const { text } = await post(running[0].port, message);
        if (JSON.parse(text).duplicate !== true) throw new Error(`an event was not stored: ${text}`);
      }
      return { rounds: figures, synchronized };
    } finally {
      for (const server of running) await server.stop();
    }
  },

  bars: ({ rounds: { Presshook: own, "Node.js": node } }) => [
    { what: "requests a second, Presshook ÷ Node.js", value: ratio(own, node, "rate"), least: LEAST },
  ],

  tables({ rounds, synchronized }, [bar]) {
    const row = (/** @type {string} */ what, /** @type {string} */ name, against = "") => [
      what,
      middle(rounds[name], "rate").toFixed(0),
      against,
      middle(rounds[name], "cpu").toFixed(0),
      milliseconds(middle(rounds[name], "p50")),
      milliseconds(middle(rounds[name], "p99")),
    ];
    const [p50, p99] = [0.5, 0.99].map((share) => quantile(synchronized, share));
    return [
      table(
        ["", "a second", "÷ Node.js", "CPU microseconds", "p50", "p99"],
        [
          row("Presshook, stored", servers.PRESSHOOK_SERVER, barred(bar)),
          row("Node.js, storing nothing", "Node.js"),
          [
            "the disk: 4 KB synchronized",
            (1e6 / p50).toFixed(0),
            "",
            "",
            milliseconds(p50),
            milliseconds(p99),
          ],
        ],
      ),
    ];
  },
};

/** @param {number} bytes @param {string} event */
const created = (bytes, event) => signed(article(bytes, event, "article.created"));

let events = 0;

/** Articles, each another event. @param {number} bytes @param {number} count */
export function* articles(bytes, count) {
  for (let made = 0; made < count; made++) yield created(bytes, `evt_${events++}`);
}

/** How long it takes to have a page on the disk, in microseconds, some times. @param {string} directory */
function synchronizing(directory) {
  const file = openSync(path.join(directory, "synchronized"), "w");
  try {
    const page = Buffer.alloc(PAGE, "page");
    return Array.from({ length: 100 }, () => {
      const began = performance.now();
      writeSync(file, page);
      fdatasyncSync(file);
      return (performance.now() - began) * 1000;
    });
  } finally {
    closeSync(file);
  }
}
