// Programs that tests and benchmarks run beside Presshook: this machine's, or else the distribution's packages, unpacked
// beside the project's other tools. Nothing is installed into the system, so no root is needed and nothing is left
// running; where there is no apt-get, it is said what is missing and how to get it.

import { spawnSync } from "node:child_process";
import { existsSync, mkdirSync, mkdtempSync, readdirSync, renameSync, rmSync } from "node:fs";
import path from "node:path";
import { Problem, bold, output, run, say } from "./shell.mjs";
import { CACHE } from "./tools.mjs";

/**
 * A program: the package of the same name has it, `version` has it end at once, and the packages that it needs besides
 * may be missing, too.
 *
 * @typedef {{ name: string, version: string[], libraries?: string[] }} Program
 */

const UNPACKED = path.join(CACHE, "debian");

/** Where the libraries are that came with a program: for its `LD_LIBRARY_PATH`. */
export const LIBRARIES = path.join(UNPACKED, "usr", "lib");

/** Debian's `nginx` is where only root looks. */
const DIRECTORIES = [
  ...(process.env.PATH ?? "").split(path.delimiter),
  ...["/usr/sbin", "/usr/local/sbin", "/usr/local/bin", "/opt/homebrew/bin"],
  ...[path.join(UNPACKED, "usr", "sbin"), path.join(UNPACKED, "usr", "bin")],
];

/**
 * Where a program is, if it is anywhere and runs.
 *
 * @param {Program} program
 */
export function find({ name, version }) {
  const env = { ...process.env, LD_LIBRARY_PATH: LIBRARIES };
  // Some tell their version with status 1; where a library is missing, it is 127.
  const runs = (/** @type {string} */ file) => (spawnSync(file, version, { env }).status ?? 127) < 126;
  return DIRECTORIES.map((directory) => path.join(directory, name)).find((it) => existsSync(it) && runs(it));
}

/**
 * Gets those that are missing, as far as that can be done here, and says what cannot.
 *
 * @param {Program[]} programs
 * @param {string} without what is not done without one
 */
export async function get(programs, without) {
  const missing = programs.filter((program) => !find(program));
  if (missing.length === 0) return;
  if (output("apt-get", ["--version"]) && output("dpkg-deb", ["--version"])) {
    const names = missing.map(({ name }) => name);
    say(bold(`Getting ${names.join(" and ")} from the distribution, once on this machine`));
    try {
      await unpack(missing.flatMap(({ name, libraries = [] }) => [name, ...libraries]));
    } catch (error) {
      if (!(error instanceof Problem)) throw error;
      say(error.message);
    }
  }
  for (const program of programs.filter((program) => !find(program))) say(remedy(program, without));
}

/** @param {Program} program @param {string} without */
export const remedy = ({ name }, without) =>
  `${name} is not here, so ${without}. To get it: ` +
  (process.platform === "darwin"
    ? `brew install ${name}`
    : `apt-get install ${name}, or the same with this system's own package manager`);

/** @param {string[]} packages */
async function unpack(packages) {
  mkdirSync(CACHE, { recursive: true });
  const directory = mkdtempSync(path.join(CACHE, "debian-"));
  const root = process.getuid?.() === 0;
  try {
    const sandbox = root ? ["-o", "APT::Sandbox::User=root"] : [];
    const remedy = "Does `apt-get update` help?";
    const get = () => run("apt-get", [...sandbox, "download", ...packages], { cwd: directory, remedy });
    try {
      await get();
    } catch (error) {
      if (!(error instanceof Problem) || !root) throw error;
      // The list of packages is old, or there is none yet.
      await run("apt-get", ["update"]);
      await get();
    }
    const files = readdirSync(directory).filter((file) => file.endsWith(".deb"));
    const unpacked = path.join(directory, "unpacked");
    for (const file of files) await run("dpkg-deb", ["-x", path.join(directory, file), unpacked]);
    for (const at of ["usr/sbin", "usr/bin"]) keep(path.join(unpacked, at), path.join(UNPACKED, at));
    const libraries = path.join(unpacked, "usr", "lib");
    for (const machine of existsSync(libraries) ? readdirSync(libraries) : []) {
      if (machine.includes("-linux-")) keep(path.join(libraries, machine), LIBRARIES);
    }
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
}

/** Moves all that a directory has. @param {string} from @param {string} to */
function keep(from, to) {
  if (!existsSync(from)) return;
  mkdirSync(to, { recursive: true });
  for (const file of readdirSync(from)) renameSync(path.join(from, file), path.join(to, file));
}
