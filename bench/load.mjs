// Load on loopback from this process: each answer is looked at. `wrk` (server/load.mjs) is for what is faster than this.

import http from "node:http";

/** @typedef {import("./messages.mjs").Message} Message */

/**
 * Posts one message after another to a port, each over one of some connections.
 *
 * @param {number} port @param {number} connections
 */
export function poster(port, connections, path = "/api/webhook") {
  const agent = new http.Agent({ keepAlive: true, maxSockets: connections });
  /** What it is answered; fails unless with success. @param {Message} message @returns {Promise<string>} */
  const post = ({ headers, body }) =>
    new Promise((resolve, reject) => {
      const options = { agent, port, host: "127.0.0.1", method: "POST", path, headers };
      const request = http.request(options, (response) => {
        let text = "";
        response.setEncoding("utf8").on("data", (piece) => (text += piece));
        response.on("end", () =>
          response.statusCode === 200 ? resolve(text) : reject(new Error(`${response.statusCode} ${text}`)),
        );
      });
      request.on("error", reject);
      request.end(body);
    });
  return { post, close: () => agent.destroy() };
}

/**
 * Posts messages over some connections, each in its turn, and returns the answers' bodies (the first of each
 * connection). Where there are fewer messages than requests, they are sent again.
 *
 * @param {number} port
 * @param {Message[]} messages
 * @param {number} requests
 * @param {number} connections
 * @param {string} [path]
 */
export async function post(port, messages, requests, connections, path) {
  const { post, close } = poster(port, connections, path);
  let left = requests;
  const connection = async () => {
    let first;
    while (left-- > 0) {
      const answer = await post(messages[left % messages.length]);
      first ??= answer;
    }
    return first ?? "";
  };
  try {
    return await Promise.all(Array.from({ length: connections }, connection));
  } finally {
    close();
  }
}
