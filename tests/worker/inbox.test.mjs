// Accepting into the inbox, with the real Durable Object: once, whole or not at all, and at what cost. What becomes of
// what is stored is in `outbox.test.mjs`.

import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { THEN, durable, pass } from "./durable.mjs";
import { SECRET, codes, event, logged, sign, signed, worker } from "./presshook.mjs";

/** @type {any[]} */
let lines;
beforeEach(() => {
  lines = logged();
});
afterEach(() => {
  vi.useRealTimers();
  vi.restoreAllMocks();
});

const AT_ONCE = { DEPLOY_SETTLE_SECONDS: "0", DEPLOY_MIN_GAP_SECONDS: "0" };
const SLOWLY = { DEPLOY_SETTLE_SECONDS: "60" };

describe("a delivery", () => {
  it("is stored before it is answered, and the answer is that of direct mode", async () => {
    const inbox = await durable({ settings: SLOWLY });
    const { status, body, headers, after } = await inbox.send("evt_1");
    expect(status).toBe(200);
    expect(body).toMatch(
      /^\{"success":true,"event_id":"evt_1","event_type":"article.created","message":"Webhook received and processing","article_id":"art_1","processing_time_ms":\d+\}$/,
    );
    expect(headers.get("content-type")).toBe("application/json");
    expect(await inbox.sql("SELECT key, kind, item, event_type FROM deliveries")).toEqual(
      [{ key: "evt_1", kind: "created", item: "art_1", event_type: "article.created" }].map((row) => ({
        ...row,
        kind: expect.any(String),
      })),
    );
    await after;
  });

  it("that comes again is a repeat, says so, and changes nothing", async () => {
    const inbox = await durable({ settings: SLOWLY });
    await inbox.send("evt_1");
    const before = await tables(inbox);
    const again = await inbox.send("evt_1");
    expect(again.status).toBe(200);
    expect(JSON.parse(again.body)).toMatchObject({ event_id: "evt_1", duplicate: true });
    expect(await tables(inbox)).toEqual(before);
    expect(codes(lines)).toContain("WEBHOOK_DUPLICATE");
  });

  it("is kept each time that it is a test, and deploys nothing", async () => {
    const inbox = await durable({ settings: AT_ONCE });
    for (let time = 1; time <= 3; time++) {
      const { body, after } = await inbox.send("evt_1", "test");
      await after;
      expect(body).toBe('{"success":true,"message":"Test webhook received successfully","event_id":"evt_1"}');
    }
    expect(await inbox.sql("SELECT count(*) AS n FROM deliveries WHERE kind = 'test'")).toEqual([{ n: 3 }]);
    expect(await inbox.sql("SELECT count(*) AS n FROM jobs")).toEqual([{ n: 0 }]);
    expect(await inbox.calls()).toEqual([]);
  });

  it("of an unknown type is kept and deploys nothing", async () => {
    const inbox = await durable({ settings: AT_ONCE });
    const { status, body, after } = await inbox.send("evt_1", "article.moved");
    await after;
    expect([status, JSON.parse(body).event_type]).toEqual([200, "article.moved"]);
    expect(await inbox.sql("SELECT kind FROM deliveries")).toEqual([{ kind: "other" }]);
    expect(await inbox.calls()).toEqual([]);
  });

  it("that is only a sender's greeting is answered, and nothing is asked of the inbox", async () => {
    const inbox = await durable({ settings: { ...AT_ONCE, NOTION_WEBHOOK_SECRET: undefined } });
    const body = '{"verification_token":"secret_of_the_handshake"}';
    const { response, after } = await inbox.ask("/api/webhook/notion", { method: "POST", body });
    await after;
    expect(response.status).toBe(200);
    expect(inbox.asked).toEqual([]);
    expect(codes(lines)).toContain("HANDSHAKE");
  });

  it("in 1,000 copies at once is one event and one deploy", async () => {
    const inbox = await durable({ settings: { DEPLOY_SETTLE_SECONDS: "1", DEPLOY_MIN_GAP_SECONDS: "0" } });
    const request = await signed(event("article.updated", "evt_1"));
    const sent = await Promise.all(Array.from({ length: 1000 }, () => inbox.ask("/api/webhook", request)));
    const answers = await Promise.all(sent.map(({ response }) => response.json()));
    await Promise.all(sent.map(({ after }) => after));
    expect(sent.filter(({ response }) => response.status !== 200)).toEqual([]);
    expect(answers.filter((/** @type {any} */ answer) => !answer.duplicate)).toHaveLength(1);
    expect(await inbox.sql("SELECT count(*) AS n FROM deliveries")).toEqual([{ n: 1 }]);
    const calls = await inbox.calls();
    expect(calls).toHaveLength(1);
    expect(calls[0]).toMatchObject({ event_id: "evt_1", event_ids: ["evt_1"], event_count: 1 });
  });

  it("of 1,000 different ones within ten seconds is carried by one of at most two deploys", async () => {
    const inbox = await durable({ settings: { DEPLOY_SETTLE_SECONDS: "1", DEPLOY_MIN_GAP_SECONDS: "0" } });
    const started = Date.now();
    const sent = await Promise.all(Array.from({ length: 1000 }, (_, number) => inbox.send(`evt_${number}`)));
    expect(sent.filter(({ status }) => status !== 200)).toEqual([]);
    expect(Date.now() - started).toBeLessThan(10_000);
    await Promise.all(sent.map(({ after }) => after));
    await vi.waitFor(
      async () =>
        expect(await inbox.sql("SELECT count(*) AS n FROM jobs WHERE state <> 'done'")).toEqual([{ n: 0 }]),
      { timeout: 10_000, interval: 100 },
    );
    const calls = await inbox.calls();
    expect(calls.length).toBeLessThanOrEqual(2);
    expect(calls.reduce((sum, call) => sum + call.event_count, 0)).toBe(1000);
    for (const call of calls) expect(call.event_ids.length).toBe(Math.min(100, call.event_count));
  });
});

