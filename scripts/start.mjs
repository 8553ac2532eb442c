// `npm start`: from a fresh clone to a signed webhook that rebuilds a site, in one command.
// Sets up, builds, serves the Worker on this machine, sends it a signed test and a signed article, shows the deploy
// call that follows, and goes on serving.

import { build } from "./build.mjs";
import { DEPLOY_HOOKS, localSecret, localSettings } from "./local.mjs";
import { compile, send } from "./send.mjs";
import { setup } from "./setup.mjs";
import { checkFree, serve, within } from "./serve.mjs";
import { bold, heading, main, say } from "./shell.mjs";
import { standIn } from "./stand-in.mjs";

const PORT = Number(process.env.PORT ?? 8787);
const URL = `http://127.0.0.1:${PORT}`;

async function start() {
  await setup();
  await build();
  say(bold("Building the presshook command, which signs and sends samples"));
  await compile();
  await checkFree(PORT);

  const secret = localSecret();
  const settings = localSettings();
  const hooks = DEPLOY_HOOKS.filter((name) => settings[name]);

  /** @type {(call: import("./stand-in.mjs").Call) => void} */
  let told = () => {};
  const called = new Promise((resolve) => (told = resolve));
  const hook = hooks.length === 0 ? await standIn((call) => (show(call), told(call))) : undefined;

  heading(`Serving the Worker on ${URL}`);
  if (hook) {
    say(`No deploy hook is set, so a stand-in on this machine plays the host: ${hook.url}`);
  } else {
    say(`Deploys go to the hook in ${hooks.join(", ")} of .dev.vars`);
  }
  // With the stand-in nobody needs to wait for the quiet time that real editing deserves.
  const quick = { CLOUDFLARE_DEPLOY_HOOK: hook?.url, DEPLOY_SETTLE_SECONDS: 2, DEPLOY_MIN_GAP_SECONDS: 0 };
  const vars = Object.entries(quick).filter(([name]) => !settings[name]);
  const wrangler = serve(PORT, hook ? vars.flatMap(([name, value]) => ["--var", `${name}:${value}`]) : []);
  await wrangler.ready;

  heading("A signed test webhook, as the sender's Test Connection button sends it");
  await send(["blogshoot", "test", "--url", `${URL}/api/webhook`], secret);

  if (hook) {
    heading(
      "A signed article, as the sender sends it on Publish, and twice more, as one that heard no answer",
    );
    await send(["blogshoot", "article.created", "--repeat", "3", "--url", `${URL}/api/webhook`], secret);
    say("\nStored. The deploy waits two seconds for further edits (ten, where it is not for show) ...");
    await within(30_000, called, "The Worker did not call the deploy hook; its log above says why.");
    say(
      `\n${bold("It works:")} three signed webhooks in, verified inside the Wasm module, stored once, one deploy.`,
    );
  } else {
    say("\nNo article was sent: it would start a real build. `npm run send -- article.created` does.");
  }
  next();
  await wrangler.ended;
}

function next() {
  heading("What to try next (the Worker goes on serving; Ctrl-C ends it)");
  say(`  npm run send -- article.updated                  another event
  npm run send -- article.created --bad-signature  what a forger gets
  curl ${`${URL}/api/health`.padEnd(43)} what is set up
  npm run deploy                                   put it on Cloudflare (README: "On Cloudflare")`);
}

/** @param {import("./stand-in.mjs").Call} call */
function show(call) {
  say(`\n${bold("The stand-in host was called:")} ${call.method} ${call.url}\n${call.body}`);
}

await main(start);
process.exit();
