// Disks that are full, read-only or broken: what cannot be stored is not acknowledged, everybody is told in words, and
// once the disk takes it again the same process goes on, without anything lost.

import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { chmodSync, mkdirSync } from "node:fs";
import path from "node:path";
import { describe, test } from "node:test";
import { within } from "../../scripts/serve.mjs";
import { standIn } from "../../scripts/stand-in.mjs";
import { SECRET, article, sign } from "./connection.mjs";
import { ERRORS, mounted, refusing } from "./disk.mjs";
import { Refused, start, temporary } from "./server.mjs";

/** @param {string} hook @param {string} [settle] */
const settings = (hook, settle = "1") => ({
  BLOGSHOOT_WEBHOOK_SECRET: SECRET,
  CLOUDFLARE_DEPLOY_HOOK: hook,
  DEPLOY_SETTLE_SECONDS: settle,
  DEPLOY_MIN_GAP_SECONDS: "0",
});

/** @param {{ url: string }} server @param {string} id */
async function deliver({ url }, id) {
  const body = article(id);
  const headers = { "x-blogshoot-signature": sign(body) };
  const response = await fetch(`${url}/api/webhook`, { method: "POST", headers, body });
  return {
    status: response.status,
    after: response.headers.get("retry-after"),
    answer: await response.json(),
  };
}

/** @param {{ url: string }} server */
async function health({ url }) {
  const response = await fetch(`${url}/api/health?strict`);
  const answer = /** @type {any} */ (await response.json());
  return { status: response.status, reason: answer.reason };
}

/** A host that tells of the events that it was called for. */
async function host() {
  /** @type {(() => void)[]} */
  const listeners = [];
  /** @type {{ calls: number, events: string[], arrived: () => Promise<void> | void }} */
  const hook = { calls: 0, events: [], arrived: () => {} };
  const { url, close } = await standIn(
    ({ body }) => {
      const { event_id, event_ids = [event_id] } = JSON.parse(body);
      hook.events.push(...event_ids);
      listeners.splice(0).forEach((tell) => tell());
    },
    {
      arrived: () => {
        hook.calls++;
        return hook.arrived();
      },
    },
  );
  /** @param {string} id */
  const called = async (id) => {
    while (!hook.events.includes(id))
      await new Promise((resolve) => listeners.push(() => resolve(undefined)));
  };
  return Object.assign(hook, {
    url,
    close,
    /** Waits until it was called for an event. @param {string} id */
    for: (id) => within(30_000, called(id), `no call has come for ${id}`),
  });
}

