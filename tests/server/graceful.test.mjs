// How the server ends: asked to, asked twice, and by kill -9; and what the next start makes of what was left.

import assert from "node:assert/strict";
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { connect as dial } from "node:net";
import path from "node:path";
import { describe, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { freePort, within } from "../../scripts/serve.mjs";
import { standIn } from "../../scripts/stand-in.mjs";
import { SECRET, article, connect, sign, signed, trial } from "./connection.mjs";
import { start, temporary } from "./server.mjs";

const SETTINGS = {
  BLOGSHOOT_WEBHOOK_SECRET: SECRET,
  DEPLOY_SETTLE_SECONDS: "0",
  DEPLOY_MIN_GAP_SECONDS: "0",
};

/** What ends by itself has ended after this time, in milliseconds. */
const PROMPT = 5_000;
/** How long a step of a test may take, in milliseconds. */
const PATIENCE = 30_000;

const GRACEFUL = { status: 0, signal: null };

/**
 * Waits until something holds.
 *
 * @param {() => unknown} holds
 * @param {string} what
 */
async function eventually(holds, what) {
  const until = performance.now() + PATIENCE;
  while (!holds()) {
    assert.ok(performance.now() < until, `not within ${PATIENCE / 1000} s: ${what}`);
    await sleep(20);
  }
}

/** @param {number} port @returns {Promise<string>} */
const attempt = (port) =>
  new Promise((resolve) => {
    const socket = dial(port, "127.0.0.1", () => resolve("connected"));
    socket.on("error", (error) =>
      resolve(/** @type {NodeJS.ErrnoException} */ (error).code ?? error.message),
    );
    socket.on("connect", () => socket.destroy());
  });

/** Whether a process is there, and has not ended. @param {number} pid */
function alive(pid) {
  try {
    process.kill(pid, 0);
  } catch {
    return false;
  }
  // One that nobody has waited for yet has ended all the same.
  const status = existsSync(`/proc/${pid}/stat`) ? readFileSync(`/proc/${pid}/stat`, "latin1") : "";
  return !/\) Z /.test(status);
}

/**
 * Delivers an article, which must be accepted.
 *
 * @param {{ url: string }} server
 * @param {string} id
 */
async function publish({ url }, id) {
  const body = article(id);
  const headers = { "x-blogshoot-signature": sign(body), connection: "close" };
  const response = await fetch(`${url}/webhook`, { method: "POST", headers, body });
  assert.equal(response.status, 200, await response.text());
}

for (const signal of /** @type {const} */ (["SIGTERM", "SIGINT"])) {
  describe(`${signal}`, { concurrency: true }, () => {
    test("requests under way are answered, new connections refused, and what waits is done after the next start", async () => {
      /** @type {import("../../scripts/stand-in.mjs").Call[]} */
      const calls = [];
      const hook = await standIn((call) => calls.push(call));
      const directory = temporary();
      const settings = { ...SETTINGS, DEPLOY_HOOK_URL: hook.url, DEPLOY_SETTLE_SECONDS: "3" };
      const server = await start(settings, { directory });
      const body = article("evt_under_way");
      const request = signed(body);
      const cut = request.length - 10;
      const connections = Array.from({ length: 5 }, () => connect(server));
      await Promise.all(connections.map((it) => it.write(request.slice(0, cut))));
      await publish(server, "evt_before");
      const ended = server.stop(signal);
      await eventually(() => server.log.some((entry) => entry.code === "SERVER_STOPPING"), "it says so");
      assert.equal(await attempt(server.port), "ECONNREFUSED");
      await Promise.all(connections.map((it) => it.write(request.slice(cut))));
      for (const connection of connections) {
        assert.deepEqual(await connection.answers(), ["HTTP/1.1 200 OK"]);
        assert.equal(await connection.closed(5), "closed");
      }
      assert.deepEqual(await ended, GRACEFUL);
      assert.equal(calls.length, 0, "the deploy was not due yet");

      const next = await start(settings, { directory });
      await eventually(() => calls.length > 0, "the deploy hook is called");
      assert.deepEqual(JSON.parse(calls[0].body).event_ids.sort(), ["evt_before", "evt_under_way"]);
      assert.deepEqual(await next.stop(signal), GRACEFUL);
      assert.equal(calls.length, 1);
      hook.close();
    });

    test("idle connections do not hold it up", async () => {
      const server = await start(SETTINGS);
      const idle = connect(server);
      await idle.write(signed(trial("evt_idle")));
      await idle.answers();
      const silent = connect(server);
      const begun = connect(server);
      await begun.write("POST /webhook HTTP/1.1\nHost: loc");
      await sleep(100);
      const asked = performance.now();
      assert.deepEqual(await server.stop(signal), GRACEFUL);
      const took = performance.now() - asked;
      assert.ok(took < PROMPT, `it took ${took} ms`);
      for (const connection of [idle, silent, begun]) await connection.closed(1);
    });

    test("a second one ends it at once", async () => {
      const server = await start(SETTINGS);
      const connection = connect(server);
      await connection.write(signed(trial("evt_slow")).slice(0, -5));
      await sleep(100);
      const ended = server.stop(signal);
      await eventually(() => server.log.some((entry) => entry.code === "SERVER_STOPPING"), "it says so");
      assert.ok(alive(server.pid), "it waits for the request");
      const asked = performance.now();
      server.stop(signal);
      const end = await ended;
      const took = performance.now() - asked;
      assert.ok(took < PROMPT, `it took ${took} ms`);
      assert.notDeepEqual(end, GRACEFUL, "this was not graceful");
      connection.drop();
    });
  });
}

