// A server under load: what it costs, and that it answers what it should.

import { signed } from "../messages.mjs";
import * as servers from "./servers.mjs";

/** Where nothing else is said. */
export const CONNECTIONS = 8;

/** @typedef {import("../messages.mjs").Message} Message */
/** @typedef {{ cpu: number, rate: number, p50: number, p99: number }} Round times in microseconds */

/** @param {number} microseconds */
export const milliseconds = (microseconds) => `${(microseconds / 1000).toFixed(1)} ms`;

/**
 * The CPU time of a server for one request of a load, with what it put off.
 *
 * @param {number} pid @param {() => Promise<import("./load.mjs").Outcome>} send
 * @returns {Promise<Round>}
 */
export async function loaded(pid, send) {
  await servers.rest(pid);
  const cpu = servers.cpuMicroseconds(pid);
  const { requests, microseconds, p50, p99 } = await send();
  await servers.rest(pid);
  return {
    cpu: (servers.cpuMicroseconds(pid) - cpu) / requests,
    rate: requests / (microseconds / 1e6),
    p50,
    p99,
  };
}

/** Posts a message. @param {number} port @param {Message} message @param {string} [signature] another than its own */
export async function post(port, { headers, body }, signature = String(headers["x-blogshoot-signature"])) {
  const response = await fetch(`http://127.0.0.1:${port}/api/webhook`, {
    method: "POST",
    headers: { "content-type": "application/json", "x-blogshoot-signature": signature },
    body: new Uint8Array(body),
  });
  return { status: response.status, text: await response.text() };
}

/**
 * Checks that a server accepts a test event with the answer that all give, and with another signature not at all.
 *
 * @param {servers.Server} server @param {Message} message
 */
export async function verify({ name, port }, message) {
  const { status, text } = await post(port, message);
  if (status !== 200 || text !== servers.ANSWER) {
    throw new Error(`${name} answers ${status} ${text} instead of ${servers.ANSWER}`);
  }
  const forged = signed(Buffer.from("another body")).headers["x-blogshoot-signature"];
  if ((await post(port, message, String(forged))).status < 400) {
    throw new Error(`${name} accepts a signature that is not the sender's`);
  }
}
