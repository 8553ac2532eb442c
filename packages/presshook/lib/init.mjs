// `presshook init`: a directory that `wrangler deploy` takes, with secrets made for it; or, with `--pages`, the Function
// added to a site. It asks what it cannot know, a second run asks only for what is still missing, and nothing that is
// there is overwritten but what an earlier run has made.

import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import path from "node:path";
import { createInterface } from "node:readline/promises";
import { parseArgs } from "node:util";
import { DEPLOY_HOOKS } from "./deploy.mjs";
import { VERSION, bundle, senders, versionOf, worker, workerSettings } from "./made.mjs";
import * as pages from "./pages.mjs";
import { add, fresh, ignore, read } from "./vars.mjs";
import { Problem, bold, say } from "./words.mjs";

export const HELP = `npx presshook init [DIR]           a Worker: wrangler.toml, the Worker itself in presshook/, and its secrets
npx presshook init --pages [DIR]   the Function of a Cloudflare Pages site, added to the site's repository

  --sender NAME    whose webhooks are to come (npx presshook sources lists them); it is asked for otherwise
  --name NAME      what the Worker is called (default: presshook)
  --out DIR        with --pages: write _worker.js and _routes.json into this directory of files that the site
                   publishes as they are, in place of a functions directory
  --inbox WORKER   with --pages: use the inbox of this Worker of yours; without it there is none
  --yes            ask nothing

A secret and a deploy hook that are in the environment, under the names of their settings, are taken from there.`;

const VARS = ".dev.vars";
const MARK = "# Made by `presshook init`.";
const OTHERS = ["wrangler.json", "wrangler.jsonc"];
const HOOK = "CLOUDFLARE_DEPLOY_HOOK";

/** @typedef {(question: string) => Promise<string>} Ask what somebody answers; nothing where nobody is asked */

/**
 * @param {string[]} args
 * @param {{ ask?: Ask, environment?: Record<string, string | undefined> }} [options]
 */
export async function init(args, { ask, environment = process.env } = {}) {
  const { values, positionals } = options(args);
  if (values.help) return say(HELP);
  const directory = path.resolve(positionals[0] ?? ".");
  const line = ask || values.yes || !process.stdin.isTTY || !process.stdout.isTTY ? undefined : terminal();
  const asked = ask ?? line?.ask ?? (async () => "");
  try {
    if (values.pages) await site(directory, values, asked, environment);
    else await project(directory, values, asked, environment);
  } finally {
    line?.close();
  }
}

/** @param {string[]} args */
function options(args) {
  let parsed;
  try {
    parsed = parseArgs({
      args,
      allowPositionals: true,
      options: {
        pages: { type: "boolean" },
        sender: { type: "string" },
        name: { type: "string" },
        out: { type: "string" },
        inbox: { type: "string" },
        yes: { type: "boolean", short: "y" },
        help: { type: "boolean", short: "h" },
      },
    });
  } catch (error) {
    throw new Problem(`${error instanceof Error ? error.message : error}\n\n${HELP}`);
  }
  const { values, positionals } = parsed;
  const wrong = positionals.length > 1 || (!values.pages && (values.out || values.inbox));
  if (wrong || (values.pages && values.name)) throw new Problem(`These do not go together.\n\n${HELP}`);
  return { values, positionals };
}

/** @typedef {ReturnType<typeof options>["values"]} Options */

/**
 * A Worker's project.
 *
 * @param {string} directory
 * @param {Options} values
 * @param {Ask} ask
 * @param {Record<string, string | undefined>} environment
 */
async function project(directory, { sender, name }, ask, environment) {
  const settings = path.join(directory, "wrangler.toml");
  const other = OTHERS.map((it) => path.join(directory, it)).find((it) => existsSync(it));
  if (other) throw taken(other);
  const before = existsSync(settings) ? readFileSync(settings, "utf8") : undefined;
  if (before !== undefined && !before.includes(MARK)) throw taken(settings);
  const shared = path.join(directory, "presshook");
  const old = checked(shared);
  const wanted = named(workerSettings(), name ?? "presshook");

  const chosen = await choose(path.join(directory, VARS), sender, ask, environment);
  mkdirSync(directory, { recursive: true });
  worker(shared);
  wrote("presshook/", old);
  if (before === undefined) {
    writeFileSync(settings, `${MARK}\n${wanted}`);
    say("  wrote wrangler.toml");
  } else {
    say("  kept wrangler.toml");
    for (const tag of migrations(wanted).filter((it) => !migrations(before).includes(it))) {
      say(
        `    It lacks the migration ${tag}: copy its lines from presshook/wrangler.toml before you deploy.`,
      );
    }
  }
  remember(directory, chosen.values);

  shown(chosen);
  say(`\n${bold("What is left to do")}`);
  const within = path.relative(process.cwd(), directory);
  const steps = [
    ...(within ? [`cd ${within}`] : []),
    ...(chosen.hook
      ? []
      : [`Make a deploy hook in your host's dashboard, and add a line to ${VARS}: ${HOOK}=https://…`]),
    "npx presshook deploy    (puts the Worker and its secrets on your Cloudflare account, and prints its URL)",
    atTheSender(chosen),
  ];
  steps.forEach((step, index) => say(`  ${index + 1}. ${step}`));
  say(`
What came in is shown at /deliveries, which asks for the ADMIN_TOKEN of ${VARS}.
To try the Worker on this machine first: npx wrangler dev`);
}

