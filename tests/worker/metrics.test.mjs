// What is counted on the built Worker: refusals that no flood makes many of, figures for Prometheus, data points for
// Workers Analytics Engine, and how the site is. What the figures mean is tested natively.

import { env } from "cloudflare:test";
import { describe, expect, it, vi } from "vitest";
import { TOKEN, durable, fromThen, pass } from "./durable.mjs";
import { DIRECT, event, signed, worker } from "./presshook.mjs";

const lines = fromThen();

const SLOWLY = { DEPLOY_SETTLE_SECONDS: "3600", DEPLOY_MAX_WAIT_SECONDS: "7200" };
const WRONG = { method: "POST", headers: { "x-blogshoot-signature": "0".repeat(64) }, body: "{}" };

/** @typedef {Awaited<ReturnType<typeof durable>>} Inbox */

/** @param {Inbox} inbox @returns {Promise<any[]>} */
const refusals = async (inbox) => (await inbox.command("GET", "/api/refusals")).json().refusals;

/** @param {Inbox} inbox @param {string} place */
const asked = (inbox, place) => inbox.asked.filter((it) => it === place).length;

describe("a refused request", () => {
  it("is shown to the owner, with the reason in words and nothing of who sent it", async () => {
    const inbox = await durable();
    const { response, after } = await inbox.ask("/webhook/blogshoot/", {
      ...WRONG,
      headers: { ...WRONG.headers, "user-agent": "a stranger", "cf-connecting-ip": "203.0.113.7" },
    });
    expect(response.status).toBe(401);
    await after;
    const reason =
      "the secret in `BLOGSHOOT_WEBHOOK_SECRET` is not the one the sender signs with, or the body was changed on its way";
    const at = new Date(Date.now()).toISOString();
    expect(await refusals(inbox)).toEqual([
      { path: "/api/webhook/blogshoot", status: 401, reason, count: 1, first_at: at, last_at: at },
    ]);
    const kept = JSON.stringify(await inbox.sql("SELECT * FROM refusals, tallies"));
    expect(kept).not.toMatch(/stranger|203\.0\.113/);
  });

  it.each(["/api/webhook/nobody", "/api/webhook/blogshoot/unknown", "/wp-login.php", "/api/deliveries"])(
    "of a path that is no webhook's is not kept: %s",
    async (path) => {
      const inbox = await durable();
      const { response, after } = await inbox.ask(path, { method: "POST", body: "x" });
      expect(response.ok).toBe(false);
      await after;
      expect(inbox.asked).toEqual([]);
      expect(await refusals(inbox)).toEqual([]);
    },
  );

  it("is answered before the inbox hears of it, and also where the inbox is gone", async () => {
    const inbox = await durable();
    const gone = { getByName: () => ({ ask: async () => Promise.reject(new Error("gone")) }) };
    const { ask } = worker({ ...inbox.bindings, INBOX: gone });
    const { response, after } = await ask("/api/webhook", WRONG);
    expect(response.status).toBe(401);
    await after;
    expect(lines.filter((line) => line.code === "INTERNAL_ERROR")).toEqual([]);
  });

  it("is held until the inbox takes it", async () => {
    const inbox = await durable();
    let gone = true;
    const stub = inbox.stub();
    const namespace = {
      getByName: () => ({
        /** @param {string} method @param {string} target @param {Uint8Array} [body] @param {Uint8Array} [payload] */
        ask: async (method, target, body, payload) => {
          if (gone) throw new Error("gone");
          return stub.ask(method, target, body, payload);
        },
      }),
    };
    const { ask } = worker({ ...inbox.bindings, INBOX: namespace });
    for (let count = 0; count < 3; count++) await (await ask("/api/webhook", WRONG)).after;
    gone = false;
    await (
      await ask("/api/webhook", WRONG)
    ).after;
    expect((await refusals(inbox)).map((it) => it.count)).toEqual([4]);
  });

  it("is one of a flood: few messages, few rows, and all are counted", async () => {
    const inbox = await durable();
    // So many at once; what follows them waits for ten seconds, and is all in one message.
    const began = performance.now();
    const sent = await Promise.all(
      Array.from({ length: 300 }, (_, count) =>
        inbox.ask(count % 2 ? "/webhook" : "/api/webhook/blogshoot", {
          ...WRONG,
          headers: { "x-blogshoot-signature": `${count}=${"0".repeat(64)}` },
        }),
      ),
    );
    expect(performance.now() - began).toBeLessThan(8000);
    expect(new Set(sent.map(({ response }) => response.status))).toEqual(new Set([401]));
    pass(10);
    await Promise.all(sent.map(({ after }) => after));
    expect(asked(inbox, "/1/counted")).toBeLessThanOrEqual(11);
    const listed = await refusals(inbox);
    expect(listed.map((it) => it.count).sort()).toEqual([150, 150]);
    const { text } = await inbox.command("GET", "/api/metrics");
    for (const [connection, count] of [
      ["", 150],
      ["blogshoot", 150],
    ])
      expect(text).toContain(
        `presshook_rejections_total{connection="${connection}",source="${connection}",reason="signature"} ${count}\n`,
      );
  });

  it("is not counted without an inbox", async () => {
    const { response, after } = await worker(DIRECT).ask("/api/webhook", WRONG);
    expect(response.status).toBe(401);
    await after;
  });
});

