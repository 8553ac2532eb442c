// `npm run build:pages`: Presshook as the Function of a Cloudflare Pages site, made for `wrangler pages dev` and
// `wrangler pages deploy`. Either the whole of a project's Function (`_worker.js` and `_routes.json`), or one among
// others (`functions/`). What is there already is left as it is, except for what an earlier run has made.

import { copyFileSync, cpSync, existsSync, mkdirSync, readFileSync, readdirSync, rmSync } from "node:fs";
import { statSync, writeFileSync } from "node:fs";
import path from "node:path";
import { pathToFileURL } from "node:url";
import { parseArgs } from "node:util";
import { build } from "./build.mjs";
import { setup } from "./setup.mjs";
import { Problem, ROOT, bold, main, run, say } from "./shell.mjs";

const HELP = `npm run build:pages -- [--site DIR] [--out DIR] [--functions]

  --site DIR    the site's output directory, which is copied to --out; without it, --out is given the Function alone
  --out DIR     the directory to make or to add to (default: pages)
  --functions   write a functions/ directory for the project in --out, for a project that has Functions of its own

docs/pages.md says which to use, and how to set it up.`;

/** The module beside the JavaScript; by it, too, what an earlier run has made is known. */
const MODULE = "index_bg.wasm";
const DESCRIPTION = "Made by Presshook (npm run build:pages)";
/** Added to it where all of the directory is a copy: only such a directory is ever removed. */
const COPY = `${DESCRIPTION}, with a copy of the site`;
/** Of Pages: include and exclude together, and characters of each. */
const MOST_RULES = 100;
const MOST_RULE_LENGTH = 100;

/** The files of a `functions` directory; nothing else of the site is answered by them. */
const FUNCTIONS = ["api/webhook/[[path]].js", "api/health.js"];
/** The owner's, below `/api` (src/owner.rs): where the site has such a name itself, it keeps it. */
const OWNER = ["deliveries", "dead", "jobs", "targets", "export", "import"];

/**
 * What goes to the Function, and what of that is the site's all the same: Pages serves those files itself. `kept` are
 * the addresses of the owner's that the site has for itself.
 *
 * @param {string} [directory] the files that the site has
 */
export function routes(directory = "") {
  const include = ["/api/*"];
  const entries = directory ? list(directory) : [];
  const kept = entries.some(({ name }) => stem(name) === "deliveries") ? ["/deliveries"] : [];
  if (kept.length === 0) include.push("/deliveries", "/deliveries/*");
  const api = entries.find((entry) => entry.name === "api" && entry.isDirectory);
  const exclude = (api ? list(path.join(directory, "api")) : []).flatMap(({ name, isDirectory }) => {
    if (["webhook", "health"].includes(stem(name))) {
      throw new Problem(`The site has api/${name}, where the Function is to answer. Rename it.`);
    }
    if (OWNER.includes(stem(name))) kept.push(`/api/${stem(name)}`);
    if (isDirectory) return [`/api/${encodeURI(name)}/*`];
    if (name === "index.html") return ["/api/"];
    // Pages serves a page under its name without the ending, too.
    return [...new Set([name, stem(name)])].map((it) => `/api/${encodeURI(it)}`);
  });
  const rules = [...include, ...exclude];
  if (rules.length > MOST_RULES || rules.some((rule) => rule.length > MOST_RULE_LENGTH)) {
    throw new Problem(
      `The site has more in its api directory, or longer names there, than Pages can keep apart from a Function:
${MOST_RULES} rules of ${MOST_RULE_LENGTH} characters. Use --functions, which needs no such rules.`,
    );
  }
  return { kept, spec: { version: 1, description: DESCRIPTION, include, exclude } };
}

/** @param {string} directory */
const list = (directory) =>
  readdirSync(directory, { withFileTypes: true }).map((entry) => ({
    name: entry.name,
    isDirectory: statSync(path.join(directory, entry.name)).isDirectory(),
  }));

/** @param {string} name */
const stem = (name) => name.replace(/\.html$/, "");

/**
 * Makes `_worker.js` and `_routes.json` in a directory, beside a copy of the site's files or beside what is there.
 *
 * @param {string} out
 * @param {string} [site]
 */
