// A defect in the module while the inbox works: real ones, from an object and a runtime that are broken. What the module
// had begun is lost with it, and where the runtime still goes on with that, an unhandled error tells of it
// (vitest.config.mjs). Panics in the Worker itself are in `panic.test.mjs`.

import { afterEach, beforeEach, expect, it, vi } from "vitest";
import { THEN, durable } from "./durable.mjs";
import { logged } from "./presshook.mjs";

/** @type {any[]} */
let lines;
beforeEach(() => {
  lines = logged();
});
afterEach(() => {
  vi.useRealTimers();
  vi.restoreAllMocks();
});

it("hangs nobody: the sender is told so in time, and the next call works", async () => {
  const inbox = await durable({ settings: { DEPLOY_SETTLE_SECONDS: "60" } });
  // The object's own state is not what it must be: reading it throws where the module cannot catch it.
  await inbox.inside((_, instance) => {
    Object.defineProperty(instance, "armed", {
      configurable: true,
      get() {
        throw new Error("a broken object");
      },
    });
  });
  const started = Date.now();
  // 500 where receiver and inbox share an isolate, as here: the module is lost to both. 503 where they do not.
  expect([500, 503]).toContain((await inbox.send("evt_1")).status);
  expect(Date.now() - started).toBeLessThan(8000);
  const whole = { value: undefined, writable: true };
  await inbox.inside((_, instance) => void Object.defineProperty(instance, "armed", whole));
  expect((await inbox.send("evt_2")).status).toBe(200);
});

it("that is a panic costs one attempt, the alarm never fails, and the call is made all the same", async () => {
  vi.useFakeTimers({ toFake: ["Date"], now: THEN });
  const settings = { DEPLOY_SETTLE_SECONDS: "0", DEPLOY_MIN_GAP_SECONDS: "0" };
  const inbox = await durable({ hook: "slow=300", cut: true, settings });
  await inbox.send("evt_1");
  // The runtime refuses a timer while a call is under way, which `worker` answers with a panic.
  const broken = vi.spyOn(globalThis, "setTimeout").mockImplementation(() => {
    throw new Error("a broken runtime");
  });
  const alarm = inbox.alarm();
  await vi.waitFor(() => expect(JSON.stringify(lines)).toContain("a broken runtime"), { interval: 10 });
  broken.mockRestore();
  await expect(alarm).resolves.toBe(true);
  expect(await inbox.armed()).not.toBe(null);
  expect((await inbox.send("evt_2")).status).toBe(200);
  while (await inbox.next());
  const calls = await inbox.calls();
  expect(calls.at(-1)).toMatchObject({ event_id: "evt_2" });
  expect(calls.flatMap((call) => call.event_ids)).toContain("evt_1");
  const attempts = await inbox.sql("SELECT outcome FROM attempts ORDER BY job_id, number");
  expect(attempts[0]).toEqual({ outcome: "unknown" });
});
