// Load from `wrk`, which leaves most of a small machine to the server: requests that were made beforehand, as fast as
// they are answered.

import { spawn } from "node:child_process";
import { once } from "node:events";
import { createWriteStream } from "node:fs";
import path from "node:path";
import { LIBRARIES, find } from "../../scripts/debian.mjs";
import { ROOT } from "../../scripts/shell.mjs";

/** @type {import("../../scripts/debian.mjs").Program} */
export const WRK = { name: "wrk", version: ["--version"], libraries: ["libluajit-5.1-2"] };

/** @typedef {import("../messages.mjs").Message} Message */

/** Requests answered, how long that took, those that failed, and latencies in microseconds. */
/** @typedef {{ requests: number, microseconds: number, failures: number, p50: number, p99: number }} Outcome */

/**
 * Writes requests as `load.lua` reads them. They are the same for all servers.
 *
 * @param {string} file @param {Iterable<Message>} messages
 */
export async function prepare(file, messages) {
  const stream = createWriteStream(file);
  for (const { headers, body } of messages) {
    const lines = Object.entries(headers).map(([name, value]) => `${name}: ${value}\r\n`);
    const head = `POST /api/webhook HTTP/1.1\r\nhost: 127.0.0.1\r\n${lines.join("")}\r\n`;
    stream.write(`${head.length + body.length}\n${head}`);
    if (!stream.write(body)) await once(stream, "drain");
  }
  stream.end();
  await once(stream, "close");
}

/**
 * Sends prepared requests over some connections, for some seconds. All must be answered with success.
 *
 * @param {number} port @param {string} file @param {number} connections @param {number} seconds
 * @returns {Promise<Outcome>}
 */
export async function load(port, file, connections, seconds) {
  const script = path.join(ROOT, "bench", "server", "load.lua");
  const run = ["--threads", "1", "--connections", String(connections), "--duration", `${seconds}s`];
  const timeout = ["--timeout", "10s"];
  const args = [...run, ...timeout, "--script", script, `http://127.0.0.1:${port}`, "--", file];
  const env = { ...process.env, LD_LIBRARY_PATH: LIBRARIES };
  const child = spawn(find(WRK) ?? "wrk", args, { stdio: ["ignore", "pipe", "inherit"], env });
  let text = "";
  child.stdout.setEncoding("utf8").on("data", (piece) => (text += piece));
  const [status] = await once(child, "close");
  if (status !== 0) throw new Error(`wrk ended with ${status}: ${text}`);
  const outcome = /** @type {Outcome} */ (JSON.parse(text.trim().split("\n").at(-1) ?? ""));
  if (outcome.failures > 0)
    throw new Error(`${outcome.failures} requests were refused or unanswered: ${text}`);
  return outcome;
}
