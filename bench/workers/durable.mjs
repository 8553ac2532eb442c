// What a user would write instead of the inbox: a JavaScript Worker that hands each genuine event to its own Durable
// Object. The object keeps the same tables, reads and writes the same rows in one transaction, and sets its alarm; what
// the alarm would do is not measured. No settings, no log, no other sender, no budget, no pause between deploys.

import { DurableObject } from "cloudflare:workers";
import { accepted, genuine, refused } from "./genuine.mjs";

const DAY = 86_400_000;

/**
 * @typedef {{
 *   key: string, type: string, kind: string, item: string | null, updatedAt: number | null, events: string,
 *   headers: string, payload: ArrayBuffer, receivedAt: number,
 * }} Delivery
 */

export default {
  /** @param {Request} request @param {{ BLOGSHOOT_WEBHOOK_SECRET: string, INBOX: any }} env */
  async fetch(request, env) {
    const received = await genuine(request, env);
    if (!received) return refused();
    const receivedAt = Date.now();
    const { body, event } = received;
    const { event_id, event_type, timestamp, article } = event;
    const kinds = {
      "article.created": "published",
      "article.updated": "updated",
      "article.deleted": "deleted",
    };
    const kind = kinds[/** @type {keyof typeof kinds} */ (event_type)] ?? "other";
    // All that is told of the article, but its text.
    const { content: _, ...item } = article ?? {};
    /** @type {Delivery} */
    const delivery = {
      key: event_id,
      type: event_type,
      kind,
      item: item.id ?? null,
      updatedAt: item.updated_at ? Date.parse(item.updated_at) : null,
      events: JSON.stringify([{ kind, name: event_type, at: Date.parse(timestamp), item }]),
      headers: JSON.stringify({ "content-type": request.headers.get("content-type") }),
      payload: body,
      receivedAt,
    };
    const { duplicate } = await env.INBOX.getByName("inbox").accept(delivery);
    return accepted(event, duplicate);
  },
};

/** One there is of it, named `inbox`. */
export class Inbox extends DurableObject {
  /** When the alarm is set for. @type {number | undefined} */
  armed;

  /** @param {any} ctx @param {any} env */
  constructor(ctx, env) {
    super(ctx, env);
    for (const sql of env.SCHEMA.split(";\n")) ctx.storage.sql.exec(sql);
  }

  /** Stores a delivery once, and has it join the deploy that waits. @param {Delivery} delivery */
  accept(delivery) {
    const { storage } = this.ctx;
    const { wakeAt, ...receipt } = storage.transactionSync(() => this.keep(delivery));
    if (wakeAt !== undefined && (this.armed === undefined || wakeAt < this.armed)) {
      this.armed = wakeAt;
      storage.setAlarm(wakeAt);
    }
    return receipt;
  }

  /** @param {Delivery} delivery */
  keep({ key, type, kind, item, updatedAt, events, headers, payload, receivedAt }) {
    const { sql } = this.ctx.storage;
    /** @param {string} text @param {unknown[]} values @returns {any} */
    const first = (text, ...values) => sql.exec(text, ...values).toArray()[0];
    const now = Date.now();
    const known = first(
      "SELECT delivery_id AS id FROM keys WHERE connection = ? AND key = ? AND expires_at > ?",
      "blogshoot",
      key,
      now,
    );
    // Where what it caused has failed for good, or nobody knows how it ended, it is to be tried again.
    const dead = sql
      .exec(
        `SELECT j.* FROM jobs j JOIN carries c ON c.job_id = j.id JOIN keys k ON k.delivery_id = c.delivery_id
         WHERE (j.state = 'dead' OR j.state = 'done' AND EXISTS
           (SELECT 1 FROM builds b WHERE b.job_id = j.id AND b.state = 'unknown'))
         AND k.connection = ? AND k.key = ? AND k.expires_at > ?`,
        "blogshoot",
        key,
        now,
      )
      .toArray();
    if (known && dead.length === 0) return { id: known.id, duplicate: true };
    const last = first(
      "SELECT max(id) AS id FROM (SELECT max(id) AS id FROM deliveries UNION ALL SELECT max(delivery_id) FROM carries)",
    );
    const waiting = first("SELECT * FROM jobs WHERE state = 'waiting' AND alone IS NULL");
    const target = first(
      "SELECT deployed_at, not_before, building_until FROM targets WHERE name = 'default'",
    );
    const lastJob = first("SELECT max(id) AS id FROM jobs");
    const version =
      item === null
        ? undefined
        : first("SELECT updated_at FROM items WHERE connection = ? AND item = ?", "blogshoot", item);
    const plan =
      item === null
        ? undefined
        : first("SELECT 1 FROM plans WHERE connection = ? AND item = ?", "blogshoot", item);
    const stale = updatedAt !== null && version !== undefined && updatedAt < version.updated_at;
    if (plan && !stale) {
      sql.exec("DELETE FROM plans WHERE connection = ? AND item = ?", "blogshoot", item);
    }
    if (updatedAt !== null && !stale) {
      sql.exec(
        `INSERT INTO items (connection, item, updated_at, seen_at) VALUES (?1, ?2, ?3, ?4)
         ON CONFLICT (connection, item) DO UPDATE SET updated_at = max(updated_at, ?3), seen_at = ?4`,
        "blogshoot",
        item,
        updatedAt,
        now,
      );
    }
    const id = Math.max(now, (last?.id ?? 0) + 1);
    sql.exec(
      `INSERT INTO deliveries (id, connection, key, event_type, kind, item, stale, events, verified_by, headers,
       payload, received_at, took) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
      id,
      "blogshoot",
      key,
      type,
      kind,
      item,
      stale ? 1 : 0,
      events,
      "BLOGSHOOT_WEBHOOK_SECRET",
      headers,
      payload,
      now,
      now - receivedAt,
    );
    sql.exec(
      `INSERT INTO keys (connection, key, delivery_id, expires_at) VALUES (?1, ?2, ?3, ?4)
       ON CONFLICT (connection, key) DO UPDATE SET delivery_id = ?3, expires_at = ?4`,
      "blogshoot",
      key,
      id,
      now + 30 * DAY,
    );
    // Quiet for a day, but at the latest a day after the first; and never before its host allows it.
    const firstAt = waiting?.first_at ?? now;
    const wantedAt = Math.min(now + DAY, firstAt + DAY);
    const dueAt = Math.max(wantedAt, (target?.deployed_at ?? 0) + 60_000, target?.not_before ?? 0);
    const job = waiting?.id ?? Math.max(now, (lastJob?.id ?? 0) + 1);
    if (waiting) {
      sql.exec(
        `UPDATE jobs SET due_at = ?2, tries = 0, first_at = ?3, wanted_at = ?4, urgent = 0, source = 'blogshoot',
         event_id = ?5 WHERE id = ?1`,
        ...[job, dueAt, firstAt, wantedAt, key],
      );
    } else {
      sql.exec(
        `INSERT INTO jobs (id, action, target, state, due_at, attempts, tries, first_at, wanted_at, urgent, source,
         event_id) VALUES (?1, 'deploy', 'default', 'waiting', ?2, 0, 0, ?3, ?4, 0, 'blogshoot', ?5)`,
        ...[job, dueAt, firstAt, wantedAt, key],
      );
    }
    sql.exec("INSERT OR IGNORE INTO carries (job_id, delivery_id) VALUES (?, ?)", job, id);
    return { id, duplicate: false, wakeAt: dueAt < (waiting?.due_at ?? Infinity) ? dueAt : undefined };
  }

  alarm() {
    this.armed = undefined;
  }
}
