// The example site, examples/astro, from signed webhooks to pages: the server writes the articles as files and has Astro
// build them. What is looked at is what a reader gets, the built pages, and that nothing is written anywhere else.

import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { createHmac } from "node:crypto";
import {
  existsSync,
  mkdirSync,
  readFileSync,
  readdirSync,
  rmdirSync,
  statSync,
  writeFileSync,
} from "node:fs";
import path from "node:path";
import { after, before, describe, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { parse } from "yaml";
import { ENVIRONMENT, ROOT } from "../../scripts/shell.mjs";
import { AT_ONCE, SETTINGS, SITE, copy, packages } from "../../scripts/site.mjs";
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
    ...SETTINGS,
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

/** All that lies in and beside the site, but what a build makes and what the server keeps. */
function everything() {
  const made = /^(site\/(node_modules|dist|\.astro)|\.npm|presshook\.db.*)(\/|$)/;
  const names = /** @type {string[]} */ (readdirSync(directory, { recursive: true }));
  return names.filter((name) => !made.test(name)).sort();
}

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
      ["published_at", "2026-01-31T08:00:00.000Z"],
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

  test("whatever senders call their articles, each is a page, and nothing is written elsewhere", async () => {
    const before = everything();
    const slugs = [
      "../../etc/passwd",
      "/etc/passwd",
      "..\\..\\windows",
      "con",
      "🎉🎉",
      "a".repeat(10_240),
      ".git/hooks/post-merge",
      "a/b/c",
      "{{ slug }}",
      "<script>",
      "line\nbreak",
      "%2e%2e%2f",
      "same",
      "same",
      "",
    ];
    for (const [at, slug] of slugs.entries())
      await send("article.created", { id: `s${at}`, slug, language: "en", title: `Hostile slug ${at}` });
    // Those that came during the first build are in the second.
    const isDone = async () => (await delivery(`event-${events}`)).jobs[0].state === "done";
    for (const end = Date.now() + BUILT; !(await isDone());) {
      assert.ok(Date.now() < end, "the last of them is not built in time");
      await sleep(100);
    }
    const listed = page("blog") ?? "";
    const added = everything().filter((name) => !before.includes(name));
    assert.equal(added.length, slugs.length, added.join("\n"));
    for (const name of added) {
      assert.match(name, /^site\/src\/content\/blog-en\/[^./\\<>{}%\n][^/\\<>{}%\n]*\.md$/);
      assert.ok(Buffer.byteLength(path.basename(name)) <= 255, name);
    }
    // Each is reached at the address that the list has for it.
    const links = [...listed.matchAll(/href="(\/blog\/[^"]+\/)"[^>]*>\s*Hostile slug (\d+)/g)];
    assert.deepEqual(
      links.map(([, address, at]) => [at, article(decodeURI(address)).title]).sort(),
      slugs.map((_, at) => [`${at}`, `Hostile slug ${at}`]).sort(),
    );
    assert.equal(new Set(links.map(([, address]) => address)).size, slugs.length);
  });

  test("an article that lacks everything, or has nothing right, does not keep the site from being built", async () => {
    const bare = {
      title: "",
      seo: null,
      featured_image: { url: "javascript:alert(1)" },
      published_at: "never",
    };
    await publish("article.created", { id: "bare", slug: "bare", language: "en", ...bare });
    assert.doesNotMatch(article("blog/bare").html, /javascript:/);
    await publish("article.created", { id: "odd", slug: "odd", language: "x-!", title: "Odd" });
    assert.equal(article("blog/odd").title, "Odd");
    const markdown = "---\ntitle: other\n---\n\n{{ 7 * 7 }} <script>alert(1)</script>\n";
    await publish("article.created", { id: "text", slug: "text", language: "en", content: { markdown } });
    const { title, html } = article("blog/text");
    assert.equal(title, DELIVERY.article.title);
    assert.match(html, /\{\{ 7 \* 7 \}\}/);
    assert.match(html, /http-equiv="content-security-policy"/i);
  });

  test("a build that finds nothing new in an article leaves its file alone", async () => {
    const file = path.join(site, "src/content/blog-en/text.md");
    const old = statSync(file);
    const markdown = readFileSync(file, "utf8").split("\n---\n\n").slice(1).join("\n---\n\n");
    await publish("article.updated", { id: "text", slug: "text", language: "en", content: { markdown } });
    assert.equal(statSync(file).mtimeMs, old.mtimeMs);
    assert.equal(statSync(file).ino, old.ino);
  });

  test("a deletion removes the page, also where it does not tell the language", async () => {
    await publish("article.deleted", { language: undefined, content: undefined, title: undefined });
    assert.equal(page(`zh/blog/${SLUG}`), undefined);
    assert.doesNotMatch(page("zh/blog") ?? "", new RegExp(SLUG));
    assert.ok(!existsSync(path.join(site, `src/content/blog-zh/${SLUG}.md`)));
    assert.ok(page("zh/blog/from-webhook-to-page"));
  });

  test("articles that come during a build are all in the next", async () => {
    const running = next("PROGRAM_STARTED");
    const first = next("REBUILD_TRIGGERED");
    const one = { id: "n", slug: "next-one", language: "en" };
    await send("article.created", { ...one, title: "The next one" });
    await running;
    await send("article.created", { id: "b", slug: "b", language: "en", title: "Early" });
    await send("article.created", { id: "c", slug: "c", language: "en", title: "Late" });
    await send("article.updated", { ...one, title: "The next one, again" });
    await first;
    await next("REBUILD_TRIGGERED");
    assert.equal(article("blog/b").title, "Early");
    assert.equal(article("blog/c").title, "Late");
    assert.equal(article("blog/next-one").title, "The next one, again");
  });

  test("what cannot be written is told, and is written once it can be", async () => {
    const place = path.join(site, "src/content/blog-en/taken.md");
    mkdirSync(place);
    const retry = next("JOB_RETRY");
    const done = next("REBUILD_TRIGGERED");
    const event = await send("article.created", { id: "t", slug: "taken", language: "en", title: "Taken" });
    const reason =
      "`src/content/blog-en/taken.md` in `SITE_DIR` is a directory, and an article's file is to be there: move the " +
      "directory, or choose another `CONTENT_PATH`";
    assert.equal((await retry).reason, reason);
    rmdirSync(place);
    await done;
    assert.equal(article("blog/taken").title, "Taken");
    const { jobs } = await delivery(event);
    assert.equal(jobs[0].state, "done");
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
