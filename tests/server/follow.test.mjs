// A build is followed by the real server: by the page of a real site, and by what a host says by webhook, which comes late,
// twice, or says the opposite. What the hosts' APIs answer is played in tests/it/live.rs.

import assert from "node:assert/strict";
import { createHash, createHmac } from "node:crypto";
import { createServer } from "node:http";
import { after, describe, test } from "node:test";
import { listening } from "../../scripts/serve.mjs";
import { start } from "./server.mjs";

/** @typedef {import("./server.mjs").Server} Server */

const SECRET = "the secret of the follow test";
const NETLIFY = "the secret of Netlify's notifications";
const PATIENCE = 60_000;

/** @type {(() => unknown)[]} */
const leftovers = [];
after(() => Promise.all(leftovers.map((clear) => clear())));

/**
 * A site, its deploy hook, and a program that is told: each page as it is set, else a 404; what is told, in order.
 *
 * @returns {Promise<{ url: string, pages: Map<string, string | null>, asked: string[], told: { text: string, items: { signal?: string }[] }[] }>}
 */
async function site() {
  /** @type {Map<string, string | null>} */
  const pages = new Map();
  /** @type {string[]} */
  const asked = [];
  /** @type {{ text: string, items: { signal?: string }[] }[]} */
  const told = [];
  const server = createServer((request, response) => {
    const { pathname } = new URL(request.url ?? "", "http://site");
    let body = "";
    request.setEncoding("utf8").on("data", (piece) => (body += piece));
    request.on("end", () => {
      if (pathname === "/hook") return void response.end("{}");
      if (pathname === "/told") {
        told.push(JSON.parse(body));
        return void response.end();
      }
      asked.push(pathname);
      const page = pages.get(pathname);
      // Nobody answers.
      if (page === null) return void response.destroy();
      if (page !== undefined) return void response.end(`<title>${page}</title>`);
      // As hosts of static sites do.
      if (pages.has(`${pathname}/`)) return void response.writeHead(308, { location: `${pathname}/` }).end();
      response.writeHead(404).end("Not found");
    });
  });
  const port = await listening(server);
  leftovers.push(() => (server.closeAllConnections(), server.close()));
  return { url: `http://127.0.0.1:${port}`, pages, asked, told };
}

/** A server that follows builds of that site. @param {string} url @param {Record<string, string>} [more] */
async function served(url, more = {}) {
  const server = await start({
    BLOGSHOOT_WEBHOOK_SECRET: SECRET,
    DEPLOY_HOOK_URL: `${url}/hook`,
    DEPLOY_SETTLE_SECONDS: "0",
    SITE_URL: url,
    NOTIFY_URL: `${url}/told`,
    LOG_LEVEL: "debug",
    ...more,
  });
  leftovers.push(() => server.kill());
  return server;
}

/** @param {Server} server @param {string} type @param {{ id: string, title: string, slug: string }} article */
async function publish(server, type, article) {
  const event = { event_id: `evt_${article.id}`, event_type: type, timestamp: new Date().toISOString() };
  const body = JSON.stringify({ ...event, article });
  const signature = createHmac("sha256", SECRET).update(body).digest("hex");
  const headers = { "X-BlogShoot-Signature": signature };
  const answer = await fetch(`${server.url}/webhook`, { method: "POST", headers, body });
  assert.equal(answer.status, 200);
}

/** What Netlify says of a deploy. @param {Server} server @param {string} event @param {object} deploy */
async function netlify(server, event, deploy) {
  const body = JSON.stringify({ context: "production", branch: "main", ...deploy });
  const part = (/** @type {object} */ it) => Buffer.from(JSON.stringify(it)).toString("base64url");
  const hash = createHash("sha256").update(body).digest("hex");
  const signed = `${part({ typ: "JWT", alg: "HS256" })}.${part({ iss: "netlify", sha256: hash })}`;
  const mac = createHmac("sha256", NETLIFY).update(signed).digest("base64url");
  const headers = { "X-Netlify-Event": event, "X-Webhook-Signature": `${signed}.${mac}` };
  const answer = await fetch(`${server.url}/webhook/netlify`, { method: "POST", headers, body });
  assert.equal(answer.status, 200);
}

