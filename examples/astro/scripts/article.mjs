// Writes the article that Presshook tells of into the collection of its language, or removes it: the first half of
// REBUILD_COMMAND, before the build. It reads what Presshook gives a command on standard input, and knows payloads of
// BlogShoot. What cannot be done ends it with status 1 and a reason, so that nothing is built and Presshook tries again.

import { access, mkdir, rename, rm, writeFile } from "node:fs/promises";
import path from "node:path";
import { text } from "node:stream/consumers";
import { fileURLToPath } from "node:url";
import { DEFAULT, NAMES, localeOf } from "../src/locales.mjs";

/**
 * @typedef {{ id?: string, title?: string, slug?: string, language?: string }} Item
 * @typedef {{ connection: string, event_id: string, kind: string, item?: Item }} Event
 */

const CONTENT = fileURLToPath(new URL("../src/content", import.meta.url));

/** Names that are devices on Windows, where somebody may clone the site. */
const DEVICE = /^(con|prn|aux|nul|com\d|lpt\d)$/i;

/** Scripts that are written from right to left. */
const RIGHT_TO_LEFT = ["Adlm", "Arab", "Hebr", "Nkoo", "Rohg", "Syrc", "Thaa"];

/** Why an article cannot be written or removed, for whoever reads the log. */
class Refusal extends Error {}

/** @param {unknown} value @param {number} [most] */
function shown(value, most = 80) {
  const whole = JSON.stringify(value) ?? "nothing";
  return whole.length > most ? `${whole.slice(0, most)}…` : whole;
}

/**
 * The name of an article's file. BlogShoot's slugs are ASCII; nothing else can leave the directory or mean anything to
 * a file system.
 *
 * @param {unknown} slug
 */
function fileOf(slug) {
  if (typeof slug !== "string" || !/^[A-Za-z0-9][A-Za-z0-9_-]{0,119}$/.test(slug) || DEVICE.test(slug)) {
    throw new Refusal(
      `the slug ${shown(slug)} cannot be a file's name: that is 1 to 120 letters of ASCII, digits, - and _, ` +
        "and not what Windows calls a device",
    );
  }
  return `${slug}.md`;
}

/** @param {unknown} language */
function tagOf(language) {
  try {
    return new Intl.Locale(String(language));
  } catch {
    throw new Refusal(`${shown(language)} is no language tag such as "zh-CN"`);
  }
}

/** @param {import("../src/locales.mjs").Locale} locale @param {string} file */
const placeOf = (locale, file) => path.join(CONTENT, `blog-${locale}`, file);

/**
 * Any value as JSON, which YAML reads as the same: no text can end its line, its quotes or the front matter. What YAML
 * does not take as it is (controls, line separators, halves of characters) is escaped or replaced.
 *
 * @param {unknown} value
 */
const scalar = (value) =>
  JSON.stringify(value, (_, it) => (typeof it === "string" ? it.toWellFormed() : it)).replaceAll(
    /[\u007f-\u009f\u2028\u2029\ufeff\ufffe\uffff]/g,
    (it) => `\\u${it.charCodeAt(0).toString(16).padStart(4, "0")}`,
  );

/** @param {unknown} value */
const words = (value) => (typeof value === "string" ? value : "");

/** @param {unknown} url */
const remote = (url) => (typeof url === "string" && /^https?:/.test(url) && URL.canParse(url) ? url : "");

/** @param {unknown[]} times */
function firstTime(...times) {
  const found = times.find((it) => typeof it === "string" && !Number.isNaN(Date.parse(it)));
  if (found === undefined) throw new Refusal("the payload has no time of publication");
  return found;
}

/** @param {unknown} keywords */
const listed = (keywords) =>
  typeof keywords === "string"
    ? keywords
    : Array.isArray(keywords)
      ? keywords.filter((it) => typeof it === "string")
      : [];

/**
 * Writes an article. Whoever reads the file meanwhile sees the old one or the new one, never half of it.
 *
 * @param {any} payload BlogShoot's
 */