const FULL = /no room left on the disk of the database `.*presshook\.db`: make room there/;
const FAILS =
  /the disk of the database `.*presshook\.db` fails \(disk I\/O error.*the system's log says more/;

/** Every way in which this machine has disks that take nothing, and how it is told. */
const small = mounted();
/** @type {{ name: string, disk: () => import("./disk.mjs").Disk | Promise<import("./disk.mjs").Disk>, words: RegExp }[]} */
const disks = [
  { name: "no room (refused by a library)", disk: () => refusing(ERRORS.ENOSPC), words: FULL },
  { name: "read-only meanwhile (refused by a library)", disk: () => refusing(ERRORS.EROFS), words: FAILS },
  { name: "broken (refused by a library)", disk: () => refusing(ERRORS.EIO), words: FAILS },
  {
    name: "a quota that is used up (refused by a library)",
    disk: () => refusing(ERRORS.EDQUOT),
    words: FAILS,
  },
  ...(small ? [{ name: "no room (a small file system)", disk: () => small, words: FULL }] : []),
];

describe("a disk that takes nothing", { concurrency: true }, () => {
  for (const { name, disk, words } of disks) {
    test(`${name}: nothing is acknowledged that is not stored, and it goes on by itself`, async (it) => {
      const [{ directory, env, fill, clear, close }, hook] = [await disk(), await host()];
      // Long enough that the disk is full before it is over, however busy the machine is.
      const server = await start(settings(hook.url, "6"), { directory, env });
      it.after(async () => {
        await server.kill();
        hook.close();
        close();
      });
      assert.deepEqual(await health(server), { status: 200, reason: undefined });
      // One waits to be called for, and the next cannot be stored.
      assert.equal((await deliver(server, "evt_stored")).status, 200);
      fill();
      const refused = await deliver(server, "evt_refused");
      assert.deepEqual([refused.status, refused.after], [503, "5"], JSON.stringify(refused.answer));
      assert.ok(!JSON.stringify(refused.answer).includes(directory), "a stranger is not told where it is");
      const told = await server.until((it) => it.code === "INBOX_FAILED" && it.status === 503);
      assert.match(told.reason, words);
      assert.equal(told.level, "error");
      const ill = await health(server);
      assert.equal(ill.status, 503);
      assert.match(ill.reason, words);
      await server.until((it) => it.code === "INBOX_FAILED" && it.doing === "claim");
      // This sender never tries again, so that its host is called without memory; of what waits no call is made that
      // could not be counted.
      await hook.for("evt_refused");
      assert.deepEqual(hook.events.splice(0), ["evt_refused"]);

      clear();
      await hook.for("evt_stored");
      const again = await deliver(server, "evt_refused");
      assert.deepEqual([again.status, again.answer.duplicate], [200, undefined]);
      await hook.for("evt_refused");
      assert.deepEqual(await health(server), { status: 200, reason: undefined });
      assert.equal((await deliver(server, "evt_stored")).answer.duplicate, true);
      assert.equal((await server.stop()).status, 0);
    });
  }

  test("the answer to a call that cannot be noted is noted later, and the call is not made again", async (it) => {
    const [{ directory, env, fill, clear, close }, hook] = [await refusing(ERRORS.ENOSPC), await host()];
    const server = await start(settings(hook.url), { directory, env });
    it.after(async () => {
      await server.kill();
      hook.close();
      close();
    });
    hook.arrived = fill;
    assert.equal((await deliver(server, "evt_called")).status, 200);
    await hook.for("evt_called");
    const told = await server.until((it) => it.code === "INBOX_FAILED" && it.doing === "record");
    assert.match(told.reason, FULL);
    // It may have crashed by now: then the next start makes it again, at most once for each time.
    hook.arrived = () => {};
    clear();
    await server.until((it) => it.code === "REBUILD_TRIGGERED");
    assert.equal((await deliver(server, "evt_next")).status, 200);
    await hook.for("evt_next");
    assert.equal(hook.calls, 2);
  });

  test("a server that is killed before it could note an answer makes the call once more", async (it) => {
    const [{ directory, env, fill, clear, close }, hook] = [await refusing(ERRORS.ENOSPC), await host()];
    const first = await start(settings(hook.url), { directory, env });
    hook.arrived = fill;
    assert.equal((await deliver(first, "evt_called")).status, 200);
    await hook.for("evt_called");
    await first.until((it) => it.code === "INBOX_FAILED" && it.doing === "record");
    await first.kill();
    hook.arrived = () => {};
    clear();
    const second = await start(settings(hook.url), { directory, env });
    it.after(async () => {
      await second.kill();
      hook.close();
      close();
    });
    await second.until((it) => it.code === "PROCESSING_COMPLETE");
    assert.equal(hook.calls, 2);
  });
});

test("where nobody may write it does not start, and says where", async (it) => {
  const disk = mounted();
  const directory = disk?.directory ?? path.join(temporary(), "closed");
  it.after(() => disk?.close());
  // Root may write everywhere but where nobody may.
  const nobody = process.getuid?.() === 0 && !disk ? "/sys" : directory;
  if (disk) execFileSync("mount", ["-o", "remount,ro", directory]);
  else mkdirSync(directory, { recursive: true });
  if (!disk) chmodSync(directory, 0o500);
  const place = path.join(nobody, "presshook.db");
  const refused = await start({ ...settings("https://hooks.example.com/a"), DATABASE: place }).catch(
    (it) => it,
  );
  if (!disk) chmodSync(directory, 0o700);
  assert.ok(refused instanceof Refused, String(refused));
  assert.equal(refused.status, 2);
  assert.match(
    refused.said,
    /the database `.*presshook\.db` cannot be written: .*`DATABASE` chooses another place/,
  );
});
