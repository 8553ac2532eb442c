// The clock of a machine is set while its server runs, and while it does not; and its time zone is another each time. The
// server is told so by the C library, as any program is.

import assert from "node:assert/strict";
import { test } from "node:test";
import { within } from "../../scripts/serve.mjs";
import { standIn } from "../../scripts/stand-in.mjs";
import { clock } from "./clock.mjs";
import { SECRET, article, sign } from "./connection.mjs";
import { start, temporary } from "./server.mjs";

const HOUR = 3_600_000;
const TOKEN = "a token of the owner's";

/** @param {{ url: string }} server @param {string} id @returns {Promise<any>} */
async function deliver({ url }, id) {
  const body = article(id);
  const headers = { "x-blogshoot-signature": sign(body) };
  const response = await fetch(`${url}/api/webhook`, { method: "POST", headers, body });
  const answer = await response.json();
  assert.equal(response.status, 200, JSON.stringify(answer));
  return answer;
}

async function host() {
  /** @type {string[][]} */
  const calls = [];
  /** @type {(() => void)[]} */
  const listeners = [];
  const { url, close } = await standIn(({ body }) => {
    calls.push(JSON.parse(body).event_ids);
    listeners.splice(0).forEach((tell) => tell());
  });
  /** @param {string} id */
  const called = async (id) => {
    while (!calls.some((ids) => ids.includes(id)))
      await new Promise((resolve) => listeners.push(() => resolve(undefined)));
  };
  return {
    url,
    close,
    calls,
    /** @param {string} id */
    for: (id) => within(30_000, called(id), `no call has come for ${id}`),
  };
}

test("a clock that is set while the server runs, forward and back, keeps nothing waiting", async (it) => {
  const [time, hook, other] = [await clock(), await host(), await host()];
  const settings = {
    BLOGSHOOT_WEBHOOK_SECRET: SECRET,
    DEPLOY_HOOK_URL__BLOG: hook.url,
    DEPLOY_HOOK_URL__OTHER: other.url,
    DEPLOY_SETTLE_SECONDS: "300",
    DEPLOY_MAX_WAIT_SECONDS: "300",
    DEPLOY_MIN_GAP_SECONDS: "0",
    ADMIN_TOKEN: TOKEN,
  };
  const server = await start(settings, { env: time.env });
  it.after(async () => {
    await server.kill();
    hook.close();
    other.close();
    time.close();
  });
  const now = Date.now();
  /** Something happens, so that it looks at the clock before the minute is over. */
  const stir = async () => {
    const headers = { authorization: `Bearer ${TOKEN}` };
    const asked = await fetch(`${server.url}/api/targets/other/deploy`, { method: "POST", headers });
    assert.equal(asked.status, 200);
  };

  await deliver(server, "evt_before");
  time.set(now - 7 * HOUR);
  await stir();
  const back = await server.until((it) => it.code === "CLOCK_SET");
  assert.equal(back.level, "warn");
  assert.match(back.reason, /the clock was set back: what waited for its old time is done soon/);
  assert.ok(Math.abs(back.seconds - 7 * 3600) < 60, String(back.seconds));
  await hook.for("evt_before");
  assert.equal((await deliver(server, "evt_before")).duplicate, true);

  // What waits is due at once when a year has gone by, and only once.
  await deliver(server, "evt_between");
  time.set(now + 365 * 24 * HOUR);
  await stir();
  const ahead = await server.until((it) => it.code === "CLOCK_SET" && it.level === "info");
  assert.match(ahead.reason, /set forward, or the machine slept/);
  await hook.for("evt_between");
  time.set(now);
  await stir();
  await server.until((it) => it.code === "CLOCK_SET" && it.seconds > 300 * 24 * 3600 && it.level === "warn");
  const response = await fetch(`${server.url}/api/deliveries`, {
    headers: { authorization: `Bearer ${TOKEN}` },
  });
  const { deliveries } = /** @type {any} */ (await response.json());
  assert.equal(deliveries.length, 2, "no history has gone with it");
  assert.deepEqual(
    hook.calls.map((ids) => ids[0]),
    ["evt_before", "evt_between"],
    "each was called for once",
  );
  const health = await fetch(`${server.url}/api/health?strict`);
  assert.equal(health.status, 200, await health.text());
});

test("a clock that is set back while no server runs, and another time zone each time, keep nothing waiting", async (it) => {
  const [time, hook, directory] = [await clock(), await host(), temporary()];
  const settings = {
    BLOGSHOOT_WEBHOOK_SECRET: SECRET,
    DEPLOY_HOOK_URL: hook.url,
    DEPLOY_SETTLE_SECONDS: "300",
    DEPLOY_MAX_WAIT_SECONDS: "300",
    ADMIN_TOKEN: TOKEN,
  };
  // The hour that there is twice in Paris.
  const now = Date.UTC(2026, 9, 25, 0, 30);
  time.set(now);
  const first = await start(settings, { directory, env: { ...time.env, TZ: "Europe/Paris" } });
  await deliver(first, "evt_summer");
  await first.kill();
  time.set(now - HOUR);
  const second = await start(settings, { directory, env: { ...time.env, TZ: "Pacific/Kiritimati" } });
  it.after(async () => {
    await second.kill();
    hook.close();
    time.close();
  });
  await second.until((it) => it.code === "CLOCK_SET");
  await hook.for("evt_summer");
  assert.equal((await deliver(second, "evt_summer")).duplicate, true);
  const response = await fetch(`${second.url}/api/deliveries`, {
    headers: { authorization: `Bearer ${TOKEN}` },
  });
  const [delivery] = /** @type {any} */ (await response.json()).deliveries;
  assert.equal(delivery.received_at.slice(0, 16), "2026-10-25T00:30", "in UTC, wherever it is");
  for (const { time: written } of second.log) assert.match(written, /^2026-10-24T23:30:\d\d\.\d{3}Z$/);
});
