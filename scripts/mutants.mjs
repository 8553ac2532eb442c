// `npm run mutants`: cargo-mutants changes the code in one place after the other, and runs the native tests on each
// change; one that no test notices is missed. `.cargo/mutants.toml` says how, and which changes make no difference. It takes hours, so that it can be told to do a part:
//
//   npm run mutants -- signature              one module
//   npm run mutants -- --shard 3/16           a sixteenth of all, every sixteenth mutant
//   npm run mutants -- outbox --shard 3/16    a sixteenth of a module
//
// It fails where fewer than 90 % of a module are caught.

import { existsSync, readFileSync } from "node:fs";
import path from "node:path";
import { pathToFileURL } from "node:url";
import { setup } from "./setup.mjs";
import { Problem, ROOT, bold, main, run, say } from "./shell.mjs";
import { MUTANTS, environment } from "./tools.mjs";

/** What a webhook goes through until it is stored and its deploy is called; each is a file, and a directory beside it. */
export const MODULES = ["contract", "outbox", "receive", "routes", "signature", "store"];
/** Of a module's mutants, in percent. */
const LEAST = 90;
const RESULTS = path.join(ROOT, "target", "mutants");

/** The tests that take as long as they are told; a tenth of the schedules that the model plays finds what all do. */
const QUICK = { RUST_BACKTRACE: "0", FUZZ_SECONDS: undefined, PRESSHOOK_SCHEDULES: "1000" };

/** What becomes of a mutant, in the tool's words; one that does not compile says nothing of the tests. */
const CAUGHT = ["CaughtMutant", "Timeout"];
const MISSED = "MissedMutant";

/**
 * The tool's report, as far as it is read: the scenario is a text for the run without a mutant.
 *
 * @typedef {{ scenario: string | { Mutant: { file: string, name: string } }, summary: string }} Outcome
 */

/**
 * What is asked for on the command line, as arguments of the tool.
 *
 * @param {string[]} words
 */
export function asked(words) {
  const [name, rest] = words[0]?.startsWith("--") === false ? [words[0], words.slice(1)] : ["", words];
  if (name && !MODULES.includes(name)) {
    throw new Problem(`\`${name}\` is none of the modules: ${MODULES.join(", ")}`);
  }
  const [flag, shard, ...more] = rest;
  const known = rest.length === 0 || (flag === "--shard" && /^\d+\/\d+$/.test(shard ?? ""));
  if (!known || more.length > 0) throw new Problem("say a module, `--shard k/n`, both or nothing");
  const modules = name ? [name] : MODULES;
  return [
    ...modules.flatMap((it) => ["--file", `src/${it}.rs`, "--file", `src/${it}/**/*.rs`]),
    ...(shard ? ["--shard", shard, "--sharding", "round-robin"] : []),
  ];
}

/**
 * How many of a module's mutants the tests have caught, and those that they have missed.
 *
 * @param {Outcome[]} outcomes
 */
export function tally(outcomes) {
  /** @type {Map<string, { caught: number, missed: string[] }>} */
  const found = new Map();
  for (const { scenario, summary } of outcomes) {
    if (typeof scenario === "string") continue;
    const module = /^src\/(\w+)/.exec(scenario.Mutant.file)?.[1] ?? "";
    const sum = found.get(module) ?? { caught: 0, missed: [] };
    found.set(module, sum);
    if (CAUGHT.includes(summary)) sum.caught += 1;
    if (summary === MISSED) sum.missed.push(scenario.Mutant.name);
  }
  return [...found].map(([module, { caught, missed }]) => {
    const all = caught + missed.length;
    return { module, caught, all, missed, percent: all === 0 ? 100 : (100 * caught) / all };
  });
}

async function mutants() {
  const wanted = asked(process.argv.slice(2));
  await setup({ tools: [MUTANTS] });
  // It ends with another status than 0 where one is missed; whether those are too many is decided here.
  const all = run("cargo", ["mutants", "--output", RESULTS, ...wanted], {
    env: { ...environment(MUTANTS), ...QUICK },
  });
  const ended = await all.then(
    () => undefined,
    (error) => error,
  );
  const report = path.join(RESULTS, "mutants.out", "outcomes.json");
  const outcomes = existsSync(report) ? JSON.parse(readFileSync(report, "utf8")).outcomes : [];
  const sums = tally(outcomes);
  if (sums.length === 0) throw ended ?? new Problem("no mutant was tried");
  for (const { module, missed } of sums) {
    if (missed.length > 0) say(`\n${bold(`missed in ${module}`)}\n${missed.join("\n")}`);
  }
  say("");
  for (const { module, caught, all, percent } of sums) {
    say(`${module.padEnd(10)} ${percent.toFixed(1).padStart(5)} %, ${caught} of ${all} caught`);
  }
  const under = sums.filter(({ percent }) => percent < LEAST).map(({ module }) => module);
  if (under.length > 0) throw new Problem(`fewer than ${LEAST} % are caught: ${under.join(", ")}`);
}

if (import.meta.url === pathToFileURL(process.argv[1]).href) await main(mutants);
