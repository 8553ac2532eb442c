// Rebuilds on the server's own machine, over HTTP with signed events: real commands and real Git, what is run when, what
// an owner sees of it, and what a crash or a stop leaves.

import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { createHmac } from "node:crypto";
import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import path from "node:path";
import { after, describe, test } from "node:test";
import { standIn } from "../../scripts/stand-in.mjs";
import { get, together } from "../conformance/wire.mjs";
import { start, temporary } from "./server.mjs";

/** @typedef {import("./server.mjs").Server} Server */

const SECRET = "the secret of the rebuild test";
const TOKEN = "the token of the rebuild test";
const HOOK = "/the-hook-of-the-rebuild-test";
const AT_ONCE = { DEPLOY_SETTLE_SECONDS: "0", DEPLOY_MIN_GAP_SECONDS: "0" };
/** Waits until the test lets it go on. */
const WAIT = "until [ -e go ]; do sleep 0.02; done";

/** @type {(() => unknown)[]} */
const leftovers = [];
// Also where a test fails: a command that outlived its server goes on until it is let go.
after(() => Promise.all(leftovers.map((clear) => clear())));

/** The settings of a server with a site, whose directory is made. */
function site(/** @type {Record<string, string>} */ settings) {
  const directory = temporary();
  const place = path.join(directory, "site");
  mkdirSync(place);
  leftovers.push(() => writeFileSync(path.join(place, "go"), ""));
  const all = {
    BLOGSHOOT_WEBHOOK_SECRET: SECRET,
    ADMIN_TOKEN: TOKEN,
    SITE_DIR: place,
    ...AT_ONCE,
    ...settings,
  };
  return {
    place,
    directory,
    settings: all,
    async start(more = {}) {
      const server = await start({ ...all, ...more }, { directory });
      leftovers.push(() => server.kill());
      return server;
    },
    /** @param {string} name */
    read: (name) => readFileSync(path.join(place, name), "utf8"),
    /** @param {string} name */
    has: (name) => existsSync(path.join(place, name)),
    /** @param {string} name */
    write: (name, text = "") => writeFileSync(path.join(place, name), text),
  };
}

/**
 * Publishes articles at once.
 *
 * @param {Server} server
 * @param {string[]} ids
 */
async function publish(server, ids, article = {}) {
  const signed = ids.map((id) => {
    const event = { event_id: id, event_type: "article.created", timestamp: new Date().toISOString() };
    const body = Buffer.from(JSON.stringify({ ...event, article: { id, ...article } }));
    const signature = createHmac("sha256", SECRET).update(body).digest("hex");
    return { headers: { "X-BlogShoot-Signature": signature }, body };
  });
  for (const answer of await together(`${server.url}/webhook`, signed)) {
    assert.equal(answer.kind === "answered" && answer.status, 200, JSON.stringify(answer));
  }
}

/**
 * The delivery of an event, as its owner sees it.
 *
 * @param {Server} server
 * @param {string} event
 */
async function delivery(server, event) {
  const owner = { authorization: `Bearer ${TOKEN}` };
  const asked = async (/** @type {string} */ place) => {
    const answer = await get(server.url + place, owner);
    assert.equal(answer.kind === "answered" && answer.status, 200, JSON.stringify(answer));
    return answer.kind === "answered" ? answer.json : undefined;
  };
  // However many came after it.
  const { deliveries } = await asked(`/api/deliveries?q=${encodeURIComponent(event)}`);
  const { id } = deliveries.find((/** @type {any} */ it) => it.event_id === event);
  return asked(`/api/deliveries/${id}`);
}

/** @param {Server} server */
const coded = (server, /** @type {string} */ code) => server.log.filter((entry) => entry.code === code);

/**
 * Waits for so many entries of a code, and gives the last.
 *
 * @param {Server} server
 * @param {string} code
 */
const many = (server, code, count = 1) => {
  let seen = 0;
  return server.until((entry) => entry.code === code && ++seen === count);
};

/** Whether a process is there, and not only waits to be noticed as ended. */
function lives(/** @type {string | number} */ id) {
  try {
    return !execFileSync("ps", ["-o", "stat=", "-p", String(id)], { encoding: "utf8" }).startsWith("Z");
  } catch {
    return false;
  }
}

