// What the server counts, as Prometheus reads it; what of a flood it keeps; and what it is without an inbox.

import assert from "node:assert/strict";
import { readdirSync } from "node:fs";
import { test } from "node:test";
import { standIn } from "../../scripts/stand-in.mjs";
import { SECRET, article, sign, trial } from "./connection.mjs";
import { start } from "./server.mjs";

const TOKEN = "a token of the owner's";

/**
 * @param {{ url: string }} server
 * @param {string} body
 * @param {string} [signature]
 */
async function deliver({ url }, body, signature = sign(body)) {
  const headers = { "x-blogshoot-signature": signature };
  const response = await fetch(`${url}/api/webhook`, { method: "POST", headers, body });
  return { status: response.status, answer: await response.json() };
}

async function status(/** @type {string} */ url, method = "GET") {
  const response = await fetch(url, { method });
  await response.text();
  return response.status;
}

/** What Prometheus makes of a text: names with labels, and numbers. Every line must be one that it knows. */
function samples(/** @type {string} */ text) {
  assert.ok(text.endsWith("\n"));
  /** @type {Map<string, number>} */
  const found = new Map();
  /** @type {Set<string>} */
  const typed = new Set();
  for (const line of text.trimEnd().split("\n")) {
    const about = /^# (HELP|TYPE) ([a-z_]+) (.+)$/.exec(line);
    if (about) {
      if (about[1] === "TYPE") {
        assert.match(about[3], /^(counter|gauge|histogram)$/);
        assert.ok(!typed.has(about[2]), `${about[2]} is described twice`);
        typed.add(about[2]);
      }
      continue;
    }
    const sample = /^([a-z_]+)(\{(?:[a-z]+="[^"\\]*",?)*\})? ([0-9.e+-]+|\+Inf)$/.exec(line);
    assert.ok(sample, `not a sample: ${line}`);
    const family = sample[1].replace(/_(bucket|sum|count)$/, "");
    assert.ok(typed.has(sample[1]) || typed.has(family), `${sample[1]} has no type`);
    found.set(sample[1] + (sample[2] ?? ""), Number(sample[3]));
  }
  return found;
}

test("the owner's Prometheus reads what has been received and done", async () => {
  const host = await standIn(() => {});
  const server = await start({
    BLOGSHOOT_WEBHOOK_SECRET: SECRET,
    DEPLOY_HOOK_URL: host.url,
    DEPLOY_SETTLE_SECONDS: "0",
    ADMIN_TOKEN: TOKEN,
  });
  const metrics = async (/** @type {string} */ path) => {
    const response = await fetch(server.url + path, { headers: { authorization: `Bearer ${TOKEN}` } });
    assert.equal(response.status, 200);
    assert.equal(response.headers.get("content-type"), "text/plain; version=0.0.4; charset=utf-8");
    return samples(await response.text());
  };
  assert.equal((await deliver(server, article("evt_1"))).status, 200);
  assert.equal((await deliver(server, article("evt_1"))).answer.duplicate, true);
  assert.equal((await deliver(server, trial("evt_test"))).status, 200);
  assert.equal((await deliver(server, article("evt_2"), "0".repeat(64))).status, 401);
  await server.until((entry) => entry.code === "REBUILD_TRIGGERED");
  for (const path of ["/metrics", "/api/metrics", "/metrics/"]) {
    const found = await metrics(path);
    const expected = {
      'presshook_deliveries_total{outcome="accepted",source="blogshoot"}': 1,
      'presshook_deliveries_total{outcome="duplicate",source="blogshoot"}': 1,
      'presshook_deliveries_total{outcome="test",source="blogshoot"}': 1,
      'presshook_rejections_total{reason="signature"}': 1,
      'presshook_attempts_total{action="deploy",outcome="accepted",target="default"}': 1,
      presshook_processing_seconds_count: 3,
      'presshook_processing_seconds_bucket{le="+Inf"}': 3,
      presshook_oldest_due_seconds: 0,
    };
    for (const [name, count] of Object.entries(expected)) assert.equal(found.get(name), count, name);
    const since = (found.get("process_start_time_seconds") ?? 0) * 1000;
    assert.ok(Math.abs(Date.now() - since) < 60_000);
    assert.ok([...found.keys()].some((it) => it.startsWith("presshook_build_info{version=")));
  }
  // One more waits for the gap.
  assert.equal((await deliver(server, article("evt_3"))).status, 200);
  const waiting = (await metrics("/metrics")).get(
    'presshook_jobs{action="deploy",state="waiting",target="default"}',
  );
  assert.equal(waiting, 1);

  assert.equal(await status(`${server.url}/metrics`), 401);
  assert.equal(await status(`${server.url}/metrics`, "POST"), 401);
  await server.stop();
  host.close();
});

test("without a token there are no metrics", async () => {
  const server = await start({ BLOGSHOOT_WEBHOOK_SECRET: SECRET });
  for (const path of ["/metrics", "/api/metrics"]) assert.equal((await fetch(server.url + path)).status, 404);
});

test("a flood of tests is answered, and not all of it is kept", async () => {
  const server = await start({ BLOGSHOOT_WEBHOOK_SECRET: SECRET, ADMIN_TOKEN: TOKEN });
  const kept = async () => {
    const headers = { authorization: `Bearer ${TOKEN}` };
    let count = 0;
    for (let before = ""; ;) {
      const page = await (await fetch(`${server.url}/api/deliveries?limit=100${before}`, { headers })).json();
      count += page.deliveries.length;
      if (page.next === undefined) return count;
      before = `&before=${page.next}`;
    }
  };
  // One after the other each is kept, though they are the same.
  for (let count = 0; count < 3; count++) assert.equal((await deliver(server, trial("evt_0"))).status, 200);
  assert.equal(await kept(), 3);
  const began = Date.now();
  const sent = Array.from({ length: 300 }, (_, count) => deliver(server, trial(`evt_${count}`)));
  for (const { status, answer } of await Promise.all(sent))
    assert.deepEqual([status, answer.message], [200, "Test webhook received successfully"]);
  const most = 100 + Math.ceil((Date.now() - began) / 1000) + 1;
  const count = await kept();
  assert.ok(count >= 100 && count <= most, `${count} of at most ${most}`);
  // An article is another thing.
  assert.equal((await deliver(server, article("evt_article"))).status, 200);
  assert.equal(await kept(), count + 1);
  await server.stop();
});

test("without an inbox each event calls the hook at once, and nothing is stored", async () => {
  /** @type {string[]} */
  const calls = [];
  const host = await standIn(({ body }) => calls.push(JSON.parse(body).event_id));
  const server = await start({
    BLOGSHOOT_WEBHOOK_SECRET: SECRET,
    DEPLOY_HOOK_URL: host.url,
    INBOX: "none",
    ADMIN_TOKEN: TOKEN,
  });
  const health = await (await fetch(`${server.url}/health`)).json();
  assert.deepEqual([health.mode, health.config.inbox], ["direct", false]);
  for (let count = 0; count < 2; count++) {
    const { status, answer } = await deliver(server, article("evt_1"));
    assert.deepEqual([status, answer.duplicate], [200, undefined]);
  }
  await server.until((entry) => entry.code === "PROCESSING_COMPLETE");
  await server.until(() => calls.length === 2);
  assert.deepEqual(calls, ["evt_1", "evt_1"]);
  assert.equal(await status(`${server.url}/api/deliveries`), 404);
  assert.deepEqual(readdirSync(server.directory), []);
  assert.deepEqual(await server.stop(), { status: 0, signal: null });
  host.close();
});
