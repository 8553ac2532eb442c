// From the start of the server's process until it has answered that it is well, which is asked for again and again.

import path from "node:path";
import { freePort } from "../../scripts/serve.mjs";
import { barred, middle, table } from "../figures.mjs";
import { alternating } from "../rounds.mjs";
import { lacking } from "../server/lacking.mjs";
import * as servers from "../server/servers.mjs";

/** Milliseconds. */
const MOST = 50;
const MAKING = "Presshook, making its store";

/** @typedef {{ milliseconds: number }} Start */

/** @type {import("../run.mjs").Part<Record<string, Start[]>>} */
export const part = {
  name: "server-start",
  edge: "server",
  title: "The start of the server",
  about: "Milliseconds from the start of the process until its first answer.",
  rounds: 15,
  seconds: 20,
  lacking,

  async measure({ directory, rounds, step }) {
    const existing = path.join(directory, "existing.db");
    const [own, ...others] = servers.present();
    const sides = [
      { ...own, command: (/** @type {number} */ port) => servers.presshook(port, existing) },
      { ...own, name: MAKING },
      ...others,
    ];
    // The first makes the store.
    await firstAnswer(sides[0], directory);
    return alternating(sides, rounds, (side) => firstAnswer(side, directory), { step });
  },

  bars: ({ Presshook: own }) => [
    {
      what: "milliseconds until the first answer",
      value: middle(own, "milliseconds"),
      most: MOST,
      digits: 1,
    },
  ],

  tables: (figures, [bar]) => [
    table(
      ["", "median", "slowest"],
      [
        ...Object.entries(figures).map(([name, starts]) => [
          name,
          name === servers.PRESSHOOK_SERVER ? barred(bar) : middle(starts, "milliseconds").toFixed(1),
          Math.max(...starts.map(({ milliseconds }) => milliseconds)).toFixed(1),
        ]),
        ...servers.absent(3),
      ],
    ),
  ],
};

/** @param {servers.Measured} measured @param {string} directory @returns {Promise<Start>} */
async function firstAnswer({ name, command, health }, directory) {
  const port = await freePort();
  const began = performance.now();
  const server = servers.launch(name, port, command(port, directory));
  try {
    while (!(await servers.isWell(port, health))) {
      if (server.hasEnded()) throw new Error(`${name} ended; its last words stand above`);
    }
    return { milliseconds: performance.now() - began };
  } finally {
    await server.stop();
  }
}
