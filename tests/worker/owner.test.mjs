// The owner's commands, at the built Worker with a real inbox behind it. What each does to the jobs in every state is
// tested natively; here is who may, what is answered, and that it takes effect.

import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { THEN, TOKEN, durable, pass } from "./durable.mjs";
import { SECRET, event, logged, worker } from "./presshook.mjs";

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
  ["GET", "/api/deliveries", "GET, HEAD"],
  ["GET", "/api/deliveries/1", "GET, HEAD, DELETE"],
  ["DELETE", "/api/deliveries/1", "GET, HEAD, DELETE"],
  ["POST", "/api/deliveries/1/redeliver", "POST"],
  ["POST", "/api/dead/redeliver", "POST"],
  ["POST", "/api/jobs/1/release", "POST"],
  ["POST", "/api/targets/default/deploy", "POST"],
  ["GET", "/api/export", "GET, HEAD"],
  ["GET", "/api/deploys", "GET, HEAD"],
  ["GET", "/api/overview", "GET, HEAD"],
  ["GET", "/api/setup", "GET, HEAD"],
  ["GET", "/api/changes", "GET, HEAD"],
  ["POST", "/api/connections/blogshoot/test", "POST"],
  ["GET", "/api/refusals", "GET, HEAD"],
  ["GET", "/api/metrics", "GET, HEAD"],
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
      payload: event("article.created"),
      outcome: "done",
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

describe("the owner's page", () => {
  const FORM = { "content-type": "application/x-www-form-urlencoded" };

  /** @param {import("./durable.mjs").Inbox} inbox @param {string} token @param {Record<string, string>} [headers] */
  async function enter(inbox, token, headers) {
    const body = new URLSearchParams({ token });
    const init = { method: "POST", headers: { ...FORM, ...headers }, body, redirect: "manual" };
    return (await inbox.ask("/deliveries/setup", /** @type {any} */ (init))).response;
  }

  /** @param {import("./durable.mjs").Inbox} inbox */
  const signIn = async (inbox) => ((await enter(inbox, TOKEN)).headers.get("set-cookie") ?? "").split(";")[0];

  it("is a form until its owner signs in, by a cookie that only the browser has", async () => {
    const inbox = await durable();
    const { response: form } = await inbox.ask("/deliveries");
    expect([form.status, form.headers.get("content-type")]).toEqual([200, "text/html; charset=utf-8"]);
    expect(form.headers.get("content-security-policy")).toContain("default-src 'none'; script-src 'self'");
    expect(form.headers.get("access-control-allow-origin")).toBe(null);
    expect(await form.text()).toContain('name="token"');
    const entered = await enter(inbox, TOKEN);
    expect([entered.status, entered.headers.get("location")]).toEqual([303, "/deliveries/setup"]);
    const [value, ...flags] = (entered.headers.get("set-cookie") ?? "").split("; ");
    expect(value).toMatch(/^presshook=v1\.\d+\.[0-9a-f]{64}$/);
    expect(flags).toEqual(["Path=/", "HttpOnly", "SameSite=Strict", "Max-Age=604800", "Secure"]);
    const { response: page } = await inbox.ask("/deliveries", { headers: { cookie: value } });
    expect(await page.text()).toContain("/deliveries/app.js");
    expect(inbox.asked).toEqual([]);
  });

  it("has files that are sent once", async () => {
    const inbox = await durable();
    for (const [name, type] of [
      ["app.js", "text/javascript; charset=utf-8"],
      ["app.css", "text/css; charset=utf-8"],
    ]) {
      const { response } = await inbox.ask(`/deliveries/${name}`);
      expect([response.status, response.headers.get("content-type")]).toEqual([200, type]);
      expect((await response.text()).length).toBeGreaterThan(100);
      const headers = { "if-none-match": response.headers.get("etag") ?? "" };
      const { response: known } = await inbox.ask(`/deliveries/${name}`, { headers });
      expect([known.status, await known.text()]).toEqual([304, ""]);
      const { response: head } = await inbox.ask(`/deliveries/${name}`, { method: "HEAD" });
      expect([head.status, await head.text()]).toEqual([200, ""]);
      expect((await inbox.ask(`/deliveries/${name}`, { method: "POST" })).response.status).toBe(405);
    }
    for (const name of ["owner.d.ts", "page.html", "other.js", "leave/x"]) {
      expect((await inbox.ask(`/deliveries/${name}`)).response.status, name).toBe(404);
    }
  });

  it("acts for whoever is signed in, and from itself alone", async () => {
    const inbox = await durable({ cut: true, settings: SLOWLY });
    await inbox.send("evt_1");
    const cookie = await signIn(inbox);
    const { response } = await inbox.ask("/api/deliveries", { headers: { cookie } });
    const { deliveries } = /** @type {any} */ (await response.json());
    const redeliver = async (/** @type {Record<string, string>} */ headers) =>
      (await inbox.ask(`/api/deliveries/${deliveries[0].id}/redeliver`, { method: "POST", headers })).response
        .status;
    expect(await redeliver({ cookie })).toBe(403);
    expect(await redeliver({ cookie, "sec-fetch-site": "cross-site" })).toBe(403);
    expect(await redeliver({ cookie, origin: "https://evil.example" })).toBe(403);
    expect(await redeliver({ cookie, origin: "https://hook.example" })).toBe(200);
    expect(await redeliver({ cookie, "sec-fetch-site": "same-origin" })).toBe(200);
    for (const wrong of [
      `${cookie}0`,
      cookie.replace(/v1\.\d+/, "v1.9999999999"),
      "presshook=",
      "presshook=v1.1.",
    ]) {
      expect(await redeliver({ cookie: wrong, "sec-fetch-site": "same-origin" }), wrong).toBe(401);
    }
    pass(7 * 24 * 3600);
    expect(await redeliver({ cookie, "sec-fetch-site": "same-origin" })).toBe(401);
  });

  it("signs out", async () => {
    const inbox = await durable();
    const leave = {
      method: "POST",
      headers: { ...FORM, "sec-fetch-site": "same-origin" },
      redirect: "manual",
    };
    const { response } = await inbox.ask("/deliveries/leave", /** @type {any} */ (leave));
    expect(response.status).toBe(303);
    expect(response.headers.get("set-cookie")).toBe(
      "presshook=; Path=/; HttpOnly; SameSite=Strict; Max-Age=0; Secure",
    );
  });

  it("counts wrong tokens with failed signatures, and says in the form that it is too many", async () => {
    let left = 2;
    const limit = { limit: async () => ({ success: left-- > 0 }) };
    const inbox = await durable({ settings: { RATE_LIMIT: limit } });
    for (const status of [401, 401, 429]) {
      const response = await enter(inbox, "a guess that is wrong");
      expect([response.status, response.headers.get("content-type")]).toEqual([
        status,
        "text/html; charset=utf-8",
      ]);
      expect(await response.text()).toContain(status === 401 ? "That is not the token" : "Too many attempts");
    }
    // Whoever has it is not shut out.
    expect((await enter(inbox, TOKEN)).status).toBe(303);
  });

  it("is not there without ADMIN_TOKEN", async () => {
    const inbox = await durable({ settings: { ADMIN_TOKEN: undefined } });
    for (const path of [
      "/deliveries",
      "/deliveries/1",
      "/deliveries/setup",
      "/deliveries/app.js",
      "/deliveries/leave",
    ]) {
      expect((await inbox.ask(path)).response.status, path).toBe(404);
      expect((await inbox.ask(path, { method: "POST", body: "token=" })).response.status, path).toBe(404);
    }
  });
});

