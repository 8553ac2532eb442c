// The programs that compile the Worker, and the one that checks the crates, pinned, and where they lie.
// `worker-build` and `wasm-bindgen-cli` go with the crates `worker` and `wasm-bindgen` in Cargo.toml; tests/it/tidy.rs
// checks that they agree. They are compiled from source: no prebuilt binary is fetched from anywhere.

import { existsSync } from "node:fs";
import { homedir } from "node:os";
import path from "node:path";
import { ENVIRONMENT, ROOT, output } from "./shell.mjs";

/** @typedef {{ crate: string, program: string, version: string, minutes: number }} Tool */

/** @type {Tool[]} */
export const TOOLS = [
  { crate: "wasm-bindgen-cli", program: "wasm-bindgen", version: "0.2.129", minutes: 2 },
  { crate: "worker-build", program: "worker-build", version: "0.8.7", minutes: 3 },
];

/** What compares the crates with deny.toml; building needs none of it. @type {Tool} */
export const DENY = { crate: "cargo-deny", program: "cargo-deny", version: "0.20.2", minutes: 3 };

/**
 * What runs the fuzzers; nothing else needs it.
 *
 * @type {Tool}
 */
export const CARGO_FUZZ = { crate: "cargo-fuzz", program: "cargo-fuzz", version: "0.13.2", minutes: 1 };

/**
 * Counts the lines that the tests reach: `npm run coverage`.
 *
 * @type {Tool}
 */
export const COVERAGE = { crate: "cargo-llvm-cov", program: "cargo-llvm-cov", version: "0.9.1", minutes: 2 };

/**
 * Changes the code, to see whether a test notices: `npm run mutants`.
 *
 * @type {Tool}
 */
export const MUTANTS = { crate: "cargo-mutants", program: "cargo-mutants", version: "27.1.0", minutes: 4 };

/** Kept outside the checkout, so that a second clone need not compile them again. */
export const CACHE =
  process.env.PRESSHOOK_TOOLS ??
  path.join(
    process.env.XDG_CACHE_HOME ??
      path.join(homedir(), ...(process.platform === "darwin" ? ["Library", "Caches"] : [".cache"])),
    "presshook",
    "tools",
  );

/** @param {Tool} tool */
export const toolRoot = (tool) => path.join(CACHE, `${tool.crate}-${tool.version}`);

/**
 * Where a tool of exactly the pinned version is, if anywhere.
 *
 * @param {Tool} tool
 */
export function find(tool) {
  const own = path.join(toolRoot(tool), "bin", tool.program);
  if (existsSync(own)) return own;
  const version = output(tool.program, ["--version"]);
  return version?.split(" ").at(-1) === tool.version ? tool.program : undefined;
}

/** @param {string} program */
export const npmProgram = (program) => path.join(ROOT, "node_modules", ".bin", program);

/**
 * The environment in which Cargo finds a tool that is a command of its own.
 *
 * @param {Tool} tool
 */
export const environment = (tool) => ({
  PATH: [path.join(toolRoot(tool), "bin"), ENVIRONMENT.PATH].join(path.delimiter),
});
