// The Worker follows a build: its calls to the host's API and to the page are intercepted, and answered as Netlify's own
// description says, by a build that takes a while; answers are lost, late and of no use between.

import { afterEach, expect, it, vi } from "vitest";
import { durable, fromThen, pass } from "./durable.mjs";
import { codes, signed } from "./presshook.mjs";

const lines = fromThen();
afterEach(() => vi.restoreAllMocks());

const API = "https://api.netlify.com/api/v1";
const SITE = "https://site.example";
const DEPLOY = "697dba3c2b5e8a0008f0c1a2";

/** @typedef {{ state: string, page?: string, trouble?: (asked: number) => Response | Error | undefined }} World */

/**
 * Has calls to Netlify and to the site answered as a build is at that time. What was asked.
 *
 * @param {World} world
 */
function netlify(world) {
  /** @type {string[]} */
  const asked = [];
  /** @type {string | undefined} */
  let made;
  const real = globalThis.fetch;
  vi.spyOn(globalThis, "fetch").mockImplementation(async (input, init) => {
    const url = String(input);
    if (!url.startsWith("https://")) return real(input, init);
    asked.push(`${init?.method} ${url}`);
    if (url.includes("/build_hooks/")) {
      made = new Date().toISOString();
      return new Response("");
    }
    const trouble = world.trouble?.(asked.length);
    if (trouble instanceof Error) throw trouble;
    if (trouble) return trouble;
    if (url.startsWith(SITE)) {
      return world.page ? new Response(world.page) : new Response("Not found", { status: 404 });
    }
    expect(new Headers(init?.headers).get("authorization")).toBe("Bearer nfp_aaaaaaaaaaaaaaaaaaaaaaaa");
    const deploy = {
      id: DEPLOY,
      state: world.state,
      context: "production",
      created_at: made,
      published_at: world.state === "ready" ? new Date().toISOString() : null,
      error_message: world.state === "error" ? "Build script returned non-zero exit code: 2" : null,
    };
    return Response.json(url.endsWith(`/deploys/${DEPLOY}`) ? deploy : [deploy]);
  });
  return asked;
}

const following = () =>
  durable({
    cut: true,
    settings: {
      CLOUDFLARE_DEPLOY_HOOK: "https://api.netlify.com/build_hooks/5c23354f",
      NETLIFY_BUILDS_TOKEN: "nfp_aaaaaaaaaaaaaaaaaaaaaaaa",
      NETLIFY_SITE_ID: "my-site",
      SITE_URL: SITE,
    },
  });

/** @param {import("./durable.mjs").Inbox} inbox */
async function publish(inbox) {
  const article = { id: "1", title: "Cats & dogs", slug: "cats" };
  const body = {
    event_id: "evt_1",
    event_type: "article.created",
    timestamp: "2030-01-01T08:00:00Z",
    article,
  };
  const { response } = await inbox.ask("/api/webhook", await signed(JSON.stringify(body)));
  expect(response.status).toBe(200);
}

it("by its host, and then by its page", async () => {
  /** @type {World} */
  const world = { state: "building" };
  const asked = netlify(world);
  const inbox = await following();
  await publish(inbox);
  await inbox.next();
  await inbox.next();
  expect(asked).toEqual([
    "POST https://api.netlify.com/build_hooks/5c23354f",
    `GET ${API}/sites/my-site/deploys?per_page=10`,
    `GET ${SITE}/cats/`,
    `GET ${SITE}/cats/`,
  ]);
  expect(await inbox.sql("SELECT state, reference, noted FROM builds")).toEqual([
    { state: "building", reference: DEPLOY, noted: "404:e3b0c44298fc1c14" },
  ]);
  asked.length = 0;
  await inbox.next();
  expect(asked).toEqual([`GET ${API}/deploys/${DEPLOY}`]);
  pass(60);
  world.state = "ready";
  await inbox.next();
  // The page is not there yet: a cache may have the old one.
  expect(codes(lines)).not.toContain("DEPLOY_LIVE");
  world.page = "<h1>Cats &amp; dogs</h1>";
  while (await inbox.next());
  expect(codes(lines)).toContain("DEPLOY_LIVE");
  expect(await inbox.sql("SELECT state, reason FROM builds")).toEqual([{ state: "live", reason: null }]);
  expect(JSON.stringify(lines)).not.toContain("nfp_");
});

it("although answers are lost, late, of no use, or end never", async () => {
  const endless = () =>
    new Response(new ReadableStream({ pull: (to) => to.enqueue(new Uint8Array(65_536)) }));
  const troubles = [
    () => new Error("Network connection lost."),
    () => new Response("<html>", { status: 503 }),
    () => new Response("<html>"),
    endless,
    () => undefined,
  ];
  const asked = netlify({
    state: "ready",
    page: "<h1>Cats &amp; dogs</h1>",
    trouble: (asked) => troubles[asked % troubles.length](),
  });
  const inbox = await following();
  await publish(inbox);
  while (await inbox.next());
  expect(await inbox.sql("SELECT state FROM builds")).toEqual([{ state: "live" }]);
  expect(asked.length).toBeGreaterThan(4);
});

it("to its failure, which the owner is told with the reason", async () => {
  netlify({ state: "error" });
  const inbox = await following();
  await publish(inbox);
  while (await inbox.next());
  const failed = lines.find((it) => it.code === "DEPLOY_FAILED");
  expect(failed?.reason).toBe("Netlify says: Build script returned non-zero exit code: 2");
  expect(await inbox.sql("SELECT state FROM jobs WHERE action = 'deploy'")).toEqual([{ state: "dead" }]);
});
