// `npm run send -- [SOURCE] EVENT [--url URL] …`: `presshook send` with the local secret, to the local Worker.

import { randomBytes } from "node:crypto";
import path from "node:path";
import { pathToFileURL } from "node:url";
import { parseArgs } from "node:util";
import { localSettings } from "./local.mjs";
import { Problem, main, run } from "./shell.mjs";

/** The options of `presshook send` that take a value; a word after another option is a name. */
const WITH_VALUE = ["url", "secret", "file", "repeat", "concurrency"];

/** Compiles the `presshook` command; quick when nothing has changed. */
export const compile = () => run("cargo", ["build", "--locked", "--bin", "presshook"]);

/**
 * @param {string[]} args
 * @param {string} secret
 */
export const send = (args, secret) =>
  run("cargo", ["run", "--locked", "--quiet", "--bin", "presshook", "--", "send", ...args], {
    env: { PRESSHOOK_SECRET: secret },
  });

/**
 * What the words on the command line mean: the sender, and the arguments of `presshook send`. Where only one name is
 * given it is an event of BlogShoot's, or with a file, which needs no event, the sender. The file is looked for where
 * the person is, not in the project's directory.
 *
 * @param {string[]} words
 * @param {string} directory
 */
export function meant(words, directory) {
  const args = [...words];
  /** @type {Record<string, { type: "string" }>} */
  const options = Object.fromEntries(WITH_VALUE.map((name) => [name, { type: "string" }]));
  const { tokens } = parseArgs({ args, options, allowPositionals: true, strict: false, tokens: true });
  const names = tokens.flatMap((token) => (token.kind === "positional" ? [token.value] : []));
  let file = false;
  for (const token of tokens) {
    if (token.kind !== "option" || token.name !== "file" || token.value === undefined) continue;
    const whole = path.resolve(directory, token.value);
    args[token.index + (token.inlineValue ? 0 : 1)] = token.inlineValue ? `--file=${whole}` : whole;
    file = true;
  }
  const named = names.length > (file ? 0 : 1);
  return { names, source: named ? names[0] : "blogshoot", args: named ? args : ["blogshoot", ...args], file };
}

async function script() {
  const words = process.argv.slice(2);
  if (words.includes("--help") || words.includes("-h")) return send(words, "");
  const { names, source, args, file } = meant(words, process.env.INIT_CWD ?? process.cwd());
  if (names.length === 0 && !file) {
    throw new Problem("Which event? For example: npm run send -- article.created");
  }
  const setting = `${source.toUpperCase().replaceAll("-", "_")}_WEBHOOK_SECRET`;
  const secret = process.env.PRESSHOOK_SECRET ?? process.env[setting] ?? localSettings()[setting];
  if (!secret && !words.some((word) => /^--secret(=|$)/.test(word))) {
    throw new Problem(`No ${setting} in .dev.vars, so the Worker could not verify it either. Add a line there, such as
  ${setting}=${randomBytes(32).toString("hex")}`);
  }
  await send(args, secret ?? "");
}

if (import.meta.url === pathToFileURL(process.argv[1]).href) await main(script);