describe("what is told", () => {
  it("by pages holds each delivery once while more come in, also where most are others", async () => {
    const inbox = await durable({ cut: true, settings: SLOWLY });
    for (let number = 1; number <= 5; number++) await inbox.send(`evt_${number}`);
    for (const query of ["", "&source=blogshoot", "&q=EVT_", "&kind=published&state=waiting"]) {
      const seen = [];
      let before = "";
      for (let page = 0; page < 30; page++) {
        const { deliveries, next } = (
          await inbox.command("GET", `/api/deliveries?limit=2${query}${before}`)
        ).json();
        seen.push(...deliveries.map((/** @type {any} */ it) => it.event_id));
        await inbox.send(`evt_late_${page}${query.length}`);
        if (next === undefined) break;
        before = `&before=${next}`;
      }
      expect(new Set(seen).size, query).toBe(seen.length);
      expect(seen.slice(-5), query).toEqual(["evt_5", "evt_4", "evt_3", "evt_2", "evt_1"]);
    }
    expect((await inbox.command("GET", "/api/deliveries?state=dead&kind=x")).json()).toEqual({
      deliveries: [],
    });
  });

  it("of deploys and of how it goes follows what happens", async () => {
    const inbox = await durable({ settings: { ...AT_ONCE, DEPLOY_BUDGET_PER_MONTH: "20" } });
    const mark = async () => (await inbox.command("GET", "/api/changes")).json().mark;
    const first = await mark();
    expect(await mark()).toBe(first);
    await (
      await inbox.send("evt_1")
    ).after;
    expect(await mark()).not.toBe(first);
    const { deploys } = (await inbox.command("GET", "/api/deploys")).json();
    expect(deploys).toMatchObject([
      { target: "default", state: "done", count: 1, deliveries: [{ source: "blogshoot" }] },
    ]);
    const overview = (await inbox.command("GET", "/api/overview")).json();
    expect(overview).toMatchObject({
      mode: "durable",
      outcomes: { done: 1 },
      budgets: [{ name: "default", limit: 20, used: 1, reserve: 1 }],
      queue: { waiting: 0, dead: 0, held: 0 },
      targets: [{ name: "default", state: "done" }],
      hours: [{ accepted: 1 }],
    });
    const setup = (await inbox.command("GET", "/api/setup")).json();
    expect(setup).toMatchObject({
      inbox: true,
      targets: [{ name: "default", setting: "CLOUDFLARE_DEPLOY_HOOK" }],
    });
    expect(setup.connections).toMatchObject([
      { connection: "blogshoot", url: "/api/webhook/blogshoot", nameless: true },
    ]);
    expect(setup.senders).toHaveLength(31);
    expect(JSON.stringify([setup, overview, deploys])).not.toContain(SECRET);
  });

  it("of a test is what a sender's test would be", async () => {
    const inbox = await durable({
      settings: { ...AT_ONCE, GHOST_WEBHOOK_SECRET__NEWS: "the secret of the news" },
    });
    const { status, json } = await inbox.command("POST", "/api/connections/ghost/news/test");
    expect([status, json().message]).toEqual([200, "Test webhook received successfully"]);
    const [delivery] = (await inbox.command("GET", "/api/deliveries")).json().deliveries;
    expect(delivery).toMatchObject({ connection: "ghost/news", kind: "test", outcome: "ignored", jobs: [] });
    expect(await inbox.calls()).toEqual([]);
    expect((await inbox.command("POST", "/api/connections/ghost/test")).status).toBe(404);
    expect((await inbox.command("POST", "/api/connections/nobody/test")).status).toBe(404);
  });
});
