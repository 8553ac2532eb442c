// A stand-in for a host's deploy hook, on loopback: it answers as a host would and tells of each call.

import { createServer } from "node:http";
import { listening } from "./serve.mjs";

/** @typedef {{ method: string, url: string, headers: import("node:http").IncomingHttpHeaders, body: string }} Call */

/**
 * What a host may do instead of answering as it should: say 500, never say anything, or break the connection before or
 * after it has read the call.
 *
 * @typedef {"500" | "silence" | "reset unread" | "reset"} Fault
 */

/**
 * Starts it, on a free port unless told otherwise.
 *
 * @param {(call: Call) => void} told of each call that was answered as it should be
 * @param {{
 *   host?: string, port?: number, arrived?: (call: Call, fault?: Fault) => Promise<void> | void,
 *   fails?: () => Fault | undefined,
 * }} [options] `arrived` is told of each call before it is answered, and the answer waits for it; `fails` is asked for
 *   each call what goes wrong with it
 * @returns {Promise<{ url: string, close: () => void }>}
 */
export async function standIn(
  told,
  { host = "127.0.0.1", port: wanted = 0, arrived = () => {}, fails } = {},
) {
  const server = createServer((request, response) => {
    const fault = fails?.();
    if (fault === "reset unread") return void request.socket.resetAndDestroy();
    let body = "";
    request.setEncoding("utf8");
    request.on("data", (piece) => (body += piece));
    request.on("end", async () => {
      const call = { method: request.method ?? "", url: request.url ?? "", headers: request.headers, body };
      await arrived(call, fault);
      if (response.destroyed || fault === "silence") return;
      if (fault === "reset") return request.socket.resetAndDestroy();
      response.writeHead(fault === "500" ? 500 : 200, { "content-type": "application/json" });
      response.end(
        JSON.stringify({
          success: fault === undefined,
          errors: [],
          messages: [],
          result: { id: "stand-in" },
        }),
      );
      if (fault === undefined) told(call);
    });
  });
  const port = await listening(server, wanted, host);
  const close = () => {
    server.close();
    server.closeAllConnections();
  };
  return { url: `http://${host}:${port}/deploy-hook`, close };
}
