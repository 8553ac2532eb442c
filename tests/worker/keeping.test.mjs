// What the inbox keeps: nothing secret, and however much it is, none of it is read to accept the next delivery.

import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { TOKEN, durable } from "./durable.mjs";
import { SECRET, event, logged, sign } from "./presshook.mjs";

/** @type {any[]} */
let lines;
beforeEach(() => {
  lines = logged();
});
afterEach(() => vi.restoreAllMocks());

const TABLES = ["deliveries", "keys", "jobs", "carries", "attempts", "targets", "budgets", "plans", "items"];

/** Everything that is stored, as text; bytes as what they spell. */
const stored = (/** @type {import("./durable.mjs").Inbox} */ inbox) =>
  inbox.inside((state) => {
    const rows = TABLES.flatMap((table) => state.storage.sql.exec(`SELECT * FROM ${table}`).toArray());
    return JSON.stringify(rows, (_, value) =>
      value instanceof ArrayBuffer ? new TextDecoder().decode(value) : value,
    );
  });

describe("no secret is kept, logged or answered", () => {
  const CANARY = "canary/secret+of=prismic";
  const SETTINGS = {
    DEPLOY_SETTLE_SECONDS: "0",
    DEPLOY_MIN_GAP_SECONDS: "0",
    PRISMIC_WEBHOOK_SECRET: CANARY,
  };

  it("that stands in the body", async () => {
    const inbox = await durable({ settings: SETTINGS });
    const body = JSON.stringify({ type: "api-update", domain: "my-repo", documents: ["X1"], secret: CANARY });
    const { response, after } = await inbox.ask("/api/webhook/prismic", { method: "POST", body });
    await after;
    expect(response.status).toBe(200);
    const [{ payload }] = await inbox.sql("SELECT payload FROM deliveries");
    expect(JSON.parse(new TextDecoder().decode(payload))).toEqual({
      type: "api-update",
      domain: "my-repo",
      documents: ["X1"],
      secret: "(secret)",
    });
    for (const text of [await stored(inbox), JSON.stringify(lines), await response.text()]) {
      expect(text).not.toContain(CANARY);
    }
  });

  it("that is a header or in the query; headers are kept by name", async () => {
    const inbox = await durable({ settings: SETTINGS });
    const body = event("article.created");
    const headers = {
      "content-type": "application/json; charset=utf-8",
      "user-agent": "BlogShoot/1.0",
      "x-blogshoot-delivery-id": "dlv_1",
      "x-blogshoot-signature": await sign(body),
      authorization: "Bearer canary-token",
      cookie: "canary-cookie=1",
      "x-anything": "canary-header",
    };
    const init = { method: "POST", headers, body };
    const { response, after } = await inbox.ask("/api/webhook?token=canary-query", init);
    await after;
    expect(response.status).toBe(200);
    const [row] = await inbox.sql("SELECT headers FROM deliveries");
    expect(JSON.parse(row.headers)).toEqual({
      "content-type": "application/json; charset=utf-8",
      "user-agent": "BlogShoot/1.0",
      "x-blogshoot-delivery-id": "dlv_1",
    });
    for (const text of [await stored(inbox), JSON.stringify(lines), await response.text()]) {
      expect(text).not.toMatch(/canary/);
      expect(text).not.toContain(headers["x-blogshoot-signature"]);
    }
  });

  it.each(["200", "404", "500-410", "closes-200"])(
    "of the settings, with a host that does %s",
    async (hook) => {
      const inbox = await durable({ hook, settings: SETTINGS });
      const { after } = await inbox.send("evt_1");
      await after;
      await inbox.command("POST", "/api/dead/redeliver");
      await inbox.cron();
      const shown = [];
      for (const { id } of await inbox.sql("SELECT id FROM deliveries")) {
        shown.push((await inbox.command("GET", `/api/deliveries/${id}`)).text);
      }
      const exported = (await inbox.command("GET", "/api/export")).text;
      for (const text of [await stored(inbox), JSON.stringify(lines), exported, ...shown]) {
        for (const secret of [SECRET, CANARY, TOKEN, inbox.hookUrl]) expect(text).not.toContain(secret);
      }
    },
  );
});

