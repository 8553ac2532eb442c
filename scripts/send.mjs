// `npm run send -- [SOURCE] EVENT [--url URL] …`: `presshook send` with the local secret, to the local Worker.

import { randomBytes } from "node:crypto";
import { pathToFileURL } from "node:url";
import { localSettings } from "./local.mjs";
import { Problem, main, run } from "./shell.mjs";

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

async function script() {
  const args = process.argv.slice(2);
  const names = args.filter(
    (it, index) => !it.startsWith("-") && !args[index - 1]?.match(/^--(url|secret)$/),
  );
  if (names.length === 0) {
    throw new Problem("Which event? For example: npm run send -- article.created");
  }
  const source = names.length > 1 ? names[0] : "blogshoot";
  const setting = `${source.toUpperCase().replaceAll("-", "_")}_WEBHOOK_SECRET`;
  const secret = process.env.PRESSHOOK_SECRET ?? process.env[setting] ?? localSettings()[setting];
  if (!secret && !args.includes("--secret")) {
    throw new Problem(`No ${setting} in .dev.vars, so the Worker could not verify it either. Add a line there, such as
  ${setting}=${randomBytes(32).toString("hex")}`);
  }
  await send(names.length > 1 ? args : ["blogshoot", ...args], secret ?? "");
}

if (import.meta.url === pathToFileURL(process.argv[1]).href) await main(script);
