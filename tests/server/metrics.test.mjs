// What the server counts, as Prometheus reads it; what of a flood it keeps; and what it is without an inbox.

import assert from "node:assert/strict";
import { readdirSync } from "node:fs";
import { test } from "node:test";
import { setTimeout as delay } from "node:timers/promises";
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

/** The series of BlogShoot's deliveries. */
const delivered = (/** @type {string} */ outcome, /** @type {string} */ kind) =>
  `presshook_deliveries_total{connection="blogshoot",source="blogshoot",outcome="${outcome}",kind="${kind}"}`;

/** Waits until something is so. */
async function until(/** @type {() => Promise<boolean>} */ is) {
  const deadline = Date.now() + 10_000;
  while (!(await is())) {
    assert.ok(Date.now() < deadline, "it never is");
    await delay(20);
  }
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
  const settings = {
    BLOGSHOOT_WEBHOOK_SECRET: SECRET,
    DEPLOY_HOOK_URL: host.url,
    DEPLOY_SETTLE_SECONDS: "0",
    ADMIN_TOKEN: TOKEN,
  };
  let server = await start(settings);
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
  // Repeats and refusals are told to the store after their answer.
  const rejections = 'presshook_rejections_total{connection="",source="",reason="signature"}';
  await until(async () => (await metrics("/metrics")).has(rejections));
  for (const path of ["/metrics", "/api/metrics", "/metrics/"]) {
    const found = await metrics(path);
    const expected = {
      [delivered("accepted", "updated")]: 1,
      [delivered("duplicate", "updated")]: 1,
      [delivered("test", "test")]: 1,
      [rejections]: 1,
      'presshook_attempts_total{action="deploy",target="default",outcome="accepted"}': 1,
      'presshook_jobs_ended_total{action="deploy",target="default",outcome="done"}': 1,
      presshook_processing_seconds_count: 2,
      'presshook_processing_seconds_bucket{le="+Inf"}': 2,
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
    'presshook_jobs{action="deploy",target="default",state="waiting"}',
  );
  assert.equal(waiting, 1);
  const health = await (await fetch(`${server.url}/health`)).json();
  assert.equal(health.processed, 3);

  // Nothing of it is lost where the server is started again.
  const before = await metrics("/metrics");
  for (let count = 0; count < 20; count++)
    assert.equal((await deliver(server, article("evt_2"), "0".repeat(64))).status, 401);
  await server.stop();
  server = await start(settings, { directory: server.directory });
  const after = await metrics("/metrics");
  for (const [name, count] of before)
    if (/_(total|bucket|sum|count)(\{|$)/.test(name)) assert.ok((after.get(name) ?? 0) >= count, name);
  assert.equal(after.get(rejections), 21);
  assert.equal((await (await fetch(`${server.url}/health?strict`)).json()).processed, 3);
  const headers = { authorization: `Bearer ${TOKEN}` };
  const { refusals } = await (await fetch(`${server.url}/api/refusals`, { headers })).json();
  assert.deepEqual(
    refusals.map((/** @type {any} */ it) => [it.path, it.status, it.count]),
    [["/api/webhook", 401, 21]],
  );
  assert.match(
    refusals[0].reason,
    /^the secret in `BLOGSHOOT_WEBHOOK_SECRET` is not the one the sender signs/,
  );

  assert.equal(await status(`${server.url}/metrics`), 401);
  assert.equal(await status(`${server.url}/metrics`, "POST"), 401);
  await server.stop();
  host.close();
});

test("anybody may ask how the site is, and is told nothing else", async () => {
  const host = await standIn(() => {});
  const server = await start({
    BLOGSHOOT_WEBHOOK_SECRET: SECRET,
    DEPLOY_HOOK_URL: host.url,
    DEPLOY_SETTLE_SECONDS: "3600",
    DEPLOY_MAX_WAIT_SECONDS: "7200",
  });
  assert.equal((await deliver(server, article("evt_1"))).status, 200);
  const response = await fetch(`${server.url}/api/status`);
  assert.equal(response.headers.get("cache-control"), "public, max-age=30");
  assert.equal(response.headers.get("access-control-allow-origin"), "*");
  const { since, ...told } = await response.json();
  assert.deepEqual(told, { status: "waiting" });
  assert.ok(Math.abs(Date.now() - Date.parse(since)) < 60_000);
  const badge = await fetch(`${server.url}/api/status.svg`);
  assert.equal(badge.headers.get("content-type"), "image/svg+xml; charset=utf-8");
  assert.match(await badge.text(), /^<svg .*<title>site: waiting<\/title>.*<\/svg>$/);
  assert.equal(await status(`${server.url}/api/status`, "POST"), 405);
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
