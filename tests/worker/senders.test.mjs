// Every sender's vector file at the built Worker in workerd: what is accepted, what is refused, and who is found.

import { afterEach, describe, expect, it, vi } from "vitest";
import { parse } from "smol-toml";
import { apart, ofSenders } from "../vectors/requests.mjs";
import { decided, logged, worker } from "./presshook.mjs";

afterEach(() => {
  vi.restoreAllMocks();
  vi.useRealTimers();
});

/** @type {Record<string, string>} */
const files = import.meta.glob("../vectors/sources/*.toml", {
  query: "?raw",
  import: "default",
  eager: true,
});
/** @type {[string, import("../vectors/requests.mjs").Vectors][]} */
const senders = Object.entries(files).map(([file, text]) => [
  file.replace(/^.*\/(.*)\.toml$/, "$1"),
  /** @type {any} */ (parse(text)),
]);

it("has vectors to try", () => {
  expect(senders).not.toHaveLength(0);
});

describe.each(ofSenders(senders))("$source", ({ accepted, rejected, deploying }) => {
  it.each(accepted)("accepts $name", decided);
  it.each(rejected)("refuses $name", decided);
  it.each(deploying)("deploys for changes of the site only: $name", decided);
});

it.each(apart(senders))("tells two senders with one header apart by their signature: $name", decided);

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
