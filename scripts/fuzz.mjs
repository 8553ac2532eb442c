// `npm run fuzz`: the fuzzers of fuzz/, each to a number of executions. It ends with a report, and not well where one has
// found something. `npm run fuzz -- routes html` runs these; `npm run fuzz -- routes FILE` tries one input.

import { spawn } from "node:child_process";
import { existsSync, mkdirSync, readFileSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { cpus } from "node:os";
import path from "node:path";
import { parse } from "smol-toml";
import { setup } from "./setup.mjs";
import { ENVIRONMENT, Problem, ROOT, bold, main, output, run, say } from "./shell.mjs";
import { CARGO_FUZZ, find } from "./tools.mjs";

/**
 * So long is one turn of a target: libFuzzer tells little while it runs, and the next goes on where it ended. Each tries
 * first what it begins with, which takes seconds where that is much.
 */
const SECONDS = 60;
const HERE = path.join(ROOT, "fuzz");
const README = path.join(HERE, "README.md");
const MARK = "<!-- figures -->";
const EXECUTIONS = Number((process.env.EXECUTIONS ?? "10_000_000").replaceAll("_", ""));

/**
 * How far a target is.
 *
 * @typedef {object} Progress
 * @property {string} name
 * @property {number} executions
 * @property {number} seconds
 * @property {number} coverage Edges of the program that were taken.
 * @property {number} inputs Inputs that were kept, as each does something that none before did.
 * @property {number} begun How many inputs a turn begins with.
 * @property {string} [found] The file of an input that is wrong.
 */

let stopped = false;
for (const signal of ["SIGINT", "SIGTERM"]) process.on(signal, () => (stopped = true));

async function fuzz() {
  if (!Number.isSafeInteger(EXECUTIONS) || EXECUTIONS < 1) {
    throw new Problem("`EXECUTIONS` must be a whole number, such as 10_000_000");
  }
  const wanted = process.argv.slice(2);
  const names = wanted.filter((it) => !existsSync(it) || !it.includes(path.sep));
  const files = wanted.filter((it) => !names.includes(it));
  const all = targets();
  const unknown = names.find((it) => !all.includes(it));
  if (unknown) throw new Problem(`\`${unknown}\` is no target. There are: ${all.join(", ")}`);
  if (files.length > 0 && names.length !== 1) throw new Problem("Name the target that the file is for.");
  await compile();
  if (files.length > 0) {
    await run(
      program(names[0]),
      files.map((it) => path.resolve(it)),
    );
    return;
  }
  const done = [];
  for (const name of names.length > 0 ? names : all) done.push(await begin(name));
  // Each has its turn, so that what is easily found is found soon.
  for (let left = done; left.length > 0 && !stopped; left = left.filter(isUnfinished)) {
    for (const progress of left) if (!stopped) await go(progress);
  }
  report(done);
  const found = done.filter((it) => it.found);
  for (const { name, found: file } of found) {
    say(`\n${name} found ${file}\n  again: npm run fuzz -- ${name} ${file}`);
    say(`  as a test: cp ${file} tests/fuzz/found/${name}/ && cargo test --test it fuzz::targets`);
  }
  if (found.length > 0) throw new Problem(`found by: ${found.map((it) => it.name).join(", ")}`);
  if (stopped) throw new Problem("It was stopped before it was done.");
}

/** The targets, as the programs of fuzz/Cargo.toml. */
function targets() {
  /** @type {{ bin: { name: string }[] }} */
  const manifest = /** @type {any} */ (parse(readFileSync(path.join(HERE, "Cargo.toml"), "utf8")));
  return manifest.bin.map((it) => it.name);
}

async function compile() {
  await setup({ tools: [CARGO_FUZZ] });
  if (!output("c++", ["--version"])) {
    throw new Problem("A C++ compiler (c++) is missing, which compiles libFuzzer: install g++ or clang.");
  }
  say(`\n${bold("The fuzzers are compiled")} (some minutes at first)`);
  // No code of ours is unsafe; without a sanitizer the project's own toolchain will do.
  await run(find(CARGO_FUZZ) ?? CARGO_FUZZ.program, ["build", "--sanitizer", "none"]);
}

/** @param {string} name */
function program(name) {
  const host = /host: (\S+)/.exec(output("rustc", ["-vV"]) ?? "")?.[1] ?? "";
  return path.join(HERE, "target", host, "release", name);
}

/** @param {Progress} progress */
const isUnfinished = ({ executions, found }) => executions < EXECUTIONS && !found;

/**
 * Prepares a target's fuzzer.
 *
 * @param {string} name
 * @returns {Promise<Progress>}
 */
async function begin(name) {
  const { corpus, seeds, artifacts } = directories(name);
  rmSync(seeds, { recursive: true, force: true });
  for (const directory of [corpus, seeds, artifacts]) mkdirSync(directory, { recursive: true });
  // What it begins with it writes itself.
  const { status, text } = await libfuzzer(name, ["-runs=0"], { FUZZ_SEEDS: seeds });
  if (status !== 0) throw new Problem(`The fuzzer of ${name} does not start:\n${text}`);
  return { name, executions: 0, seconds: 0, coverage: 0, inputs: 0, begun: 0 };
}

/** @param {string} name */
function directories(name) {
  const [corpus, seeds, artifacts] = ["corpus", "seeds", "artifacts"].map((it) => path.join(HERE, it, name));
  return { corpus, seeds, artifacts };
}

/**
 * Runs a target's fuzzer for a while.
 *
 * @param {Progress} progress
 */
async function go(progress) {
  const { name } = progress;
  const { corpus, seeds, artifacts } = directories(name);
  const known = new Set(readdirSync(artifacts));
  const started = Date.now();
  const { status, text } = await libfuzzer(name, [
    corpus,
    seeds,
    `-dict=${seeds}.dict`,
    `-max_len=${readFileSync(`${seeds}.longest`, "utf8")}`,
    `-artifact_prefix=${artifacts}${path.sep}`,
    `-runs=${progress.begun + EXECUTIONS - progress.executions}`,
    `-max_total_time=${SECONDS}`,
    "-timeout=10",
    "-rss_limit_mb=2048",
    "-print_final_stats=1",
  ]);
  const seconds = (Date.now() - started) / 1000;
  const number = (/** @type {RegExp} */ pattern) => Number([...text.matchAll(pattern)].at(-1)?.[1] ?? 0);
  // What it begins with is tried each time, and is nothing new.
  progress.begun = number(/#(\d+)\s+INITED/g);
  const executions = Math.max(0, number(/stat::number_of_executed_units:\s*(\d+)/g) - progress.begun);
  progress.executions += executions;
  progress.seconds += seconds;
  progress.coverage = Math.max(progress.coverage, number(/cov: (\d+)/g));
  progress.inputs = Math.max(number(/corp: (\d+)/g), progress.inputs);
  const found = readdirSync(artifacts).find((it) => !known.has(it));
  if (found) {
    progress.found = path.relative(ROOT, path.join(artifacts, found));
    const [told] = /panicked at[^]{0,3000}|ERROR: libFuzzer.*/.exec(text) ?? [text.slice(-3000)];
    say(`${bold(name)} ${told.split("stack backtrace")[0]}`);
  } else if (status !== 0 && !stopped) {
    throw new Problem(`The fuzzer of ${name} ended with ${status}:\n${text.slice(-3000)}`);
  }
  tell(progress);
}

/**
 * Runs a target's program.
 *
 * @param {string} name
 * @param {string[]} args
 * @param {Record<string, string>} [env]
 * @returns {Promise<{ status: number | string | null, text: string }>}
 */
function libfuzzer(name, args, env = {}) {
  const child = spawn(program(name), args, { cwd: HERE, env: { ...ENVIRONMENT, ...env } });
  const stop = () => child.kill();
  process.once("SIGINT", stop);
  process.once("SIGTERM", stop);
  let text = "";
  for (const stream of [child.stdout, child.stderr]) stream.on("data", (chunk) => (text += chunk));
  return new Promise((resolve, reject) => {
    child.on("error", (error) => reject(new Problem(`${name} cannot be started: ${error.message}`)));
    child.on("close", (code, signal) => {
      process.off("SIGINT", stop);
      process.off("SIGTERM", stop);
      resolve({ status: signal ?? code, text });
    });
  });
}

/** @param {Progress} progress */
function tell({ name, executions, seconds, coverage, inputs }) {
  const rate = executions / seconds;
  const left = Math.max(0, EXECUTIONS - executions) / rate;
  say(
    `${name}: ${whole(executions)} of ${whole(EXECUTIONS)}, ${whole(rate)} a second, ${coverage} edges, ${inputs} inputs, ` +
      `${minutes(left)} left`,
  );
}

const whole = (/** @type {number} */ number) => Math.round(number).toLocaleString("en-US");
const minutes = (/** @type {number} */ seconds) =>
  seconds < 90 ? `${Math.round(seconds)} s` : `${Math.round(seconds / 60)} min`;

/**
 * Tells what was done, and writes it into the README.
 *
 * @param {Progress[]} done
 */
function report(done) {
  const date = new Date().toISOString().slice(0, 10);
  const machine = `${cpus()[0]?.model.trim() ?? "?"}, ${cpus().length} cores, ${process.platform}`;
  const rows = done.map(({ name, executions, seconds, coverage, inputs, found }) => [
    name,
    whole(executions),
    minutes(seconds),
    whole(executions / Math.max(1, seconds)),
    whole(coverage),
    whole(inputs),
    found ? "✗" : "nothing",
    `${date}, ${machine}`,
  ]);
  say("");
  for (const row of rows) say(row.join("  "));
  const [text, table = ""] = readFileSync(README, "utf8").split(MARK);
  const head = ["target", "executions", "time", "a second", "edges", "inputs kept", "found", "when, where"];
  const cells = (/** @type {string} */ line) =>
    line
      .split("|")
      .slice(1, -1)
      .map((it) => it.trim());
  const before = table
    .split("\n")
    .filter((line) => line.startsWith("|"))
    .slice(2)
    .map(cells);
  const kept = targets().flatMap((name) => {
    const row = [...rows, ...before].find((it) => it[0] === name);
    return row ? [row] : [];
  });
  const line = (/** @type {string[]} */ row) => `| ${row.join(" | ")} |`;
  const lines = [line(head), line(head.map(() => "---")), ...kept.map(line)];
  writeFileSync(README, `${text}${MARK}\n\n${lines.join("\n")}\n`);
  output("prettier", ["--write", README]);
}

await main(fuzz);
