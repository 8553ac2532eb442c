// The owner's commands, at the built Worker with a real inbox behind it. What each does to the jobs in every state is
// tested natively; here is who may, what is answered, and that it takes effect.

import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { THEN, TOKEN, durable, pass } from "./durable.mjs";
import { logged, worker } from "./presshook.mjs";

beforeEach(() => {
  logged();
  vi.useFakeTimers({ toFake: ["Date"], now: THEN });
});
afterEach(() => {
  vi.useRealTimers();
  vi.restoreAllMocks();
});

const AT_ONCE = { DEPLOY_SETTLE_SECONDS: "0", DEPLOY_MIN_GAP_SECONDS: "0" };
const SLOWLY = { DEPLOY_SETTLE_SECONDS: "3600", DEPLOY_MAX_WAIT_SECONDS: "7200" };

/** @type {[string, string, string][]} every command, and the methods that its path has */
const COMMANDS = [
  ["GET", "/api/deliveries", "GET"],
  ["GET", "/api/deliveries/1", "GET, DELETE"],
  ["DELETE", "/api/deliveries/1", "GET, DELETE"],
  ["POST", "/api/deliveries/1/redeliver", "POST"],
  ["POST", "/api/dead/redeliver", "POST"],
  ["POST", "/api/jobs/1/release", "POST"],
  ["POST", "/api/targets/default/deploy", "POST"],
  ["GET", "/api/refusals", "GET"],
  ["GET", "/api/metrics", "GET"],
  ["GET", "/api/export", "GET"],
  ["POST", "/api/import", "POST"],
];

describe.each(COMMANDS)("%s %s", (method, path, allowed) => {
  it("is not there without ADMIN_TOKEN, whatever token is shown", async () => {
    const inbox = await durable({ settings: { ADMIN_TOKEN: undefined } });
    const { status, json } = await inbox.command(method, path);
    expect([status, json().error]).toEqual([404, "Not found"]);
    expect(inbox.asked).toEqual([]);
  });

  it.each([
    ["no token", undefined],
    ["another token", "Bearer the token of another"],
    ["the beginning of the token", `Bearer ${TOKEN.slice(0, -1)}`],
    ["the token and more", `Bearer ${TOKEN}.`],
    ["an empty token", "Bearer "],
    ["the token without its scheme", TOKEN],
    ["the token as a password", `Basic ${btoa(`admin:${TOKEN}`)}`],
  ])("is refused with %s, and nothing is asked of the inbox", async (_, authorization) => {
    const inbox = await durable();
    const headers = authorization === undefined ? undefined : { authorization };
    const { response } = await inbox.ask(path, { method, headers });
    expect(response.status).toBe(401);
    expect(await response.text()).toBe('{"error":"Unauthorized"}');
    expect(Object.fromEntries(response.headers)).toEqual({
      "content-type": "application/json",
      "cache-control": "no-store",
      "www-authenticate": "Bearer",
    });
    expect(inbox.asked).toEqual([]);
  });

  it("allows no other method", async () => {
    const inbox = await durable();
    const { status, json, headers } = await inbox.command("PUT", path);
    expect([status, json()]).toEqual([405, { error: "Method not allowed" }]);
    expect(headers.get("allow")).toBe(allowed);
  });
});

it("there is nothing for an owner in direct mode", async () => {
  const bindings = { INBOX: "none", ADMIN_TOKEN: TOKEN };
  const headers = { authorization: `Bearer ${TOKEN}` };
  const { response } = await worker(bindings).ask("/api/deliveries", { headers });
  expect(response.status).toBe(404);
});

describe("deliveries", () => {
  it("are listed by pages, the newest first", async () => {
    const inbox = await durable({ settings: SLOWLY });
    for (let number = 1; number <= 5; number++) {
      await inbox.send(`evt_${number}`);
      pass(1);
    }
    const seen = [];
    let before = "";
    for (let page = 1; page <= 3; page++) {
      const { status, json } = await inbox.command("GET", `/api/deliveries?limit=2${before}`);
      expect(status).toBe(200);
      seen.push(...json().deliveries.map((/** @type {any} */ it) => it.event_id));
      before = `&before=${json().next}`;
      expect(json().next === undefined).toBe(page === 3);
    }
    expect(seen).toEqual(["evt_5", "evt_4", "evt_3", "evt_2", "evt_1"]);
    const [newest] = (await inbox.command("GET", "/api/deliveries?limit=1")).json().deliveries;
    expect(newest).toMatchObject({ source: "blogshoot", event_type: "article.created", item: "art_1" });
    expect(newest.jobs).toMatchObject([{ action: "deploy", state: "waiting" }]);
  });

  it("are shown whole, and deleted; a repeat of a deleted one is still a repeat", async () => {
    const inbox = await durable({ cut: true, settings: AT_ONCE });
    await inbox.send("evt_1");
    while (await inbox.next());
    const [{ id }] = (await inbox.command("GET", "/api/deliveries")).json().deliveries;
    const shown = (await inbox.command("GET", `/api/deliveries/${id}`)).json();
    expect(shown).toMatchObject({
      event_id: "evt_1",
      payload: { event_id: "evt_1", article: { id: "art_1" } },
      headers: { "content-type": "application/json" },
      jobs: [{ state: "done", attempts: [{ number: 1, outcome: "accepted", status: 200 }] }],
    });
    expect((await inbox.command("DELETE", `/api/deliveries/${id}`)).json()).toEqual({
      success: true,
      jobs: 0,
    });
    expect((await inbox.command("GET", `/api/deliveries/${id}`)).status).toBe(404);
    expect((await inbox.command("DELETE", `/api/deliveries/${id}`)).status).toBe(404);
    expect(JSON.parse((await inbox.send("evt_1")).body)).toMatchObject({ duplicate: true });
  });

  it.each(["GET", "DELETE"])("that are not there: %s is 404", async (method) => {
    const inbox = await durable();
    for (const id of ["1", "x", "-1", "1.5", "9".repeat(30)]) {
      expect((await inbox.command(method, `/api/deliveries/${id}`)).status, id).toBe(404);
    }
  });

  it("are done again when they are redelivered, at once", async () => {
    const inbox = await durable({ settings: { ...AT_ONCE, DEPLOY_SETTLE_SECONDS: "15" } });
    await inbox.send("evt_1");
    while (await inbox.next());
    const [{ id }] = (await inbox.command("GET", "/api/deliveries")).json().deliveries;
    const { status, json, after } = await inbox.command("POST", `/api/deliveries/${id}/redeliver`);
    expect([status, json()]).toMatchObject([200, { success: true, jobs: 1, due: expect.any(String) }]);
    await after;
    expect(await inbox.calls()).toHaveLength(2);
    expect((await inbox.command("POST", "/api/deliveries/7/redeliver")).status).toBe(404);
  });
});

