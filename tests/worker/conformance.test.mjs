// The conformance suite against the Worker as `wrangler dev` serves it: over HTTP, with a host on loopback, and ended by
// SIGKILL and started again on the same storage. Run by `node --test`.

import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { after, test } from "node:test";
import { parse } from "smol-toml";
import { freePort, serve } from "../../scripts/serve.mjs";
import { ROOT } from "../../scripts/shell.mjs";
import { filesIn } from "../conformance/machine.mjs";
import { conformance } from "../conformance/suite.mjs";

const SECRETS = {
  blogshoot: "the secret of the conformance test",
  "standard-webhooks": `whsec_${Buffer.from("a key of twenty-four bytes").toString("base64")}`,
};

const TOKEN = "the token of the conformance test";

const directory = mkdtempSync(path.join(tmpdir(), "presshook-"));
/** @type {(() => Promise<void>)[]} */
const running = [];

after(async () => {
  await Promise.all(running.map((kill) => kill()));
  rmSync(directory, { recursive: true, force: true });
});

/**
 * The configuration of direct mode: without the binding of the inbox, since a setting of the same name does not win over
 * that.
 */
function direct() {
  const {
    durable_objects: _,
    migrations: __,
    ...config
  } = parse(readFileSync(path.join(ROOT, "wrangler.toml"), "utf8"));
  const build = { .../** @type {object} */ (config.build), cwd: ROOT };
  const file = path.join(directory, "direct.json");
  const main = path.join(ROOT, String(config.main));
  writeFileSync(file, JSON.stringify({ ...config, main, build, vars: { INBOX: "none" } }));
  return file;
}

/**
 * Serves the Worker with these settings beside those that every run has.
 *
 * @param {string} name
 * @param {string[]} more
 * @param {string[]} [options] of wrangler
 */
async function begin(name, more, options = []) {
  const [port, hookPort] = [await freePort(), await freePort()];
  const settings = path.join(directory, `${name}.env`);
  const storage = path.join(directory, name);
  mkdirSync(storage);
  const lines = [
    `BLOGSHOOT_WEBHOOK_SECRET="${SECRETS.blogshoot}"`,
    `STANDARD_WEBHOOKS_WEBHOOK_SECRET=${SECRETS["standard-webhooks"]}`,
    `CLOUDFLARE_DEPLOY_HOOK=http://127.0.0.1:${hookPort}/deploy-hook`,
    "LOG_LEVEL=debug",
    ...more,
  ];
  writeFileSync(settings, `${lines.join("\n")}\n`);

  let log = "";
  let kill = async () => {};
  running.push(() => kill());
  const start = async () => {
    const args = ["--env-file", settings, "--persist-to", storage, ...options];
    const served = serve(port, args, (text) => (log += text));
    kill = served.kill;
    await served.ready.catch((error) => assert.fail(`${error.message}\n${log}`));
  };
  await start();
  return {
    url: `http://127.0.0.1:${port}`,
    hookPort,
    log: () => log,
    restart: async () => {
      await kill();
      await start();
    },
    // The Durable Object's; wrangler keeps traces of all requests beside it.
    storage: filesIn(path.join(storage, "v3", "do")),
  };
}

/**
 * The outcome of each scenario, and every reason given.
 *
 * @param {import("../conformance/rig.mjs").Options} options
 */
async function outcomes(options) {
  /** @type {Record<string, string>} */
  const found = {};
  let reasons = "";
  for await (const { id, title, outcome, reason } of conformance(options)) {
    found[id] = outcome;
    if (reason) reasons += `${id} ${title}: ${outcome}: ${reason}\n`;
  }
  return { found, reasons };
}

/**
 * @param {string} outcome
 * @param {number[]} numbers
 */
const all = (outcome, numbers) =>
  Object.fromEntries(numbers.map((number) => [`SCN-${String(number).padStart(3, "0")}`, outcome]));

const EVERY = [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16];
/** What a second sender, of another kind of scheme, is put through: its times are signed and bounded. */
const OF_THE_SENDER = [1, 2, 7, 8, 9, 10, 11, 12];

test("direct mode passes what needs no memory, and fails the rest", async () => {
  const { storage: _, ...worker } = await begin("direct", [], ["--config", direct()]);
  const options = { ...worker, settleSeconds: 0, gapSeconds: 0, slackSeconds: 10 };
  const blogshoot = await outcomes({ ...options, secret: SECRETS.blogshoot });
  const timed = await outcomes({
    ...options,
    source: "standard-webhooks",
    secret: SECRETS["standard-webhooks"],
    only: Object.keys(all("", OF_THE_SENDER)),
  });
  const memory = all("failed", [2, 3, 5, 13, 14, 15]);
  assert.deepEqual(
    blogshoot.found,
    { ...all("passed", EVERY), ...all("skipped", [10]), ...memory },
    blogshoot.reasons,
  );
  assert.deepEqual(timed.found, { ...all("passed", OF_THE_SENDER), ...all("failed", [2]) }, timed.reasons);
});

test("with the inbox every scenario passes", async () => {
  const pace = ["DEPLOY_SETTLE_SECONDS=1", "DEPLOY_MIN_GAP_SECONDS=0"];
  const worker = await begin("durable", [...pace, `ADMIN_TOKEN=${TOKEN}`]);
  const options = { ...worker, settleSeconds: 1, gapSeconds: 0, adminToken: TOKEN };
  const blogshoot = await outcomes({ ...options, secret: SECRETS.blogshoot });
  const timed = await outcomes({
    ...options,
    source: "standard-webhooks",
    secret: SECRETS["standard-webhooks"],
    only: Object.keys(all("", OF_THE_SENDER)),
  });
  assert.deepEqual(blogshoot.found, { ...all("passed", EVERY), ...all("skipped", [10]) }, blogshoot.reasons);
  assert.deepEqual(timed.found, all("passed", OF_THE_SENDER), timed.reasons);
});