/**
 * A site on Pages.
 *
 * @param {string} directory
 * @param {Options} values
 * @param {Ask} ask
 * @param {Record<string, string | undefined>} environment
 */
async function site(directory, { sender, out, inbox }, ask, environment) {
  if (!existsSync(directory)) throw new Problem(`There is no directory ${directory}: name the site's.`);
  const target = out === undefined ? undefined : path.resolve(directory, out);
  if (target && `${directory}${path.sep}`.startsWith(`${target}${path.sep}`)) {
    throw new Problem(`All of ${target} is published, so your secrets must not lie in it, as ${VARS} would.
Run this in the directory above: npx presshook init --pages --out ${path.basename(target)}`);
  }
  const place = target ? path.join(target, "_worker.js") : path.join(directory, "presshook");
  const old = versionOf(place);
  const chosen = await choose(path.join(directory, VARS), sender, ask, environment);
  if (target) await pages.worker(target, undefined, bundle);
  else await pages.functions(directory, bundle);
  const shown_ = path.relative(directory, place);
  wrote(
    target
      ? `${shown_}/ and ${path.relative(directory, target)}/_routes.json`
      : `functions/api/ and ${shown_}/`,
    old,
  );
  // Where the inbox is a Worker's, the deploy hook is that Worker's too.
  const { [HOOK]: hook, ADMIN_TOKEN: _, ...secrets } = chosen.values;
  remember(directory, { ...secrets, ...(inbox ? {} : { INBOX: "none", ...(hook && { [HOOK]: hook }) }) });

  shown(chosen);
  const put = (/** @type {string} */ name) => `npx wrangler pages secret put ${name}`;
  const binding = inbox
    ? `Bind the inbox: your Pages project → Settings → Bindings → Durable Object, name INBOX, the Worker ${inbox}'s
     class Inbox; or, where the project has a wrangler.toml, these lines in it:
       [[durable_objects.bindings]]
       name = "INBOX"
       class_name = "Inbox"
       script_name = "${inbox}"`
    : `Do without an inbox: your Pages project → Settings → Variables and Secrets, INBOX = none; or, where the project has
     a wrangler.toml, INBOX = "none" under [vars] in it. Without an inbox nothing is
     remembered: docs/pages.md of Presshook says what is given up.`;
  const steps = [
    "Commit what was added, and push it: the site's build needs nothing more.",
    `${put(chosen.sender.setting)}    (paste the secret)${inbox ? "" : `\n     ${put(HOOK)}    (paste the deploy hook's URL)`}`,
    binding,
    "Set Fail closed: your Pages project → Settings → Runtime. Otherwise webhooks can get lost without a trace.",
    atTheSender(chosen),
  ];
  say(`\n${bold("What is left to do")}`);
  steps.forEach((step, index) => say(`  ${index + 1}. ${step}`));
}

/** @param {string} file */
const taken = (file) =>
  new Problem(`${file} is another project's, and stays as it is.
Make Presshook's in a directory of its own: npx presshook init presshook
Or, if this is a site on Cloudflare Pages that is to have Presshook as its Function: npx presshook init --pages`);

/** The version that an earlier run has written, if any. @param {string} shared */
function checked(shared) {
  if (existsSync(shared) && !pages.isOurs(shared)) {
    throw new Problem(`${shared} is no directory that an earlier run has made, and its name is needed.`);
  }
  return versionOf(shared);
}

/**
 * The settings of a project whose Worker lies in `presshook/`, under a name.
 *
 * @param {string} settings of one in the Worker's own directory
 * @param {string} name
 */
function named(settings, name) {
  if (!/^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$/.test(name)) {
    throw new Problem(
      `\`${name}\` cannot be a Worker's name: small letters, digits and hyphens, at most 63 of them.`,
    );
  }
  return settings
    .replace(/^name = .*$/m, `name = "${name}"`)
    .replace(/^main = "(.*)"$/m, 'main = "presshook/$1"');
}

/** @param {string} settings */
const migrations = (settings) => [...settings.matchAll(/^tag = "(.*)"$/gm)].map(([, tag]) => tag);

/**
 * What is to be in the file of local settings, as far as it is not there yet.
 *
 * @typedef {{ sender: import("./made.mjs").Sender, made: string | undefined, hook: boolean, values: Record<string, string> }} Chosen
 *
 * @param {string} file
 * @param {string | undefined} name of the sender
 * @param {Ask} ask
 * @param {Record<string, string | undefined>} environment
 * @returns {Promise<Chosen>} `made` is a secret that was made up
 */
async function choose(file, name, ask, environment) {
  const known = read(file);
  const all = senders();
  const find = (/** @type {string} */ wanted) => {
    const found = all.find((it) => it.name === wanted.trim().toLowerCase());
    if (!found) {
      throw new Problem(`\`${wanted}\` is no sender. These are: ${all.map((it) => it.name).join(", ")}`);
    }
    return found;
  };
  const had = all.find((it) => known[it.setting] || environment[it.setting]);
  const sender =
    name !== undefined
      ? find(name)
      : (had ?? find((await ask("Whose webhooks are to come? [blogshoot] ")) || "blogshoot"));

  /** @type {Record<string, string>} */
  const values = {};
  let made;
  if (!known[sender.setting]) {
    const given =
      environment[sender.setting] ||
      (await ask(
        `The secret that ${sender.title} shows you, if it does (otherwise Enter, and one is made): `,
      ));
    if (!given && sender.secret === "public-key") {
      throw new Problem(
        `${sender.title} signs with a key of its own, so its public key cannot be made up here. Set ${sender.setting}.`,
      );
    }
    if (!given) made = fresh(sender.secret);
    values[sender.setting] = (given || made || "").trim();
  }
  let hook = DEPLOY_HOOKS.some((it) => known[it]);
  if (!hook) {
    const set = DEPLOY_HOOKS.find((it) => environment[it]);
    const url = set
      ? environment[set]
      : await ask("Your host's deploy hook, https://… (Enter, if you have none yet): ");
    if (url) {
      values[set ?? HOOK] = web(url.trim());
      hook = true;
    }
  }
  if (!known.ADMIN_TOKEN) values.ADMIN_TOKEN = environment.ADMIN_TOKEN || fresh();
  return { sender, made, hook, values };
}

/** The URL, if it is one; it is never repeated, for whoever knows it can start builds. @param {string} url */
function web(url) {
  if (!URL.canParse(url) || !/^https?:$/.test(new URL(url).protocol)) {
    throw new Problem(
      "That is no URL of a deploy hook: it begins with https:// and comes from your host's dashboard.",
    );
  }
  return url;
}

/**
 * @param {string} directory
 * @param {Record<string, string>} values
 */
function remember(directory, values) {
  const words =
    "Presshook's settings: for `wrangler dev` here, and what `npx presshook deploy` sends. Never commit it.";
  const added = add(path.join(directory, VARS), values, words);
  say(added.length > 0 ? `  wrote ${VARS}: ${added.join(", ")}` : `  kept ${VARS}`);
  if (ignore(directory, VARS)) say(`  wrote .gitignore: ${VARS}`);
}

/**
 * @param {string} what
 * @param {string | undefined} old
 */
function wrote(what, old) {
  const word = old === VERSION ? "kept" : "wrote";
  say(`  ${word} ${what}: Presshook ${VERSION}${old && old !== VERSION ? ` in place of ${old}` : ""}`);
}

/** The secret that was made, once: at a terminal, and not where somebody records what is said. @param {Chosen} chosen */
function shown({ sender, made }) {
  if (!made) return;
  if (process.stdout.isTTY) {
    say(
      `\nThe secret to enter at ${sender.title}, shown this once (it stays in ${VARS}):\n\n  ${bold(made)}`,
    );
  } else {
    say(`\nThe secret to enter at ${sender.title} is ${sender.setting} in ${VARS}.`);
  }
}

/** @param {Chosen} chosen */
function atTheSender({ sender }) {
  const own = sender.named ? `/${sender.name}` : "";
  return `At ${sender.title}, enter the URL, ending in /api/webhook${own}, and the secret; then send a test.
     Where: ${sender.setup}
     More:  ${sender.docs}`;
}

/** Somebody at a terminal. */
function terminal() {
  const lines = createInterface({ input: process.stdin, output: process.stdout });
  const ended = new Promise((_, reject) => {
    lines.on("close", () => reject(new Problem("Nothing more was answered, so nothing was changed.")));
  });
  ended.catch(() => {});
  /** @type {Ask} */
  const ask = (question) => Promise.race([lines.question(question), /** @type {Promise<never>} */ (ended)]);
  return { ask, close: () => lines.close() };
}
