// The edges that can be ended by SIGKILL and started again on the same storage.

import { mkdirSync } from "node:fs";
import path from "node:path";
import { freePort } from "../../scripts/serve.mjs";
import { Problem } from "../../scripts/shell.mjs";
import { launch } from "../server/server.mjs";
import { prepare, start } from "./worker.mjs";

/**
 * Gives an edge a directory, settings, and somebody who hears what it prints. Where an edge collects its garbage when it
 * likes, it may have a port on which it is told to.
 *
 * @typedef {(
 *   directory: string, settings: Record<string, string>, hear: (text: string) => void, inspector?: number,
 * ) => Promise<Edge>} Prepare
 *
 * An edge with its storage and a port; `begin` starts it without waiting until it is ready.
 *
 * @typedef {{ url: string, storage: string, inspector?: number, begin: () => Promise<Life> }} Edge
 * @typedef {{ pid: number, ready: Promise<unknown>, kill: () => Promise<unknown> }} Life
 */

/** @type {Record<string, Prepare>} */
export const EDGES = {
  /** In workerd itself. */
  async worker(directory, settings, hear, inspector) {
    const prepared = await prepare(directory, settings);
    const args = inspector === undefined ? [] : [`--inspector-addr=127.0.0.1:${inspector}`];
    const begin = async () => ({ ...(await start(prepared, hear, args)), ready: Promise.resolve() });
    return { url: prepared.url, storage: prepared.storage, inspector, begin };
  },

  /** The native server, compiled here for tests unless `PROGRAM` says another build of it. */
  async server(directory, settings, hear) {
    const port = await freePort();
    const storage = path.join(directory, "storage");
    mkdirSync(storage);
    const { PROGRAM } = process.env;
    const program = PROGRAM ? path.resolve(PROGRAM) : undefined;
    const begin = () => launch(settings, { directory: storage, port, program, hear });
    return { url: `http://127.0.0.1:${port}`, storage, begin };
  },
};

/** Fails unless there is such an edge. @param {string} name */
export function known(name) {
  if (Object.hasOwn(EDGES, name)) return name;
  throw new Problem(`say ${Object.keys(EDGES).join(" or ")}, not \`${name}\``);
}
