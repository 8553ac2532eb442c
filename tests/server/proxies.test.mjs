// The server behind nginx and Caddy, as this machine's distribution has them: TLS, the client's address, refusals.

import assert from "node:assert/strict";
import { createHmac } from "node:crypto";
import { readFileSync } from "node:fs";
import https from "node:https";
import path from "node:path";
import { after, describe, test } from "node:test";
import { ROOT } from "../../scripts/shell.mjs";
import { ask, caddy, lacking, nginx } from "./fronts.mjs";
import { start } from "./server.mjs";

/** @typedef {import("./fronts.mjs").Place} Place */

const SECRET = "the secret of the test behind proxies";
const SETTINGS = {
  BLOGSHOOT_WEBHOOK_SECRET: SECRET,
  MAX_BODY_BYTES: "2000",
  LOG_LEVEL: "debug",
  // The other addresses of loopback play clients out there.
  TRUSTED_PROXIES: "127.0.0.1",
};

/** Further addresses of loopback are there by themselves on Linux only. */
const SEVERAL = process.platform === "linux";
const [CLIENT, OTHER] = SEVERAL ? ["127.0.0.8", "127.0.0.9"] : ["127.0.0.1", "127.0.0.1"];

/** The block of BlogShoot's page, "Option D". */
const BLOGSHOOT = `
server { listen 443 ssl; server_name webhook.yourdomain.com;
ssl_certificate /etc/letsencrypt/live/webhook.yourdomain.com/fullchain.pem; ssl_certificate_key /etc/letsencrypt/live/webhook.yourdomain.com/privkey.pem;
location /webhook { proxy_pass http://localhost:3100/webhook; proxy_set_header Host $host; proxy_set_header X-Real-IP $remote_addr; }}`;

/**
 * A configuration for the internet, made one for this machine: what is replaced must be there.
 *
 * @param {string} text
 * @param {[RegExp, string][]} changes
 */
function here(text, changes) {
  for (const [what, by] of changes) {
    assert.ok(what.test(text), `${what} is not in it`);
    text = text.replaceAll(new RegExp(what, "g"), () => by);
  }
  return text;
}

const example = (/** @type {string} */ file) =>
  readFileSync(path.join(ROOT, "examples/server", file), "utf8");

/** @type {(place: Place) => [RegExp, string][]} */
const certificates = ({ certificate, key }) => [
  [/\/etc\/letsencrypt\/live\/[a-z.]+\/fullchain\.pem/, certificate],
  [/\/etc\/letsencrypt\/live\/[a-z.]+\/privkey\.pem/, key],
];

/**
 * What the server runs behind: `name` is what it is asked for there.
 *
 * @type {Record<string, { program: "nginx" | "caddy", name: string, begin: (port: number) =>
 *   Promise<import("./fronts.mjs").Front> }>}
 */