/** @param {() => boolean} condition */
async function until(condition, milliseconds = 20_000) {
  const end = Date.now() + milliseconds;
  while (!condition()) {
    assert.ok(Date.now() < end, `not so in time: ${condition}`);
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}

describe("a rebuild on the machine", { concurrency: 4 }, () => {
  test("a burst is one run, and the edits during a run are one more", async () => {
    const here = site({
      REBUILD_COMMAND: `echo "$PRESSHOOK_EVENT_COUNT" >> runs; ${WAIT}`,
      DEPLOY_SETTLE_SECONDS: "1",
    });
    const server = await here.start();
    await publish(
      server,
      Array.from({ length: 10 }, (_, at) => `first-${at}`),
    );
    await many(server, "PROGRAM_STARTED");
    const later = Array.from({ length: 5 }, (_, at) => `later-${at}`);
    await publish(server, later.slice(0, 3));
    await publish(server, later.slice(3));
    await until(() => here.has("runs"));
    assert.equal(here.read("runs"), "10\n");
    here.write("go");
    await many(server, "PROGRAM_ENDED", 2);
    await many(server, "REBUILD_TRIGGERED", 2);
    assert.equal(here.read("runs"), "10\n5\n");
    for (const event of ["first-0", "first-9", ...later]) {
      const { jobs } = await delivery(server, event);
      assert.deepEqual(
        jobs.map((/** @type {any} */ job) => [job.state, job.attempts.length]),
        [["done", 1]],
      );
    }
    // Nothing is left to do.
    assert.deepEqual(coded(server, "DEPLOY_QUEUED").length, 2);
    await server.stop();
    assert.equal(here.read("runs"), "10\n5\n");
  });

  test("a command that fails is run again, and its owner sees what it printed last", async () => {
    const here = site({
      REBUILD_COMMAND:
        "yes 'a line of a build' | head -n 6000; echo the end; [ -e tried ] || { touch tried; exit 3; }",
    });
    const server = await here.start();
    await publish(server, ["event"]);
    const { reason } = await many(server, "JOB_RETRY");
    assert.match(
      reason,
      /^`REBUILD_COMMAND` ended with status 3; what it printed last is kept with the attempt/,
    );
    await many(server, "REBUILD_TRIGGERED");
    const { jobs } = await delivery(server, "event");
    assert.equal(jobs.length, 1);
    const [first, second] = jobs[0].attempts;
    assert.deepEqual([first.outcome, second.outcome], ["failed", "accepted"]);
    for (const { detail } of [first, second]) {
      const printed = detail.slice(detail.indexOf("line of a build"));
      assert.ok(printed.length > 8000 && printed.length <= 8192, String(printed.length));
      assert.ok(detail.endsWith("a line of a build\nthe end\n"), detail.slice(-100));
    }
    assert.ok(first.detail.startsWith(reason), first.detail.slice(0, 100));
    await server.stop();
  });

  test("a command that is not there is not run again", async () => {
    const server = await site({ REBUILD_COMMAND: "presshook-no-such-command --build" }).start();
    await publish(server, ["event"]);
    const { reason } = await many(server, "JOB_DEAD");
    assert.match(
      reason,
      /^`REBUILD_COMMAND` ended with status 127: the shell does not find it, `PATH` may differ/,
    );
    await server.stop();
  });

  test("what it prints is in the log while it runs", async () => {
    const here = site({ REBUILD_COMMAND: `echo first; echo problem >&2; ${WAIT}; printf last` });
    const server = await here.start();
    await publish(server, ["event"]);
    await server.until((entry) => entry.code === "PROGRAM_OUTPUT" && entry.line === "problem");
    assert.deepEqual(coded(server, "PROGRAM_ENDED"), []);
    here.write("go");
    await many(server, "REBUILD_TRIGGERED");
    assert.deepEqual(
      coded(server, "PROGRAM_OUTPUT").map(({ target, program, line }) => [target, program, line]),
      ["first", "problem", "last"].map((line) => ["default", "REBUILD_COMMAND", line]),
    );
    await server.stop();
  });

  test("one that hangs is ended in time, with all that it started", async () => {
    const here = site({
      REBUILD_COMMAND: "[ -e hung ] && exit; touch hung; sleep 600 & echo $!; wait",
      REBUILD_TIMEOUT_SECONDS: "1",
    });
    const server = await here.start();
    await publish(server, ["event"]);
    const { line } = await many(server, "PROGRAM_OUTPUT");
    assert.ok(lives(line));
    const { reason } = await many(server, "JOB_RETRY");
    assert.match(reason, /took longer than the 1 s of `REBUILD_TIMEOUT_SECONDS` and was ended/);
    assert.ok(!lives(line));
    await many(server, "REBUILD_TRIGGERED");
    await server.stop();
  });

  test("a site is pulled, then built, then deployed; a failure ends it there", async () => {
    /** @type {string[]} */
    const calls = [];
    const host = await standIn(({ url }) => calls.push(url));
    const here = site({
      GIT_AUTO_PULL: "true",
      REBUILD_COMMAND: 'cat page; [ "$(cat page)" != broken ]',
      DEPLOY_HOOK_URL: new URL(HOOK, host.url).href,
    });
    const own = path.join(here.directory, "gitconfig");
    writeFileSync(
      own,
      "[user]\nname = Writer\nemail = writer@example.com\n[init]\ndefaultBranch = main\n[gc]\nauto = 0\n",
    );
    const environment = { ...process.env, GIT_CONFIG_GLOBAL: own, GIT_CONFIG_NOSYSTEM: "1" };
    const git = (/** @type {string[]} */ ...args) =>
      execFileSync("git", args, { cwd: here.directory, env: environment, stdio: "pipe" });
    const write = (/** @type {string} */ text) => {
      writeFileSync(path.join(here.directory, "writer", "page"), text);
      git("-C", "writer", "add", ".");
      git("-C", "writer", "commit", "-qm", text);
      git("-C", "writer", "push", "-q", "origin", "main");
    };
    git("init", "-q", "--bare", "origin.git");
    git("clone", "-q", "origin.git", "writer");
    write("one");
    git("clone", "-q", "origin.git", "site");
    write("two");

    const server = await here.start({ GIT_CONFIG_GLOBAL: own, GIT_CONFIG_NOSYSTEM: "1" });
    await publish(server, ["good"]);
    await many(server, "REBUILD_TRIGGERED");
    const done = ["git for-each-ref", "git pull", "REBUILD_COMMAND"];
    assert.deepEqual(
      coded(server, "PROGRAM_ENDED").map(({ program }) => program),
      done,
    );
    assert.deepEqual([here.read("page"), calls], ["two", [HOOK]]);

    write("broken");
    await publish(server, ["bad"]);
    await many(server, "JOB_RETRY");
    assert.deepEqual([here.read("page"), calls], ["broken", [HOOK]]);
    const [job] = (await delivery(server, "bad")).jobs;
    assert.match(job.attempts[0].detail, /^`REBUILD_COMMAND` ended with status 1.*\nbroken$/s);

    // Pulled anew, the same job succeeds; and what is in the way of a pull is said.
    write("three");
    await many(server, "REBUILD_TRIGGERED", 2);
    assert.deepEqual([here.read("page"), calls], ["three", [HOOK, HOOK]]);
    write("four");
    here.write("page", "mine");
    await publish(server, ["conflict"]);
    const { reason } = await many(server, "JOB_RETRY", 2);
    assert.match(reason, /^`git pull` failed: files in `SITE_DIR` were changed there/);
    assert.deepEqual([here.read("page"), calls.length], ["mine", 2]);
    await server.stop();
    host.close();
  });

  test("targets are built beside each other, each in its own directory", async () => {
    const here = site({});
    const shop = path.join(here.directory, "shop");
    mkdirSync(shop);
    const server = await here.start({
      // Each waits for the other to have begun.
      REBUILD_COMMAND: "touch began; until [ -e ../shop/began ]; do sleep 0.02; done",
      REBUILD_COMMAND__SHOP: "touch began; until [ -e ../site/began ]; do sleep 0.02; done; exit 4",
      SITE_DIR__SHOP: shop,
    });
    await publish(server, ["event"]);
    const { target } = await many(server, "REBUILD_TRIGGERED");
    const failed = await many(server, "JOB_RETRY");
    assert.deepEqual([target, failed.target], ["default", "shop"]);
    await server.stop();
  });

  test("secrets are neither in its environment nor in the log, and nothing that was sent is run", async () => {
    const title = "$(touch run); `touch run`; \"'\n touch run";
    const here = site({ REBUILD_COMMAND: `env > environment; cat > input; echo "$PRESSHOOK_ARTICLE_TITLE"` });
    const server = await here.start({ DEPLOY_HOOK_URL: `http://127.0.0.1:9${HOOK}`, NODE_OPTIONS: "--own" });
    await publish(server, ["event"], { title });
    await many(server, "JOB_RETRY");
    const environment = here.read("environment");
    for (const secret of [SECRET, TOKEN, HOOK, "WEBHOOK_SECRET", "ADMIN_TOKEN", "DEPLOY_HOOK_URL"]) {
      assert.ok(!environment.includes(secret), `${secret} is in the environment`);
    }
    assert.match(environment, /^NODE_OPTIONS=--own$/m);
    assert.match(environment, /^PRESSHOOK_EVENT_ID=event$/m);
    for (const secret of [SECRET, TOKEN, HOOK]) {
      assert.ok(!server.output().includes(secret), `${secret} is in the log`);
      assert.ok(!here.read("input").includes(secret), `${secret} is in the input`);
    }
    assert.equal(JSON.parse(here.read("input")).events[0].item.title, title);
    assert.deepEqual(
      coded(server, "PROGRAM_OUTPUT").map(({ line }) => line),
      title.split("\n"),
    );
    assert.ok(!here.has("run"), "a title was run");
    await server.stop();
  });

  test("a run that outlives its server is waited for, and then there is one more", async () => {
    const here = site({ REBUILD_COMMAND: `echo begun >> runs; ${WAIT}; echo done >> runs` });
    const first = await here.start();
    await publish(first, ["event"]);
    await until(() => here.has("runs"));
    await first.kill();
    const server = await here.start();
    await server.until(
      ({ code, reason }) => code === "JOB_RETRY" && reason.includes("waits: an earlier run is still going"),
    );
    assert.equal(here.read("runs"), "begun\n");
    here.write("go");
    await until(() => here.read("runs") === "begun\ndone\n");
    // The next try is some seconds away; an event makes it at once.
    await publish(server, ["next"]);
    await many(server, "REBUILD_TRIGGERED");
    assert.equal(here.read("runs"), "begun\ndone\nbegun\ndone\n");
    await server.stop();
  });

  test("a stop ends the run first, and the next start runs it again", async () => {
    const here = site({ REBUILD_COMMAND: `echo begun >> runs; echo $$; ${WAIT}; echo done >> runs` });
    const first = await here.start();
    await publish(first, ["event"]);
    const { line } = await many(first, "PROGRAM_OUTPUT");
    const end = await first.stop();
    assert.deepEqual(end, { status: 0, signal: null });
    assert.ok(!lives(line));
    assert.equal(coded(first, "PROGRAM_ENDED").length, 1);
    here.write("go");
    const server = await here.start();
    await many(server, "REBUILD_TRIGGERED");
    assert.equal(here.read("runs"), "begun\nbegun\ndone\n");
    await server.stop();
  });

  test("a flood of output takes no memory, and displaces nothing else from the log", async () => {
    const here = site({
      REBUILD_COMMAND:
        "head -c 30000000 /dev/zero | tr '\\0' x; echo; " +
        "yes 'a line of a very talkative build, of a hundred bytes or so' | head -n 100000; echo the end",
      DEPLOY_MIN_GAP_SECONDS: "60",
    });
    const server = await here.start();
    const kilobytes = () =>
      Number(execFileSync("ps", ["-o", "rss=", "-p", String(server.pid)], { encoding: "utf8" }));
    await publish(server, ["the first"]);
    await many(server, "PROGRAM_STARTED");
    const before = kilobytes();
    let most = before;
    let published = 1;
    const end = Date.now() + 60_000;
    while (coded(server, "PROGRAM_ENDED").length === 0) {
      assert.ok(Date.now() < end, "its end is not in the log");
      await publish(server, [String(published++)]);
      most = Math.max(most, kilobytes());
    }
    await many(server, "REBUILD_TRIGGERED");
    assert.ok(most - before < 20_000, `${before} KB before, ${most} KB at most`);
    assert.ok(coded(server, "LOG_DROPPED").length > 0);
    assert.equal(coded(server, "WEBHOOK_RECEIVED").length, published);
    assert.equal(coded(server, "SIGNATURE_VERIFIED").length, published);
    const [job] = (await delivery(server, "the first")).jobs;
    assert.ok(job.attempts[0].detail.endsWith(" so\nthe end\n"), job.attempts[0].detail.slice(-100));
    await server.stop();
  });
});
