// The conformance suite is itself put to the test: a correct receiver passes every scenario, and each broken one fails
// those that are about what it gets wrong, and no others.

import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { mkdirSync, mkdtempSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
import { tmpdir } from "node:os";
import path from "node:path";
import { describe, test } from "node:test";
import { freePort, listening } from "../../scripts/serve.mjs";
import { ROOT } from "../../scripts/shell.mjs";
import { BROKEN, OWNER, receiver } from "../conformance/receivers.mjs";
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
 * Every option.
 *
 * @param {Awaited<ReturnType<typeof receiver>>} it
 */
const everything = ({ url, restart, log, storage }) => ({
  ...QUICK,
  url,
  restart,
  log,
  storage,
  adminToken: OWNER,
  toleranceSeconds: TOLERANCE,
});

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

describe("the suite", { concurrency: 10 }, () => {
  test("passes a correct receiver", async () => {
    const { it, hookPort } = await begin();
    const found = await outcomes({ ...everything(it), hookPort });
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
    const options = { ...everything(it), hookPort, only: ["SCN-016"] };
    const log = await outcomes({ ...options, log: () => "another log" });
    const list = await outcomes({ ...options, adminToken: undefined });
    const storage = await outcomes({ ...options, storage: () => [Buffer.from("another file")] });
    it.close();
    assert.match(log.reasons, /^SCN-016 skipped: the log does not name the delivery/);
    assert.match(list.reasons, /^SCN-016 skipped: the owner's pages were not looked at/);
    assert.match(storage.reasons, /^SCN-016 skipped: the storage does not hold the delivery/);
  });

  for (const [flaw, { steps, fails }] of Object.entries(BROKEN)) {
    test(`finds the receiver that ${flaw}`, async () => {
      const { it, hookPort } = await begin(steps);
      const found = await outcomes({ ...everything(it), hookPort });
      it.close();
      assert.deepEqual(found.failed, fails, found.reasons);
      assert.deepEqual(found.skipped, fails[0] === 1 ? ALL.slice(1) : [], found.reasons);
    });
  }
});

describe("npm run conformance", { concurrency: true }, () => {
  /**
   * @param {string[]} args
   * @param {Record<string, string>} [settings]
   * @returns {Promise<{ status: number, out: string, err: string }>}
   */
  const run = (args, settings = {}) =>
    new Promise((resolve, reject) => {
      const script = path.join(ROOT, "tests", "conformance", "run.mjs");
      const child = spawn(process.execPath, [script, ...args], { env: { ...process.env, ...settings } });
      let [out, err] = ["", ""];
      child.stdout.setEncoding("utf8").on("data", (text) => (out += text));
      child.stderr.setEncoding("utf8").on("data", (text) => (err += text));
      child.on("error", reject).on("close", (status) => resolve({ status: status ?? -1, out, err }));
    });

  /** @param {Partial<import("../conformance/receivers.mjs").Steps>} [steps] */
  const against = async (steps) => {
    const { it, hookPort } = await begin(steps);
    const quick = ["--hook-port", `${hookPort}`, "--settle-seconds", "0.05", "--gap-seconds", "0"];
    const ids = "SCN-001,scn-007,SCN-013,SCN-016";
    const secret = { BLOGSHOOT_WEBHOOK_SECRET: SECRET, ADMIN_TOKEN: OWNER };
    const ran = await run([it.url, ...quick, "--only", ids], secret);
    it.close();
    return ran;
  };

  test("tells the outcome of each scenario in a line, and the sum", async () => {
    const { status, out } = await against();
    assert.equal(
      out,
      `SCN-001 single valid delivery: passed
SCN-007 no signature: passed
SCN-013 the receiver restarts between attempts: skipped: it restarts the receiver: give --restart
SCN-016 redaction canary: skipped: nothing leaked into answers and deploy calls; for the log give --log
2 passed, 0 failed, 2 skipped
`,
    );
    assert.equal(status, 0);
  });

  test("says why a scenario failed, and ends with status 1", async () => {
    const { status, out } = await against(BROKEN["accepts what is not signed"].steps);
    assert.match(
      out,
      /^SCN-007 no signature: failed: a delivery without a signature must be refused with 401: /m,
    );
    assert.match(out, /^1 passed, 1 failed, 2 skipped$/m);
    assert.equal(status, 1);
  });

  test("restarts with a command and reads the log and the storage from files", async () => {
    const { it, hookPort } = await begin();
    const directory = mkdtempSync(path.join(tmpdir(), "presshook-"));
    const [log, storage] = [path.join(directory, "log"), path.join(directory, "storage")];
    mkdirSync(storage);
    const whole = path.join(directory, "whole");
    /**
     * Another process reads the file, and must never see half of it.
     *
     * @param {string} to
     * @param {Buffer} content
     */
    const replace = (to, content) => {
      writeFileSync(whole, content);
      renameSync(whole, to);
    };
    const keep = setInterval(() => {
      // The storage comes first: what the log names must be there.
      replace(path.join(storage, "deliveries"), Buffer.concat(it.storage()));
      replace(log, Buffer.from(it.log()));
    }, 20);
    // The receiver lives in this process, so the command asks it to restart over HTTP.
    const control = createServer(async (_, response) => response.end(String(await it.restart())));
    const at = await listening(control);
    const restart = `"${process.execPath}" -e "fetch('http://127.0.0.1:${at}')"`;
    const quick = ["--hook-port", `${hookPort}`, "--settle-seconds", "0.05", "--gap-seconds", "0"];
    const seen = ["--restart", restart, "--log", log, "--storage", storage, "--admin-token", OWNER];
    const ran = await run([it.url, "--secret", SECRET, ...quick, ...seen, "--only", "SCN-013,SCN-016"]);
    clearInterval(keep);
    control.close();
    it.close();
    rmSync(directory, { recursive: true });
    assert.match(ran.out, /^2 passed, 0 failed, 0 skipped$/m, ran.out + ran.err);
  });

  test("stops at the first scenario where nothing listens", async () => {
    const [port, hookPort] = [await freePort(), await freePort()];
    const url = `http://127.0.0.1:${port}`;
    const { status, out } = await run([url, "--secret", SECRET, "--hook-port", `${hookPort}`]);
    assert.match(out, /^SCN-001 .*: failed: its health is not told: .*ECONNREFUSED/m);
    assert.match(out, /^0 passed, 1 failed, 15 skipped$/m);
    assert.equal(status, 1);
  });

  test("explains itself, and wrong options", async () => {
    const help = await run(["--help"]);
    assert.equal(help.status, 0);
    for (const args of [
      [],
      ["127.0.0.1:8787"],
      ["http://127.0.0.1:8787", "--secret", SECRET, "--source", "nobody"],
      ["http://127.0.0.1:8787", "--secret", SECRET, "--only", "SCN-017"],
      ["http://127.0.0.1:8787", "--secret", SECRET, "--settle-seconds", "soon"],
      ["http://127.0.0.1:8787", "--secret", SECRET, "--unknown"],
      ["http://127.0.0.1:8787", "--source", "standard-webhooks"],
    ]) {
      const { status, err } = await run(args, { STANDARD_WEBHOOKS_WEBHOOK_SECRET: "" });
      assert.equal(status, 2, args.join(" "));
      assert.match(err, /^conformance: .+\n.*--help/, args.join(" "));
    }
  });
});
