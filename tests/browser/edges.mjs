// The two edges that the owner's page is tested at, each started with the same settings: the Worker in workerd, as
// wrangler serves it, and the native server. Beside them a host that plays the deploy hook.

import assert from "node:assert/strict";
import { createHmac } from "node:crypto";
import { writeFileSync } from "node:fs";
import { createServer } from "node:http";
import path from "node:path";
import { freePort, listening, serve } from "../../scripts/serve.mjs";
import { start, temporary } from "../server/server.mjs";

export const TOKEN = "the token of the browser tests";
export const SECRET = "the secret of the browser tests";

/** @typedef {{ url: string, end: () => unknown }} Edge */
/** @typedef {{ url: string, calls: string[], answer: number, close: () => void }} Hook */

/** @param {string} hook @returns {Record<string, string>} */
const settings = (hook) => ({
  ADMIN_TOKEN: TOKEN,
  BLOGSHOOT_WEBHOOK_SECRET: SECRET,
  DEPLOY_HOOK_URL: hook,
  DEPLOY_SETTLE_SECONDS: "1",
  DEPLOY_MIN_GAP_SECONDS: "0",
});

/** @type {Record<string, (hook: string) => Promise<Edge>>} */
export const EDGES = {
  async "the Worker"(hook) {
    const directory = temporary();
    const file = path.join(directory, "settings.env");
    const lines = Object.entries(settings(hook)).map(([name, value]) => `${name}="${value}"`);
    writeFileSync(file, lines.join("\n"));
    let said = "";
    const args = ["--env-file", file, "--persist-to", directory];
    const worker = serve(await freePort(), args, (text) => (said += text));
    await worker.ready.catch((error) => assert.fail(`${error.message}\n${said}`));
    return worker;
  },
  async "the server"(hook) {
    const server = await start(settings(hook));
    return { url: server.url, end: () => server.stop() };
  },
};

/** A deploy hook that answers as it is told. @returns {Promise<Hook>} */
export async function hook() {
  const server = createServer((request, response) => {
    let body = "";
    request.setEncoding("utf8").on("data", (piece) => (body += piece));
    request.on("end", () => {
      it.calls.push(body);
      response.writeHead(it.answer, { "content-type": "application/json" }).end("{}");
    });
  });
  const port = await listening(server);
  const close = () => {
    server.close();
    server.closeAllConnections();
  };
  /** @type {Hook} */
  const it = { url: `http://127.0.0.1:${port}/deploy-hook`, calls: [], answer: 200, close };
  return it;
}

let events = 0;

/**
 * Has an article accepted, as BlogShoot sends it.
 *
 * @param {Edge} edge
 * @param {{ title?: string, type?: string, id?: string, [more: string]: unknown }} [article]
 */
export async function publish(edge, { title, type = "article.created", id = "art_1", ...more } = {}) {
  events += 1;
  const event = `evt_${process.pid}_${events}`;
  const body = JSON.stringify({
    event_id: event,
    event_type: type,
    timestamp: new Date().toISOString(),
    ...(type === "test" ? {} : { article: { id, title, slug: "an-article", ...more } }),
  });
  const signature = createHmac("sha256", SECRET).update(body).digest("hex");
  const headers = { "x-blogshoot-signature": signature, "content-type": "application/json" };
  const response = await fetch(`${edge.url}/api/webhook/blogshoot`, { method: "POST", headers, body });
  assert.equal(response.status, 200, await response.text());
  return event;
}

/**
 * What the owner's API answers.
 *
 * @param {Edge} edge
 * @param {string} place
 */
export async function told(edge, place) {
  const headers = { authorization: `Bearer ${TOKEN}` };
  const response = await fetch(`${edge.url}${place}`, { headers });
  assert.equal(response.status, 200, await response.clone().text());
  return /** @type {Promise<any>} */ (response.json());
}
