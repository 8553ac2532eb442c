// Deploying the Worker with wrangler, then telling what is left to do: secrets that are missing, and the URL to paste at
// the sender. How wrangler is run is the caller's.

import { existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { bold, say } from "./words.mjs";

/** The settings that can hold a deploy hook. */
export const DEPLOY_HOOKS = [
  "CLOUDFLARE_DEPLOY_HOOK",
  "DEPLOY_HOOK_URL",
  "CLOUDFLARE_DEPLOY_HOOK_PROD",
  "CLOUDFLARE_DEPLOY_HOOK_STAGING",
];

/**
 * wrangler, run by whoever knows where it is: `run` shows what it prints and fails with a remedy, `output` is what it
 * prints, or nothing where it fails.
 *
 * @typedef {object} Wrangler
 * @property {(args: string[], options: { env: Record<string, string>, remedy: string }) => Promise<void>} run
 * @property {(args: string[]) => string | undefined} output
 */

/**
 * What is left to do after a deploy, line by line.
 *
 * @param {string[] | undefined} names of the secrets that are set, if wrangler could tell
 * @param {string[]} targets the addresses that the Worker has
 * @param {string[]} [choice] the arguments that choose which Worker, such as `--env staging`
 */
export function remaining(names, targets, choice = []) {
  const put = (/** @type {string} */ name) => ["  npx wrangler secret put", name, ...choice].join(" ");
  const lines = [];
  if (!names) lines.push("Which secrets are set could not be read; see: npx wrangler secret list");
  if (names && !names.some((name) => /^[A-Z_]+_WEBHOOK_SECRET(__.+)?$/.test(name))) {
    lines.push(
      "No webhook secret is set, so every webhook is refused. Make one (`openssl rand -hex 32`) and run:",
      put("BLOGSHOOT_WEBHOOK_SECRET"),
    );
  }
  if (names && !names.some((name) => DEPLOY_HOOKS.includes(name))) {
    lines.push(
      "No deploy hook is set, so nothing is rebuilt. Make one in your host's dashboard and run:",
      put("CLOUDFLARE_DEPLOY_HOOK"),
    );
  }
  if (lines.length === 0) lines.push("The secrets are set.");
  const url = targets.find((target) => target.startsWith("https://") && !target.includes("*"));
  lines.push(
    "Paste this URL at the sender, as its webhook URL:",
    url
      ? `  ${url.replace(/\/$/, "")}/api/webhook`
      : "  https://YOUR-WORKER/api/webhook (wrangler named no address above)",
  );
  return lines;
}

/**
 * Deploys with these arguments of `wrangler deploy`, and tells what is left to do.
 *
 * @param {string[]} args
 * @param {Wrangler} wrangler
 */
export async function deploy(args, wrangler) {
  const directory = mkdtempSync(path.join(tmpdir(), "presshook-"));
  const report = path.join(directory, "wrangler.ndjson");
  try {
    await wrangler.run(["deploy", ...args], {
      env: { WRANGLER_OUTPUT_FILE_PATH: report },
      remedy: "If wrangler says that you are not logged in: npx wrangler login",
    });
    if (args.includes("--dry-run")) return;
    const entries = (existsSync(report) ? readFileSync(report, "utf8") : "").split("\n").filter(Boolean);
    const deployed = entries.map((line) => JSON.parse(line)).findLast((entry) => entry.type === "deploy");
    const at = args.findIndex((argument) => /^(--env|-e|--name)(=|$)/.test(argument));
    const choice = at < 0 ? [] : args.slice(at, at + (args[at].includes("=") ? 1 : 2));
    const list = wrangler.output(["secret", "list", "--format", "json", ...choice]);
    /** @type {{ name: string }[] | undefined} */
    const secrets = list === undefined ? undefined : JSON.parse(list);
    say(`\n${bold("What is left to do")}`);
    const names = secrets?.map((secret) => secret.name);
    remaining(names, deployed?.targets ?? [], choice).forEach(say);
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
}
