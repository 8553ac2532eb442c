// The local settings, `.dev.vars`: read by wrangler, by `npm start` and by `npm run send`.

import { randomBytes } from "node:crypto";
import { appendFileSync, existsSync, readFileSync, writeFileSync } from "node:fs";
import path from "node:path";
import util from "node:util";
import { ROOT, say } from "./shell.mjs";

/** The settings that can hold a deploy hook. */
export const DEPLOY_HOOKS = [
  "CLOUDFLARE_DEPLOY_HOOK",
  "DEPLOY_HOOK_URL",
  "CLOUDFLARE_DEPLOY_HOOK_PROD",
  "CLOUDFLARE_DEPLOY_HOOK_STAGING",
];

const FILE = path.join(ROOT, ".dev.vars");
const SECRET = "BLOGSHOOT_WEBHOOK_SECRET";

/** The names and values in `.dev.vars`; none if there is no such file. */
export function localSettings() {
  return existsSync(FILE) ? util.parseEnv(readFileSync(FILE, "utf8")) : {};
}

/** Sees to it that there is a secret to sign with, and returns it. */
export function localSecret() {
  if (!existsSync(FILE)) {
    writeFileSync(FILE, "# Settings for `npm start` and `wrangler dev` on this machine; never committed.\n", {
      mode: 0o600,
    });
  }
  const known = localSettings()[SECRET];
  if (known) return known;
  const secret = randomBytes(32).toString("hex");
  const text = readFileSync(FILE, "utf8");
  appendFileSync(FILE, `${text.endsWith("\n") || text === "" ? "" : "\n"}${SECRET}=${secret}\n`);
  say(`A fresh ${SECRET} was written to .dev.vars`);
  return secret;
}
