// What a release has put into this package: the Worker, the Function of a Pages site, and the senders.

import { copyFileSync, cpSync, existsSync, mkdirSync, readFileSync, rmSync } from "node:fs";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { MODULE } from "./pages.mjs";
import { Problem } from "./words.mjs";

/**
 * A sender, as `presshook sources --json` tells of it.
 *
 * @typedef {object} Sender
 * @property {string} name
 * @property {string} title
 * @property {string} setting that holds its secret
 * @property {import("./vars.mjs").Form} secret
 * @property {boolean} named whether the URL has to name it
 * @property {string} setup where at the sender a webhook is set up
 * @property {string} docs
 */

const PACKAGE = fileURLToPath(new URL("..", import.meta.url));
const WORKER = path.join(PACKAGE, "worker");

/** @type {string} */
export const VERSION = JSON.parse(readFileSync(path.join(PACKAGE, "package.json"), "utf8")).version;

/** @returns {Sender[]} */
export const senders = () => JSON.parse(readFileSync(whole("senders.json"), "utf8"));

/** The settings of the Worker's project, of a Worker that lies in the same directory. */
export const workerSettings = () => readFileSync(whole("worker/wrangler.toml"), "utf8");

/**
 * Writes the Worker into a directory, in place of what is there.
 *
 * @param {string} directory
 */
export function worker(directory) {
  whole("worker/index.js");
  rmSync(directory, { recursive: true, force: true });
  cpSync(WORKER, directory, { recursive: true });
}

/** @type {import("./pages.mjs").Bundle} */
export const bundle = async (form, directory) => {
  mkdirSync(directory, { recursive: true });
  copyFileSync(whole(`pages/${form}.js`), path.join(directory, "index.js"));
  copyFileSync(path.join(WORKER, MODULE), path.join(directory, MODULE));
};

/** The version of a Worker or a Function that an earlier run has written. @param {string} directory */
export function versionOf(directory) {
  const file = path.join(directory, "index.js");
  const text = existsSync(file) ? readFileSync(file, "utf8") : "";
  return /^\/\/ Presshook ([^\s:]+):/.exec(text)?.[1];
}

/** A file of this package. @param {string} name */
function whole(name) {
  const file = path.join(PACKAGE, name);
  if (!existsSync(file)) {
    throw new Problem(`${file} is missing: this is a checkout, or the package was not installed whole.
In a checkout \`node scripts/release.mjs --only npm\` makes the package; otherwise install it again: npm install presshook`);
  }
  return file;
}
