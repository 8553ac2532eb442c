// What can be had of a receiver only on the machine it runs on: restarting it, its log, the files it stores in.

import { spawn } from "node:child_process";
import { existsSync, readFileSync, readdirSync } from "node:fs";
import path from "node:path";
import { Problem } from "../../scripts/shell.mjs";

/**
 * Runs a command line that ends the receiver as a crash would and starts it again, and itself ends then.
 *
 * @param {string} command
 * @returns {() => Promise<void>}
 */
export const restarting = (command) => async () => {
  const child = spawn(command, { shell: true, stdio: ["ignore", "ignore", "inherit"] });
  // Not `close`: the receiver that was started may hold on to the streams.
  const status = await new Promise((resolve, reject) => {
    child.on("error", (error) => reject(new Problem(`--restart cannot be run: ${error.message}`)));
    child.on("exit", (code, signal) => resolve(signal ?? code));
  });
  if (status !== 0) throw new Problem(`--restart ended with ${status}: ${command}`);
};

/**
 * What a file holds by now; nothing while it is not there.
 *
 * @param {string} name
 */
export const logIn = (name) => () => (existsSync(name) ? readFileSync(name, "utf8") : "");

/**
 * What the files of a directory hold, those of its directories included; nothing while it is not there.
 *
 * @param {string} directory
 */
export const filesIn = (directory) => () => {
  if (!existsSync(directory)) return [];
  const files = readdirSync(directory, { recursive: true, withFileTypes: true }).filter((it) => it.isFile());
  return files.map((file) => readFileSync(path.join(file.parentPath ?? file.path, file.name)));
};
