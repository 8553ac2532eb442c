// `npm run conformance -- URL …`: the suite against a receiver that is running somewhere. One line for each scenario, and
// an exit status that a script can use.

import { parseArgs } from "node:util";
import { localSettings } from "../../scripts/local.mjs";
import { Problem, bold, main, say } from "../../scripts/shell.mjs";
import { filesIn, logIn, restarting } from "./machine.mjs";
import { DEFAULTS } from "./rig.mjs";
import { SCENARIOS } from "./scenarios.mjs";
import { SENDERS } from "./senders.mjs";
import { conformance } from "./suite.mjs";

const HELP = `npm run conformance -- URL [options]

Sends webhooks to the receiver at URL (http://127.0.0.1:8787) and checks what must hold, scenario by scenario.
It plays the host too: the receiver's deploy hook must be set to http://${DEFAULTS.hookHost}:${DEFAULTS.hookPort}/deploy-hook
before it is started. tests/conformance/README.md tells what each scenario sends and what must hold.

  --secret TEXT            the webhook secret; without it the environment's or .dev.vars' <SOURCE>_WEBHOOK_SECRET
  --source NAME            the sender to play: ${Object.keys(SENDERS).join(" or ")} (${DEFAULTS.source})
  --path PATH              where webhooks are sent to (${DEFAULTS.path})
  --admin-token TEXT       opens the owner's list of deliveries; without it the environment's ADMIN_TOKEN
  --hook-port N            where the suite plays the deploy hook (${DEFAULTS.hookPort})
  --hook-host ADDRESS      (${DEFAULTS.hookHost})
  --settle-seconds N       the receiver's DEPLOY_SETTLE_SECONDS (${DEFAULTS.settleSeconds})
  --gap-seconds N          the receiver's DEPLOY_MIN_GAP_SECONDS (${DEFAULTS.gapSeconds})
  --tolerance-seconds N    the receiver's <SOURCE>_TOLERANCE_SECONDS, where the sender has none by itself
  --timeout-seconds N      after which the sender gives up in SCN-005 (${DEFAULTS.timeoutSeconds})
  --retry-seconds N        how long a deploy call whose answer was lost may take to be made again (${DEFAULTS.retrySeconds})
  --restart COMMAND        ends the receiver as a crash would and starts it again, in the background
  --log FILE               the receiver's log
  --storage DIRECTORY      where the receiver stores
  --only ID,ID             only these scenarios
  --help

A scenario that cannot be run for want of an option is skipped, and told so.
The exit status is 0 when none failed, 1 when one did, 2 when the options are wrong.`;

const text = /** @type {const} */ ({ type: "string" });
const OPTIONS = {
  secret: text,
  source: text,
  path: text,
  "admin-token": text,
  "hook-port": text,
  "hook-host": text,
  "settle-seconds": text,
  "gap-seconds": text,
  "tolerance-seconds": text,
  "timeout-seconds": text,
  "retry-seconds": text,
  restart: text,
  log: text,
  storage: text,
  only: text,
  help: /** @type {const} */ ({ type: "boolean" }),
};

/** The options are wrong. */
class Usage extends Error {}

/**
 * @param {string[]} args
 * @returns {import("./rig.mjs").Options | undefined} nothing where help is wanted
 */
function options(args) {
  const { values, positionals } = parse(args);
  if (values.help) return undefined;
  const [url] = positionals;
  if (positionals.length !== 1) throw new Usage("give one URL, such as http://127.0.0.1:8787");
  if (!/^https?:\/\/[^/]/.test(url)) {
    throw new Usage(`the URL must begin with http:// or https://, not be \`${url}\``);
  }

  const source = values.source ?? DEFAULTS.source;
  if (!SENDERS[source]) {
    throw new Usage(`--source must be ${Object.keys(SENDERS).join(" or ")}, not \`${source}\``);
  }
  const setting = `${source.toUpperCase().replaceAll("-", "_")}_WEBHOOK_SECRET`;
  const secret = values.secret ?? process.env[setting] ?? localSettings()[setting];
  if (!secret) throw new Usage(`no secret: give --secret, or set ${setting} in the environment`);

  const only = values.only?.split(",").map((id) => id.trim().toUpperCase());
  const unknown = only?.find((id) => !SCENARIOS.some((scenario) => scenario.id === id));
  if (unknown) throw new Usage(`--only: there is no scenario \`${unknown}\``);

  const number = (/** @type {keyof typeof values} */ name) => {
    const value = values[name];
    if (value === undefined) return undefined;
    if (!/^\d+(\.\d+)?$/.test(String(value))) throw new Usage(`--${name} must be a number, not \`${value}\``);
    return Number(value);
  };
  return {
    url,
    secret,
    source,
    path: values.path,
    adminToken: values["admin-token"] ?? process.env.ADMIN_TOKEN,
    hookPort: number("hook-port"),
    hookHost: values["hook-host"],
    settleSeconds: number("settle-seconds"),
    gapSeconds: number("gap-seconds"),
    toleranceSeconds: number("tolerance-seconds"),
    timeoutSeconds: number("timeout-seconds"),
    retrySeconds: number("retry-seconds"),
    restart: values.restart === undefined ? undefined : restarting(values.restart),
    log: values.log === undefined ? undefined : logIn(values.log),
    storage: values.storage === undefined ? undefined : filesIn(values.storage),
    only,
  };
}

/** @param {string[]} args */
function parse(args) {
  try {
    return parseArgs({ args, options: OPTIONS, allowPositionals: true });
  } catch (error) {
    throw new Usage(error instanceof Error ? error.message : String(error));
  }
}

/**
 * What is being done, on a line that the next one takes the place of; a file gets the outcomes alone.
 *
 * @param {string} doing
 */
function progress(doing) {
  if (process.stderr.isTTY) process.stderr.write(`\r\x1b[K${doing}`);
}

/** @param {import("./rig.mjs").Options} chosen */
async function run(chosen) {
  const counts = { passed: 0, failed: 0, skipped: 0 };
  try {
    for await (const { id, title, outcome, reason } of conformance({ ...chosen, progress })) {
      counts[outcome] += 1;
      progress("");
      const verdict = outcome === "failed" ? bold(outcome) : outcome;
      say(`${id} ${title}: ${verdict}${reason && `: ${reason}`}`);
    }
  } catch (error) {
    const busy = error instanceof Error && "code" in error && error.code === "EADDRINUSE";
    throw busy ? new Problem(`the port of the deploy hook is in use: ${error.message}`) : error;
  }
  say(`${counts.passed} passed, ${counts.failed} failed, ${counts.skipped} skipped`);
  if (counts.failed > 0) process.exitCode = 1;
}

await main(async () => {
  try {
    const chosen = options(process.argv.slice(2));
    await (chosen ? run(chosen) : say(HELP));
  } catch (error) {
    if (!(error instanceof Usage)) throw error;
    console.error(`conformance: ${error.message}\n\`npm run conformance -- --help\` lists the options.`);
    process.exitCode = 2;
  }
});
