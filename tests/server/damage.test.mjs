// Databases that are damaged in every way that files get damaged: the server says so, never changes nor loses the
// damaged file, goes on with what can be read of it, and does once more what may have been lost.

import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { closeSync, openSync, readFileSync, readdirSync, rmSync, statSync } from "node:fs";
import { truncateSync, writeFileSync, writeSync } from "node:fs";
import path from "node:path";
import { describe, test } from "node:test";
import { promisify } from "node:util";
import { execFile } from "node:child_process";
import { within } from "../../scripts/serve.mjs";
import { standIn } from "../../scripts/stand-in.mjs";
import { SECRET, sign } from "./connection.mjs";
import { PROGRAM, Refused, start, temporary } from "./server.mjs";

const TOKEN = "a token of the owner's";
const PAGE = 4096;

/** @param {string} id */
const article = (id) =>
  JSON.stringify({
    event_id: id,
    event_type: "article.updated",
    timestamp: "2026-01-31T08:00:00Z",
    article: { id, title: id, slug: id, content: "Words. ".repeat(400) },
  });

/** @param {{ url: string }} server @param {string} id @returns {Promise<{ status: number, answer: any }>} */
async function deliver({ url }, id) {
  const body = article(id);
  const response = await fetch(`${url}/webhook`, {
    method: "POST",
    headers: { "x-blogshoot-signature": sign(body) },
    body,
  });
  return { status: response.status, answer: await response.json() };
}

/** @param {{ url: string }} server */
async function health({ url }) {
  const response = await fetch(`${url}/health?strict`);
  return { status: response.status, reason: /** @type {any} */ (await response.json()).reason };
}

/** A host that tells which events it was called for. */
async function host() {
  /** @type {Set<string>} */
  const events = new Set();
  /** @type {(() => void)[]} */
  const listeners = [];
  const { url, close } = await standIn(({ body }) => {
    const { event_id, event_ids = [] } = JSON.parse(body);
    for (const id of [event_id, ...event_ids]) events.add(id);
    listeners.splice(0).forEach((tell) => tell());
  });
  /** @param {string} id */
  const called = async (id) => {
    while (!events.has(id)) await new Promise((resolve) => listeners.push(() => resolve(undefined)));
  };
  return {
    url,
    close,
    events,
    /** @param {string} id */
    for: (id) => within(30_000, called(id), `no call has come for ${id}, but for ${[...events]}`),
  };
}

const hash = (/** @type {string} */ file) => createHash("sha256").update(readFileSync(file)).digest("hex");

/** What was put aside beside a database. @param {string} directory */
const aside = (directory) =>
  readdirSync(directory)
    .filter((name) => name.includes(".damaged-"))
    .sort()
    .map((name) => path.join(directory, name));

/** Writes over a part of a file. @param {string} file @param {number} from @param {number} length */
function overwrite(file, from, length) {
  const opened = openSync(file, "r+");
  writeSync(opened, Buffer.alloc(length, 0xab), 0, length, from);
  closeSync(opened);
}

/**
 * A server with many deliveries, which wait for an hour; ended, so that its database can be damaged.
 *
 * @param {import("node:test").TestContext} it
 * @param {"stop" | "kill"} end after a stop all is in the file, after a kill it is in the log beside it
 * @param {number} [count]
 * @param {number} [together] how many are sent at once; those that come together may be stored together
 */
async function filled(it, end, count = 120, together = 40) {
  const [directory, hook] = [temporary(), await host()];
  const settings = {
    BLOGSHOOT_WEBHOOK_SECRET: SECRET,
    CLOUDFLARE_DEPLOY_HOOK: hook.url,
    DEPLOY_SETTLE_SECONDS: "3600",
    DEPLOY_MAX_WAIT_SECONDS: "3600",
    DEPLOY_MIN_GAP_SECONDS: "0",
    ADMIN_TOKEN: TOKEN,
  };
  const server = await start(settings, { directory });
  for (let at = 0; at < count; at += together) {
    const ids = Array.from({ length: Math.min(together, count - at) }, (_, index) => `evt_${at + index}`);
    const answers = await Promise.all(ids.map((id) => deliver(server, id)));
    assert.ok(answers.every((it) => it.status === 200));
  }
  await server[end]();
  it.after(hook.close);
  const database = server.database;
  const begin = async () => {
    const begun = await start(settings, { directory });
    it.after(() => begun.kill());
    return begun;
  };
  return { directory, database, hook, settings, begin };
}

