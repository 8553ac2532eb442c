// What a user would write instead: a server of Node.js that does the same check and gives the same answer. No
// settings, no log, no other sender; it stores nothing. With a deploy hook it is a plain relay, which calls it at once.

import { createHmac, timingSafeEqual } from "node:crypto";
import { createServer } from "node:http";

const secret = process.env.BLOGSHOOT_WEBHOOK_SECRET ?? "";
const hook = process.env.DEPLOY_HOOK_URL;
const began = Date.now();

/** @param {import("node:http").ServerResponse} response @param {number} status @param {object} value */
function answer(response, status, value) {
  const body = JSON.stringify(value);
  response.writeHead(status, {
    "content-type": "application/json",
    "content-length": Buffer.byteLength(body),
    "access-control-allow-origin": "*",
    "cache-control": "no-store",
  });
  response.end(body);
}

/** @param {Buffer} body @param {string | string[] | undefined} claimed */
function isGenuine(body, claimed) {
  const expected = createHmac("sha256", secret).update(body).digest();
  const signature = Buffer.from(String(claimed), "hex");
  return signature.length === expected.length && timingSafeEqual(signature, expected);
}

/** @param {any} event */
function accepted({ event_id, event_type, article }) {
  if (event_type === "test") {
    return { success: true, message: "Test webhook received successfully", event_id };
  }
  const message = "Webhook received and processing";
  return { success: true, event_id, event_type, message, article_id: article?.id, processing_time_ms: 0 };
}

/** @param {string} url @param {{ event_id: string }} event */
async function relay(url, { event_id }) {
  const body = JSON.stringify({ source: "relay", event_id, event_ids: [event_id] });
  const called = await fetch(url, { method: "POST", headers: { "content-type": "application/json" }, body });
  await called.arrayBuffer();
}

createServer((request, response) => {
  if (request.url === "/api/health") {
    answer(response, 200, { status: "healthy", uptime: (Date.now() - began) / 1000 });
    return;
  }
  /** @type {Buffer[]} */
  const pieces = [];
  request.on("data", (piece) => pieces.push(piece));
  request.on("end", () => {
    const body = Buffer.concat(pieces);
    if (!isGenuine(body, request.headers["x-blogshoot-signature"])) {
      answer(response, 401, { error: "Invalid signature" });
      return;
    }
    const event = JSON.parse(body.toString("utf8"));
    answer(response, 200, accepted(event));
    if (hook) void relay(hook, event);
  });
}).listen(Number(process.env.PORT), "127.0.0.1");
