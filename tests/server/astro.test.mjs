// The example site, examples/astro, from signed webhooks to pages: its script writes the articles, Astro builds them, and
// the server runs both, as REBUILD_COMMAND. What is looked at is what a reader gets, the built pages.

import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { createHmac } from "node:crypto";
import { existsSync, mkdirSync, readFileSync, readdirSync, writeFileSync } from "node:fs";
import path from "node:path";
import { after, before, describe, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { parse } from "yaml";
import { ENVIRONMENT, ROOT } from "../../scripts/shell.mjs";
import { AT_ONCE, COMMAND, SITE, copy, packages } from "../../scripts/site.mjs";
import { get } from "../conformance/wire.mjs";
import { start, temporary } from "./server.mjs";

const SECRET = "the secret of the Astro test";
const TOKEN = "the token of the Astro test";
/** For a build, in milliseconds, on a machine that has other things to do. */
const BUILT = 60_000;

const DELIVERY = JSON.parse(readFileSync(path.join(SITE, "delivery.json"), "utf8"));
const { slug: SLUG } = DELIVERY.article;

const ENTITIES = new Map(
  Object.entries({ "&lt;": "<", "&gt;": ">", "&quot;": '"', "&#34;": '"', "&#39;": "'", "&amp;": "&" }),
);

const directory = temporary();
const site = path.join(directory, "site");
/** @type {import("./server.mjs").Server} */
let server;

before(async () => {
  await packages();
  copy(site);
  const settings = {
    BLOGSHOOT_WEBHOOK_SECRET: SECRET,
    ADMIN_TOKEN: TOKEN,
    SITE_DIR: site,
    REBUILD_COMMAND: COMMAND,
    ...AT_ONCE,
  };
  // Astro wants a newer Node.js than this may run on; the project's own comes first.
  server = await start(settings, { directory, env: { PATH: ENVIRONMENT.PATH } });
});
after(() => server?.stop());

let events = 0;

/**
 * Sends what BlogShoot sends, with another article than the example's where that is wanted; gives the event's id.
 *
 * @param {string} type
 * @param {Record<string, any>} [article]
 */
async function send(type, article = {}) {
  const event_id = `event-${++events}`;
  const whole = { ...DELIVERY, event_id, event_type: type, article: { ...DELIVERY.article, ...article } };
  const body = JSON.stringify(whole);
  const response = await fetch(`${server.url}/webhook`, {
    method: "POST",
    headers: { "x-blogshoot-signature": createHmac("sha256", SECRET).update(body).digest("hex") },
    body,
  });
  assert.equal(response.status, 200, await response.text());
  return event_id;
}

/**
 * Waits for an entry of the log that is not there yet.
 *
 * @param {string} code
 */
function next(code, matches = /(?:)/) {
  const wanted = (/** @type {any} */ it) => it.code === code && matches.test(it.line ?? "");
  let old = server.log.filter(wanted).length;
  return server.until((entry) => wanted(entry) && old-- === 0, BUILT);
}

/**
 * Sends it, and waits until the site has been built.
 *
 * @param {string} type
 * @param {Record<string, any>} [article]
 */
async function publish(type, article) {
  const built = next("REBUILD_TRIGGERED");
  await send(type, article);
  await built;
}

/**
 * What is at an address of the site: the file that any web server answers with. Nothing where there is none.
 *
 * @param {string} address
 */
function page(address) {
  const file = path.join(site, "dist", address, "index.html");
  return existsSync(file) ? readFileSync(file, "utf8") : undefined;
}

/** An article's page and its parts. @param {string} address */
function article(address) {
  const html = page(address);
  assert.ok(html, `no page at ${address}`);
  return {
    html,
    root: /<html[^>]*>/.exec(html)?.[0],
    title: plain(/<h1[^>]*>(.*?)<\/h1>/s.exec(html)?.[1] ?? ""),
    text: /<div class="text"[^>]*>(.*?)<\/div>/s.exec(html)?.[1] ?? "",
  };
}

/** What a browser shows of text without elements. @param {string} text */
function plain(text) {
  assert.doesNotMatch(text, /[<>]/);
  return text.replaceAll(/&[a-z#0-9]+;/g, (it) => ENTITIES.get(it) ?? it);
}

/** @param {string} file below the articles' directory */
const source = (file) => readFileSync(path.join(site, "src/content", file), "utf8");

/** @param {string} event */
async function delivery(event) {
  const owner = { authorization: `Bearer ${TOKEN}` };
  const asked = async (/** @type {string} */ place) => {
    const answer = await get(server.url + place, owner);
    return answer.kind === "answered" && answer.status === 200
      ? answer.json
      : assert.fail(JSON.stringify(answer));
  };
  const { deliveries } = await asked("/api/deliveries");
  const { id } = deliveries.find((/** @type {any} */ it) => it.event_id === event);
  return asked(`/api/deliveries/${id}`);
}

describe("the example site", () => {
  test("a signed article in Chinese becomes a page in Chinese", async () => {
    await publish("article.created");
    const { root, title, text } = article(`zh/blog/${SLUG}`);
    assert.equal(root, '<html lang="zh-CN" dir="ltr">');
    assert.equal(title, "外贸网站 CMS 选型指南");
    assert.match(text, /静态网站打开快、成本低，也更安全。/);
    assert.match(text, /<strong>谁来写？<\/strong>/);
    assert.match(page("zh/blog") ?? "", new RegExp(`href="/zh/blog/${SLUG}/"`));
    // It is in no other language, and what was there before still is.
    assert.equal(page(`blog/${SLUG}`), undefined);
    for (const [prefix, root] of [
      ["", '<html lang="en" dir="ltr">'],
      ["zh/", '<html lang="zh-CN" dir="ltr">'],
      ["ar/", '<html lang="ar" dir="rtl">'],
    ]) {
      assert.equal(article(`${prefix}blog/from-webhook-to-page`).root, root);
      assert.ok(page(`${prefix}blog`)?.includes(root));
    }
  });

  test("its file has the front matter of BlogShoot's page, and nothing else is beside it", () => {
    const [, front, text] = /^---\n(.*?\n)---\n\n(.*)$/s.exec(source(`blog-zh/${SLUG}.md`)) ?? [];
    assert.deepEqual(Object.entries(parse(front)), [
      ["title", "外贸网站 CMS 选型指南"],
      ["description", "如何为外贸网站选择合适的 CMS。"],
      ["slug", SLUG],
      ["lang", "zh-CN"],
      ["dir", "ltr"],
      ["target_market", "China"],
      ["featured_image", ""],
      ["keywords", ["外贸 CMS", "静态网站"]],
      ["published_at", "2026-01-31T08:00:00Z"],
    ]);
    assert.equal(text, DELIVERY.article.content.markdown);
    assert.deepEqual(readdirSync(path.join(site, "src/content/blog-zh")).sort(), [
      "from-webhook-to-page.md",
      `${SLUG}.md`,
    ]);
  });

  test("an edit changes the page", async () => {
    await publish("article.updated", { title: "新的标题", content: { markdown: "新的正文。\n" } });
    const { title, text } = article(`zh/blog/${SLUG}`);
    assert.equal(title, "新的标题");
    assert.match(text, /^\s*<p>新的正文。<\/p>\s*$/);
    assert.doesNotMatch(page("zh/blog") ?? "", /选型指南/);
  });

  test("an article in Arabic is written from right to left", async () => {
    const arabic = {
      id: "ar",
      slug: "dalil",
      language: "ar",
      title: "دليل",
      content: { markdown: "نص المقال.\n" },
    };
    await publish("article.created", arabic);
    const { root, title, text } = article("ar/blog/dalil");
    assert.equal(root, '<html lang="ar" dir="rtl">');
    assert.equal(title, "دليل");
    assert.match(text, /نص المقال\./);
  });

  test("a hostile title is a title", async () => {
    const title = `"quotes" 'and' <script>alert(1)</script> --- {{ $x }} {title} \\ # &amp; : |\u0085\u2028é`;
    const lines = `${title}\n---\nslug: "other"\n---\n`;
    await publish("article.created", { id: "h", slug: "hostile", language: "en", title: lines });
    const { html, title: heading } = article("blog/hostile");
    assert.equal(heading, lines);
    assert.doesNotMatch(html, /<script/);
    assert.doesNotMatch(page("blog") ?? "", /<script/);
    assert.equal(page("blog/other"), undefined);
    const [front] = source("blog-en/hostile.md").slice(4).split("\n---\n");
    assert.equal(parse(front).title, lines);
  });

  test("a slug that leaves the directory is refused, the log says so, and it holds nothing up", async () => {
    const said = next("PROGRAM_OUTPUT", /the slug/);
    const retry = next("JOB_RETRY");
    const event = await send("article.created", { id: "p", slug: "../../etc/passwd", language: "en" });
    assert.match((await said).line, /^article: the slug "\.\.\/\.\.\/etc\/passwd" cannot be a file's name/);
    assert.match((await retry).reason, /^`REBUILD_COMMAND` ended with status 1; what it printed last/);
    const { jobs } = await delivery(event);
    assert.match(jobs[0].attempts[0].detail, /the slug "\.\.\/\.\.\/etc\/passwd" cannot be a file's name/);
    for (const place of ["etc", "src/etc", "src/content/etc"])
      assert.ok(!existsSync(path.join(site, place)), place);

    await publish("article.created", { id: "n", slug: "next-one", language: "en", title: "The next one" });
    assert.equal(article("blog/next-one").title, "The next one");
  });

  test("a deletion removes the page, also where it does not tell the language", async () => {
    await publish("article.deleted", { language: undefined, content: undefined, title: undefined });
    assert.equal(page(`zh/blog/${SLUG}`), undefined);
    assert.doesNotMatch(page("zh/blog") ?? "", new RegExp(SLUG));
    assert.ok(!existsSync(path.join(site, `src/content/blog-zh/${SLUG}.md`)));
    assert.ok(page("zh/blog/from-webhook-to-page"));
  });

  test("of two articles that come during a build the first is left out by name, and comes by redelivery", async () => {
    const running = next("PROGRAM_OUTPUT", /^article: wrote/);
    const first = next("REBUILD_TRIGGERED");
    await send("article.updated", {
      id: "n",
      slug: "next-one",
      language: "en",
      title: "The next one, again",
    });
    await running;
    const missing = next("PROGRAM_OUTPUT", /left out/);
    const event = await send("article.created", { id: "b", slug: "b", language: "en", title: "Early" });
    await send("article.created", { id: "c", slug: "c", language: "en", title: "Late" });
    await first;
    const second = next("REBUILD_TRIGGERED");
    assert.match(
      (await missing).line,
      new RegExp(`^article: left out: "Early", event ${event}: several articles`),
    );
    await second;
    assert.equal(article("blog/c").title, "Late");
    assert.equal(page("blog/b"), undefined);

    const again = next("REBUILD_TRIGGERED");
    const { id } = await delivery(event);
    const answer = await fetch(`${server.url}/api/deliveries/${id}/redeliver`, {
      method: "POST",
      headers: { authorization: `Bearer ${TOKEN}` },
    });
    assert.equal(answer.status, 200, await answer.text());
    await again;
    assert.equal(article("blog/b").title, "Early");
    assert.equal(article("blog/next-one").title, "The next one, again");
  });
});

test("`npm run example` shows an article becoming a page, opens it, and leaves nothing", async () => {
  await packages();
  const place = temporary();
  const [programs, left, opened] = ["programs", "left", "opened"].map((name) => path.join(place, name));
  mkdirSync(programs);
  mkdirSync(left);
  for (const opener of ["open", "xdg-open"]) {
    writeFileSync(
      path.join(programs, opener),
      `#!/bin/sh\necho "$1" > "${opened}.new" && mv "${opened}.new" "${opened}"\n`,
      { mode: 0o755 },
    );
  }
  const PATH = [programs, ENVIRONMENT.PATH].join(path.delimiter);
  const child = spawn("node", ["scripts/example.mjs"], {
    cwd: ROOT,
    stdio: ["ignore", "pipe", "pipe"],
    env: { ...ENVIRONMENT, PATH, CI: undefined, DISPLAY: ":0", TMPDIR: left },
  });
  after(() => child.kill("SIGKILL"));
  let said = "";
  const told = new Promise((resolve) => {
    for (const stream of [child.stdout, child.stderr]) {
      stream.setEncoding("utf8").on("data", (text) => {
        said += text;
        if (/What to try next/.test(said)) resolve(undefined);
      });
    }
  });
  const ended = new Promise((resolve) => child.on("close", resolve));
  await Promise.race([told, ended]);
  const page = /^  (http:\S+\/zh\/blog\/\S+)$/m.exec(said)?.[1] ?? assert.fail(said);
  const response = await fetch(page);
  assert.equal(response.status, 200);
  assert.match(await response.text(), /<html lang="zh-CN" dir="ltr">.*<h1[^>]*>外贸网站 CMS 选型指南<\/h1>/s);
  for (const [address, status] of [
    ["/", 200],
    ["/ar/blog/", 200],
    ["/blog/none/", 404],
    ["/../package.json", 404],
    ["/%2e%2e/package.json", 404],
    ["/..%2fpackage.json", 404],
  ]) {
    assert.equal((await fetch(new URL(page).origin + address)).status, status, String(address));
  }
  for (const end = Date.now() + 10_000; !existsSync(opened) && Date.now() < end;) await sleep(20);
  assert.equal(readFileSync(opened, "utf8"), `${page}\n`);
  child.kill("SIGINT");
  assert.equal(await ended, 0, said);
  // npm's Node.js may keep a cache there.
  assert.deepEqual(
    readdirSync(left).filter((name) => name.startsWith("presshook")),
    [],
  );
});
