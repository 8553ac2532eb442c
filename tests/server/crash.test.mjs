// Crashes of the native server: a few at random moments (`npm run test:crash -- server` makes two hundred), and those
// that cut off every call.

import assert from "node:assert/strict";
import { test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { within } from "../../scripts/serve.mjs";
import { standIn } from "../../scripts/stand-in.mjs";
import { post } from "../conformance/wire.mjs";
import { crash } from "../crash/run.mjs";
import { SECRET, article, sign } from "./connection.mjs";
import { start, temporary } from "./server.mjs";

test("nothing that was acknowledged is lost, and no call spins", () =>
  crash("server", process.env.CRASHES ?? 12));

test("a call that crashes cut off is made again later and later, however often the server starts", async (it) => {
  /** @type {(() => void)[]} */
  const listeners = [];
  let calls = 0;
  let answers = false;
  const hook = await standIn(() => {}, {
    arrived: () => {
      calls++;
      listeners.splice(0).forEach((tell) => tell());
      return answers ? undefined : new Promise(() => {});
    },
  });
  const call = () =>
    within(30_000, new Promise((resolve) => listeners.push(() => resolve(Date.now()))), "no call has come");

  const directory = temporary();
  const settings = {
    BLOGSHOOT_WEBHOOK_SECRET: SECRET,
    CLOUDFLARE_DEPLOY_HOOK: hook.url,
    DEPLOY_SETTLE_SECONDS: "0",
    DEPLOY_MIN_GAP_SECONDS: "0",
  };
  let server = await start(settings, { directory });
  it.after(() => server.kill().then(hook.close));
  const first = call();
  const body = Buffer.from(article("evt_cut_off"));
  const headers = { "x-blogshoot-signature": sign(body) };
  const outcome = await post(`${server.url}/api/webhook`, { headers, body });
  assert.equal(outcome.kind === "answered" && outcome.status, 200);
  await first;

  // The pauses are 2 and 10 seconds, give or take a tenth.
  for (const pause of [2_000, 10_000]) {
    await server.kill();
    const next = call();
    const cutOffAt = Date.now();
    for (let starts = 0; starts < 5; starts++) {
      server = await start(settings, { directory });
      await sleep(20);
      await server.kill();
    }
    if (pause === 10_000) answers = true;
    server = await start(settings, { directory });
    const waited = (await next) - cutOffAt;
    assert.ok(waited > pause * 0.85, `it was made again after ${waited} ms, not ${pause}`);
  }
  await server.until(({ code }) => code === "PROCESSING_COMPLETE");
  assert.equal(calls, 3);
});
