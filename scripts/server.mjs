// `npm run server`: the native server on this machine, compiled and run. It needs Rust and a C compiler, and nothing of
// npm's: it works before `npm run setup`. Settings come from the environment and, where there is one, the file `.env`;
// `-- --demo` needs none. The task begins with `exec`, so that what npm is sent reaches this and not a shell.

import { spawn } from "node:child_process";
import { randomBytes } from "node:crypto";
import { existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { pathToFileURL } from "node:url";
import { parseEnv } from "node:util";
import { setTimeout as later } from "node:timers/promises";
import { compilers } from "./setup.mjs";
import { Problem, ROOT, bold, programOf, main, run, say } from "./shell.mjs";

const PROGRAM = programOf("release");
const FILE = path.join(ROOT, ".env");

/**
 * The settings that the server will find, by name.
 *
 * @param {Record<string, string | undefined>} environment
 * @param {string} file of settings; it need not be there
 */
export function settings(environment, file) {
  const named = existsSync(file) ? parseEnv(readFileSync(file, "utf8")) : {};
  return { ...named, ...environment };
}

/**
 * What to do where no sender's secret is set.
 *
 * @param {string} fresh a secret to propose
 */
export const remedy = (
  fresh,
) => `No secret is set, so nothing could be accepted. Put two lines into the file .env here:

  BLOGSHOOT_WEBHOOK_SECRET=${fresh}
  DEPLOY_HOOK_URL=https://…    your host's deploy hook; or REBUILD_COMMAND=… and SITE_DIR=…

Enter the same secret at the sender. For other senders: cargo run --release -- sources
Without any of that, \`npm run server -- --demo\` shows it at work.`;

async function server() {
  const args = process.argv.slice(2);
  const demo = args.includes("--demo");
  const names = Object.keys(settings(process.env, FILE));
  const own = args.some((argument) => argument.startsWith("--env-file"));
  if (!demo && !own && !names.some((name) => /^[A-Z_]+_WEBHOOK_SECRET(__.+)?$/.test(name))) {
    throw new Problem(remedy(randomBytes(32).toString("hex")));
  }
  compilers();
  say(bold("Building the server (the first time takes a few minutes)"));
  await run("cargo", ["build", "--release", "--locked", "--bin", "presshook"]);
  if (demo) return demonstrate();
  const file = existsSync(FILE) && !own ? ["--env-file", FILE] : [];
  process.exitCode = await ended(serve([...file, ...args], process.env));
}

/**
 * Starts `presshook serve` at this terminal.
 *
 * Ctrl-C at a terminal reaches the server too, so it is not passed on; what is sent to this process alone is.
 *
 * @param {string[]} args
 * @param {NodeJS.ProcessEnv} env
 */
function serve(args, env) {
  const child = spawn(PROGRAM, ["serve", ...args], { cwd: ROOT, stdio: "inherit", env });
  process.on("SIGINT", () => process.stdin.isTTY || child.kill("SIGINT"));
  process.on("SIGTERM", () => child.kill("SIGTERM"));
  return child;
}

/**
 * The status that the server ended with; one that was ended by a signal has failed.
 *
 * @param {import("node:child_process").ChildProcess} child
 * @returns {Promise<number>}
 */
const ended = (child) =>
  new Promise((resolve, reject) => {
    child.on("error", (error) => reject(new Problem(`${PROGRAM} cannot be started: ${error.message}`)));
    child.on("close", (status) => resolve(status ?? 1));
  });

/** A signed article, sent three times, that makes a command run once; then the server goes on. */
async function demonstrate() {
  const directory = mkdtempSync(path.join(tmpdir(), "presshook-"));
  const port = process.env.PORT ?? "3100";
  const secret = randomBytes(32).toString("hex");
  const url = `http://127.0.0.1:${port}/webhook`;
  say(
    `\n${bold("Serving with a secret made up for this, and a command that only says what it would build")}\n`,
  );
  const child = serve([], {
    PATH: process.env.PATH,
    HOST: "127.0.0.1",
    PORT: port,
    DATABASE: path.join(directory, "presshook.db"),
    BLOGSHOOT_WEBHOOK_SECRET: secret,
    DEPLOY_SETTLE_SECONDS: "2",
    DEPLOY_MIN_GAP_SECONDS: "0",
    REBUILD_COMMAND: 'echo "Here your site is built, for: $PRESSHOOK_ARTICLE_TITLE"',
  });
  const over = ended(child);
  const sends = async () => {
    await answering(port);
    say(`\n${bold("A signed article, and the same twice more, as from a sender that heard no answer")}\n`);
    const env = { PRESSHOOK_SECRET: secret };
    await run(PROGRAM, ["send", "blogshoot", "article.created", "--repeat", "3", "--url", url], { env });
    say(
      `\nStored once. After two seconds without further edits the command runs, once. Ctrl-C ends the server.\n`,
    );
  };
  try {
    await Promise.race([sends(), over]);
    process.exitCode = await over;
  } finally {
    child.kill("SIGKILL");
    rmSync(directory, { recursive: true, force: true });
  }
}

/** @param {string} port */
async function answering(port) {
  for (let tries = 0; tries < 100; tries += 1) {
    const health = await fetch(`http://127.0.0.1:${port}/health`).then(
      (answer) => answer.json(),
      () => undefined,
    );
    if (health?.service === "presshook") return;
    await later(100);
  }
  throw new Problem(`The server does not answer on port ${port}; its last words stand above.`);
}

if (import.meta.url === pathToFileURL(process.argv[1]).href) await main(server);
