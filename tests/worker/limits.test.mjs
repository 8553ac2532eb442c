// The limit of failed signatures, with the runtime's own rate limiter: forgers are told to go away, cost no call of the
// inbox, and shut no sender out.

import { env } from "cloudflare:test";
import { afterEach, beforeEach, expect, it, vi } from "vitest";
import { TOKEN, durable } from "./durable.mjs";
import { codes, event, logged, signed } from "./presshook.mjs";

/** @type {any[]} */
let lines;
beforeEach(() => {
  lines = logged();
});
afterEach(() => vi.restoreAllMocks());

/** The limiter of wrangler.toml, and who it was asked about. */
function limiter() {
  /** @type {string[]} */
  const keys = [];
  return {
    keys,
    /** @param {{ key: string }} options */
    limit(options) {
      keys.push(options.key);
      return env.RATE_LIMIT.limit(options);
    },
  };
}

/** @param {string} address @param {object} [more] */
const from = (address, more = {}) => ({
  method: "POST",
  headers: { "cf-connecting-ip": address, "x-blogshoot-signature": "0".repeat(64) },
  body: "{}",
  // As Cloudflare's own network sets it.
  cf: { colo: "TST" },
  ...more,
});

it("answers 429 after a hundred failures in a minute from one address", async () => {
  const limit = limiter();
  const inbox = await durable({ settings: { RATE_LIMIT: limit, DEPLOY_SETTLE_SECONDS: "60" } });
  const statuses = [];
  for (let time = 0; time < 110; time++) {
    const { response } = await inbox.ask("/api/webhook", from("192.0.2.1"));
    statuses.push(response.status);
    await response.text();
  }
  expect(statuses).toEqual([...Array(100).fill(401), ...Array(10).fill(429)]);
  const { response } = await inbox.ask("/api/webhook", from("192.0.2.1"));
  expect(await response.text()).toBe('{"error":"Too many requests"}');
  expect(response.headers.get("retry-after")).toBe("60");
  expect(codes(lines)).toContain("SIGNATURE_FAILED");

  // Another address is not meant by it, nor is a verified sender at the same one.
  expect((await inbox.ask("/api/webhook", from("192.0.2.2"))).response.status).toBe(401);
  const genuine = await signed(event("article.created", "evt_1"));
  const headers = { .../** @type {object} */ (genuine.headers), "cf-connecting-ip": "192.0.2.1" };
  const accepted = await inbox.ask("/api/webhook", from("", { ...genuine, headers }));
  expect(accepted.response.status).toBe(200);
  // Of the refused ones the inbox hears a few sums, after their answers.
  const counted = inbox.asked.filter((path) => path === "/1/counted");
  expect(inbox.asked.filter((path) => path !== "/1/counted")).toEqual(["/3/accept"]);
  expect(counted.length).toBeLessThanOrEqual(10);
  expect(limit.keys).toEqual([...Array(111).fill("192.0.2.1"), "192.0.2.2"]);
});

it("counts tokens of an owner that are wrong, and never the right one", async () => {
  const limit = { limit: vi.fn(async () => ({ success: false })) };
  const inbox = await durable({ settings: { RATE_LIMIT: limit } });
  const ask = (/** @type {string} */ token) =>
    inbox.ask("/api/deliveries", { headers: { authorization: `Bearer ${token}` } });
  expect((await ask("the token of a thief")).response.status).toBe(429);
  expect(inbox.asked).toEqual([]);
  expect((await ask(TOKEN)).response.status).toBe(200);
  expect(limit.limit).toHaveBeenCalledTimes(1);
});

it("believes the address only where Cloudflare vouches for it", async () => {
  const limit = limiter();
  const inbox = await durable({ settings: { RATE_LIMIT: limit } });
  for (const address of ["198.51.100.1", "198.51.100.2", "198.51.100.3"]) {
    // `cf` cannot be sent by a client, unlike the header.
    await inbox.ask("/api/webhook", from(address, { cf: undefined }));
  }
  expect(limit.keys).toEqual(["", "", ""]);
});

it("asks about nothing but failures", async () => {
  const limit = limiter();
  const inbox = await durable({ settings: { RATE_LIMIT: limit } });
  await inbox.ask("/api/health");
  await inbox.ask("/api/webhook");
  await inbox.ask("/nothing");
  await inbox.ask("/api/webhook", { method: "PUT" });
  await inbox.ask("/api/webhook", await signed("not JSON"));
  await inbox.send("evt_1", "test");
  expect(limit.keys).toEqual([]);
});

it.each([
  ["throws", () => Promise.reject(new Error("broken"))],
  ["answers nothing", async () => undefined],
  ["is something else", undefined],
])("does without a limiter that %s", async (_, limit) => {
  const inbox = await durable({ settings: { RATE_LIMIT: { limit } } });
  expect((await inbox.ask("/api/webhook", from("203.0.113.1"))).response.status).toBe(401);
});
