// `npm run build:pages`: Presshook as the Function of a Cloudflare Pages site, made for `wrangler pages dev` and
// `wrangler pages deploy`.

import { copyFileSync } from "node:fs";
import path from "node:path";
import { pathToFileURL } from "node:url";
import { parseArgs } from "node:util";
import { MODULE, functions, worker } from "../packages/presshook/lib/pages.mjs";
import { build } from "./build.mjs";
import { setup } from "./setup.mjs";
import { Problem, ROOT, bold, main, run, say } from "./shell.mjs";

const HELP = `npm run build:pages -- [--site DIR] [--out DIR] [--functions]

  --site DIR    the site's output directory, which is copied to --out; without it, --out is given the Function alone
  --out DIR     the directory to make or to add to (default: pages)
  --functions   write a functions/ directory for the project in --out, for a project that has Functions of its own

docs/pages.md says which to use, and how to set it up.`;

/**
 * One JavaScript file of an entry and all that it imports, and the module beside it.
 *
 * @param {string} entry
 * @param {string} directory
 */
export async function bundle(entry, directory) {
  const outfile = path.join(directory, "index.js");
  const external = ["--external:*.wasm", "--external:cloudflare:*"];
  await run("esbuild", [
    entry,
    "--bundle",
    "--format=esm",
    "--log-level=warning",
    ...external,
    `--outfile=${outfile}`,
  ]);
  copyFileSync(path.join(ROOT, "build", MODULE), path.join(directory, MODULE));
}

/** @type {import("../packages/presshook/lib/pages.mjs").Bundle} */
export const compiled = (form, directory) => bundle(`src/cloudflare/pages/${form}.js`, directory);

async function script() {
  const values = options();
  if (values.help) return say(HELP);
  const here = process.env.INIT_CWD ?? process.cwd();
  const out = path.resolve(here, values.out ?? "pages");
  const site = values.site === undefined ? undefined : path.resolve(here, values.site);
  if (values.functions && site) {
    throw new Problem(
      "--functions leaves the site where it is: give the project's directory as --out, without --site.",
    );
  }
  await setup();
  await build();
  const shown = path.relative(here, out) || ".";
  if (values.functions) {
    await functions(out, compiled);
    say(`\n${bold(`The Functions are in ${shown}/functions`)}, and what they share in ${shown}/presshook.`);
  } else {
    await worker(out, site, compiled);
    say(
      `\n${bold(`The Pages directory is ${shown}`)}: _worker.js and _routes.json${site ? ", with the site" : ""}.`,
    );
    if (!site) say("It was given the Function alone: no site was named with --site DIR.");
  }
  say(`What is left to do: a wrangler.toml with the inbox, or with INBOX = "none" (examples/pages), the secrets, and
"fail closed" in the dashboard. docs/pages.md tells how.`);
}

function options() {
  try {
    return parseArgs({
      options: {
        site: { type: "string" },
        out: { type: "string" },
        functions: { type: "boolean" },
        help: { type: "boolean", short: "h" },
      },
    }).values;
  } catch (error) {
    throw new Problem(`${error instanceof Error ? error.message : error}\n\n${HELP}`);
  }
}

if (import.meta.url === pathToFileURL(process.argv[1]).href) await main(script);