async function write(payload) {
  const article = payload?.article ?? {};
  const { title, slug, seo } = article;
  const file = fileOf(slug);
  if (!words(title)) throw new Refusal(`the article ${shown(slug)} has no title`);
  if (typeof article.content?.markdown !== "string") {
    throw new Refusal(`the article ${shown(slug)} comes without its text in Markdown`);
  }
  const tag = tagOf(article.language ?? DEFAULT);
  const locale = localeOf(tag.language);
  if (!locale) say(`the site has no ${tag.language}: the article goes to ${DEFAULT}`);
  const front = {
    title,
    description: words(seo?.description),
    slug,
    lang: tag.toString(),
    dir: RIGHT_TO_LEFT.includes(tag.maximize().script ?? "") ? "rtl" : "ltr",
    target_market: words(article.target_market),
    featured_image: remote(article.featured_image?.url),
    keywords: listed(seo?.keywords),
    published_at: firstTime(article.published_at, payload.timestamp),
  };
  const lines = Object.entries(front).map(([name, value]) => `${name}: ${scalar(value)}`);
  const whole = ["---", ...lines, "---", "", article.content.markdown.trimEnd(), ""].join("\n");
  const place = placeOf(locale ?? DEFAULT, file);
  // In the same directory, so that it can take the article's place in one step; no `.md`, so that no build reads it.
  const beside = path.join(path.dirname(place), `.${file}.${process.pid}`);
  await mkdir(path.dirname(place), { recursive: true });
  try {
    await writeFile(beside, whole);
    await rename(beside, place);
  } finally {
    await rm(beside, { force: true });
  }
  say(`wrote ${path.relative(process.cwd(), place)}`);
}

/**
 * Removes an article; one that is not there is no fault. A deletion need not tell the language: then it is the only
 * article of that name.
 *
 * @param {Item | undefined} item
 */
async function remove(item) {
  const file = fileOf(item?.slug);
  const locales = item?.language ? [localeOf(tagOf(item.language).language) ?? DEFAULT] : NAMES;
  const there = await Promise.all(
    locales.map((locale) =>
      access(placeOf(locale, file)).then(
        () => locale,
        () => undefined,
      ),
    ),
  );
  const [locale, ...more] = there.filter((it) => it !== undefined);
  if (more.length > 0) {
    throw new Refusal(
      `${file} is there in ${[locale, ...more].join(", ")}, and the deletion does not tell which`,
    );
  }
  if (!locale) return say(`${file} is not there, so nothing was removed`);
  await rm(placeOf(locale, file));
  say(`removed ${path.relative(process.cwd(), placeOf(locale, file))}`);
}

/**
 * Several events in one run: they came while something else was built, or one of them could not be carried out before.
 * The newest has its text with it, and the others have not: of those, only deletions can be carried out.
 *
 * @param {Event[]} events the newest first
 * @param {unknown} payload the newest's
 */
async function carryOut(events, payload) {
  /** @type {Set<string>} */
  const articles = new Set();
  // Without those that a newer event of the same article has overtaken.
  const last = events.filter((event) => !articles.has(identity(event)) && articles.add(identity(event)));
  const [newest, ...older] = last;
  for (const event of older.reverse()) {
    try {
      await one(event, () => {
        throw new Refusal("several articles came at once, and only the newest has its text with it");
      });
    } catch (problem) {
      if (!(problem instanceof Refusal)) throw problem;
      // It must not hold up the others.
      complain(
        `left out: ${shown(event.item?.title)}, event ${event.event_id}: ${problem.message}; see README.md`,
      );
    }
  }
  await one(newest, () => write(payload));
}

/** @param {Event} event */
const identity = ({ event_id, item }) =>
  item?.id ?? (item?.slug ? `${item.language ?? ""}/${item.slug}` : `event ${event_id}`);

/** @param {Event} event @param {() => Promise<void>} written */
async function one({ connection, kind, item }, written) {
  if (connection.split("/")[0] !== "blogshoot") {
    throw new Refusal(`this script knows BlogShoot's payloads, and this one is from ${shown(connection)}`);
  }
  if (kind === "deleted" || kind === "unpublished") await remove(item);
  else if (kind === "published" || kind === "updated") await written();
  else say(`nothing to do for an event of the kind ${shown(kind)}`);
}

/** @param {string} message */
const say = (message) => console.log(`article: ${message}`);
/** @param {string} message */
const complain = (message) => console.error(`article: ${message}`);

/** @returns {Promise<{ events: Event[], payload?: unknown }>} */
async function given() {
  if (process.stdin.isTTY)
    throw new Refusal("standard input is to be what Presshook gives a command; see README.md");
  try {
    const { events, payload } = JSON.parse(await text(process.stdin));
    if (Array.isArray(events)) return { events, payload };
  } catch (error) {
    throw new Refusal(`standard input is no JSON: ${error instanceof Error ? error.message : error}`);
  }
  throw new Refusal("standard input has no list of `events`");
}

try {
  const { events, payload } = await given();
  if (events.length === 0) say("no event, so nothing to write");
  else await carryOut(events, payload);
} catch (error) {
  if (!(error instanceof Error)) throw error;
  complain(error instanceof Refusal || "code" in error ? error.message : (error.stack ?? error.message));
  process.exitCode = 1;
}
