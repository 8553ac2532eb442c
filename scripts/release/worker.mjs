// The Worker and the Function of a Pages site, compiled and laid out so that no build is left to do.

import { mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import path from "node:path";
import { functions, worker as output } from "../../packages/presshook/lib/pages.mjs";
import { build } from "../build.mjs";
import { bundle, compiled } from "../pages.mjs";
import { ROOT, say } from "../shell.mjs";
import { pack } from "./archive.mjs";

/** The example whose settings are the Worker's, of a Worker that npm installs. */
const EXAMPLE = path.join(ROOT, "examples", "worker", "wrangler.toml");
const INSTALLED = "node_modules/presshook/worker/index.js";

/**
 * The settings of the checkout's Worker, of one that is compiled already.
 *
 * @param {string} main where it lies
 */
export function settings(main, text = readFileSync(path.join(ROOT, "wrangler.toml"), "utf8")) {
  const built = text
    .replace(
      /^main = .*$/m,
      `main = "${main}"\n# It is compiled already, and goes to Cloudflare as it is.\nno_bundle = true`,
    )
    .replace(/^\[build\]\n(.+\n)+\n/m, "");
  if (built.includes("[build]") || !built.includes(`"${main}"`))
    throw new Error("wrangler.toml is of another form");
  return built;
}

/** The settings of the example, which are the checkout's in all else. */
export const example = () => settings(INSTALLED);

/** Writes them. */
export const writeExample = () => writeFileSync(EXAMPLE, example());

/**
 * Archives a directory that `wrangler deploy` takes as it is.
 *
 * @param {string} out
 * @param {string} version
 */
export const worker = async (out, version) => archived(out, await stagedWorker(out, version));

/**
 * Archives the Function in both forms.
 *
 * @param {string} out
 * @param {string} version
 */
export const pages = async (out, version) => archived(out, await stagedPages(out, version));

/** @param {string} out @param {string} directory */
async function archived(out, directory) {
  const file = path.join(out, `${path.basename(directory)}.tar.gz`);
  await pack(directory, file);
  say(path.relative(ROOT, file));
}

/**
 * Makes the Worker's directory.
 *
 * @param {string} out
 * @param {string} version
 */
export async function stagedWorker(out, version) {
  await build();
  const directory = path.join(out, "stage", `presshook-worker-${version}`);
  rmSync(directory, { recursive: true, force: true });
  await bundle("src/cloudflare/worker.js", directory);
  sign(path.join(directory, "index.js"), version, "the Worker");
  writeFileSync(path.join(directory, "wrangler.toml"), settings("index.js"));
  return directory;
}

/**
 * Makes the Function's: `output` goes into the directory that a site publishes, `project` into its repository.
 *
 * @param {string} out
 * @param {string} version
 */
export async function stagedPages(out, version) {
  await build();
  const directory = path.join(out, "stage", `presshook-pages-${version}`);
  rmSync(directory, { recursive: true, force: true });
  mkdirSync(directory, { recursive: true });
  /** @type {import("../../packages/presshook/lib/pages.mjs").Bundle} */
  const signed = async (form, place) => {
    await compiled(form, place);
    sign(path.join(place, "index.js"), version, "the Function of a Pages site");
  };
  await output(path.join(directory, "output"), undefined, signed);
  await functions(path.join(directory, "project"), signed);
  return directory;
}

/** By its first line a later version knows which one it replaces. @param {string} file @param {string} version @param {string} what */
function sign(file, version, what) {
  writeFileSync(
    file,
    `// Presshook ${version}: ${what}. Made by a release; edit nothing here.\n${readFileSync(file, "utf8")}`,
  );
}
