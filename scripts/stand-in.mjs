// A stand-in for a host's deploy hook, on loopback: it answers as a host would and tells of each call.

import { createServer } from "node:http";

/** @typedef {{ method: string, url: string, headers: import("node:http").IncomingHttpHeaders, body: string }} Call */

/**
 * Starts it, on a free port unless told otherwise.
 *
 * @param {(call: Call) => void} told of each call that was answered
 * @param {{ host?: string, port?: number, arrived?: (call: Call) => Promise<void> | void }} [options] `arrived` is told
 *   of each call before it is answered, and the answer waits for it
 * @returns {Promise<{ url: string, close: () => void }>}
 */
export async function standIn(told, { host = "127.0.0.1", port: wanted = 0, arrived = () => {} } = {}) {
  const server = createServer((request, response) => {
    let body = "";
    request.setEncoding("utf8");
    request.on("data", (piece) => (body += piece));
    request.on("end", async () => {
      const call = { method: request.method ?? "", url: request.url ?? "", headers: request.headers, body };
      await arrived(call);
      if (response.destroyed) return;
      response.writeHead(200, { "content-type": "application/json" });
      response.end(JSON.stringify({ success: true, errors: [], messages: [], result: { id: "stand-in" } }));
      told(call);
    });
  });
  await new Promise((resolve, reject) => {
    server.once("error", reject);
    server.listen(wanted, host, () => resolve(undefined));
  });
  const address = server.address();
  const port = typeof address === "object" && address ? address.port : 0;
  const close = () => {
    server.close();
    server.closeAllConnections();
  };
  return { url: `http://${host}:${port}/deploy-hook`, close };
}
