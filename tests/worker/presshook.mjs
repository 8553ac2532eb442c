// The built Worker, called as the runtime calls it, with bindings of the test's own.

import { createExecutionContext, waitOnExecutionContext } from "cloudflare:test";
import { expect, vi } from "vitest";
import presshook from "../../src/cloudflare/worker.js";
import { wrong } from "../vectors/requests.mjs";

export const SECRET = "the secret of the tests";

/** @typedef {Record<string, unknown>} Bindings */

/**
 * The Worker with these bindings. The same object is the same isolate's bindings: settings are read once for it.
 *
 * @param {Bindings} bindings
 */
export function worker(bindings) {
  return {
    /**
     * One request: the response at once, and a promise for the work that goes on after it.
     *
     * @param {string} path
     * @param {RequestInit} [init]
     */
    async ask(path, init) {
      const ctx = createExecutionContext();
      const response = await presshook.fetch(new Request(`https://hook.example${path}`, init), bindings, ctx);
      return { response, after: waitOnExecutionContext(ctx) };
    },
  };
}

export const DIRECT = { INBOX: "none", BLOGSHOOT_WEBHOOK_SECRET: SECRET };

/**
 * The signature, computed by the runtime's own WebCrypto and not by the code under test.
 *
 * @param {string | Uint8Array<ArrayBuffer>} body
 * @param {string} [secret]
 */
export async function sign(body, secret = SECRET) {
  const bytes = typeof body === "string" ? new TextEncoder().encode(body) : body;
  const hmac = { name: "HMAC", hash: "SHA-256" };
  const key = await crypto.subtle.importKey("raw", new TextEncoder().encode(secret), hmac, false, ["sign"]);
  const mac = new Uint8Array(await crypto.subtle.sign("HMAC", key, bytes));
  return [...mac].map((byte) => byte.toString(16).padStart(2, "0")).join("");
}

/**
 * A signed delivery.
 *
 * @param {string | Uint8Array<ArrayBuffer>} body
 * @returns {Promise<RequestInit>}
 */
export const signed = async (body) => ({
  method: "POST",
  headers: { "x-blogshoot-signature": await sign(body), "content-type": "application/json" },
  body,
});

/** @param {string} type @param {string} [id] */
export const event = (type, id = "evt_1") =>
  JSON.stringify({
    event_id: id,
    event_type: type,
    timestamp: "2026-01-31T08:00:00Z",
    article: { id: "art_1" },
  });

/** Collects what the Worker prints, as objects where it is JSON. @param {any[]} [lines] */
export function logged(lines = []) {
  const keep = (/** @type {unknown[]} */ ...parts) => {
    const text = parts.map(String).join(" ");
    lines.push(text.startsWith("{") ? JSON.parse(text) : text);
  };
  for (const level of /** @type {const} */ (["log", "warn", "error"])) {
    vi.spyOn(console, level).mockImplementation(keep);
  }
  return lines;
}

/** @param {any[]} lines */
export const codes = (lines) => lines.map((line) => line.code ?? line);

/**
 * A request of the vectors, which must be decided as they say; without an inbox, and at their time.
 *
 * @param {import("../vectors/requests.mjs").Asked} asked
 */
export async function decided(asked) {
  const { now, path, headers, body, settings, calls } = asked;
  if (now !== undefined) vi.useFakeTimers({ now, toFake: ["Date"] });
  const log = logged();
  const sent = vi.spyOn(globalThis, "fetch").mockImplementation(async () => new Response("{}"));
  const hook = calls && { CLOUDFLARE_DEPLOY_HOOK: "https://host.example/hook" };
  const { ask } = worker({ INBOX: "none", ...settings, ...hook });
  const { response, after } = await ask(path, { method: "POST", headers, body });
  await after;
  const heard = sent.mock.calls.map(([, init]) =>
    JSON.parse(new TextDecoder().decode(/** @type {any} */ (init).body)),
  );
  const seen = { status: response.status, answer: await response.json(), log, calls: heard };
  expect(wrong(asked, seen)).toEqual([]);
}
