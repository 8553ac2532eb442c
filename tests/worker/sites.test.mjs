// Many sites in one Worker, on named URLs and without a rule; and with rules, in parts. Cloudflare allows 128 settings
// of 5 KB for a Worker: so they are within `SETTINGS`, in parts.

import { describe, expect, inject, it } from "vitest";
import { durable, fromThen } from "./durable.mjs";
import { event, sign } from "./presshook.mjs";

const HOST = inject("host");
/** Sites, each with a connection of each of these senders and a deploy hook. */
const SITES = Array.from({ length: 30 }, (_, at) => `site-${at + 1}`);
const SENDERS = ["BLOGSHOOT", "GHOST", "GITHUB", "STRAPI"];
/** Bytes of a setting, and settings of a Worker: Cloudflare's limits. */
const [MOST_BYTES, MOST_SETTINGS] = [5 * 1024, 128];

const lines = fromThen();

/** @param {string} name */
const suffix = (name) => name.toUpperCase().replaceAll("-", "_");

/** @param {string} sender @param {string} site */
const secret = (sender, site) => `the secret of ${sender} for ${site}, which is long enough`;

/** What the host is called by, for a site. @param {string} run @param {string} site */
const place = (run, site) => `${run}${site.replace("-", "")}`;

/** All that 30 sites with 4 senders each need. @param {string} run */
function sites(run) {
  /** @type {Record<string, string>} */
  const settings = { DEPLOY_SETTLE_SECONDS: "0", DEPLOY_MIN_GAP_SECONDS: "0" };
  for (const site of SITES) {
    settings[`CLOUDFLARE_DEPLOY_HOOK__${suffix(site)}`] = `${HOST}/hook/200/${place(run, site)}`;
    for (const sender of SENDERS) {
      settings[`${sender}_WEBHOOK_SECRET__${suffix(site)}`] = secret(sender, site);
    }
  }
  return settings;
}

/**
 * A text as the parts that a host lets a setting have.
 *
 * @param {string} name
 * @param {string} text
 * @returns {Record<string, string>}
 */
function inParts(name, text) {
  const parts = text.match(new RegExp(`[^]{1,${MOST_BYTES}}`, "g")) ?? [];
  return Object.fromEntries(parts.map((part, at) => [`${name}_${at + 1}`, part]));
}

/** @param {Record<string, unknown>} settings */
function fits(settings) {
  const texts = Object.values(settings).filter((it) => typeof it === "string");
  expect(texts.length).toBeLessThanOrEqual(MOST_SETTINGS);
  for (const text of texts) expect(text.length).toBeLessThanOrEqual(MOST_BYTES);
}

/**
 * A request as a sender signs it.
 *
 * @param {string} sender
 * @param {string} site
 * @returns {Promise<RequestInit>}
 */
async function request(sender, site) {
  const key = secret(sender, site);
  const id = `${sender}-${site}`;
  /** @type {Record<string, string>} */
  const headers = { "content-type": "application/json" };
  let body = event("article.created", id);
  if (sender === "BLOGSHOOT") headers["x-blogshoot-signature"] = await sign(body, key);
  if (sender === "GHOST") {
    body = JSON.stringify({
      event: "post.published",
      post: { current: { id, status: "published", slug: id }, previous: { status: "draft" } },
    });
    const now = Date.now();
    headers["x-ghost-signature"] = `sha256=${await sign(`${body}${now}`, key)}, t=${now}`;
  }
  if (sender === "GITHUB") {
    body = JSON.stringify({ ref: "refs/heads/main", after: id, repository: { default_branch: "main" } });
    headers["x-github-event"] = "push";
    headers["x-hub-signature-256"] = `sha256=${await sign(body, key)}`;
  }
  if (sender === "STRAPI") {
    body = JSON.stringify({ event: "entry.publish", createdAt: new Date().toISOString(), entry: { id: 1 } });
    headers.authorization = `Bearer ${key}`;
  }
  return { method: "POST", headers, body };
}

/** The calls that the host has heard for a site. @param {string} run @param {string} site @returns {Promise<any[]>} */
const calls = async (run, site) =>
  (await (await fetch(`${HOST}/calls/${place(run, site)}`)).json()).map((/** @type {any} */ it) =>
    JSON.parse(it.body),
  );

