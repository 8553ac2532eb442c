// The program for this machine: `presshook` as it is compiled from Rust, in a package of its own for each platform,
// which npm installs beside this one. Everything that is no command of this package is passed on to it.

import { spawn, spawnSync } from "node:child_process";
import { createRequire } from "node:module";
import { existsSync } from "node:fs";
import path from "node:path";
import { Problem } from "./words.mjs";

/** The platforms that have one, as Node.js names them. */
export const PLATFORMS = ["linux-x64", "linux-arm64", "darwin-x64", "darwin-arm64"];

const HERE = `${process.platform}-${process.arch}`;

/**
 * Where the program is.
 *
 * @param {string} [platform]
 * @param {(name: string) => string} [resolve] where a package has a file
 */
export function program(platform = HERE, resolve = createRequire(import.meta.url).resolve) {
  const name = `@presshook/${platform}`;
  if (!PLATFORMS.includes(platform)) {
    throw new Problem(`There is no presshook program for ${platform}: there is one for ${PLATFORMS.join(", ")}.
What needs none works here all the same: \`npx presshook init\` and \`npx presshook deploy\` put the Worker on
Cloudflare.${platform.startsWith("win32") ? " In WSL the program for Linux runs." : ""} With Rust it can be compiled: cargo install --locked --path . in a checkout.`);
  }
  try {
    return path.join(path.dirname(resolve(`${name}/package.json`)), "bin", "presshook");
  } catch {
    throw new Problem(`The package ${name} is not installed, and it has the program for this machine.
npm leaves it out with --omit=optional, and where node_modules comes from a machine of another kind.
Install the packages again on this machine: npm install`);
  }
}

/**
 * Runs the program at this terminal, in place of this process as far as that is possible: it is sent what this is sent,
 * and this ends as it ends.
 *
 * @param {string[]} args
 */
export async function passOn(args) {
  const file = program();
  if (!existsSync(file)) throw new Problem(`${file} is missing. Install the packages again: npm install`);
  const child = spawn(file, args, { stdio: "inherit" });
  // Ctrl-C at a terminal reaches the program by itself.
  process.on("SIGINT", () => process.stdin.isTTY || child.kill("SIGINT"));
  for (const signal of /** @type {const} */ (["SIGTERM", "SIGHUP"])) {
    process.on(signal, () => child.kill(signal));
  }
  const [status, signal] = await new Promise((resolve, reject) => {
    child.on("error", (error) => reject(new Problem(`${file} cannot be started: ${error.message}`)));
    child.on("close", (...ended) => resolve(ended));
  });
  if (signal) {
    process.removeAllListeners(signal);
    process.kill(process.pid, signal);
  }
  process.exitCode = status ?? 1;
}

/** What the program says of its commands; nothing where there is none. */
export function help() {
  try {
    return spawnSync(program(), ["--help"], { encoding: "utf8" }).stdout;
  } catch (error) {
    if (error instanceof Problem) return error.message;
    throw error;
  }
}
