// A panic in the module, a real one: the runtime's `waitUntil` throws, which `worker` answers with a panic.

import { expect, it, vi } from "vitest";
import Worker from "../../build/index.js";
import { DIRECT, event, logged, signed, worker } from "./presshook.mjs";

it("is logged once with its message, and the next request works", async () => {
  const bindings = { ...DIRECT, CLOUDFLARE_DEPLOY_HOOK: "https://host.example/hook" };
  const lines = logged();
  const ctx = {
    waitUntil() {
      throw new Error("a broken runtime");
    },
  };
  const request = new Request("https://hook.example/webhook", await signed(event("article.created")));
  const answer = Promise.resolve(new Worker(ctx, bindings).fetch(request)).then(
    (response) => response.status,
    (error) => String(error),
  );
  // The panicking request itself has no answer from us: the module is gone. The runtime gives one.
  await Promise.race([answer, vi.waitFor(() => expect(panics(lines)).toHaveLength(1))]);
  expect(panics(lines)).toEqual([expect.stringContaining("a broken runtime")]);

  for (const attempt of [1, 2]) {
    const { response } = await worker(bindings).ask(
      "/webhook",
      await signed(event("test", `after-${attempt}`)),
    );
    expect(response.status).toBe(200);
  }
  expect(panics(lines)).toHaveLength(1);
});

/** @param {any[]} lines */
const panics = (lines) => lines.map(String).filter((line) => line.includes("panicked at"));
