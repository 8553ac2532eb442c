// The command of the npm package: `init` and `deploy` are its own, everything else is the program's.

import { existsSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { deploy } from "./deploy.mjs";
import { init } from "./init.mjs";
import { VERSION } from "./made.mjs";
import { help, passOn } from "./program.mjs";
import { read } from "./vars.mjs";
import { Problem, bold, say } from "./words.mjs";
import { wrangler } from "./wrangler.mjs";

const OWN = `npx presshook ${VERSION}: publish in your CMS, and your static site rebuilds

  npx presshook init           makes a Worker's directory here, and its secrets; --pages adds a Function to a site
  npx presshook deploy         puts that Worker on Cloudflare, and says what is left to do
  npx presshook serve          the same receiver on this machine, with a file as its store

What follows is the help of the program for this machine, which has all the others.
`;

const DEPLOY = `npx presshook deploy [arguments of wrangler deploy]

Deploys the Worker of this directory (npx presshook init makes one) with wrangler: the one that is installed here, else
npm fetches it. What stands in .dev.vars goes with it as secrets; --no-secrets leaves them as they are.`;

/** @param {string[]} args */
export async function presshook(args) {
  const [command, ...rest] = args;
  if (command === "init") return init(rest);
  if (command === "deploy") return send(rest);
  if (command === undefined || command === "help" || command === "--help" || command === "-h") {
    if (rest[0] === "init" || rest[0] === "deploy") return presshook([rest[0], "--help"]);
    if (rest.length === 0) return say(`${OWN}\n${help()}`);
  }
  await passOn(args);
}

/** @param {string[]} args */
async function send(args) {
  if (args.includes("--help") || args.includes("-h")) return say(DEPLOY);
  const here = process.cwd();
  if (!["wrangler.toml", "wrangler.json", "wrangler.jsonc"].some((it) => existsSync(path.join(here, it)))) {
    throw new Problem("There is no wrangler.toml here. Make one: npx presshook init");
  }
  const secrets = Object.entries(read(path.join(here, ".dev.vars"))).filter(([, value]) => value !== "");
  const rest = args.filter((it) => it !== "--no-secrets");
  if (secrets.length === 0 || rest.length < args.length) return deploy(rest, wrangler(here));

  // As JSON, in which wrangler takes nothing for a variable.
  const directory = mkdtempSync(path.join(tmpdir(), "presshook-"));
  const file = path.join(directory, "secrets.json");
  try {
    writeFileSync(file, JSON.stringify(Object.fromEntries(secrets)), { mode: 0o600 });
    say(bold(`The secrets of .dev.vars go with it: ${secrets.map(([name]) => name).join(", ")}`));
    await deploy([...rest, "--secrets-file", file], wrangler(here));
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
}