const done = (/** @type {Server} */ server, /** @type {string} */ job) =>
  server.until((entry) => entry.code === "ACTION_DONE" && entry.job === job, PATIENCE);

// The first look is after five seconds, so they look at once.
describe("a build", { concurrency: true }, () => {
  test("is live when the new page is there, and only then is it told as published", async () => {
    const { url, pages, asked, told } = await site();
    const server = await served(url);
    await publish(server, "article.created", { id: "1", title: "Cats & dogs", slug: "cats" });
    await server.until((entry) => entry.code === "REBUILD_TRIGGERED", PATIENCE);
    while (asked.length < 2) await new Promise((resolve) => setTimeout(resolve, 100));
    assert.deepEqual([asked, told], [["/cats/", "/cats/"], []]);
    // An answer that is lost is not the end of it.
    pages.set("/cats/", null);
    while (asked.length < 3) await new Promise((resolve) => setTimeout(resolve, 100));
    pages.set("/cats/", "Cats &amp; dogs");
    const { ms, target } = await server.until((entry) => entry.code === "DEPLOY_LIVE", PATIENCE);
    assert.equal(target, "default");
    assert.ok(Number(ms) >= 20_000 && Number(ms) < 50_000, String(ms));
    await done(server, "notify");
    assert.match(told[0].text, /^Published: ‘Cats & dogs’/);
  });

  test("that its host says has failed has failed, and a repeat of that is no news", async () => {
    const { url, told } = await site();
    const server = await served(url, { NETLIFY_WEBHOOK_SECRET: NETLIFY });
    await publish(server, "article.created", { id: "1", title: "Cats & dogs", slug: "cats" });
    await server.until((entry) => entry.code === "REBUILD_TRIGGERED", PATIENCE);
    const deploy = { id: "697dba3c2b5e8a0008f0c1a2", created_at: new Date().toISOString() };
    const preview = { ...deploy, id: "697dba3c2b5e8a0008f0c1a9", context: "deploy-preview" };
    await netlify(server, "deploy_created", { ...preview, state: "ready" });
    await netlify(server, "deploy_building", { ...deploy, state: "building" });
    const error = { ...deploy, state: "error", error_message: "Build script returned non-zero exit code: 2" };
    for (let times = 0; times < 3; times += 1) await netlify(server, "deploy_failed", error);
    const { reason } = await server.until((entry) => entry.code === "DEPLOY_FAILED", PATIENCE);
    assert.equal(reason, "Netlify says: Build script returned non-zero exit code: 2");
    await done(server, "notify");
    assert.deepEqual(
      told.map((it) => it.items.map((item) => item.signal)),
      [["build-failed"]],
    );
    assert.match(told[0].text, /Visitors still see what was there before/);
  });

  test("that its host says is done, and that nobody can see, is not live; nor does an older word end it", async () => {
    const { url, pages, told } = await site();
    const server = await served(url, { NETLIFY_WEBHOOK_SECRET: NETLIFY });
    const old = new Date(Date.now() - 60_000).toISOString();
    await publish(server, "article.created", { id: "1", title: "Cats & dogs", slug: "cats" });
    await server.until((entry) => entry.code === "REBUILD_TRIGGERED", PATIENCE);
    await netlify(server, "deploy_failed", {
      id: "697dba002b5e8a0008f0c1a1",
      state: "error",
      created_at: old,
    });
    const deploy = { id: "697dba3c2b5e8a0008f0c1a2", created_at: new Date().toISOString() };
    await netlify(server, "deploy_created", { ...deploy, state: "ready" });
    // Late.
    await netlify(server, "deploy_building", { ...deploy, state: "building" });
    await new Promise((resolve) => setTimeout(resolve, 7000));
    assert.ok(!server.log.some((entry) => /^DEPLOY_(LIVE|FAILED|UNKNOWN)$/.test(entry.code)));
    assert.equal(told.length, 0);
    pages.set("/cats/", "Cats &amp; dogs");
    await server.until((entry) => entry.code === "DEPLOY_LIVE", PATIENCE);
    await done(server, "notify");
    assert.match(told[0].text, /^Published/);
  });
});
