// `npm run example`: a signed article in Chinese becomes a page of a real Astro site, in one command. Sets up, copies
// examples/astro to a temporary directory, runs the native server for it, sends the article, opens the page, and goes on
// until it is ended. The task begins with `exec`, so that what npm is sent reaches this and not a shell.

import { spawn } from "node:child_process";
import { randomBytes } from "node:crypto";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { createInterface } from "node:readline";
import { compile } from "./send.mjs";
import { within } from "./serve.mjs";
import { setup } from "./setup.mjs";
import { ENVIRONMENT, Problem, bold, programOf, heading, main, run, say } from "./shell.mjs";
import { AT_ONCE, SETTINGS, SITE, copy, packages, serveFiles } from "./site.mjs";

const PROGRAM = programOf("debug");
const ARTICLE = path.join(SITE, "delivery.json");

async function example() {
  await setup({ tools: [] });
  await packages();
  say(bold("Building the server (the first time takes a few minutes)"));
  await compile();
  const directory = mkdtempSync(path.join(tmpdir(), "presshook-"));
  process.on("exit", () => rmSync(directory, { recursive: true, force: true, maxRetries: 5 }));
  process.on("SIGINT", quit).on("SIGTERM", quit);
  const place = path.join(directory, "site");
  const secret = randomBytes(32).toString("hex");

  say(bold("Copying the site, and building it as it is"));
  copy(place);
  await run("npm", ["run", "--silent", "build", "--", "--silent"], { cwd: place });
  const pages = await serveFiles(path.join(place, "dist"));
  heading(`The site, in three languages and two directions: ${pages.url}/blog/`);

  const server = serve(directory, place, secret);
  const { address } = await within(20_000, server.until("SERVER_STARTED"), "The server did not start.");
  const url = `http://${address}/webhook`;

  heading("A signed article in Chinese, as the sender sends it on Publish");
  const built = server.until("REBUILD_TRIGGERED");
  const env = { PRESSHOOK_SECRET: secret };
  await run(PROGRAM, ["send", "blogshoot", "--file", ARTICLE, "--url", url], { env });
  say("\nStored. Now the article is written as a file, and Astro builds the site:\n");
  await within(120_000, built, "The site was not built; the log above says why.");
  const { slug, title } = JSON.parse(readFileSync(ARTICLE, "utf8")).article;
  const page = `${pages.url}/zh/blog/${slug}/`;
  if (!(await fetch(page)).ok) throw new Problem(`The site was built without the page ${page}`);

  heading(`It works: "${title}" is a page of the site`);
  say(`  ${page}\n`);
  open(page);
  next(url, secret, pages.url);
  process.exitCode = await server.ended;
}

const quit = () => process.exit(1);

/**
 * Starts the server, and shows its log as it comes.
 *
 * @param {string} directory
 * @param {string} place
 * @param {string} secret
 */
function serve(directory, place, secret) {
  const child = spawn(PROGRAM, ["serve"], {
    cwd: directory,
    stdio: ["ignore", "pipe", "inherit"],
    env: {
      PATH: ENVIRONMENT.PATH,
      HOME: process.env.HOME,
      HOST: "127.0.0.1",
      PORT: "0",
      DATABASE: path.join(directory, "presshook.db"),
      BLOGSHOOT_WEBHOOK_SECRET: secret,
      SITE_DIR: place,
      ...SETTINGS,
      ...AT_ONCE,
    },
  });
  // It ends first, gracefully. Ctrl-C at a terminal reaches it too, so it is not passed on; what is sent to this process
  // alone is.
  process.off("SIGINT", quit).off("SIGTERM", quit);
  process.on("exit", () => child.kill("SIGKILL"));
  process.on("SIGINT", () => process.stdin.isTTY || child.kill("SIGINT"));
  process.on("SIGTERM", () => child.kill("SIGTERM"));

  /** @type {Map<string, (entry: any) => void>} */
  const waiting = new Map();
  createInterface({ input: child.stdout }).on("line", (line) => {
    const { time: _, level, code, ...fields } = JSON.parse(line);
    const told = Object.entries(fields).map(([name, value]) => `${name}=${value}`);
    say(code === "PROGRAM_OUTPUT" ? `    ${fields.line}` : `${level.padEnd(5)} ${code}  ${told.join("  ")}`);
    waiting.get(code)?.({ code, ...fields });
  });
  /** @type {Promise<number>} */
  const ended = new Promise((resolve, reject) => {
    child.on("error", (error) => reject(new Problem(`${PROGRAM} cannot be started: ${error.message}`)));
    child.on("close", (status) => resolve(status ?? 1));
  });
  return {
    ended,
    /** The next entry of the log with a code; it fails where the server ends without one. @param {string} code */
    until(code) {
      const over = ended.then((status) => {
        throw new Problem(`The server ended with status ${status}.`);
      });
      // Also where nobody waits for the entry any more.
      over.catch(() => {});
      return Promise.race([new Promise((resolve) => waiting.set(code, resolve)), over]);
    },
  };
}

/** Opens a page in the browser where there is a desktop; where that fails, its address stands above. @param {string} page */
function open(page) {
  const desktop = process.platform === "darwin" || process.env.DISPLAY || process.env.WAYLAND_DISPLAY;
  if (!desktop || process.env.CI) return;
  const opener = process.platform === "darwin" ? "open" : "xdg-open";
  spawn(opener, [page], { stdio: "ignore", detached: true })
    .on("error", () => {})
    .unref();
}

/** @param {string} url @param {string} secret @param {string} pages */
function next(url, secret, pages) {
  heading("What to try next, in another terminal (Ctrl-C ends all of it, and nothing is left)");
  say(`  export PRESSHOOK_SECRET=${secret}
  npm run send -- blogshoot article.created --url ${url}    an English one
  npm run send -- blogshoot article.updated --url ${url}    another Chinese one
  npm run send -- blogshoot --file my.json --url ${url}     your own, as in examples/astro/delivery.json

Each is then listed at ${pages}/blog/ or ${pages}/zh/blog/\n`);
}

await main(example);
process.exit();