test("it starts again at once on the port that it had", async () => {
  const directory = temporary();
  const port = await freePort();
  for (let count = 0; count < 3; count++) {
    const server = await start(SETTINGS, { directory, port });
    await publish(server, `evt_${count}`);
    assert.deepEqual(await server.stop(), GRACEFUL);
  }
});

describe("what takes longer", { concurrency: true }, () => {
  test("a request that never ends holds it up for a time only", async () => {
    const server = await start(SETTINGS);
    const connection = connect(server);
    await connection.write(signed(trial("evt_never")).slice(0, -5));
    await sleep(100);
    // The status tells that not all could be finished.
    assert.deepEqual(await within(60_000, server.stop(), "it waits for ever"), { status: 1, signal: null });
    assert.equal(await connection.closed(1), "closed");
  });

  describe("a build under way", { concurrency: true }, () => {
    /** A site whose build tells of itself in the file `builds`, again and again until it is let go. */
    function site() {
      const directory = temporary();
      const file = (/** @type {string} */ name) => path.join(directory, name);
      // The child in the background is what a process group is for.
      const command = [
        "sleep 600 & helper=$!",
        'echo "begun $$ $helper" >> builds',
        'while [ ! -e go ]; do echo "busy $$" >> builds; sleep 0.05; done',
        "kill $helper",
        'echo "done $$" >> builds',
      ].join("; ");
      const lines = () => {
        const text = existsSync(file("builds")) ? readFileSync(file("builds"), "utf8") : "";
        return text.split("\n").map((line) => line.split(" "));
      };
      const of = (/** @type {string} */ word) => lines().filter((line) => line[0] === word);
      return {
        settings: { ...SETTINGS, REBUILD_COMMAND: command, SITE_DIR: directory },
        /** The processes of each build that has begun. */
        begun: () => of("begun").map(([, ...processes]) => processes.map(Number)),
        done: () => of("done").length,
        /** Whether a build has told of itself after the next had begun. */
        beside: () => {
          const order = lines().map(([, pid]) => pid);
          return order.some((pid, index) => pid && pid !== order[index - 1] && order.indexOf(pid) < index);
        },
        letGo: () => writeFileSync(file("go"), ""),
      };
    }

    test("is ended with all that it started when the server is asked to end, and run again", async () => {
      const it = site();
      const directory = temporary();
      const server = await start(it.settings, { directory });
      await publish(server, "evt_build");
      await eventually(() => it.begun().length === 1, "the build begins");
      const [first] = it.begun();
      assert.deepEqual(await within(PATIENCE, server.stop(), "it waits for the build"), GRACEFUL);
      await eventually(() => !first.some(alive), "nothing of the build is left");
      assert.equal(it.done(), 0);

      const next = await start(it.settings, { directory });
      await eventually(() => it.begun().length === 2, "the build is run again");
      it.letGo();
      await eventually(() => it.done() === 1, "the build is done");
      await next.until((entry) => entry.code === "PROCESSING_COMPLETE");
      assert.deepEqual(await next.stop(), GRACEFUL);
      assert.equal(it.begun().length, 2);
      assert.ok(!it.beside());
    });

    test("after kill -9 is run again, and never beside what was left of the first", async () => {
      const it = site();
      const directory = temporary();
      const server = await start(it.settings, { directory });
      await publish(server, "evt_build");
      await eventually(() => it.begun().length === 1, "the build begins");
      const [first] = it.begun();
      await server.kill();

      const next = await start(it.settings, { directory });
      // Whether the first is ended or waited for is not said here.
      const settled = performance.now() + 3_000;
      await eventually(
        () => it.begun().length === 2 || !first.some(alive) || performance.now() > settled,
        "the first has ended, or the second has begun",
      );
      if (first.some(alive)) it.letGo();
      await eventually(() => it.begun().length === 2, "the build is run again");
      it.letGo();
      await next.until((entry) => entry.code === "PROCESSING_COMPLETE");
      assert.ok(!it.beside(), "the first went on beside the second");
      await eventually(() => !it.begun().flat().some(alive), "nothing of either is left");
      assert.deepEqual(await next.stop(), GRACEFUL);
      assert.equal(it.begun().length, 2);
    });

    test("is ended by a second signal too", async () => {
      const it = site();
      const server = await start(it.settings);
      await publish(server, "evt_build");
      await eventually(() => it.begun().length === 1, "the build begins");
      const [first] = it.begun();
      const ended = server.stop();
      server.stop();
      await within(PROMPT, ended, "it waits for the build");
      await eventually(() => !first.some(alive), "nothing of the build is left");
    });
  });
});
