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
import { INBOX, RIGHT, WITH_INBOX, all, outcomes, settings } from "../conformance/edge.mjs";
import { filesIn } from "../conformance/machine.mjs";

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
 * @param {Record<string, string>} more
 * @param {string[]} [options] of wrangler
 */
async function begin(name, more, options = []) {
  const [port, hookPort] = [await freePort(), await freePort()];
  const file = path.join(directory, `${name}.env`);
  const storage = path.join(directory, name);
  mkdirSync(storage);
  const lines = Object.entries({ ...settings(hookPort), ...more }).map(
    ([key, value]) => `${key}="${value}"\n`,
  );
  writeFileSync(file, lines.join(""));

  let log = "";
  let kill = async () => {};
  running.push(() => kill());
  const start = async () => {
    const args = ["--env-file", file, "--persist-to", storage, ...options];
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

test("direct mode passes what needs no memory, and fails the rest", async () => {
  const { storage: _, ...worker } = await begin("direct", {}, ["--config", direct()]);
  const options = { ...worker, settleSeconds: 0, gapSeconds: 0, slackSeconds: 10 };
  const blogshoot = await outcomes("blogshoot", options);
  const timed = await outcomes("standard-webhooks", options);
  // BlogShoot's times are not bounded here.
  const memory = { ...all("failed", [2, 3, 5, 13, 14, 15]), ...all("skipped", [10]) };
  assert.deepEqual(blogshoot.found, { ...RIGHT.blogshoot, ...memory }, blogshoot.reasons);
  assert.deepEqual(timed.found, { ...RIGHT["standard-webhooks"], ...all("failed", [2]) }, timed.reasons);
});

test("with the inbox every scenario passes", async () => {
  const worker = await begin("durable", INBOX);
  for (const source of /** @type {const} */ (["blogshoot", "standard-webhooks"])) {
    const { found, reasons } = await outcomes(source, { ...worker, ...WITH_INBOX });
    assert.deepEqual(found, RIGHT[source], reasons);
  }
});
