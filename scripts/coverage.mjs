// `npm run coverage`: which lines of the core the native tests reach, file by file, and those that they do not.
// It fails under 95 %. The edges are left out: the built Worker and the server have their tests in `tests/worker` and
// `tests/server`, which this does not see.

import { pathToFileURL } from "node:url";
import { setup } from "./setup.mjs";
import { main, run, say } from "./shell.mjs";
import { COVERAGE, environment } from "./tools.mjs";

/** Of the lines of the core, in percent. */
const LEAST = 95;
const EDGES = "/src/(cloudflare|command|main|native)[./]";

export async function coverage() {
  await setup({ tools: [COVERAGE] });
  await run("rustup", ["component", "add", "llvm-tools"]);
  const env = { ...environment(COVERAGE), FUZZ_SECONDS: undefined };
  // What an earlier run has counted would be counted again.
  await run("cargo", ["llvm-cov", "clean", "--profraw-only"], { env });
  await run("cargo", ["llvm-cov", "--no-report", "--locked", "--test", "it"], { env });
  const core = ["--ignore-filename-regex", EDGES, "--show-missing-lines", "--fail-under-lines", `${LEAST}`];
  await run("cargo", ["llvm-cov", "report", ...core], {
    env,
    remedy: `Fewer than ${LEAST} % of the core's lines are reached; those that are not stand above.`,
  });
  say(`\nAt least ${LEAST} % of the core's lines are reached by the native tests.`);
}

if (import.meta.url === pathToFileURL(process.argv[1]).href) await main(coverage);