/**
 * An inbox with these settings, to which every sender of every site has sent an event.
 *
 * @param {Record<string, unknown>} settings
 */
async function delivered(settings) {
  const nothing = { BLOGSHOOT_WEBHOOK_SECRET: undefined, CLOUDFLARE_DEPLOY_HOOK: undefined };
  const inbox = await durable({ cut: true, settings: { ...nothing, ...settings } });
  fits(inbox.bindings);
  for (const site of SITES) {
    for (const sender of SENDERS) {
      const path = `/api/webhook/${sender.toLowerCase()}/${site}`;
      const { response, after } = await inbox.ask(path, await request(sender, site));
      expect([path, response.status, await response.text()]).toEqual([path, 200, expect.any(String)]);
      await after;
    }
  }
  return inbox;
}

describe("thirty sites with four senders each, in one Worker", () => {
  it("have each its own events call its own deploy hook, on named URLs and without a rule", async () => {
    const run = crypto.randomUUID().replaceAll("-", "");
    const inbox = await delivered(inParts("SETTINGS", JSON.stringify(sites(run))));
    while (await inbox.next());
    expect(lines.filter((line) => line.level === "error")).toEqual([]);
    for (const site of SITES) {
      const heard = await calls(run, site);
      expect([site, heard.map((it) => it.event_count)]).toEqual([site, [SENDERS.length]]);
      expect(heard[0].event_ids).toContain(`BLOGSHOOT-${site}`);
    }
    expect(await inbox.sql("SELECT count(*) AS n FROM jobs")).toEqual([{ n: SITES.length }]);
    expect(await inbox.sql("SELECT count(*) AS n FROM carries")).toEqual([{ n: 120 }]);
  });

  it("have rules that say so, where hooks are called otherwise than connections", async () => {
    const run = crypto.randomUUID().replaceAll("-", "");
    const other = (/** @type {string} */ site) => site.replace("site", "hook");
    /** @type {Record<string, string>} */
    const own = {};
    for (const [name, value] of Object.entries(sites(run))) {
      own[name.replace("HOOK__SITE", "HOOK__HOOK")] = value;
    }
    const rules = SITES.map((site) => ({
      name: site,
      // Of the senders, one asks for none.
      when: { source: ["blogshoot", "ghost", "strapi"], connection: site },
      do: { action: "deploy", target: `CLOUDFLARE_DEPLOY_HOOK__${suffix(other(site))}` },
    }));
    // Spaces make it longer than one setting may be.
    const text = JSON.stringify(rules, null, 2);
    expect(text.length).toBeGreaterThan(MOST_BYTES);
    const inbox = await delivered({
      ...inParts("SETTINGS", JSON.stringify(own)),
      ...inParts("ROUTES", text),
    });
    while (await inbox.next());
    expect(lines.filter((line) => line.level === "error")).toEqual([]);
    for (const site of SITES) {
      const heard = await calls(run, site);
      expect([site, heard.map((it) => it.event_count)]).toEqual([site, [SENDERS.length - 1]]);
      expect(heard[0].event_ids).toContain(`BLOGSHOOT-${site}`);
    }
    expect(await inbox.sql("SELECT count(*) AS n FROM deliveries")).toEqual([{ n: 120 }]);
    expect(await inbox.sql("SELECT count(*) AS n FROM carries")).toEqual([{ n: 90 }]);
  });

  it("have nothing done for them while a rule is wrong, and that is told", async () => {
    const run = crypto.randomUUID().replaceAll("-", "");
    const inbox = await delivered({
      ...inParts("SETTINGS", JSON.stringify(sites(run))),
      ROUTES: JSON.stringify([{ do: "deploy" }, { name: "typo", do: "depoly" }]),
    });
    expect(await inbox.sql("SELECT count(*) AS n FROM deliveries")).toEqual([{ n: 120 }]);
    expect(await inbox.sql("SELECT count(*) AS n FROM jobs")).toEqual([{ n: 0 }]);
    expect(lines.find((line) => line.code === "SETTINGS_INVALID")).toMatchObject({
      level: "error",
      setting: "ROUTES",
      reason: "`ROUTES`: rule 2 (`typo`), `do`: is no action: is `deploy` meant?",
    });
    const { response } = await inbox.ask("/api/health");
    expect(await response.json()).toMatchObject({ status: "misconfigured" });
  });
});
