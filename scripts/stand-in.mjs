// A stand-in for a host's deploy hook, on loopback: it answers as a host would and tells of each call.

import { createServer } from "node:http";

/** @typedef {{ method: string, url: string, headers: import("node:http").IncomingHttpHeaders, body: string }} Call */

/**
 * Starts it on a free port.
 *
 * @param {(call: Call) => void} told
 * @returns {Promise<{ url: string, close: () => void }>}
 */
export async function standIn(told) {
  const server = createServer((request, response) => {
    let body = "";
    request.setEncoding("utf8");
    request.on("data", (piece) => (body += piece));
    request.on("end", () => {
      response.writeHead(200, { "content-type": "application/json" });
      response.end(JSON.stringify({ success: true, errors: [], messages: [], result: { id: "stand-in" } }));
      told({ method: request.method ?? "", url: request.url ?? "", headers: request.headers, body });
    });
  });
  await new Promise((resolve) => server.listen(0, "127.0.0.1", () => resolve(undefined)));
  const address = server.address();
  const port = typeof address === "object" && address ? address.port : 0;
  return { url: `http://127.0.0.1:${port}/deploy-hook`, close: () => server.close() };
}
