// Running other programs and speaking to the person who waits for them.
// Node's own modules only: this runs before anything is installed.

import { spawn, spawnSync } from "node:child_process";
import { fileURLToPath } from "node:url";
import path from "node:path";
import { Problem, bold, say } from "../packages/presshook/lib/words.mjs";

export { Problem, bold, main, say } from "../packages/presshook/lib/words.mjs";

export const ROOT = path.dirname(path.dirname(fileURLToPath(import.meta.url)));

/**
 * Where Cargo puts the program of this checkout.
 *
 * @param {...string} profile `debug` or `release`; after the target, where one was named
 */
export const programOf = (...profile) =>
  path.resolve(ROOT, process.env.CARGO_TARGET_DIR ?? "target", ...profile, "presshook");

/** The project's own programs come first: the Node.js it pins among them. */
export const ENVIRONMENT = {
  ...process.env,
  PATH: [path.join(ROOT, "node_modules", ".bin"), process.env.PATH].join(path.delimiter),
  // Quiet, and no calls home.
  WRANGLER_SEND_METRICS: "false",
  WRANGLER_HIDE_BANNER: "true",
  CLOUDFLARE_CF_FETCH_ENABLED: "false",
};

/**
 * Runs a program in the project's directory and shows what it prints.
 *
 * @param {string} program
 * @param {string[]} args
 * @param {{ env?: Record<string, string | undefined>, remedy?: string, cwd?: string }} [options]
 */
export async function run(program, args, { env = {}, remedy, cwd = ROOT } = {}) {
  const child = spawn(program, args, { cwd, stdio: "inherit", env: { ...ENVIRONMENT, ...env } });
  const status = await new Promise((resolve, reject) => {
    child.on("error", (error) => reject(new Problem(`${program} cannot be started: ${error.message}`)));
    child.on("close", (code, signal) => resolve(signal ?? code));
  });
  if (status !== 0) {
    const failed = `\`${[program, ...args].join(" ")}\` ended with ${status}`;
    throw new Problem(remedy ? `${failed}\n${remedy}` : failed);
  }
}

/** Says what comes next, apart from what was. @param {string} text */
export const heading = (text) => say(`\n${bold(`── ${text} `.padEnd(100, "─"))}`);

/**
 * What a program prints, or nothing if it is missing or fails.
 *
 * @param {string} program
 * @param {string[]} args
 */
export function output(program, args) {
  const most = { maxBuffer: 64 * 1024 * 1024 };
  const result = spawnSync(program, args, { cwd: ROOT, encoding: "utf8", env: ENVIRONMENT, ...most });
  return result.status === 0 ? result.stdout.trim() : undefined;
}
