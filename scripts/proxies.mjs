// nginx and Caddy for the tests of the server behind them: this machine's, or else the distribution's packages, unpacked
// beside the project's other tools. Nothing is installed into the system, so no root is needed and nothing is left
// running on port 80; where there is no apt-get, it is said what is missing and how to get it.

import { existsSync, mkdirSync, mkdtempSync, readdirSync, renameSync, rmSync } from "node:fs";
import path from "node:path";
import { Problem, bold, output, run, say } from "./shell.mjs";
import { CACHE } from "./tools.mjs";

/** @typedef {{ name: string, version: string[] }} Proxy a program, and how it tells its version */

/** @type {Proxy[]} */
export const PROXIES = [
  { name: "nginx", version: ["-v"] },
  { name: "caddy", version: ["version"] },
];

const UNPACKED = path.join(CACHE, "debian");

/** Debian's `nginx` is where only root looks. */
const DIRECTORIES = [
  ...(process.env.PATH ?? "").split(path.delimiter),
  ...["/usr/sbin", "/usr/local/sbin", "/usr/local/bin", "/opt/homebrew/bin"],
  ...[path.join(UNPACKED, "usr", "sbin"), path.join(UNPACKED, "usr", "bin")],
];

/**
 * Where a proxy is, if it is anywhere and runs.
 *
 * @param {Proxy} proxy
 */
export function findProxy({ name, version }) {
  const files = DIRECTORIES.map((directory) => path.join(directory, name));
  return files.find((file) => existsSync(file) && output(file, version) !== undefined);
}

/** Gets those that are missing, as far as that can be done here, and says what cannot. */
export async function proxies() {
  const missing = PROXIES.filter((proxy) => !findProxy(proxy)).map(({ name }) => name);
  if (missing.length === 0) return;
  if (output("apt-get", ["--version"]) && output("dpkg-deb", ["--version"])) {
    say(bold(`Getting ${missing.join(" and ")} from the distribution, once on this machine`));
    try {
      await unpack(missing);
    } catch (error) {
      if (!(error instanceof Problem)) throw error;
      say(error.message);
    }
  }
  for (const proxy of PROXIES.filter((proxy) => !findProxy(proxy))) say(remedy(proxy));
}

/** @param {Proxy} proxy */
export const remedy = ({ name }) =>
  `${name} is not here, so nothing is tested behind it. To get it: ` +
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
    for (const at of ["usr/sbin", "usr/bin"].filter((at) => existsSync(path.join(unpacked, at)))) {
      mkdirSync(path.join(UNPACKED, at), { recursive: true });
      for (const file of readdirSync(path.join(unpacked, at))) {
        renameSync(path.join(unpacked, at, file), path.join(UNPACKED, at, file));
      }
    }
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
}
