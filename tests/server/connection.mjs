// A connection to a server under test, written to and read byte by byte: for clients that no HTTP library plays.

import { createHmac } from "node:crypto";
import { connect as dial } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import { Problem } from "../../scripts/shell.mjs";

/** @typedef {ReturnType<typeof connect>} Connection */

/**
 * Connects, and stays connected until told otherwise or the server closes.
 *
 * @param {{ port: number }} server
 * @param {string} [from] an address of loopback
 */
export function connect({ port }, from) {
  const socket = dial({ port, host: "127.0.0.1", localAddress: from, allowHalfOpen: true });
  socket.setEncoding("latin1").setNoDelay(true);
  let text = "";
  /** @type {string | undefined} */
  let end;
  /** @type {Set<() => void>} */
  const waiting = new Set();
  const look = () => waiting.forEach((it) => it());
  socket.on("data", (piece) => {
    text += piece;
    look();
  });
  const over = (/** @type {string} */ how) => {
    end ??= how;
    look();
  };
  socket.on("end", () => over("closed"));
  socket.on("error", (error) => over(`broken: ${error.message}`));
  socket.on("close", () => over("closed"));

  /**
   * @param {() => boolean} holds
   * @param {number} seconds
   * @param {string} otherwise
   */
  const until = (holds, seconds, otherwise) =>
    new Promise((resolve, reject) => {
      const settle = (/** @type {() => void} */ act) => {
        clearTimeout(timer);
        waiting.delete(check);
        act();
      };
      const check = () => {
        if (holds()) settle(() => resolve(undefined));
      };
      const fail = () => reject(new Problem(`${otherwise} within ${seconds} s; so far: ${text || end}`));
      const timer = setTimeout(() => settle(fail), seconds * 1000);
      waiting.add(check);
      check();
    });

  return {
    socket,
    /** All that has come back. */
    text: () => text,
    isOver: () => end !== undefined,
    /**
     * Writes, and waits until that is on its way, or for half a minute. A connection that broke meanwhile is no
     * failure: `closed` tells.
     *
     * @param {string | Buffer} bytes a text's line breaks become those of HTTP
     */
    write: (bytes) =>
      new Promise((resolve) => {
        const timer = setTimeout(resolve, 30_000);
        const settle = () => {
          clearTimeout(timer);
          resolve(undefined);
        };
        if (socket.destroyed || end) settle();
        else socket.write(typeof bytes === "string" ? bytes.replaceAll("\n", "\r\n") : bytes, settle);
      }),
    /** Writes, and closes the writing side at once. @param {string} text */
    end: (text) => socket.end(text.replaceAll("\n", "\r\n")),
    /**
     * Waits for so many answers, and gives their status lines.
     *
     * @param {number} [count]
     * @param {number} [seconds]
     */
    async answers(count = 1, seconds = 10) {
      const lines = () => text.match(/HTTP\/1\.[01] \d\d\d [^\r]*\r\n/g) ?? [];
      const whole = () => lines().length >= count && bodies(text) >= count;
      await until(() => whole() || end !== undefined, seconds, `fewer than ${count} answers`);
      return lines().map((line) => line.trim());
    },
    /**
     * Waits until the server has closed, and tells how: `closed`, or what broke.
     *
     * @param {number} seconds
     */
    async closed(seconds) {
      await until(() => end !== undefined, seconds, "not closed");
      socket.destroy();
      return end ?? "";
    },
    drop: () => socket.destroy(),
  };
}

/**
 * How many bodies there are whole, by their announced length.
 *
 * @param {string} text
 */
function bodies(text) {
  let count = 0;
  for (let rest = text; ;) {
    const head = rest.indexOf("\r\n\r\n");
    if (head < 0) return count;
    const length = Number(/\r\ncontent-length: *(\d+)/i.exec(rest.slice(0, head))?.[1] ?? 0);
    if (rest.length < head + 4 + length) return count;
    count++;
    rest = rest.slice(head + 4 + length);
  }
}

export const SECRET = "the secret of the hostile test";

/** @param {string | Buffer} body */
export const sign = (body) => createHmac("sha256", SECRET).update(body).digest("hex");

/** @param {string} id */
export const article = (id) =>
  JSON.stringify({ event_id: id, event_type: "article.updated", timestamp: "2026-01-31T08:00:00Z" });

/** @param {string} id */
export const trial = (id) => JSON.stringify({ event_id: id, event_type: "test" });

/**
 * A signed request as it is written to a connection, all of it.
 *
 * @param {string} body
 * @param {string} [more] headers
 */
export const signed = (body, more = "") =>
  `POST /webhook HTTP/1.1\nHost: localhost\n${more}X-BlogShoot-Signature: ${sign(body)}\n` +
  `Content-Length: ${Buffer.byteLength(body)}\n\n${body}`;

let delivered = 0;

/**
 * Delivers, as an ordinary sender does, and tells how long that took, in milliseconds.
 *
 * @param {{ url: string }} server
 */
export async function deliver({ url }) {
  const body = trial(`evt_delivered_${++delivered}`);
  const begun = performance.now();
  const response = await fetch(`${url}/webhook`, {
    method: "POST",
    headers: { "x-blogshoot-signature": sign(body), connection: "close" },
    body,
    signal: AbortSignal.timeout(10_000),
  });
  const text = await response.text();
  if (response.status !== 200) throw new Problem(`a delivery was answered ${response.status}: ${text}`);
  return performance.now() - begun;
}

/**
 * Delivers again and again until something is over, and tells the longest that a delivery took.
 *
 * @param {{ url: string }} server
 * @param {Promise<unknown>} meanwhile
 */
export async function deliverDuring(server, meanwhile) {
  let over = false;
  const done = meanwhile.finally(() => (over = true));
  done.catch(() => {});
  let longest = 0;
  while (!over) {
    longest = Math.max(longest, await deliver(server));
    await Promise.race([done.catch(() => {}), sleep(250)]);
  }
  await done;
  return longest;
}
