// Webhooks passed on from one server to another, which checks their signatures as it does those of strangers; and what
// comes of one that is passed on to itself.

import assert from "node:assert/strict";
import { after, test } from "node:test";
import { freePort } from "../../scripts/serve.mjs";
import { article, publish } from "./article.mjs";
import { SECRET } from "./connection.mjs";
import { start } from "./server.mjs";

/** @typedef {import("./server.mjs").Server} Server */

const TOKEN = "the token of the forward test";
const SHARED = `whsec_${Buffer.from("a secret that two servers share!").toString("base64")}`;

/** @type {Server[]} */
const servers = [];
after(() => Promise.all(servers.map((server) => server.kill())));

/** @param {Record<string, string>} settings @param {import("./server.mjs").Options} [options] */
async function serve(settings, options) {
  const server = await start({ ADMIN_TOKEN: TOKEN, ...settings }, options);
  servers.push(server);
  return server;
}

/** @param {Server} server @returns {Promise<any[]>} */
async function deliveries(server) {
  const headers = { authorization: `Bearer ${TOKEN}` };
  const list = await (await fetch(`${server.url}/api/deliveries`, { headers })).json();
  const one = async (/** @type {{ id: number }} */ { id }) =>
    (await fetch(`${server.url}/api/deliveries/${id}`, { headers })).json();
  return Promise.all(list.deliveries.map(one));
}

test("another server takes what is passed on to it, once, as its sender's", async () => {
  const receiver = await serve({ STANDARD_WEBHOOKS_WEBHOOK_SECRET: SHARED });
  const sender = await serve({
    BLOGSHOOT_WEBHOOK_SECRET: SECRET,
    FORWARD_URL: `${receiver.url}/api/webhook/standard-webhooks`,
    FORWARD_SECRET: SHARED,
  });
  const body = article("evt_1");
  await publish(sender, body);
  await sender.until((entry) => entry.code === "ACTION_DONE" && entry.job === "forward");
  const [delivery, ...others] = await deliveries(receiver);
  assert.equal(others.length, 0);
  assert.match(delivery.event_id, /^msg_[0-9a-f]{32}$/);
  const given = JSON.parse(delivery.payload);
  assert.equal(given.event_id, "evt_1");
  assert.deepEqual(given.payload, JSON.parse(body));
  assert.equal(delivery.events[0].kind, "published");
  assert.equal(delivery.events[0].item.id, JSON.parse(body).article.id);
  assert.equal(delivery.headers["presshook-forwarded"], "1");
  assert.ok(!sender.output().includes(SHARED) && !sender.output().includes(receiver.url), sender.output());
});

test("another secret is refused, and its owner reads why", async () => {
  const receiver = await serve({ STANDARD_WEBHOOKS_WEBHOOK_SECRET: SHARED });
  const sender = await serve({
    BLOGSHOOT_WEBHOOK_SECRET: SECRET,
    FORWARD_URL: `${receiver.url}/api/webhook/standard-webhooks`,
    FORWARD_SECRET: `whsec_${Buffer.from("another secret that only one has").toString("base64")}`,
  });
  await publish(sender, article("evt_1"));
  const dead = await sender.until((entry) => entry.code === "JOB_DEAD");
  assert.match(dead.reason, /refuses the signature: `FORWARD_SECRET` must be the secret/);
  assert.deepEqual(await deliveries(receiver), []);
});

test("a server that passes on to itself stops after three times", async () => {
  const port = await freePort();
  const server = await serve(
    {
      BLOGSHOOT_WEBHOOK_SECRET: SECRET,
      STANDARD_WEBHOOKS_WEBHOOK_SECRET: SHARED,
      FORWARD_URL: `http://127.0.0.1:${port}/api/webhook/standard-webhooks`,
      FORWARD_SECRET: SHARED,
    },
    { port },
  );
  await publish(server, article("evt_1"));
  const dead = await server.until((entry) => entry.code === "JOB_DEAD");
  assert.match(dead.reason, /goes in a circle/);
  assert.equal((await deliveries(server)).length, 4);
});
