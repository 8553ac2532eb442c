// Every sender's vector file at the built Worker in workerd: what is accepted, what is refused, and who is found.

import { afterEach, describe, expect, it, vi } from "vitest";
import { parse } from "smol-toml";
import { codes, logged, worker } from "./presshook.mjs";

afterEach(() => {
  vi.restoreAllMocks();
  vi.useRealTimers();
});

/**
 * @typedef {{ name: string, secret?: string, now?: number, settings?: Record<string, string>,
 *   headers: Record<string, string>, body: string }} Case
 * @typedef {{ secret: string, accepted: (Case & { kind: string, key: string })[],
 *   rejected: (Case & { status: number, reason: string })[] }} Vectors
 */

/** @type {Record<string, string>} */
const files = import.meta.glob("../vectors/sources/*.toml", {
  query: "?raw",
  import: "default",
  eager: true,
});
/** @type {[string, Vectors][]} */
const senders = Object.entries(files).map(([file, text]) => [
  file.replace(/^.*\/(.*)\.toml$/, "$1"),
  /** @type {Vectors} */ (/** @type {unknown} */ (parse(text))),
]);

/** @param {string} sender */
const setting = (sender) => `${sender.toUpperCase().replaceAll("-", "_")}_WEBHOOK_SECRET`;

/** Whose proof is not in a header, covers the URL, or depends on settings. */
const NAMED_ONLY = ["prismic", "contentful", "custom"];

/** All senders set up, each with a secret of its own. */
const ALL = Object.fromEntries(senders.map(([name, { secret }]) => [setting(name), secret]));

/** @param {Case} item @returns {RequestInit} */
const request = ({ headers, body }) => ({ method: "POST", headers, body: new TextEncoder().encode(body) });

/** @param {object} bindings @param {string} path @param {Case} item */
async function post(bindings, path, item) {
  if (item.now) vi.useFakeTimers({ now: item.now, toFake: ["Date"] });
  const lines = logged();
  const { response, after } = await worker({ INBOX: "none", ...bindings, ...item.settings }).ask(
    path,
    request(item),
  );
  await after;
  return { status: response.status, body: await response.json(), lines };
}

it("has vectors to try", () => {
  expect(senders).not.toHaveLength(0);
});

describe.each(senders)("%s", (name, { secret, accepted, rejected }) => {
  it.each(accepted)("accepts $name", async (item) => {
    const named = `/api/webhook/${name}`;
    for (const path of NAMED_ONLY.includes(name) ? [named] : ["/api/webhook", named]) {
      const { status, body, lines } = await post(
        { ...ALL, [setting(name)]: item.secret ?? secret },
        path,
        item,
      );
      expect(status).toBe(200);
      expect(body).toMatchObject({ success: true, event_id: item.key });
      expect(lines.find((line) => line.code === "SIGNATURE_VERIFIED")).toMatchObject({ source: name });
    }
  });

  it.each(rejected)("refuses $name", async (item) => {
    const { status, lines } = await post({ [setting(name)]: secret }, `/api/webhook/${name}`, item);
    expect(status).toBe(item.status);
    expect(lines.find((line) => line.status === item.status).reason).toContain(item.reason);
    if (!NAMED_ONLY.includes(name)) expect((await post(ALL, "/api/webhook", item)).status).toBe(item.status);
  });

  it("deploys for changes of the site only", async () => {
    const deploying = ["published", "updated", "unpublished", "deleted"];
    const more = { CLOUDFLARE_DEPLOY_HOOK: "https://host.example/hook" };
    for (const item of accepted) {
      const sent = vi.spyOn(globalThis, "fetch").mockImplementation(async () => new Response("{}"));
      const { lines } = await post(
        { [setting(name)]: item.secret ?? secret, ...more },
        NAMED_ONLY.includes(name) ? `/api/webhook/${name}` : "/webhook",
        item,
      );
      expect(sent, item.name).toHaveBeenCalledTimes(deploying.includes(item.kind) ? 1 : 0);
      expect(codes(lines)).toContain("PROCESSING_COMPLETE");
      if (sent.mock.calls.length > 0) {
        const call = new TextDecoder().decode(/** @type {any} */ (sent.mock.calls[0][1]).body);
        expect(JSON.parse(call)).toMatchObject({ source: `${name}-webhook`, event_id: item.key });
      }
      vi.restoreAllMocks();
    }
  });
});

it("tells two senders with one header apart by their signature", async () => {
  const vectors = Object.fromEntries(senders);
  for (const [name, other] of [
    ["flarebuilder", "auto-blogger"],
    ["auto-blogger", "flarebuilder"],
  ]) {
    const item = vectors[name].accepted[0];
    const { lines } = await post(ALL, "/api/webhook", item);
    expect(lines.find((line) => line.code === "SIGNATURE_VERIFIED")).toMatchObject({ source: name });
    const refused = await post(ALL, `/api/webhook/${other}`, item);
    expect(refused.status).toBe(401);
  }
});

it("answers Notion's handshake while no secret is set, tells the owner its token, and causes nothing", async () => {
  const lines = logged();
  const sent = vi.spyOn(globalThis, "fetch");
  const ask = worker({ INBOX: "none", CLOUDFLARE_DEPLOY_HOOK: "https://host.example/hook" }).ask;
  const init = { method: "POST", body: '{"verification_token":"secret_abc"}' };
  const { response, after } = await ask("/api/webhook/notion", init);
  await after;
  expect(response.status).toBe(200);
  expect(lines.filter((line) => line.code === "HANDSHAKE")).toMatchObject([{ token: "secret_abc" }]);
  expect(sent).not.toHaveBeenCalled();
  expect((await ask("/api/webhook/github", init)).response.status).toBe(500);
});
