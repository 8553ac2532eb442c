// The deploy call, from workerd over real sockets to a host that behaves as told. `fetch` is intercepted only to hold
// an answer back, and the clock is never waited for except where a host hangs.

import { afterEach, describe, expect, inject, it, vi } from "vitest";
import { DIRECT, codes, event, logged, signed, worker } from "./presshook.mjs";

afterEach(() => vi.restoreAllMocks());

const HOST = inject("host");

/** @param {string} name @returns {Promise<{ method: string, contentType: string, body: string }[]>} */
const calls = async (name) => (await fetch(`${HOST}/calls/${name}`)).json();

/**
 * One signed event with a hook that behaves so, until everything it causes is done.
 *
 * @param {string} behavior
 * @param {string} name
 * @param {{ type?: string, more?: object }} [options]
 */
async function deliver(behavior, name, { type = "article.created", more = {} } = {}) {
  const bindings = { ...DIRECT, CLOUDFLARE_DEPLOY_HOOK: `${HOST}/hook/${behavior}/${name}`, ...more };
  const lines = logged();
  const started = Date.now();
  const { response, after } = await worker(bindings).ask("/api/webhook", await signed(event(type, name)));
  const answered = Date.now() - started;
  await after;
  return { status: response.status, answered, took: Date.now() - started, lines, calls: await calls(name) };
}

describe("an accepted event calls the deploy hook", () => {
  it("with exactly this body, and says so in the log", async () => {
    const { status, calls, lines } = await deliver("200", "exact");
    expect(status).toBe(200);
    expect(calls).toEqual([{ method: "POST", contentType: "application/json", body: expect.any(String) }]);
    expect(calls[0].body).toMatch(
      /^\{"source":"blogshoot-webhook","event_id":"exact","timestamp":"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z"\}$/,
    );
    const sent = Date.parse(JSON.parse(calls[0].body).timestamp);
    expect(Math.abs(Date.now() - sent)).toBeLessThan(60_000);
    expect(codes(lines)).toEqual([
      "WEBHOOK_RECEIVED",
      "SIGNATURE_VERIFIED",
      "REBUILD_TRIGGERED",
      "PROCESSING_COMPLETE",
    ]);
    expect(JSON.stringify(lines)).not.toContain(HOST);
  });

  it("after the answer", async () => {
    /** @type {(value?: unknown) => void} */
    let release = () => {};
    const held = new Promise((resolve) => (release = resolve));
    const real = globalThis.fetch;
    vi.spyOn(globalThis, "fetch").mockImplementation(async (...args) => {
      await held;
      return real(...args);
    });
    const bindings = { ...DIRECT, CLOUDFLARE_DEPLOY_HOOK: `${HOST}/hook/200/after` };
    const lines = logged();
    const { response, after } = await worker(bindings).ask(
      "/webhook",
      await signed(event("article.created", "after")),
    );
    expect(response.status).toBe(200);
    expect(codes(lines)).not.toContain("REBUILD_TRIGGERED");
    release();
    await after;
    vi.mocked(globalThis.fetch).mockRestore();
    expect(await calls("after")).toHaveLength(1);
  });

  it.each([
    ["article.created", 1],
    ["article.updated", 1],
    ["article.deleted", 1],
    ["test", 0],
    ["article.moved", 0],
  ])("for %s %i times", async (type, count) => {
    const { status, calls } = await deliver("200", `kind-${type}`, { type });
    expect(status).toBe(200);
    expect(calls).toHaveLength(count);
  });

  it("only for the kinds in DEPLOY_ON", async () => {
    const more = { DEPLOY_ON: "published,updated" };
    expect((await deliver("200", "narrow-1", { type: "article.deleted", more })).calls).toHaveLength(0);
    expect((await deliver("200", "narrow-2", { type: "article.updated", more })).calls).toHaveLength(1);
  });

  it.each([
    ["DEPLOY_HOOK_URL", {}],
    ["CLOUDFLARE_DEPLOY_HOOK_PROD", { ENVIRONMENT: "production" }],
    ["CLOUDFLARE_DEPLOY_HOOK_STAGING", { ENVIRONMENT: "preview" }],
    ["CLOUDFLARE_DEPLOY_HOOK_PROD", { NODE_ENV: "production" }],
  ])("that is set in %s with %o", async (setting, more) => {
    const name = `by-${setting}-${Object.keys(more).join()}`;
    const other = setting.endsWith("PROD") ? "CLOUDFLARE_DEPLOY_HOOK_STAGING" : "CLOUDFLARE_DEPLOY_HOOK_PROD";
    const { calls } = await deliver("200", "unused", {
      more: {
        CLOUDFLARE_DEPLOY_HOOK: undefined,
        [other]: `${HOST}/hook/200/wrong`,
        [setting]: `${HOST}/hook/200/${name}`,
        ...more,
      },
    });
    expect(calls).toHaveLength(0);
    expect(await (await fetch(`${HOST}/calls/${name}`)).json()).toHaveLength(1);
    expect(await (await fetch(`${HOST}/calls/wrong`)).json()).toHaveLength(0);
  });
});

describe.concurrent("a host that does not answer with success", () => {
  it("with 500 is asked three times, then it is over", async () => {
    const { status, calls, took } = await deliver("500", "500");
    expect(status).toBe(200);
    expect(calls).toHaveLength(3);
    expect(took).toBeLessThan(25_000);
  });

  it("with 500 and then 200 is asked again, once", async () => {
    expect((await deliver("500-200", "500-200")).calls).toHaveLength(2);
  });

  it("with 404 is not asked again", async () => {
    expect((await deliver("404", "404")).calls).toHaveLength(1);
  });

  it("with a redirect is not followed", async () => {
    expect((await deliver("302", "302")).calls).toHaveLength(1);
  });

  it("that closes the connection is asked three times", async () => {
    expect((await deliver("closes", "closes")).calls).toHaveLength(3);
  });

  it("whose answer has no end has answered", async () => {
    const { calls, took } = await deliver("streams", "streams");
    expect(calls).toHaveLength(1);
    expect(took).toBeLessThan(5000);
  });

  it("that hangs is given up within 25 seconds, and the sender never waits for it", async () => {
    const { status, answered, took, calls } = await deliver("hangs", "hangs");
    expect(status).toBe(200);
    expect(answered).toBeLessThan(2000);
    expect(calls).toHaveLength(3);
    expect(took).toBeGreaterThan(20_000);
    expect(took).toBeLessThan(27_000);
  });
});

describe("the log tells what became of the call", () => {
  it("when the hook is gone, with what to do, and without its URL", async () => {
    const { lines } = await deliver("410", "gone");
    const dead = lines.find((line) => line.code === "JOB_DEAD");
    expect(dead).toMatchObject({ level: "error", job: "deploy", event: "gone", attempt: 1 });
    expect(dead.reason).toBe(
      "it answered 410 Gone: the hook does not exist any more, make a new one and set its URL",
    );
    expect(JSON.stringify(lines)).not.toContain(HOST);
  });

  it("when nothing listens there, without its URL", async () => {
    const more = { CLOUDFLARE_DEPLOY_HOOK: "http://127.0.0.1:9/hook/secret-part" };
    const { lines } = await deliver("", "refused", { more });
    expect(codes(lines).filter((code) => /JOB/.test(code))).toEqual(["JOB_RETRY", "JOB_RETRY", "JOB_DEAD"]);
    expect(lines.find((line) => line.code === "JOB_DEAD").reason).toMatch(/^it could not be reached: /);
    expect(JSON.stringify(lines)).not.toContain("secret-part");
  });
});