describe("jobs", () => {
  it("that are dead are redelivered together", async () => {
    const inbox = await durable({ hook: "410-200", settings: AT_ONCE });
    await (
      await inbox.send("evt_1")
    ).after;
    expect(await inbox.sql("SELECT state FROM jobs")).toEqual([{ state: "dead" }]);
    const { json, after } = await inbox.command("POST", "/api/dead/redeliver");
    expect(json()).toMatchObject({ success: true, jobs: 1 });
    await after;
    expect(await inbox.sql("SELECT state FROM jobs")).toEqual([{ state: "done" }]);
    expect((await inbox.command("POST", "/api/dead/redeliver")).json()).toEqual({ success: true, jobs: 0 });
  });

  it("that are held are released", async () => {
    const inbox = await durable({ settings: SLOWLY });
    await inbox.send("evt_1");
    const [{ id }] = await inbox.sql("SELECT id FROM jobs");
    const early = await inbox.command("POST", `/api/jobs/${id}/release`);
    expect([early.status, early.json()]).toEqual([409, { error: "the job is not held" }]);
    await inbox.sql("UPDATE jobs SET state = 'held', due_at = NULL");
    const { status, json, after } = await inbox.command("POST", `/api/jobs/${id}/release`);
    expect([status, json()]).toMatchObject([200, { success: true, jobs: 1 }]);
    await after;
    expect(await inbox.calls()).toMatchObject([{ event_id: "evt_1", event_count: 1 }]);
    expect((await inbox.command("POST", "/api/jobs/7/release")).status).toBe(404);
  });

  it("are opened, or hurried, by deploying a target now", async () => {
    const inbox = await durable({ settings: SLOWLY });
    await inbox.send("evt_1");
    await (
      await inbox.command("POST", "/api/targets/default/deploy")
    ).after;
    expect(await inbox.calls()).toMatchObject([{ event_id: "evt_1", event_count: 1 }]);
    // Also where nothing waits, and right after another one.
    await (
      await inbox.command("POST", "/api/targets/default/deploy")
    ).after;
    expect(await inbox.calls()).toHaveLength(2);
    expect((await inbox.command("POST", "/api/targets/nowhere/deploy")).status).toBe(404);
  });
});

describe("the whole store", () => {
  const ROWS = 50;

  /** @param {import("./durable.mjs").Inbox} inbox */
  async function exported(inbox) {
    const pages = [];
    for (let cursor = ""; ;) {
      const { status, text, headers } = await inbox.command("GET", `/api/export${cursor}`);
      expect([status, headers.get("content-type")]).toEqual([200, "application/x-ndjson"]);
      pages.push(text);
      const { next } = JSON.parse(text.trimEnd().split("\n").at(-1) || "{}");
      if (next === undefined) return pages;
      cursor = `?cursor=${next}`;
    }
  }

  it("moves to another inbox by export and import, and goes on there", async () => {
    const from = await durable({ cut: true, settings: SLOWLY });
    for (let number = 0; number < ROWS; number++) await from.send(`evt_${number}`);
    const pages = await exported(from);
    const to = await durable({ settings: SLOWLY });
    for (const page of pages) {
      const { status, json } = await to.command("POST", "/api/import", page);
      expect([status, json().success]).toEqual([200, true]);
    }
    expect(await exported(to)).toEqual(pages);
    expect(JSON.parse((await to.send("evt_7")).body)).toMatchObject({ duplicate: true });
    // Again changes nothing.
    const now = await exported(to);
    for (const page of pages) await to.command("POST", "/api/import", page);
    expect(await exported(to)).toEqual(now);
    pass(3601);
    await to.cron();
    expect(await to.calls()).toMatchObject([{ event_count: ROWS }]);
  });

  it("is not changed by an import that is wrong anywhere", async () => {
    const inbox = await durable();
    const good =
      '{"table":"targets","name":"x","deployed_at":1,"not_before":null,"building_until":null,"schedule":null,"scheduled_at":null}';
    for (const bad of ['{"table":"nothing"}', "{", '{"table":"targets","name":"y"}']) {
      const { status, json } = await inbox.command("POST", "/api/import", `${good}\n${bad}\n`);
      expect([status, json().error]).toEqual([400, expect.stringContaining("line 2")]);
    }
    expect(await inbox.sql("SELECT count(*) AS n FROM targets")).toEqual([{ n: 0 }]);
  });
});
