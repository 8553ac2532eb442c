// Mail from the Worker: through the runtime's own binding, and what its owner reads where Cloudflare refuses it.

import { env } from "cloudflare:test";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { THEN, durable } from "./durable.mjs";
import { event, logged, signed } from "./presshook.mjs";

const EMAIL = { EMAIL_TO: "ann@example.com, bob@example.org", EMAIL_FROM: "site@example.com" };
/** No deploy is waited for. */
const ALONE = { ...EMAIL, CLOUDFLARE_DEPLOY_HOOK: undefined };
const TITLE = 'Quotes " and <script>\r\nBcc: evil@example.com 標題';
const ONE_LINE = 'Quotes " and <script> Bcc: evil@example.com 標題';

/** @type {any[]} */
let log;
beforeEach(() => {
  vi.useFakeTimers({ now: THEN, toFake: ["Date"] });
  log = logged();
});
afterEach(() => {
  vi.useRealTimers();
  vi.restoreAllMocks();
});

/** Publishes an article, and has all done that follows. @param {Record<string, unknown>} settings */
async function published(settings) {
  const inbox = await durable({ cut: true, settings: { ...ALONE, ...settings } });
  const told = { ...JSON.parse(event("article.created")), article: { id: "art_1", title: TITLE } };
  const { response } = await inbox.ask("/api/webhook", await signed(JSON.stringify(told)));
  expect(response.status).toBe(200);
  await inbox.next();
  return { inbox, jobs: await inbox.sql("SELECT action, state FROM jobs") };
}

/** A binding that keeps what it is given. */
function kept() {
  /** @type {{ from: string, to: string, head: string, text: string }[]} */
  const mails = [];
  const send = async (/** @type {any} */ message) => {
    const [head, text] = (await new Response(message["EmailMessage::raw"]).text()).split("\r\n\r\n");
    const bytes = Uint8Array.from(atob(text.replaceAll("\r\n", "")), (it) => it.charCodeAt(0));
    mails.push({ from: message.from, to: message.to, head, text: new TextDecoder().decode(bytes) });
  };
  return { mails, send };
}

/** A binding that refuses. @param {string | undefined} code @param {string} message */
const refusing = (code, message) => ({
  send: async () => {
    throw Object.assign(new Error(message), code && { code });
  },
});

describe("the binding of the runtime", () => {
  it("takes the mail: it is well-formed, and from and to whom it says", async () => {
    const { jobs } = await published({ EMAIL: env.EMAIL });
    expect(jobs).toEqual([{ action: "email", state: "done" }]);
    expect(log.find((it) => it.code === "ACTION_DONE")).toMatchObject({ job: "email", target: "default" });
  });

  it("refuses an address that it is not for, and that is told", async () => {
    const { jobs } = await published({ EMAIL: env.EMAIL_TO_ANN });
    expect(jobs).toEqual([{ action: "email", state: "waiting" }]);
    const entry = log.find((it) => it.code === "JOB_RETRY");
    expect(entry.reason).toMatch(/must be verified.*email to bob@example\.org not allowed/);
  });
});

it("each address has a mail, and a title is no line of its head", async () => {
  const binding = kept();
  const { jobs } = await published({ EMAIL: binding });
  expect(jobs).toEqual([{ action: "email", state: "done" }]);
  const mail = { from: "site@example.com", text: `Published: ‘${ONE_LINE}’ (BlogShoot)\r\n` };
  expect(binding.mails).toMatchObject([
    { ...mail, to: "ann@example.com" },
    { ...mail, to: "bob@example.org" },
  ]);
  for (const { head } of binding.mails) expect(head).not.toMatch(/^Bcc/im);
});

describe("its owner reads", () => {
  it("at start, and again, that there is no binding", async () => {
    const { jobs } = await published({});
    expect(jobs).toEqual([{ action: "email", state: "dead" }]);
    expect(log.find((it) => it.code === "SETTINGS_INVALID").reason).toMatch(
      /`EMAIL_TO` is set, but nothing sends mail/,
    );
    expect(log.find((it) => it.code === "JOB_DEAD").reason).toMatch(/bind `EMAIL`.*wrangler\.toml/);
  });

  it.each([
    ["E_SENDER_NOT_VERIFIED", "dead", /`EMAIL_FROM`/],
    ["E_RECIPIENT_NOT_ALLOWED", "dead", /verify each address of `EMAIL_TO`/],
    ["E_DAILY_LIMIT_EXCEEDED", "waiting", /too many mails/],
    ["E_VALIDATION_ERROR", "dead", /does not take the mail/],
    [undefined, "waiting", /must be verified/],
  ])("why Cloudflare refuses: %s", async (code, state, reason) => {
    const { jobs } = await published({ EMAIL: refusing(code, "in its own\nwords") });
    expect(jobs).toEqual([{ action: "email", state }]);
    const entry = log.find((it) => it.code === (state === "dead" ? "JOB_DEAD" : "JOB_RETRY"));
    expect(entry.reason).toMatch(reason);
    expect(entry.reason).toContain("it said in its own words");
  });
});
