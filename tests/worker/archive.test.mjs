// Deliveries kept in the R2 bucket that is bound as `ARCHIVE`, by the real Durable Object and the runtime's own R2.

import { env } from "cloudflare:test";
import { afterEach, describe, expect, it } from "vitest";
import { durable, fromThen } from "./durable.mjs";
import { event } from "./presshook.mjs";

const lines = fromThen();
afterEach(async () => {
  const { objects } = await env.ARCHIVE.list();
  await env.ARCHIVE.delete(objects.map(({ key }) => key));
});

const NAME = /^2030\/01\/01\/20300101T08\d{7}Z-blogshoot-[0-9a-f]{32}\.json$/;

/** @param {unknown} bucket */
const archived = (bucket) => durable({ cut: true, settings: { ARCHIVE: bucket } });

/** What became of the jobs that keep. @param {import("./durable.mjs").Inbox} inbox */
const states = async (inbox) =>
  (await inbox.sql("SELECT state FROM jobs WHERE action = 'archive' ORDER BY id")).map(({ state }) => state);

/** A bucket that fails before it works. @param {string[]} errors */
const failing = (errors) => ({
  async put(/** @type {[string, Uint8Array, object]} */ ...args) {
    const error = errors.shift();
    if (error !== undefined) throw new Error(error);
    return env.ARCHIVE.put(...args);
  },
});

describe("the bucket that is bound", () => {
  it("gets each delivery as it came, under a name that its sender does not choose", async () => {
    const inbox = await archived(env.ARCHIVE);
    await inbox.send("evt_1");
    await inbox.send("../../evt:2");
    while (await inbox.next());
    expect(await states(inbox)).toEqual(["done", "done"]);
    const { objects } = await env.ARCHIVE.list();
    expect(objects).toHaveLength(2);
    const kept = await Promise.all(
      objects.map(async ({ key }) => {
        expect(key).toMatch(NAME);
        const object = await env.ARCHIVE.get(key);
        expect(object?.httpMetadata?.contentType).toBe("application/json");
        return JSON.parse((await object?.text()) ?? "");
      }),
    );
    expect(new Set(kept.map(({ payload }) => payload))).toEqual(
      new Set(["evt_1", "../../evt:2"].map((id) => event("article.created", id))),
    );
    expect(kept.map(({ connection, events }) => [connection, events[0].kind])).toEqual(
      Array(2).fill(["blogshoot", "published"]),
    );
  });

  it("that fails for a while gets it later, once", async () => {
    const inbox = await archived(
      failing(["put: We encountered an internal error. Please try again. (10001)"]),
    );
    await inbox.send("evt_1");
    while (await inbox.next());
    expect(await states(inbox)).toEqual(["done"]);
    expect((await env.ARCHIVE.list()).objects).toHaveLength(1);
    const retry = lines.find((line) => line.code === "JOB_RETRY");
    expect(retry).toMatchObject({ job: "archive", reason: expect.stringContaining("internal error") });
  });

  it("that does not exist is told as that", async () => {
    const inbox = await archived(failing(["put: The specified bucket does not exist. (10006)"]));
    await inbox.send("evt_1");
    while (await inbox.next());
    expect(await states(inbox)).toEqual(["dead"]);
    const { reason } = lines.find((line) => line.code === "JOB_DEAD" && line.job === "archive");
    expect(reason).toContain(
      "the bucket bound as `ARCHIVE`: there is no such bucket: `npx wrangler r2 bucket create",
    );
  });

  it("that is not there starts nothing", async () => {
    const inbox = await archived(undefined);
    await inbox.send("evt_1");
    while (await inbox.next());
    expect(await states(inbox)).toEqual([]);
  });
});
