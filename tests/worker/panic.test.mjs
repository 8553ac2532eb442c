// A panic in the module, a real one: the runtime's `waitUntil` throws, which `worker` answers with a panic.

import { afterEach, expect, it, vi } from "vitest";
import presshook from "../../src/cloudflare/worker.js";
import { DIRECT, event, logged, signed, worker } from "./presshook.mjs";

afterEach(() => vi.restoreAllMocks());

const BINDINGS = { ...DIRECT, CLOUDFLARE_DEPLOY_HOOK: "https://host.example/hook" };

/** Makes one request panic, and returns its answer. */
async function panic() {
  const ctx = {
    waitUntil() {
      throw new Error("a broken runtime");
    },
  };
  const request = new Request("https://hook.example/webhook", await signed(event("article.created")));
  return presshook.fetch(request, BINDINGS, ctx);
}

/**
 * The lines that tell of it. (What the panicking request had begun is lost with the module; where the runtime
 * still tries to go on with it, that is another panic, with another message.)
 *
 * @param {any[]} lines
 */
const panics = (lines) =>
  lines.map((line) => JSON.stringify(line)).filter((line) => line.includes("a broken runtime"));

const works = async () => {
  const { response } = await worker(BINDINGS).ask("/webhook", await signed(event("test")));
  expect(response.status).toBe(200);
};

it("is logged once with its message, is answered with 500, and the next request works", async () => {
  const lines = logged();
  await works();
  const answer = await panic();
  expect(answer.status).toBe(500);
  expect(await answer.text()).toBe('{"error":"Internal server error"}');
  expect(answer.headers.get("content-type")).toBe("application/json");
  expect(panics(lines)).toEqual([expect.stringContaining("panicked at")]);
  expect(lines).toContainEqual(expect.objectContaining({ code: "INTERNAL_ERROR", level: "error" }));
  await works();
  await works();
  expect(panics(lines)).toHaveLength(1);
});

it("may come again", async () => {
  const lines = logged();
  for (let time = 1; time <= 3; time++) {
    expect((await panic()).status).toBe(500);
    await works();
    expect(panics(lines)).toHaveLength(time);
  }
});

it("ends the requests that were under way with 500, and none of them hangs", async () => {
  logged();
  const { body, headers } = await signed(event("test"));
  /** @type {(value?: unknown) => void} */
  let arrive = () => {};
  const arrived = new Promise((resolve) => (arrive = resolve));
  const slow = new ReadableStream({
    async pull(controller) {
      await arrived;
      controller.enqueue(new TextEncoder().encode(String(body)));
      controller.close();
    },
  });
  const underWay = worker(BINDINGS).ask("/webhook", { method: "POST", headers, body: slow });
  await panic();
  await works();
  arrive();
  const { response } = await underWay;
  expect([200, 500]).toContain(response.status);
  await works();
});