/** @param {string} directory @param {string} database */
const repair = (directory, database) =>
  promisify(execFile)(PROGRAM, ["repair"], {
    cwd: directory,
    env: { PATH: process.env.PATH, HOME: directory, DATABASE: database },
  });

/** @param {() => Promise<unknown>} begin @returns {Promise<Refused>} */
async function refused(begin) {
  const error = await begin().then(
    () => assert.fail("it started"),
    (error) => error,
  );
  assert.ok(error instanceof Refused, String(error));
  assert.equal(error.status, 2);
  return error;
}

/**
 * What a server that has repaired its database does: it tells of it, calls for what waited, and takes what comes.
 *
 * @param {Awaited<ReturnType<typeof filled>>} ground
 * @param {Awaited<ReturnType<Awaited<ReturnType<typeof filled>>["begin"]>>} server
 */
async function goesOn({ directory, hook }, server) {
  const again = await deliver(server, "evt_new");
  assert.equal(again.status, 200);
  assert.equal((await deliver(server, "evt_new")).answer.duplicate, true);
  const ill = await health(server);
  assert.equal(ill.status, 503);
  const [file] = aside(directory);
  assert.ok(ill.reason.includes("the database was damaged"), ill.reason);
  assert.ok(hook.events.size > 0);
  // Once its owner has moved it away, all is well.
  for (const file of aside(directory)) rmSync(file);
  const well = await health(server);
  assert.equal(well.status, 200, `${well.reason}; ${file}`);
}

