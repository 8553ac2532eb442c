// How soon after the quiet time a deploy leaves, in workerd itself and by the clock. The bar is a second for the median
// of twenty, which leaves room for a busy machine. Run by `node --test`.

import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { after, test } from "node:test";
import { within } from "../../scripts/serve.mjs";
import { standIn } from "../../scripts/stand-in.mjs";
import { SENDERS } from "../conformance/senders.mjs";
import { post } from "../conformance/wire.mjs";
import { prepare, start } from "../crash/worker.mjs";

const SECRET = "the secret of the latency test";
const ROUNDS = 20;
const SETTLE = 1000;

const directory = mkdtempSync(path.join(tmpdir(), "presshook-latency-"));
/** @type {(() => void | Promise<void>)[]} */
const running = [];
after(async () => {
  await Promise.all(running.map((end) => end()));
  rmSync(directory, { recursive: true, force: true });
});

test("a deploy leaves within a second of the quiet time, median of twenty", async (context) => {
  let called = (/** @type {number} */ _at) => {};
  const hook = await standIn(() => {}, { arrived: () => called(Date.now()) });
  running.push(hook.close);
  const prepared = await prepare(directory, {
    BLOGSHOOT_WEBHOOK_SECRET: SECRET,
    CLOUDFLARE_DEPLOY_HOOK: hook.url,
    DEPLOY_SETTLE_SECONDS: String(SETTLE / 1000),
    DEPLOY_MIN_GAP_SECONDS: "0",
  });
  let log = "";
  const { kill } = await start(prepared, (text) => (log += text));
  running.push(kill);

  const { payload, sign } = SENDERS.blogshoot;
  /** @type {number[]} */
  const late = [];
  for (let round = 1; round <= ROUNDS; round++) {
    const at = new Date();
    const event = {
      id: `evt-${round}`,
      kind: /** @type {const} */ ("updated"),
      article: "art-1",
      at,
      text: "",
    };
    const body = Buffer.from(payload(event));
    const arrived = new Promise((resolve) => (called = resolve));
    const outcome = await post(`${prepared.url}/api/webhook`, {
      headers: sign(SECRET, body, event.id, at, 1),
      body,
    });
    assert.equal(outcome.kind === "answered" && outcome.status, 200, log);
    // The quiet time began no earlier than this event was sent, so that this is the most it can be.
    late.push((await within(20_000, arrived, `no deploy call:\n${log}`)) - at.getTime() - SETTLE);
  }
  late.sort((one, other) => one - other);
  const median = (late[ROUNDS / 2 - 1] + late[ROUNDS / 2]) / 2;
  context.diagnostic(`after the quiet time: median ${median} ms, most ${late[ROUNDS - 1]} ms`);
  assert.ok(late[0] >= 0, `never before it: ${late}`);
  assert.ok(median < 1000, `median ${median} ms of ${late}`);
});