describe("a hundred thousand deliveries", () => {
  it("cost the next one nothing: no statement reads a table whole", async () => {
    const inbox = await durable({ settings: { DEPLOY_SETTLE_SECONDS: "3600" } });
    await inbox.send("evt_0");
    await inbox.inside((state) => filled(state.storage.sql));
    expect(await inbox.sql("SELECT count(*) AS n FROM deliveries")).toEqual([{ n: 100_001 }]);
    /** @type {{ sql: string, params: unknown[], read: number }[]} */
    const run = [];
    await inbox.inside((state) => watched(state.storage.sql, run));
    expect((await inbox.send("evt_1")).status).toBe(200);
    expect(JSON.parse((await inbox.send("evt_1")).body)).toMatchObject({ duplicate: true });
    await inbox.cron();
    await inbox.command("GET", "/api/deliveries?limit=10");
    await inbox.command("GET", "/api/export");
    await inbox.ask("/api/health?strict");
    expect(run.length).toBeGreaterThan(20);
    const most = run.reduce((most, it) => (it.read > most.read ? it : most));
    expect(most.read, most.sql).toBeLessThan(200);
  });

  it("are not searched for what is due: it is found by an index", async () => {
    const inbox = await durable();
    await inbox.inside((state) => filled(state.storage.sql));
    /** @type {{ sql: string, params: unknown[], read: number }[]} */
    const run = [];
    await inbox.inside((state) => watched(state.storage.sql, run));
    await inbox.send("evt_1");
    await inbox.cron();
    const plan = async (/** @type {RegExp} */ statement) => {
      const found = run.find(({ sql }) => statement.test(sql));
      if (!found) throw new Error(`no statement like ${statement}`);
      const rows = await inbox.sql(`EXPLAIN QUERY PLAN ${found.sql}`, ...found.params);
      return rows.map(({ detail }) => detail).join("; ");
    };
    // What is due, and when to come again.
    expect(await plan(/min\(due_at\) FROM jobs WHERE due_at <= \?1/)).toMatch(
      /SEARCH jobs USING INDEX jobs_by_due \(due_at<\?\)/,
    );
    expect(await plan(/^SELECT j\.due_at FROM jobs j WHERE j\.due_at IS NOT NULL/)).toMatch(
      /^S\w+ j USING INDEX jobs_by_due/,
    );
    for (const { sql, params } of run) {
      if (!/^(SELECT|UPDATE|DELETE)/.test(sql)) continue;
      const details = (await inbox.sql(`EXPLAIN QUERY PLAN ${sql}`, ...params)).map(({ detail }) => detail);
      for (const detail of details) {
        // A few rows for each target; the others grow with what is kept.
        expect(detail, sql).not.toMatch(
          /SCAN (jobs|j|deliveries|d|keys|k|carries|c|attempts|a|items)\b(?! USING)/,
        );
      }
    }
  });
});

/**
 * Stores as many deliveries, each with its key, its item, and one done job for ten of them.
 *
 * @param {any} sql
 */
function filled(sql) {
  const numbers = "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ?1)";
  const now = Date.now() - 86_400_000;
  const insert = (/** @type {string} */ text, count = 100_000) =>
    sql.exec(text.replace("NUMBERS", numbers), count, now);
  insert(`INSERT INTO deliveries (id, connection, key, event_type, kind, item, stale, events, verified_by, headers,
    payload, received_at) NUMBERS SELECT ?2 + i, 'blogshoot', 'old_' || i, 'article.created', 'published', 'art_' || i, 0,
    '[]', 'BLOGSHOOT_WEBHOOK_SECRET', '{}', x'7b7d', ?2 + i FROM n`);
  insert(`INSERT INTO keys (connection, key, delivery_id, expires_at) NUMBERS
    SELECT 'blogshoot', 'old_' || i, ?2 + i, ?2 + 8640000000 FROM n`);
  insert(`INSERT INTO items (connection, item, updated_at, seen_at) NUMBERS
    SELECT 'blogshoot', 'art_' || i, ?2 + i, ?2 + i FROM n`);
  insert(`INSERT INTO carries (job_id, delivery_id) NUMBERS SELECT ?2 + i / 10, ?2 + i FROM n`);
  insert(
    `INSERT INTO jobs (id, action, target, state, due_at, attempts, tries, first_at, wanted_at, urgent, after, source,
    event_id, reason, finished_at) NUMBERS SELECT ?2 + i, 'deploy', 'default', 'done', NULL, 1, 1, NULL, ?2, 0, NULL,
    'blogshoot', 'old_' || i, NULL, ?2 + i FROM n`,
    10_000,
  );
  insert(
    `INSERT INTO attempts (job_id, number, started_at, ended_at, outcome, status, detail) NUMBERS
    SELECT ?2 + i, 1, ?2, ?2, 'accepted', 200, NULL FROM n`,
    10_000,
  );
}

/**
 * Notes every statement that is run from here on, and how many rows it reads.
 *
 * @param {any} sql
 * @param {{ sql: string, params: unknown[], read: number }[]} run
 */
function watched(sql, run) {
  const exec = sql.exec.bind(sql);
  sql.exec = (/** @type {string} */ text, /** @type {unknown[]} */ ...params) => {
    const cursor = exec(text, ...params);
    const entry = { sql: text.replace(/\s+/g, " "), params, read: 0 };
    run.push(entry);
    return {
      *raw() {
        yield* cursor.raw();
        entry.read = cursor.rowsRead;
      },
      toArray: () => cursor.toArray(),
    };
  };
}
