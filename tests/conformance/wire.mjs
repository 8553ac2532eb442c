// Sending as a sender's machine does, the ways in which that fails included. A request is opened, its last byte held
// back, so that many can be let go at once and any can be given up; nothing is ever sent again by itself.

import http from "node:http";
import https from "node:https";

/** @typedef {import("./senders.mjs").Signed} Signed */

/**
 * What became of an attempt. `unsent` is sure that the receiver got nothing; `unknown` is not sure of anything.
 *
 * @typedef {{ kind: "answered", status: number, text: string, json: any }
 *   | { kind: "unsent", reason: string }
 *   | { kind: "unknown", reason: string }} Outcome
 */

/** How long an answer is waited for, in milliseconds. */
const PATIENCE = 30_000;

/**
 * Connects and sends all but the last byte.
 *
 * @param {string} url
 * @param {Signed} request
 */
export function open(url, { headers, body }) {
  let connected = false;
  const client = new URL(url).protocol === "https:" ? https : http;
  const request = client.request(url, {
    method: "POST",
    // Each attempt has a connection of its own, as after a restart and between a sender's machines.
    agent: false,
    timeout: PATIENCE,
    headers: { "content-type": "application/json", ...headers, "content-length": body.length },
  });
  request.setNoDelay(true);
  request.on("socket", (socket) => socket.once("connect", () => (connected = true)));
  request.on("timeout", () => request.destroy(new Error(`no answer within ${PATIENCE / 1000} s`)));

  /** @type {Promise<Outcome>} */
  const outcome = new Promise((resolve) => {
    request.on("error", (error) =>
      resolve({ kind: connected ? "unknown" : "unsent", reason: error.message || String(error) }),
    );
    request.on("response", (response) => {
      let text = "";
      response.setEncoding("utf8").on("data", (piece) => (text += piece));
      response.on("error", (error) => resolve({ kind: "unknown", reason: error.message }));
      response.on("end", () =>
        resolve({ kind: "answered", status: response.statusCode ?? 0, text, json: parsed(text) }),
      );
    });
  });
  const begun = new Promise((resolve) => {
    request.on("error", resolve);
    if (body.length < 2) resolve(undefined);
    else request.write(body.subarray(0, -1), resolve);
  });
  return {
    /** Settles when the receiver can have everything but the last byte. */
    begun,
    outcome,
    /** Sends the last byte. */
    finish() {
      request.end(body.length < 2 ? body : body.subarray(-1));
      return outcome;
    },
    /**
     * Sends the last byte, and breaks the connection so many milliseconds after it has left, whatever has come back.
     *
     * @param {number} milliseconds
     * @returns {Promise<Outcome>}
     */
    async abandon(milliseconds) {
      const left = new Promise((resolve) => request.on("finish", resolve).on("error", resolve));
      request.end(body.subarray(-1));
      await left;
      if (milliseconds > 0) await new Promise((resolve) => setTimeout(resolve, milliseconds));
      // Over TLS there is no reset to send, so the connection is closed.
      if (client === http) request.socket?.resetAndDestroy();
      request.destroy();
      return { kind: "unknown", reason: `given up after ${milliseconds} ms` };
    },
  };
}

/**
 * Sends a request.
 *
 * @param {string} url
 * @param {Signed} request
 */
export const post = (url, request) => open(url, request).finish();

/**
 * Sends requests at once: all are held at their last byte until every one of them is there.
 *
 * @param {string} url
 * @param {Signed[]} requests
 */
export async function together(url, requests) {
  const opened = requests.map((request) => open(url, request));
  await Promise.all(opened.map((it) => it.begun));
  return Promise.all(opened.map((it) => it.finish()));
}

/**
 * Reads a page of the receiver's.
 *
 * @param {string} url
 * @param {Record<string, string>} [headers]
 * @returns {Promise<Outcome>}
 */
export async function get(url, headers = {}) {
  try {
    const response = await fetch(url, {
      headers: { connection: "close", ...headers },
      signal: AbortSignal.timeout(PATIENCE),
    });
    const text = await response.text();
    return { kind: "answered", status: response.status, text, json: parsed(text) };
  } catch (error) {
    const cause = error instanceof Error && error.cause instanceof Error ? error.cause : error;
    return { kind: "unknown", reason: cause instanceof Error ? cause.message || cause.name : String(cause) };
  }
}

/** @param {string} text */
function parsed(text) {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