describe("one atomic accept", () => {
  /** Has the last statement of an accept fail: the delivery, its key and its job have been written by then. */
  const broken = (/** @type {Inbox} */ inbox) =>
    inbox.sql(
      "CREATE TRIGGER broken BEFORE INSERT ON carries BEGIN SELECT RAISE(ABORT, 'broken by the test'); END",
    );

  it("stores nothing if a statement fails, asks the sender to try again, and then works", async () => {
    const inbox = await durable({ settings: SLOWLY });
    await broken(inbox);
    const before = await tables(inbox);
    const { status, body, headers } = await inbox.send("evt_1");
    expect([status, body]).toEqual([503, '{"error":"Inbox unavailable"}']);
    expect(headers.get("retry-after")).toBe("5");
    expect(await tables(inbox)).toEqual(before);
    expect(await inbox.armed()).toBe(null);
    expect(codes(lines)).toContain("INBOX_FAILED");
    await inbox.sql("DROP TRIGGER broken");
    const again = await inbox.send("evt_1");
    expect(again.status).toBe(200);
    expect(JSON.parse(again.body)).not.toHaveProperty("duplicate");
    expect(await inbox.sql("SELECT count(*) AS n FROM carries")).toEqual([{ n: 1 }]);
  });

  it("is stored and told as it is, whatever letters it is written in", async () => {
    const inbox = await durable({ settings: SLOWLY });
    const texts = [
      "é",
      "a😀b",
      "😀",
      "\u{10ffff}z",
      "日本語",
      'q"\\\n\t',
      "a\u0000b",
      "plain",
      "x".repeat(5000) + "ü",
    ];
    for (const text of texts) {
      const body = JSON.stringify({
        ...JSON.parse(event("article.updated", text)),
        article: { id: text, title: text },
      });
      expect((await inbox.ask("/api/webhook", await signed(body))).response.status).toBe(200);
    }
    const rows = await inbox.sql("SELECT key, item, events, payload FROM deliveries ORDER BY id");
    expect(rows.map(({ key, item }) => [key, item])).toEqual(texts.map((text) => [text, text]));
    expect(rows.map(({ events }) => JSON.parse(events)[0].item.title)).toEqual(texts);
    const payloads = rows.map(({ payload }) => JSON.parse(new TextDecoder().decode(payload)));
    expect(payloads.map((it) => it.article.title)).toEqual(texts);
    const listed = (await inbox.command("GET", "/api/deliveries")).json().deliveries;
    expect(listed.map((/** @type {any} */ it) => it.event_id).reverse()).toEqual(texts);
    // Each is known again.
    for (const text of texts) expect(JSON.parse((await inbox.send(text)).body).duplicate, text).toBe(true);
  });

  it("is stored without the secret that its body has, and as it came where it has none", async () => {
    const inbox = await durable({ settings: { ...SLOWLY, PRISMIC_WEBHOOK_SECRET: "a secret of Prismic's" } });
    const body = (/** @type {string} */ secret) =>
      `{"type":"api-update","domain":"d","documents":["ü"], "secret":"${secret}"}`;
    const init = { method: "POST", body: body("a secret of Prismic's") };
    expect((await inbox.ask("/api/webhook/prismic", init)).response.status).toBe(200);
    await inbox.ask("/api/webhook", await signed(event("article.created", "evt_1")));
    const rows = await inbox.sql("SELECT payload FROM deliveries ORDER BY id");
    const payloads = rows.map(({ payload }) => new TextDecoder().decode(payload));
    expect(payloads).toEqual([body("(secret)"), event("article.created", "evt_1")]);
  });

  it("of a receiver that is older is refused, and nothing of it is stored", async () => {
    const inbox = await durable({ settings: SLOWLY });
    const [head, payload] = [new TextEncoder().encode("{}\n{}\n[]\n"), new TextEncoder().encode("{}")];
    const [status, said] = await inbox.stub().ask("POST", "/2/accept", head, payload);
    expect([status, said]).toEqual([404, "no such place in this version"]);
    expect(await inbox.sql("SELECT count(*) AS n FROM deliveries")).toEqual([{ n: 0 }]);
  });

  it("is refused by an inbox of another version, and the sender is asked to try again", async () => {
    const inbox = await durable({ settings: SLOWLY });
    /** One that is asked as a later receiver would. @param {string} method @param {string} target @param {Uint8Array[]} body */
    const ask = (method, target, ...body) =>
      inbox.stub().ask(method, target.replace(/\/\d+\//, "/9/"), ...body);
    const later = worker({ ...inbox.bindings, INBOX: { getByName: () => ({ ask }) } });
    const { response } = await later.ask("/api/webhook", await signed(event("article.created", "evt_1")));
    expect([response.status, await response.text()]).toEqual([503, '{"error":"Inbox unavailable"}']);
    expect(lines.find((it) => it.code === "INBOX_FAILED").reason).toMatch(
      /: it is of another version: deploy /,
    );
    expect(await inbox.sql("SELECT count(*) AS n FROM deliveries")).toEqual([{ n: 0 }]);
    expect((await inbox.send("evt_1")).status).toBe(200);
  });

  /** @type {[string, (...question: unknown[]) => unknown, RegExp][]} */
  const gone = [
    ["is gone", () => Promise.reject(new Error("broken by the test")), /: Error: broken by the test$/],
    [
      "cannot be asked",
      () => {
        throw new Error("broken by the test");
      },
      /: Error: broken by the test$/,
    ],
    ["hangs", () => new Promise(() => {}), /: no answer within 5000 ms$/],
  ];
  it.each(gone)("asks the sender to try again where the inbox %s, and says so", async (_, ask, reason) => {
    const inbox = await durable({ settings: SLOWLY });
    const without = worker({ ...inbox.bindings, INBOX: { getByName: () => ({ ask }) } });
    const { response } = await without.ask("/api/webhook", await signed(event("article.created", "evt_1")));
    expect([response.status, await response.text()]).toEqual([503, '{"error":"Inbox unavailable"}']);
    expect(lines.find((it) => it.code === "INBOX_FAILED").reason).toMatch(reason);
  });

  it("deploys once all the same for a sender that would not try again", async () => {
    const inbox = await durable({ settings: AT_ONCE });
    await broken(inbox);
    const { status, after } = await inbox.send("evt_1");
    await after;
    expect(status).toBe(503);
    expect(await inbox.calls()).toMatchObject([{ event_id: "evt_1" }]);
    expect(await inbox.sql("SELECT count(*) AS n FROM deliveries")).toEqual([{ n: 0 }]);
  });

  it("deploys nothing for a sender that tries again by itself", async () => {
    const inbox = await durable({ settings: { ...AT_ONCE, PAGEGUN_WEBHOOK_SECRET: SECRET } });
    await broken(inbox);
    const body = '{"event":"page.published","timestamp":"2026-01-31T08:00:00Z","data":{"id":"page_1"}}';
    const headers = { "x-pagegun-signature": `sha256=${await sign(body)}` };
    const { response, after } = await inbox.ask("/api/webhook/pagegun", { method: "POST", headers, body });
    await after;
    expect(response.status).toBe(503);
    expect(await inbox.calls()).toEqual([]);
  });
});

describe("what it costs", () => {
  it("is one call of the inbox, and one more for the delivery that opens a window", async () => {
    vi.useFakeTimers({ toFake: ["Date"], now: THEN });
    const inbox = await durable({ settings: { DEPLOY_SETTLE_SECONDS: "1" } });
    const sent = [];
    for (let number = 0; number < 5; number++) sent.push(await inbox.send(`evt_${number}`));
    sent.push(await inbox.send("evt_9", "test"));
    expect(inbox.asked).toEqual(Array(6).fill("/3/accept"));
    pass(2);
    await Promise.all(sent.map(({ after }) => after));
    expect(inbox.asked).toEqual([...Array(6).fill("/3/accept"), "/1/wake"]);
    expect(await inbox.calls()).toMatchObject([{ event_id: "evt_4", event_count: 5 }]);
  });

  it("is no call for what is none of its business", async () => {
    const inbox = await durable();
    await inbox.ask("/api/health");
    await inbox.ask("/api/deliveries");
    await inbox.ask("/nothing", { method: "POST", body: "{}" });
    expect(inbox.asked).toEqual([]);
  });

  it("is few calls for many requests that are refused or repeat, after their answers", async () => {
    vi.useFakeTimers({ toFake: ["Date"], now: THEN });
    const inbox = await durable({ settings: SLOWLY });
    const headers = { "x-blogshoot-signature": "0".repeat(64) };
    await inbox.send("evt_1");
    const sent = [];
    for (let number = 0; number < 100; number++) {
      sent.push(await inbox.send("evt_1"));
      sent.push(await inbox.ask("/api/webhook", { method: "POST", headers, body: "{}" }));
    }
    pass(10);
    await Promise.all(sent.map(({ after }) => after));
    expect(inbox.asked.filter((it) => it === "/1/counted").length).toBeLessThanOrEqual(11);
    const [{ n }] = await inbox.sql("SELECT sum(count) AS n FROM tallies WHERE label LIKE '%duplicate%'");
    expect(n).toBe(100);
  });
});

describe("the mode", () => {
  /** @param {import("./presshook.mjs").Bindings} bindings */
  const health = async (bindings, query = "") => {
    const { response } = await worker(bindings).ask(`/api/health${query}`);
    return { status: response.status, body: /** @type {any} */ (await response.json()) };
  };

  it("is durable with the binding", async () => {
    const inbox = await durable({ settings: { RATE_LIMIT: { limit: async () => ({ success: true }) } } });
    const { body } = await health(inbox.bindings);
    expect(body).toMatchObject({
      status: "healthy",
      mode: "durable",
      config: { inbox: true, rateLimit: true },
    });
  });

  it("is direct where INBOX says none", async () => {
    const { body } = await health({ BLOGSHOOT_WEBHOOK_SECRET: SECRET, INBOX: "none" });
    expect(body).toMatchObject({
      status: "healthy",
      mode: "direct",
      config: { inbox: false, rateLimit: false },
    });
  });

  it("without either stores nothing, so that a sender is asked to try again", async () => {
    const bindings = { BLOGSHOOT_WEBHOOK_SECRET: SECRET };
    const { response } = await worker(bindings).ask("/webhook", await signed(event("article.created")));
    expect([response.status, response.headers.get("retry-after")]).toEqual([503, "5"]);
    const { status, body } = await health(bindings);
    expect([status, body.status, body.mode]).toEqual([200, "misconfigured", "durable"]);
    expect(body.config).toMatchObject({ inbox: false, rateLimit: false });
    expect((await health(bindings, "?strict")).status).toBe(503);
  });

  it("is well under ?strict until a job is dead or over ten minutes late", async () => {
    vi.useFakeTimers({ toFake: ["Date"], now: THEN });
    const inbox = await durable({ hook: "404-200", cut: true, settings: SLOWLY });
    const strict = () => health(inbox.bindings, "?strict");
    expect((await strict()).status).toBe(200);
    await inbox.send("evt_1");
    pass(60 + 599);
    expect((await strict()).status).toBe(200);
    pass(2);
    const late = await strict();
    expect([late.status, late.body.status]).toEqual([503, "unhealthy"]);
    expect(late.body.reason).toBe("a job has been due for 601 s");
    await inbox.alarm();
    const dead = await strict();
    expect([dead.status, dead.body.reason]).toEqual([503, expect.stringMatching(/^1 dead/)]);
    expect((await health(inbox.bindings)).status).toBe(200);
    await inbox.command("POST", "/api/dead/redeliver");
    await inbox.next();
    expect((await strict()).status).toBe(200);
  });
});

/** @typedef {import("./durable.mjs").Inbox} Inbox */

/**
 * Everything that is stored.
 *
 * @param {Inbox} inbox
 */
async function tables(inbox) {
  const names = ["deliveries", "keys", "jobs", "carries", "attempts", "targets", "budgets", "plans", "items"];
  /** @type {Record<string, any[]>} */
  const all = {};
  for (const name of names) all[name] = await inbox.sql(`SELECT * FROM ${name}`);
  return all;
}
