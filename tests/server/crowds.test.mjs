// Many connections at once, and many failures: what is shared out is shared out fairly.

import assert from "node:assert/strict";
import { spawn, spawnSync } from "node:child_process";
import { chmodSync, writeFileSync } from "node:fs";
import path from "node:path";
import { createInterface } from "node:readline";
import { describe, test } from "node:test";
import { fileURLToPath } from "node:url";
import { within } from "../../scripts/serve.mjs";
import { SECRET, article, connect, deliver, sign, signed } from "./connection.mjs";
import { PROGRAM, compile, start, temporary } from "./server.mjs";

/** @typedef {import("./server.mjs").Server} Server */

const SETTINGS = { BLOGSHOOT_WEBHOOK_SECRET: SECRET };
const HOLD = fileURLToPath(new URL("hold.mjs", import.meta.url));
/** The most that a sender may have to wait, in milliseconds: the most impatient one gives up then. */
const PROMPT = 5_000;

/** How many files a process may have open here, and so how many connections. */
const hard = spawnSync("sh", ["-c", "ulimit -Hn"], { encoding: "utf8" }).stdout.trim();
const MOST = Math.min(10_000, hard === "unlimited" ? Infinity : Number(hard) - 500);

/**
 * Holds so many idle connections while something is done.
 *
 * @param {Server} server
 * @param {number} count
 * @param {(still: () => Promise<number>) => Promise<void>} meanwhile `still` counts those that are still there
 */
async function holding(server, count, meanwhile) {
  const child = spawn(process.execPath, [HOLD, String(server.port), String(count)], {
    stdio: ["pipe", "pipe", "inherit"],
  });
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  const next = async () => Number(/^held (\d+)$/.exec((await lines.next()).value)?.[1]);
  try {
    assert.equal(await within(60_000, next(), `${count} connections could not be opened`), count);
    await meanwhile(() => {
      child.stdin.write("\n");
      return next();
    });
  } finally {
    child.stdin.end();
    await new Promise((resolve) => child.on("close", resolve));
  }
}

describe("idle connections", () => {
  const title = `deliveries are answered while ${MOST} of them are there`;
  const reason = `the system allows only ${hard} open files (ulimit -Hn)`;
  test(MOST < 10_000 ? `${title}: ${reason}` : title, async () => {
    assert.ok(MOST >= 1_000, `too few to test anything: ${reason}`);
    const server = await start(SETTINGS);
    await holding(server, MOST, async (still) => {
      for (let count = 0; count < 20; count++) {
        const took = await deliver(server);
        assert.ok(took < PROMPT, `a delivery took ${took} ms`);
      }
      assert.equal(await still(), MOST, "all were there meanwhile");
    });
    assert.deepEqual(await server.stop(), { status: 0, signal: null });
  });

  test("the server raises the limit of open files that a shell starts it with", async () => {
    const limited = path.join(temporary(), "limited");
    await compile();
    writeFileSync(limited, `#!/bin/sh\nulimit -Sn 256\nexec '${PROGRAM}' "$@"\n`);
    chmodSync(limited, 0o755);
    const server = await start(SETTINGS, { program: limited });
    const count = Math.min(MOST, 1_000);
    await holding(server, count, async (still) => {
      await deliver(server);
      assert.equal(await still(), count);
    });
    await server.stop();
  });
});

