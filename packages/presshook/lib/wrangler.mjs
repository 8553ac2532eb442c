// wrangler, Cloudflare's program: the one that is installed where the Worker is, else npm fetches it.

import { spawn, spawnSync } from "node:child_process";
import { existsSync } from "node:fs";
import path from "node:path";
import { Problem } from "./words.mjs";

/** The release that npm fetches: the one that this is tested with. */
export const FETCHED = "wrangler@4.155.0";

/**
 * What to run for it: a program and its first arguments.
 *
 * @param {string} directory where the Worker is
 * @param {string} [searched] the `PATH`
 */
export function command(directory, searched = process.env.PATH ?? "") {
  const own = [];
  for (let at = path.resolve(directory); ; at = path.dirname(at)) {
    own.push(path.join(at, "node_modules", ".bin"));
    if (at === path.dirname(at)) break;
  }
  const places = [...own, ...searched.split(path.delimiter).filter(Boolean)];
  const found = places.map((it) => path.join(it, "wrangler")).find((it) => existsSync(it));
  return found && process.platform !== "win32" ? [found] : ["npx", "--yes", FETCHED];
}

/**
 * It, for a directory.
 *
 * @param {string} directory
 * @returns {import("./deploy.mjs").Wrangler}
 */
export function wrangler(directory) {
  const [program, ...first] = command(directory);
  // Windows has npx as a script, which only a shell runs.
  const options = { cwd: directory, shell: process.platform === "win32" };
  return {
    run: async (args, { env, remedy }) => {
      const child = spawn(program, [...first, ...args], {
        ...options,
        stdio: "inherit",
        env: { ...process.env, ...env },
      });
      // Ctrl-C reaches it by itself; what it was given is then still put away.
      const wait = () => {};
      const end = () => child.kill("SIGTERM");
      process.on("SIGINT", wait).on("SIGTERM", end);
      const status = await new Promise((resolve, reject) => {
        child.on("error", (error) => reject(new Problem(`${program} cannot be started: ${error.message}`)));
        child.on("close", (code, signal) => resolve(signal ?? code));
      }).finally(() => process.off("SIGINT", wait).off("SIGTERM", end));
      if (status !== 0) {
        const old = args.includes("--secrets-file")
          ? `\nIf it does not know --secrets-file, it is an old one: npm install --save-dev ${FETCHED}`
          : "";
        throw new Problem(
          `\`wrangler ${args[0]}\` ended with ${status}; its words stand above.\n${remedy}${old}`,
        );
      }
    },
    output: (args) => {
      const { status, stdout } = spawnSync(program, [...first, ...args], { ...options, encoding: "utf8" });
      return status === 0 ? stdout.trim() : undefined;
    },
  };
}
