// The conformance suite is itself put to the test: a correct receiver passes every scenario, and each broken one fails
// those that are about what it gets wrong, and no others.

import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import path from "node:path";
import { describe, test } from "node:test";
import { freePort } from "../../scripts/serve.mjs";
import { ROOT } from "../../scripts/shell.mjs";
import { BROKEN, receiver } from "../conformance/receivers.mjs";
import { conformance } from "../conformance/suite.mjs";

const SECRET = "the secret of the conformance test";
const TOLERANCE = 300;
/** Quick, because the receivers here are: a deploy is due 50 milliseconds after an event. */
const QUICK = {
  secret: SECRET,
  settleSeconds: 0.05,
  gapSeconds: 0,
  slackSeconds: 1.5,
  quietSeconds: 0.25,
  retrySeconds: 1,
  timeoutSeconds: 0.1,
};
const ALL = Array.from({ length: 16 }, (_, index) => index + 1);

/** @param {Partial<import("../conformance/receivers.mjs").Steps>} [steps] */
async function begin(steps) {
  const [port, hookPort] = [await freePort(), await freePort()];
  const hook = `http://127.0.0.1:${hookPort}/deploy-hook`;
  return { hookPort, it: await receiver({ port, secret: SECRET, hook, tolerance: TOLERANCE, steps }) };
}

/**
 * The outcomes of a run, by number of the scenario.
 *
 * @param {import("../conformance/rig.mjs").Options} options
 */
async function outcomes(options) {
  /** @type {Record<"passed" | "failed" | "skipped", number[]>} */
  const found = { passed: [], failed: [], skipped: [] };
  const reasons = [];
  for await (const { id, outcome, reason } of conformance(options)) {
    found[outcome].push(Number(id.slice(4)));
    if (reason) reasons.push(`${id} ${outcome}: ${reason}`);
  }
  return { ...found, reasons: reasons.join("\n") };
}

describe("the suite", { concurrency: 4 }, () => {
  test("passes a correct receiver", async () => {
    const { it, hookPort } = await begin();
    const { url, restart, log, storage } = it;
    const found = await outcomes({
      ...QUICK,
      url,
      hookPort,
      toleranceSeconds: TOLERANCE,
      restart,
      log,
      storage,
    });
    it.close();
    assert.deepEqual(found.passed, ALL, found.reasons);
  });

  test("passes nothing that it could not see, and says what it would need", async () => {
    const { it, hookPort } = await begin();
    const found = await outcomes({ ...QUICK, url: it.url, hookPort });
    it.close();
    assert.deepEqual([found.failed, found.skipped], [[], [10, 13, 15, 16]], found.reasons);
    for (const option of ["--tolerance-seconds", "--restart", "--log"]) {
      assert.ok(found.reasons.includes(option), found.reasons);
    }
  });

  test("takes no log and no storage for this receiver's that do not name the delivery", async () => {
    const { it, hookPort } = await begin();
    const options = { ...QUICK, url: it.url, hookPort, only: ["SCN-016"] };
    const log = await outcomes({ ...options, log: () => "another log" });
    const storage = await outcomes({ ...options, log: it.log, storage: () => [Buffer.from("another file")] });
    it.close();
    assert.match(log.reasons, /^SCN-016 skipped: the log does not name the delivery/);
    assert.match(storage.reasons, /^SCN-016 skipped: the storage does not hold the delivery/);
  });

  for (const [flaw, { steps, fails }] of Object.entries(BROKEN)) {
    test(`finds the receiver that ${flaw}`, async () => {
      const { it, hookPort } = await begin(steps);
      const { url, restart, log, storage } = it;
      const found = await outcomes({
        ...QUICK,
        url,
        hookPort,
        toleranceSeconds: TOLERANCE,
        restart,
        log,
        storage,
      });
      it.close();
      assert.deepEqual(found.failed, fails, found.reasons);
      assert.deepEqual(found.skipped, fails[0] === 1 ? ALL.slice(1) : [], found.reasons);
    });
  }
});