test("long bodies that never end leave room for others, and memory to the machine", async () => {
  const server = await start(SETTINGS);
  const long = article("evt_long").padEnd(1_000_000);
  const publish = async () => {
    const connection = connect(server);
    await connection.write(signed(long));
    const [status] = await connection.answers();
    connection.drop();
    return status ?? "";
  };
  assert.equal(await publish(), "HTTP/1.1 200 OK");
  const head = "POST /webhook HTTP/1.1\nHost: localhost\nContent-Length: 1000000\n\n";
  const part = Buffer.alloc(950_000, "x");
  const connections = [];
  // Until there is no more room: 256 MiB.
  while (connections.length < 400) {
    const connection = connect(server);
    connections.push(connection);
    await connection.write(head);
    await connection.write(part);
    if (connections.length > 270 && (await publish()).includes(" 503 ")) break;
  }
  const full = connections.length;
  assert.ok(full > 270 && full < 300, `${full} were let in`);
  for (let count = 0; count < 10; count++) {
    const took = await deliver(server);
    assert.ok(took < PROMPT, `a delivery took ${took} ms`);
  }
  const refused = connect(server);
  await refused.write(signed(long));
  await refused.answers();
  assert.match(refused.text(), /^HTTP\/1\.1 503 [^]*\r\nretry-after: 5\r\n/i);
  refused.drop();
  connections.forEach((it) => it.drop());
  await server.until(() => server.log.filter((entry) => entry.status === 400).length > 250);
  assert.equal(await publish(), "HTTP/1.1 200 OK", "the room is there again");
  assert.deepEqual(await server.stop(), { status: 0, signal: null });
});

describe("failed signatures", () => {
  /**
   * @param {Server} server
   * @param {{ forwarded?: string, body?: string, signature?: string }} [request]
   */
  async function post(server, { forwarded, body = article("evt_1"), signature = "0".repeat(64) } = {}) {
    const response = await fetch(`${server.url}/webhook`, {
      method: "POST",
      headers: {
        "x-blogshoot-signature": signature,
        ...(forwarded ? { "x-forwarded-for": forwarded } : {}),
      },
      body,
    });
    return [response.status, response.headers.get("retry-after"), await response.text()];
  }

  const refused = [401, null, '{"error":"Invalid signature"}'];
  const limited = [429, "60", '{"error":"Too many requests"}'];

  /** @param {Server} server @param {string} [forwarded] */
  async function exhaust(server, forwarded) {
    for (let count = 1; count <= 100; count++) {
      assert.deepEqual(await post(server, { forwarded }), refused, `failure ${count}`);
    }
    assert.deepEqual(await post(server, { forwarded }), limited);
  }

  test("a hundred a minute are answered, and no sender that is verified is shut out", async () => {
    const server = await start(SETTINGS);
    await exhaust(server);
    const body = article("evt_2");
    for (let count = 0; count < 3; count++) {
      const [status, , text] = await post(server, { body, signature: sign(body) });
      assert.equal(status, 200, String(text));
    }
    // A payload that cannot be read was verified all the same.
    const [status] = await post(server, { body: "[]", signature: sign("[]") });
    assert.equal(status, 400);
    assert.deepEqual(await post(server), limited);
    const health = await fetch(`${server.url}/health`);
    assert.equal(health.status, 200);
    await server.until((entry) => entry.code === "WEBHOOK_REJECTED" && entry.address === "127.0.0.1");
    await server.stop();
  });

  test("behind a trusted proxy each client is counted by itself", async () => {
    const server = await start(SETTINGS);
    await exhaust(server, "203.0.113.5");
    assert.deepEqual(await post(server, { forwarded: "203.0.113.6" }), refused);
    assert.deepEqual(await post(server, { forwarded: "203.0.113.6, 203.0.113.5" }), limited);
    assert.deepEqual(await post(server), refused, "nor is the proxy itself limited");
    await server.until((entry) => entry.code === "SIGNATURE_FAILED" && entry.address === "203.0.113.6");
    await server.stop();
  });

  test("nobody else's word counts", async () => {
    const server = await start({ ...SETTINGS, TRUSTED_PROXIES: "192.0.2.1" });
    for (let count = 1; count <= 100; count++) {
      assert.deepEqual(await post(server, { forwarded: `203.0.113.${count}` }), refused, `failure ${count}`);
    }
    assert.deepEqual(await post(server, { forwarded: "203.0.113.200" }), limited);
    await server.until((entry) => entry.code === "SIGNATURE_FAILED" && entry.address === "127.0.0.1");
    await server.stop();
  });
});
