// Presshook as the Function of a Cloudflare Pages site: either the whole of a project's Function (`_worker.js` and
// `_routes.json`), or one among others (`functions/`). What is there already is left as it is, except for what an
// earlier run has made. How the Function's files come about is the caller's: they are compiled in a checkout
// (`npm run build:pages`), and lie ready in the npm package (`presshook init --pages`).

import { cpSync, existsSync, mkdirSync, readFileSync, readdirSync, rmSync } from "node:fs";
import { statSync, writeFileSync } from "node:fs";
import path from "node:path";
import { Problem, say } from "./words.mjs";

/**
 * Writes `index.js` and the module beside it into a directory: of the whole Function, or of one among others.
 *
 * @typedef {(form: "worker" | "function", directory: string) => Promise<void>} Bundle
 */

/** The module beside the JavaScript; by it, too, what an earlier run has made is known. */
export const MODULE = "index_bg.wasm";
const DESCRIPTION = "Made by Presshook";
/** Added to it where all of the directory is a copy: only such a directory is ever removed. */
const COPY = `${DESCRIPTION}, with a copy of the site`;
/** Of Pages: include and exclude together, and characters of each. */
const MOST_RULES = 100;
const MOST_RULE_LENGTH = 100;

/** The files of a `functions` directory; nothing else of the site is answered by them. */
const FUNCTIONS = ["api/webhook/[[path]].js", "api/health.js"];
/** The owner's, below `/api` (src/owner.rs): where the site has such a name itself, it keeps it. */
const OWNER = [
  ...["changes", "connections", "dead", "deliveries", "deploys", "export", "import", "jobs", "metrics"],
  ...["overview", "refusals", "setup", "status", "targets"],
];

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
 * @param {string | undefined} site
 * @param {Bundle} bundle
 */
export async function worker(out, site, bundle) {
  const { kept, spec } = site ? checked(site) : existsSync(out) ? checked(out) : routes();
  if (site) {
    copy(site, out);
    spec.description = COPY;
  }
  const target = path.join(out, "_worker.js");
  rmSync(target, { recursive: true, force: true });
  await bundle("worker", target);
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
export const isOurs = (directory) => existsSync(path.join(directory, MODULE));

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
 * @param {Bundle} bundle
 */
export async function functions(project, bundle) {
  const shared = path.join(project, "presshook");
  if (existsSync(shared) && !isOurs(shared)) {
    throw new Problem(`${shared} is no directory that an earlier run has made, and its name is needed.`);
  }
  const rival = rivals(path.join(project, "functions", "api"));
  if (rival) throw new Problem(`${rival} answers where Presshook is to answer. Move it away first.`);
  rmSync(shared, { recursive: true, force: true });
  await bundle("function", shared);
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