describe("the figures for Prometheus", () => {
  it("are told on both paths, and go on where the inbox is made anew", async () => {
    const inbox = await durable({ settings: { ...SLOWLY, DEPLOY_BUDGET_PER_MONTH: "50" } });
    await inbox.send("evt_1");
    await (
      await inbox.send("evt_1")
    ).after;
    await inbox.send("evt_2", "test");
    const first = await inbox.command("GET", "/api/metrics");
    expect(first.status).toBe(200);
    expect(first.headers.get("content-type")).toBe("text/plain; version=0.0.4; charset=utf-8");
    for (const line of [
      'presshook_deliveries_total{connection="blogshoot",source="blogshoot",outcome="accepted",kind="published"} 1',
      'presshook_deliveries_total{connection="blogshoot",source="blogshoot",outcome="duplicate",kind="published"} 1',
      'presshook_deliveries_total{connection="blogshoot",source="blogshoot",outcome="test",kind="test"} 1',
      'presshook_processing_seconds_bucket{le="+Inf"} 2',
      'presshook_jobs{action="deploy",target="default",state="waiting"} 1',
      "presshook_oldest_due_seconds 0.000",
      'presshook_budget_limit{budget="default"} 50',
      'presshook_budget_used{budget="default"} 0',
    ])
      expect(first.text.split("\n")).toContain(line);
    expect((await inbox.command("GET", "/metrics")).text).toBe(first.text);
    const strict = await (await inbox.ask("/api/health?strict")).response.json();
    expect([strict.status, strict.processed]).toEqual(["healthy", 2]);
    const plain = await (await inbox.ask("/api/health")).response.json();
    expect(plain.processed).toBe(undefined);
  });

  it("count what becomes of jobs", async () => {
    const inbox = await durable({ hook: "404", settings: { DEPLOY_SETTLE_SECONDS: "0" } });
    await (
      await inbox.send("evt_1")
    ).after;
    const { text } = await inbox.command("GET", "/metrics");
    for (const line of [
      'presshook_attempts_total{action="deploy",target="default",outcome="refused"} 1',
      'presshook_jobs_ended_total{action="deploy",target="default",outcome="dead"} 1',
      'presshook_jobs{action="deploy",target="default",state="dead"} 1',
    ])
      expect(text.split("\n")).toContain(line);
    const { response } = await inbox.ask("/api/health?strict");
    expect(await response.json()).toMatchObject({
      status: "unhealthy",
      reason: /** @type {any} */ (expect.stringMatching(/^1 dead/)),
    });
  });

  it("are for the owner alone", async () => {
    const inbox = await durable();
    for (const path of ["/metrics", "/api/metrics", "/api/refusals"]) {
      expect((await inbox.ask(path)).response.status).toBe(401);
      const without = worker({ ...inbox.bindings, ADMIN_TOKEN: undefined });
      const headers = { authorization: `Bearer ${TOKEN}` };
      expect((await without.ask(path, { headers })).response.status).toBe(404);
    }
  });
});

