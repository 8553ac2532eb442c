// The published signature vectors at the built Worker in workerd, where HTTP can carry their method and path.

import { afterEach, expect, it, vi } from "vitest";
import published from "../vectors/signatures.json" with { type: "json" };
import edges from "../vectors/edges.json" with { type: "json" };
import schemes from "../vectors/schemes.json" with { type: "json" };
import { logged, worker } from "./presshook.mjs";

afterEach(() => {
  vi.restoreAllMocks();
  vi.useRealTimers();
});

/**
 * @typedef {{ id: string, scheme: string, secret: string, headers: Record<string, string>, body_base64?: string,
 *   body_repeat?: { byte: string, count: number }, path?: string, method?: string, note_time?: number,
 *   expect: string, policy?: string }} Vector
 */

/** Contentful signs the path, and these vectors are of paths that are not ours. */
const sendable = /** @type {Vector[]} */ (/** @type {unknown} */ ([...published, ...edges])).filter(
  ({ policy, path, secret }) => !policy && !path && secret,
);

/** @param {Vector} vector */
const bodyOf = ({ body_base64, body_repeat }) =>
  body_repeat
    ? new TextEncoder().encode(body_repeat.byte.repeat(body_repeat.count))
    : Uint8Array.from(atob(body_base64 ?? ""), (letter) => letter.charCodeAt(0));

it("has vectors to try", () => {
  expect(sendable.length).toBeGreaterThan(50);
});

it.each(sendable)("decides $id", async (vector) => {
  logged();
  const { source, settings } = /** @type {Record<string, any>} */ (schemes)[vector.scheme];
  const setting = `${source.toUpperCase().replaceAll("-", "_")}_WEBHOOK_SECRET`;
  vi.useFakeTimers({ now: (vector.note_time ?? 1769846400) * 1000, toFake: ["Date"] });
  const bindings = { INBOX: "none", ...settings, [setting]: vector.secret };
  const init = { method: "POST", headers: vector.headers, body: bodyOf(vector) };
  const { response, after } = await worker(bindings).ask(`/api/webhook/${source}`, init);
  await after;
  // A body that is no payload of the sender's has a good signature all the same.
  if (vector.expect === "valid") expect([200, 400]).toContain(response.status);
  else expect(response.status).toBe(401);
});