const FRONTS = {
  "nginx, as BlogShoot's page sets it up": {
    program: "nginx",
    name: "webhook.yourdomain.com",
    begin: (port) =>
      nginx((place) =>
        here(BLOGSHOOT, [
          ...certificates(place),
          [/443/, `127.0.0.1:${place.port}`],
          [/localhost:3100/, `localhost:${port}`],
        ]),
      ),
  },
  "nginx, by examples/server/nginx.conf": {
    program: "nginx",
    name: "webhook.example.com",
    begin: (port) =>
      nginx((place) =>
        here(example("nginx.conf"), [
          ...certificates(place),
          [/listen \[::\]:443 ssl;/, ""],
          [/listen 443 ssl/, `listen 127.0.0.1:${place.port} ssl`],
          [/127\.0\.0\.1:3100/, `127.0.0.1:${port}`],
        ]),
      ),
  },
  "Caddy, with nothing but `reverse_proxy`": {
    program: "caddy",
    name: "webhook.example.com",
    begin: (port) =>
      caddy(
        ({ port: own, certificate, key }) =>
          `https://webhook.example.com:${own} {\n\ttls ${certificate} ${key}\n\treverse_proxy 127.0.0.1:${port}\n}\n`,
      ),
  },
  "Caddy, by examples/server/Caddyfile": {
    program: "caddy",
    name: "webhook.example.com",
    begin: (port) =>
      caddy(({ port: own, certificate, key }) =>
        here(example("Caddyfile"), [
          [/webhook\.example\.com \{/, `https://webhook.example.com:${own} {\n\ttls ${certificate} ${key}`],
          [/127\.0\.0\.1:3100/, `127.0.0.1:${port}`],
        ]),
      ),
  },
};

/** @param {string} body */
const signature = (body) => ({
  "x-blogshoot-signature": createHmac("sha256", SECRET).update(body).digest("hex"),
});

/** @param {string} id */
const article = (id) =>
  JSON.stringify({ event_id: id, event_type: "article.updated", timestamp: "2026-01-31T08:00:00Z" });

for (const [title, { program, name, begin }] of Object.entries(FRONTS)) {
  describe(title, { skip: lacking(program) }, () => {
    /** @type {import("./server.mjs").Server} */
    let server;
    /** @type {import("./fronts.mjs").Front} */
    let front;
    // As a machine's owner starts it: on every address.
    const started = start({ ...SETTINGS, HOST: "0.0.0.0" }).then(async (it) => {
      server = it;
      front = { ...(await begin(it.port)), name };
    });
    started.catch(() => {});
    after(async () => {
      await started.catch(() => {});
      await front?.end();
      await server?.stop();
    });

    test("a signed delivery is accepted, and the log tells where it came from", async () => {
      await started;
      for (const [id, path] of [
        ["evt_1", "/webhook"],
        ["evt_2", "/webhook/blogshoot"],
      ]) {
        const body = article(id);
        const answer = await ask(front, { path, from: CLIENT, headers: signature(body), body });
        assert.equal(answer.status, 200, answer.text);
        assert.equal(JSON.parse(answer.text).event_id, id);
      }
      await server.until((entry) => entry.code === "WEBHOOK_RECEIVED" && entry.address === CLIENT);
    });

    test("what is too long is refused in words, however much of it is sent", async () => {
      await started;
      for (const length of [2001, 20_000, 900_000]) {
        const body = article("evt_3").padEnd(length);
        const answer = await ask(front, { path: "/webhook", from: CLIENT, headers: signature(body), body });
        assert.equal(answer.status, 413, `${length} bytes: ${answer.text}`);
        assert.deepEqual(JSON.parse(answer.text), { error: "Payload too large" });
      }
      const body = article("evt_4").padEnd(2000);
      const answer = await ask(front, { path: "/webhook", from: CLIENT, headers: signature(body), body });
      assert.equal(answer.status, 200, answer.text);
    });

    test("who fails too often is known by no address of its own choice", async () => {
      await started;
      const agent = new https.Agent({ keepAlive: true, maxSockets: 1 });
      const fail = async (/** @type {string} */ from, /** @type {number} */ index) => {
        const forged = {
          "x-forwarded-for": `203.0.113.${index}, 127.0.0.1`,
          "x-real-ip": `198.51.100.${index}`,
        };
        return ask(front, { path: "/webhook", from, headers: forged, body: article("evt_5"), agent });
      };
      for (let index = 0; index < 100; index++) {
        const { status, text } = await fail(CLIENT, index);
        assert.deepEqual([status, text], [401, '{"error":"Invalid signature"}'], `failure ${index + 1}`);
      }
      const limited = await fail(CLIENT, 100);
      agent.destroy();
      assert.deepEqual([limited.status, limited.text], [429, '{"error":"Too many requests"}']);
      assert.equal(limited.headers["retry-after"], "60");
      const body = article("evt_6");
      const good = await ask(front, { path: "/webhook", from: CLIENT, headers: signature(body), body });
      assert.equal(good.status, 200, "a verified sender is never shut out");
    });

    test(
      "another client is not limited with it",
      { skip: !SEVERAL && "needs a second address" },
      async () => {
        await started;
        const answer = await ask(front, { path: "/webhook", from: OTHER, body: article("evt_7") });
        assert.equal(answer.status, 401);
        await server.until((entry) => entry.code === "SIGNATURE_FAILED" && entry.address === OTHER);
      },
    );
  });
}
