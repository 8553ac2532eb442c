// `npm test`: everything, from a fresh clone too. `npm run check` is the part that runs no tests.
// Every step runs, also after one has failed; none is skipped.

import { readFileSync } from "node:fs";
import path from "node:path";
import { gzipSync } from "node:zlib";
import { build } from "./build.mjs";
import { getChromium } from "./chromium.mjs";
import { deny } from "./deny.mjs";
import { proxies } from "./proxies.mjs";
import { setup } from "./setup.mjs";
import { Problem, ROOT, bold, main, run, say } from "./shell.mjs";
import { packages } from "./site.mjs";

const WASM = ["--target", "wasm32-unknown-unknown"];
const DENY = ["--", "-D", "warnings"];
const DOC = { env: { RUSTDOCFLAGS: "-D warnings" } };
const FORMAT = { remedy: "`npm run fmt` formats everything." };
/** A minute of it; `FUZZ_SECONDS` may say another time. */
const FUZZ = { env: { FUZZ_SECONDS: process.env.FUZZ_SECONDS ?? "60" } };
/** A few; `CRASHES` may say how many. */
const CRASHES = { env: { CRASHES: process.env.CRASHES ?? "4" } };
/** Two minutes of it; `MINUTES` may say another time. */
const SOAK = { env: { MINUTES: process.env.MINUTES ?? "2" } };
/** Bytes after gzip: every isolate loads the module before its first answer. */
const MOST_MODULE_BYTES = 400_000;

/** @typedef {{ name: string, run: () => Promise<void> }} Step */

/** @type {Step[]} */
const checks = [
  {
    name: "Rust is formatted",
    run: async () => {
      await run("cargo", ["fmt", "--check"], FORMAT);
      await run("cargo", ["fmt", "--check", "--manifest-path", "fuzz/Cargo.toml"], FORMAT);
    },
  },
  { name: "everything else is formatted", run: () => run("prettier", ["--check", "."], FORMAT) },
  { name: "JavaScript has no type errors", run: () => run("tsc", ["--project", "."]) },
  { name: "clippy, native", run: () => run("cargo", ["clippy", "--locked", "--all-targets", ...DENY]) },
  { name: "clippy, Wasm", run: () => run("cargo", ["clippy", "--locked", "--lib", ...WASM, ...DENY]) },
  { name: "rustdoc, native", run: () => run("cargo", ["doc", "--locked", "--no-deps", "--lib"], DOC) },
  { name: "rustdoc, Wasm", run: () => run("cargo", ["doc", "--locked", "--no-deps", "--lib", ...WASM], DOC) },
  { name: "the crates' licenses, versions and sources are allowed", run: () => deny() },
];

/** @type {Step[]} */
const tests = [
  {
    name: "native tests",
    run: () => run("cargo", ["test", "--locked"], { env: { FUZZ_SECONDS: undefined } }),
  },
  {
    name: "fuzz: changed requests to all senders",
    run: () => run("cargo", ["test", "--locked", "--test", "it", "fuzz::", "--", "--nocapture"], FUZZ),
  },
  { name: "the module is small", run: small },
  {
    name: "the built Worker in workerd",
    run: () => run("vitest", ["run", "--config", "tests/worker/vitest.config.mjs"]),
  },
  {
    name: "scripts, and the Worker as wrangler serves it",
    run: () =>
      run("node", [
        "--test",
        "tests/worker/served.test.mjs",
        "tests/worker/conformance.test.mjs",
        "tests/worker/latency.test.mjs",
        "tests/worker/pages.test.mjs",
        "tests/scripts/*.test.mjs",
      ]),
  },
  {
    name: "the native server",
    run: async () => {
      await proxies();
      await packages();
      // They wait more than they compute. A server that a failed test has left running is no reason to wait on.
      const args = ["--test", "--test-concurrency=4", "--test-force-exit", "tests/server/*.test.mjs"];
      await run("node", args);
    },
  },
  {
    name: "the owner's page in a real browser",
    run: async () => {
      await getChromium();
      await run("node", ["--test", "--test-force-exit", "tests/browser/page.test.mjs"]);
    },
  },
  {
    name: "a few crashes; `npm run test:crash` makes fifty",
    run: () => run("node", ["tests/crash/run.mjs"], CRASHES),
  },
  {
    name: "two minutes of soak; `npm run soak` makes thirty",
    run: () => run("node", ["tests/soak/run.mjs"], SOAK),
  },
];

async function small() {
  const module = readFileSync(path.join(ROOT, "build", "index_bg.wasm"));
  const bytes = gzipSync(module, { level: 9 }).length;
  say(`${bytes} bytes after gzip, ${MOST_MODULE_BYTES} allowed`);
  if (bytes > MOST_MODULE_BYTES) throw new Problem("The module has outgrown its limit.");
}

async function test() {
  await setup();
  await build();
  const steps = process.argv[2] === "checks" ? checks : [...checks, ...tests];
  /** @type {string[]} */
  const failures = [];
  for (const [index, step] of steps.entries()) {
    say(`\n${bold(`[${index + 1}/${steps.length}] ${step.name}`)}`);
    try {
      await step.run();
    } catch (error) {
      if (!(error instanceof Problem)) throw error;
      say(error.message);
      failures.push(step.name);
    }
  }
  say(`\nSteps: ${steps.length - failures.length} passed, ${failures.length} failed`);
  if (failures.length > 0) throw new Problem(`failed: ${failures.join("; ")}`);
}

await main(test);