describe("a damaged database", { concurrency: true }, () => {
  test("a file that is cut off is put aside, and what is left of it goes on", async (it) => {
    const ground = await filled(it, "stop");
    truncateSync(ground.database, Math.floor((statSync(ground.database).size * 0.6) / PAGE) * PAGE + 100);
    const before = hash(ground.database);
    const server = await ground.begin();
    const told = await server.until(({ code }) => code === "DATABASE_DAMAGED");
    assert.match(told.reason, /the database `.*presshook\.db` was damaged: .*each target is built once more/);
    assert.equal(aside(ground.directory)[0], told.aside);
    assert.equal(hash(told.aside), before, "the damaged file is as it was");
    assert.ok(told.rows_saved > 60, JSON.stringify(told));
    assert.ok(told.unread.includes("deliveries"), JSON.stringify(told));
    const called = await server.until(({ code }) => code === "REBUILD_TRIGGERED");
    assert.ok(called.events > 0, "what waited and could be read goes on");
    if (!told.unread.includes("keys"))
      assert.equal((await deliver(server, "evt_0")).answer.duplicate, true, "what was read is still known");
    await goesOn(ground, server);
  });

  test("a page that is damaged in the middle is found when it is read, and the same process goes on", async (it) => {
    const ground = await filled(it, "stop");
    overwrite(ground.database, Math.floor(statSync(ground.database).size / PAGE / 2) * PAGE, 2 * PAGE);
    const before = hash(ground.database);
    const server = await ground.begin();
    let cursor = "";
    for (let pages = 0; pages < 60 && !server.log.some(({ code }) => code === "DATABASE_DAMAGED"); pages++) {
      const address = `${server.url}/api/export${cursor && `?cursor=${cursor}`}`;
      const page = await fetch(address, { headers: { authorization: `Bearer ${TOKEN}` } });
      const text = await page.text();
      cursor = /"next":"([^"]+)"/.exec(text)?.[1] ?? "";
      if (page.status !== 200) break;
    }
    const told = await server.until(({ code }) => code === "DATABASE_DAMAGED");
    assert.equal(hash(told.aside), before, "the damaged file is as it was");
    assert.ok(told.rows_saved > 200, JSON.stringify(told));
    const called = await server.until(({ code }) => code === "REBUILD_TRIGGERED");
    assert.ok(called.events > 0, "what waited and could be read goes on");
    await goesOn(ground, server);
  });

  test("a file that is empty, with its log beside it, is read from the log", async (it) => {
    const ground = await filled(it, "kill", 40);
    truncateSync(ground.database, 0);
    const server = await ground.begin();
    const told = await server.until(({ code }) => code === "DATABASE_DAMAGED");
    assert.match(told.reason, /its file is empty/);
    assert.ok(aside(ground.directory).some((name) => name.endsWith("-wal")));
    assert.equal((await deliver(server, "evt_39")).answer.duplicate, true);
    await ground.hook.for("evt_39");
    await goesOn(ground, server);
  });

  test("an empty file begins anew, and that is told", async (it) => {
    const ground = await filled(it, "stop", 1);
    truncateSync(ground.database, 0);
    const server = await ground.begin();
    const told = await server.until(({ code }) => code === "DATABASE_DAMAGED");
    assert.match(told.reason, /its file is empty; nothing was in it, and it begins anew/);
    assert.equal((await deliver(server, "evt_0")).answer.duplicate, undefined);
    assert.equal((await health(server)).status, 200);
  });

  test("a log that is damaged is kept, and that something in it was lost is told", async (it) => {
    // One by one: the last that was stored may be what the machine was at when it lost its power, and is not told of.
    const ground = await filled(it, "kill", 40, 1);
    const log = `${ground.database}-wal`;
    overwrite(log, Math.floor(statSync(log).size / 2), 64);
    const before = hash(log);
    const server = await ground.begin();
    const told = await server.until(({ code }) => code === "DATABASE_DAMAGED");
    assert.match(told.reason, /its log `…-wal` is damaged, so that the last \d+ things .* cannot be read/);
    assert.equal(hash(told.aside), before);
    await server.until(({ code }) => code === "REBUILD_TRIGGERED");
    await goesOn(ground, server);
  });

  test("a beginning that is overwritten is left alone until its owner has it repaired", async (it) => {
    const ground = await filled(it, "stop");
    overwrite(ground.database, 0, 64);
    const before = hash(ground.database);
    for (let starts = 0; starts < 2; starts++) {
      const { said } = await refused(ground.begin);
      assert.match(said, /`.*presshook\.db` is no database, and was left as it is: .*`presshook repair`/);
    }
    assert.equal(hash(ground.database), before);
    const { stdout } = await repair(ground.directory, ground.database);
    assert.match(stdout, /was damaged: its file does not begin as a database does/);
    assert.match(stdout, /\d{3,} rows saved\n/);
    assert.ok(!stdout.includes("not read"), stdout);
    assert.equal(hash(aside(ground.directory)[0]), before);
    const whole = await repair(ground.directory, ground.database);
    assert.match(whole.stdout, /nothing is wrong with it/);
    const server = await ground.begin();
    assert.equal((await deliver(server, "evt_7")).answer.duplicate, true);
    // The owner was told to have it deployed.
    const deployed = await fetch(`${server.url}/api/targets/default/deploy`, {
      method: "POST",
      headers: { authorization: `Bearer ${TOKEN}` },
    });
    assert.equal(deployed.status, 200);
    await ground.hook.for("evt_119");
    await goesOn(ground, server);
  });

  test("a repair waits for the server's end", async (it) => {
    const ground = await filled(it, "stop", 1);
    await ground.begin();
    await assert.rejects(repair(ground.directory, ground.database), /another server uses the database/);
  });

  test("a file of another kind is left as it is", async () => {
    for (const bytes of [
      Buffer.concat([Buffer.from([0xff, 0xd8, 0xff, 0xe0]), Buffer.alloc(20_000, "JFIF")]),
      Buffer.from("not a database"),
    ]) {
      const directory = temporary();
      const database = path.join(directory, "presshook.db");
      writeFileSync(database, bytes);
      const begin = () => start({ BLOGSHOOT_WEBHOOK_SECRET: SECRET }, { directory });
      for (let starts = 0; starts < 2; starts++) {
        const { said } = await refused(begin);
        assert.match(
          said,
          /is no database, and was left as it is: if `DATABASE` is to be another file, set it/,
        );
      }
      assert.deepEqual(readFileSync(database), bytes);
      assert.deepEqual(aside(directory), []);
    }
  });
});
