// The built Worker with an inbox of the test's own: a real Durable Object, reached through a binding that counts and,
// if wanted, loses what is asked of it. Receiver and inbox have the same settings.

import {
  createExecutionContext,
  env,
  runDurableObjectAlarm,
  runInDurableObject,
  waitOnExecutionContext,
} from "cloudflare:test";
import { afterEach, beforeEach, inject, vi } from "vitest";
import presshook from "../../src/cloudflare/worker.js";
import { SECRET, event, logged, signed, worker } from "./presshook.mjs";

export const TOKEN = "the token of the owner";
const HOST = inject("host");

/** @typedef {Awaited<ReturnType<typeof durable>>} Inbox */

let inboxes = 0;

/** A moment in the future, for fake time: no alarm comes by itself then, and every one is the test's to run. */
export const THEN = Date.parse("2030-01-01T08:00:00Z");

/** Has each test of a file begin at that moment. What is logged in the one that runs. */
export function fromThen() {
  /** @type {any[]} */
  const lines = [];
  beforeEach(() => {
    lines.length = 0;
    logged(lines);
    vi.useFakeTimers({ toFake: ["Date"], now: THEN });
  });
  afterEach(() => {
    vi.useRealTimers();
    vi.restoreAllMocks();
  });
  return lines;
}

/**
 * Lets time pass, where it is fake.
 *
 * @param {number} seconds
 */
export const pass = (seconds) => vi.setSystemTime(Date.now() + seconds * 1000);

/**
 * An inbox without anything in it, and the Worker in front of it.
 *
 * @param {object} [options]
 * @param {string} [options.hook] how the host behaves, as in `host.mjs`
 * @param {boolean} [options.cut] whether wakes are lost, as where the runtime ends a request's work
 * @param {Record<string, unknown>} [options.settings]
 */
export async function durable({ hook = "200", cut = false, settings = {} } = {}) {
  const name = `inbox-${++inboxes}`;
  const place = `${crypto.randomUUID()}-${name}`.replaceAll("-", "");
  // One that has seen a crash is of no use any more.
  const stub = () => env.INBOX.getByName(name);
  /** What was asked of the inbox. @type {string[]} */
  const asked = [];
  const namespace = {
    getByName: () => ({
      /** @param {string} method @param {string} target @param {Uint8Array} [body] @param {Uint8Array} [payload] */
      async ask(method, target, body, payload) {
        asked.push(target.split("?")[0]);
        return cut && target === "/1/wake" ? [200, ""] : stub().ask(method, target, body, payload);
      },
    }),
  };
  const bindings = {
    BLOGSHOOT_WEBHOOK_SECRET: SECRET,
    CLOUDFLARE_DEPLOY_HOOK: `${HOST}/hook/${encodeURIComponent(hook)}/${place}`,
    ADMIN_TOKEN: TOKEN,
    LOG_LEVEL: "debug",
    INBOX: namespace,
    ...settings,
  };

  /**
   * @template T
   * @param {(state: any, instance: any) => T | Promise<T>} act
   * @returns {Promise<T>}
   */
  const inside = (act) =>
    runInDurableObject(stub(), (/** @type {any} */ instance, state) => act(state, instance));
  await inside((_, instance) => void (instance.env = bindings));

  const inbox = {
    stub,
    asked,
    bindings,
    inside,
    hookUrl: bindings.CLOUDFLARE_DEPLOY_HOOK,
    ask: worker(bindings).ask,

    /** The calls that the host has heard, each its body. @returns {Promise<any[]>} */
    async calls() {
      const calls = await (await fetch(`${HOST}/calls/${place}`)).json();
      return calls.map((/** @type {{ body: string }} */ call) => JSON.parse(call.body));
    },

    /**
     * Sends one event of BlogShoot's: the answer, and a promise for the work that goes on after it.
     *
     * @param {string} id
     * @param {string} [type]
     */
    async send(id, type = "article.created") {
      const { response, after } = await inbox.ask("/api/webhook", await signed(event(type, id)));
      return { status: response.status, body: await response.text(), headers: response.headers, after };
    },

    /**
     * Gives a command of the owner's, with the token.
     *
     * @param {string} method
     * @param {string} path
     * @param {string} [body]
     */
    async command(method, path, body) {
      const headers = { authorization: `Bearer ${TOKEN}` };
      const { response, after } = await inbox.ask(path, { method, headers, body });
      // Not by `text`, which the runtime would warn of for lines of JSON.
      const text = new TextDecoder().decode(await response.arrayBuffer());
      return {
        status: response.status,
        text,
        json: () => JSON.parse(text),
        headers: response.headers,
        after,
      };
    },

    /** Runs the alarm now; false if none is set. */
    alarm: () => runDurableObjectAlarm(stub()),

    /** When the alarm is set for. */
    armed: () => inside((state) => state.storage.getAlarm()),

    /** Lets time pass until the alarm is to come, and runs it; false if none is set. */
    async next() {
      const at = await inbox.armed();
      if (at === null) return false;
      vi.setSystemTime(Math.max(Date.now(), at));
      return inbox.alarm();
    },

    /** The cron trigger. */
    async cron() {
      const ctx = createExecutionContext();
      await presshook.scheduled({ cron: "*/5 * * * *", scheduledTime: Date.now() }, bindings, ctx);
      await waitOnExecutionContext(ctx);
    },

    /**
     * The rows that a statement returns.
     *
     * @param {string} sql
     * @param {any[]} params
     * @returns {Promise<any[]>}
     */
    sql: (sql, ...params) => inside((state) => state.storage.sql.exec(sql, ...params).toArray()),
  };
  return inbox;
}
