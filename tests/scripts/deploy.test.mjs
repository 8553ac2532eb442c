// What `npm run deploy` says after a deploy. That it deploys cannot be tried without an account; that wrangler takes the
// project is shown by a dry run.

import assert from "node:assert/strict";
import { existsSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { test } from "node:test";
import { remaining } from "../../packages/presshook/lib/deploy.mjs";
import { run } from "../../scripts/shell.mjs";

const TARGETS = ["https://presshook.someone.workers.dev"];

test("missing secrets are named with the command for each, then the URL to paste", () => {
  assert.deepEqual(remaining([], TARGETS), [
    "No webhook secret is set, so every webhook is refused. Make one (`openssl rand -hex 32`) and run:",
    "  npx wrangler secret put BLOGSHOOT_WEBHOOK_SECRET",
    "No deploy hook is set, so nothing is rebuilt. Make one in your host's dashboard and run:",
    "  npx wrangler secret put CLOUDFLARE_DEPLOY_HOOK",
    "Paste this URL at the sender, as its webhook URL:",
    "  https://presshook.someone.workers.dev/api/webhook",
  ]);
});

test("what is set is not asked for", () => {
  for (const hook of ["CLOUDFLARE_DEPLOY_HOOK", "DEPLOY_HOOK_URL", "CLOUDFLARE_DEPLOY_HOOK_PROD"]) {
    const lines = remaining(["BLOGSHOOT_WEBHOOK_SECRET__SHOP", hook], TARGETS);
    assert.equal(lines[0], "The secrets are set.");
    assert.equal(lines.length, 3);
  }
  assert.match(remaining(["BLOGSHOOT_WEBHOOK_SECRET_PREVIOUS"], TARGETS)[0], /^No webhook secret/);
});

test("what could not be read is not said to be missing", () => {
  assert.deepEqual(remaining(undefined, TARGETS).slice(0, 2), [
    "Which secrets are set could not be read; see: npx wrangler secret list",
    "Paste this URL at the sender, as its webhook URL:",
  ]);
});

test("the choice of Worker is kept in the commands", () => {
  assert.ok(
    remaining([], TARGETS, ["--env", "staging"]).includes(
      "  npx wrangler secret put CLOUDFLARE_DEPLOY_HOOK --env staging",
    ),
  );
});

test("without an address the place to put it is shown", () => {
  assert.match(remaining([], ["example.com/*"]).at(-1) ?? "", /YOUR-WORKER\/api\/webhook/);
});

test("wrangler takes the project, without an account", async () => {
  const directory = mkdtempSync(path.join(tmpdir(), "presshook-"));
  try {
    await run("wrangler", ["deploy", "--dry-run", "--outdir", directory], {
      env: { CLOUDFLARE_API_TOKEN: "" },
    });
    assert.ok(existsSync(path.join(directory, "worker.js")));
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
});