describe("Workers Analytics Engine", () => {
  it("is given one data point for each webhook request, and nothing of who sent it", async () => {
    /** @type {any[]} */
    const points = [];
    const ANALYTICS = { writeDataPoint: (/** @type {any} */ point) => void points.push(point) };
    const inbox = await durable({ settings: { ...SLOWLY, ANALYTICS } });
    const body = event("article.created", "evt_1");
    await inbox.send("evt_1");
    await (
      await inbox.send("evt_1")
    ).after;
    await inbox.send("evt_2", "test");
    await (
      await inbox.ask("/api/webhook/blogshoot", WRONG)
    ).after;
    await (
      await inbox.ask("/api/webhook", WRONG)
    ).after;
    await inbox.ask("/api/health");
    await inbox.ask("/nothing");
    const bytes = [body, body, event("test", "evt_2"), "{}", "{}"].map((it) => it.length);
    expect(points).toEqual(
      [
        ["blogshoot", "accepted", "published"],
        ["blogshoot", "duplicate", "published"],
        ["blogshoot", "test", "test"],
        ["blogshoot", "signature", ""],
        ["", "signature", ""],
      ].map((blobs, index) => ({ indexes: [blobs[0]], blobs, doubles: [expect.any(Number), bytes[index]] })),
    );
  });

  it("breaks nothing where it fails, and is left alone where it is not bound", async () => {
    const ANALYTICS = {
      writeDataPoint() {
        throw new Error("no more than 250 data points");
      },
    };
    for (const settings of [{ ANALYTICS }, { ANALYTICS: {} }, { ANALYTICS: "text" }, {}]) {
      const inbox = await durable({ settings: { ...SLOWLY, ...settings } });
      expect((await inbox.send("evt_1")).status).toBe(200);
      expect((await inbox.ask("/api/webhook", WRONG)).response.status).toBe(401);
    }
  });

  it("takes what is written to it, as far as the simulator shows", async () => {
    const inbox = await durable({ settings: { ...SLOWLY, ANALYTICS: env.ANALYTICS } });
    const written = vi.spyOn(env.ANALYTICS, "writeDataPoint");
    expect((await inbox.send("evt_1")).status).toBe(200);
    expect(written.mock.results.map((it) => it.type)).toEqual(["return"]);
  });

  it("is given what is done without an inbox too", async () => {
    /** @type {any[]} */
    const points = [];
    const ANALYTICS = { writeDataPoint: (/** @type {any} */ point) => void points.push(point.blobs) };
    const { ask } = worker({ ...DIRECT, ANALYTICS });
    const { response, after } = await ask("/api/webhook", await signed(event("article.updated")));
    await after;
    expect([response.status, points]).toEqual([200, [["blogshoot", "accepted", "updated"]]]);
  });
});

describe("how the site is", () => {
  it("is told to anybody, for any page, and may be kept for half a minute", async () => {
    const inbox = await durable({ settings: { ...SLOWLY, ADMIN_TOKEN: undefined } });
    const { response } = await inbox.ask("/api/status");
    expect([response.status, await response.text()]).toEqual([200, '{"status":"idle"}']);
    expect(Object.fromEntries(response.headers)).toEqual({
      "content-type": "application/json",
      "cache-control": "public, max-age=30",
      "access-control-allow-origin": "*",
    });
    await inbox.send("evt_1");
    pass(31);
    const since = new Date(Date.now() - 31_000).toISOString();
    expect(await (await inbox.ask("/api/status/")).response.json()).toEqual({ status: "waiting", since });
    const badge = (await inbox.ask("/api/status.svg")).response;
    expect(badge.headers.get("content-type")).toBe("image/svg+xml; charset=utf-8");
    const text = await badge.text();
    expect(text).toContain("<title>site: waiting</title>");
    expect(text).not.toMatch(/blogshoot|default|art_1|evt_1|hook/);
    expect((await inbox.ask("/api/status", { method: "HEAD" })).response.status).toBe(200);
    expect((await inbox.ask("/api/status", { method: "POST" })).response.status).toBe(405);
  });

  it("is asked of the inbox once for a crowd", async () => {
    const inbox = await durable();
    await inbox.ask("/api/status");
    for (let round = 0; round < 3; round++) {
      await Promise.all(Array.from({ length: 50 }, () => inbox.ask("/api/status.svg")));
      expect(asked(inbox, "/1/status")).toBe(round + 1);
      pass(30);
    }
  });

  it("is unknown where the inbox does not answer", async () => {
    const gone = { getByName: () => ({ ask: async () => Promise.reject(new Error("gone")) }) };
    const inbox = await durable();
    const { ask } = worker({ ...inbox.bindings, INBOX: gone });
    expect(await (await ask("/api/status")).response.json()).toEqual({ status: "unknown" });
  });

  it("is nothing without an inbox", async () => {
    for (const path of ["/api/status", "/api/status.svg"])
      expect((await worker(DIRECT).ask(path)).response.status).toBe(404);
  });
});
