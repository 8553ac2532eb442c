// `npm run deploy`: `wrangler deploy`, then what is still to be done: secrets that are missing, and the URL to paste at
// the sender. Arguments go to wrangler.

import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { pathToFileURL } from "node:url";
import { build } from "./build.mjs";
import { setup } from "./setup.mjs";
import { bold, main, output, run, say } from "./shell.mjs";

const DEPLOY_HOOKS = [
  "CLOUDFLARE_DEPLOY_HOOK",
  "DEPLOY_HOOK_URL",
  "CLOUDFLARE_DEPLOY_HOOK_PROD",
  "CLOUDFLARE_DEPLOY_HOOK_STAGING",
];

/**
 * What is left to do after a deploy, line by line.
 *
 * @param {string[]} names of the secrets that are set
 * @param {string[]} targets the addresses that the Worker has
 * @param {string[]} [choice] the arguments that choose which Worker, such as `--env staging`
 */
export function remaining(names, targets, choice = []) {
  const put = (/** @type {string} */ name) => ["  npx wrangler secret put", name, ...choice].join(" ");
  const lines = [];
  if (!names.some((name) => /^[A-Z_]+_WEBHOOK_SECRET(__.+)?$/.test(name))) {
    lines.push(
      "No webhook secret is set, so every webhook is refused. Make one (`openssl rand -hex 32`) and run:",
      put("BLOGSHOOT_WEBHOOK_SECRET"),
    );
  }
  if (!names.some((name) => DEPLOY_HOOKS.includes(name))) {
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

async function deploy() {
  const args = process.argv.slice(2);
  await setup();
  await build();
  const directory = mkdtempSync(path.join(tmpdir(), "presshook-"));
  const report = path.join(directory, "wrangler.ndjson");
  try {
    await run("wrangler", ["deploy", ...args], {
      env: { WRANGLER_OUTPUT_FILE_PATH: report },
      remedy: "If wrangler says that you are not logged in: npx wrangler login",
    });
    if (args.includes("--dry-run")) return;
    const entries = readFileSync(report, "utf8")
      .trim()
      .split("\n")
      .map((line) => JSON.parse(line));
    const targets = entries.findLast((entry) => entry.type === "deploy")?.targets ?? [];
    const at = args.findIndex((argument) => /^(--env|-e|--name)$/.test(argument));
    const choice = at < 0 ? [] : args.slice(at, at + 2);
    const secrets = JSON.parse(output("wrangler", ["secret", "list", "--format", "json", ...choice]) ?? "[]");
    say(`\n${bold("What is left to do")}`);
    remaining(
      secrets.map((/** @type {{ name: string }} */ secret) => secret.name),
      targets,
      choice,
    ).forEach(say);
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
}

if (import.meta.url === pathToFileURL(process.argv[1]).href) await main(deploy);