export async function worker(out, site) {
  const { kept, spec } = site ? checked(site) : existsSync(out) ? checked(out) : routes();
  if (site) {
    copy(site, out);
    spec.description = COPY;
  }
  const target = path.join(out, "_worker.js");
  rmSync(target, { recursive: true, force: true });
  await bundle("src/cloudflare/pages/worker.js", target);
  writeFileSync(path.join(out, "_routes.json"), `${JSON.stringify(spec, null, 2)}\n`);
  if (kept.length > 0) {
    say(`The site has its own ${kept.join(", ")}: what an owner does there is done at the Worker's address.`);
  }
}

/**
 * The routes for a site that has no Function of its own.
 *
 * @param {string} site
 */
function checked(site) {
  if (!existsSync(site) || !statSync(site).isDirectory()) {
    throw new Problem(
      `There is no directory ${site}. Build the site first, and give its output with --site.`,
    );
  }
  const target = path.join(site, "_worker.js");
  if (existsSync(target) && !isOurs(target)) {
    throw new Problem(
      `${target} is the site's own Function, and there can be only one. Use a Worker beside the site (README), or
move the site's Functions to a functions directory and use --functions.`,
    );
  }
  const table = path.join(site, "_routes.json");
  if (existsSync(table) && !readFileSync(table, "utf8").includes(DESCRIPTION)) {
    throw new Problem(
      `${table} is the site's own: it has Functions, which a _worker.js would replace. Use --functions.`,
    );
  }
  return routes(site);
}

/** @param {string} directory */
const isOurs = (directory) => existsSync(path.join(directory, MODULE));

/**
 * Copies the site, in place of an earlier copy.
 *
 * @param {string} site
 * @param {string} out
 */
function copy(site, out) {
  const within = (/** @type {string} */ inner, /** @type {string} */ outer) =>
    `${inner}${path.sep}`.startsWith(`${outer}${path.sep}`);
  if (within(site, out) || within(out, site)) {
    throw new Problem(
      `${site} cannot be copied to ${out}: one is in the other. To add the Function to the site's own directory, give
it as --out, without --site.`,
    );
  }
  if (existsSync(out) && readdirSync(out).length > 0) {
    const table = path.join(out, "_routes.json");
    if (!existsSync(table) || !readFileSync(table, "utf8").includes(COPY)) {
      throw new Problem(
        `${out} has files that no earlier run has copied. Empty it, or choose another with --out.`,
      );
    }
    rmSync(out, { recursive: true });
  }
  cpSync(site, out, { recursive: true });
}

/**
 * Adds `functions/` and the module that they share to a project.
 *
 * @param {string} project
 */
export async function functions(project) {
  const shared = path.join(project, "presshook");
  if (existsSync(shared) && !isOurs(shared)) {
    throw new Problem(`${shared} is no directory that an earlier run has made, and its name is needed.`);
  }
  const rival = rivals(path.join(project, "functions", "api"));
  if (rival) throw new Problem(`${rival} answers where Presshook is to answer. Move it away first.`);
  rmSync(shared, { recursive: true, force: true });
  await bundle("src/cloudflare/pages/function.js", shared);
  for (const name of FUNCTIONS) {
    const file = path.join(project, "functions", name);
    mkdirSync(path.dirname(file), { recursive: true });
    const from = path.relative(path.dirname(file), path.join(shared, "index.js")).split(path.sep).join("/");
    writeFileSync(file, `// ${DESCRIPTION}\nexport { onRequest } from "${from}";\n`);
  }
}

/**
 * A file that Pages would choose for `/api/webhook` or `/api/health` and that no earlier run has made.
 *
 * @param {string} api the project's `functions/api`
 */
function rivals(api) {
  const places = { [api]: ["webhook", "health"], [path.join(api, "webhook")]: ["index", "[[path]]"] };
  const files = Object.entries(places).flatMap(([directory, names]) =>
    (existsSync(directory) ? list(directory) : [])
      .filter(({ name, isDirectory }) => !isDirectory && names.includes(path.parse(name).name))
      .map(({ name }) => path.join(directory, name)),
  );
  return files.find((file) => !readFileSync(file, "utf8").includes(DESCRIPTION));
}

/**
 * One JavaScript file of an entry and all that it imports, and the module beside it.
 *
 * @param {string} entry
 * @param {string} directory
 */
async function bundle(entry, directory) {
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
    await functions(out);
    say(`\n${bold(`The Functions are in ${shown}/functions`)}, and what they share in ${shown}/presshook.`);
  } else {
    await worker(out, site);
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
