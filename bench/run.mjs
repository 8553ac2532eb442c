// `npm run bench`: Presshook beside what a user would pick instead, part by part (`npm run bench -- warm cold`).
// `npm run bench:all` measures all parts in one run and writes what came of it to RESULTS.md.

import { mkdirSync, mkdtempSync, rmSync, statfsSync, writeFileSync } from "node:fs";
import { cpus, loadavg, release } from "node:os";
import path from "node:path";
import { build, compile } from "../scripts/build.mjs";
import { get } from "../scripts/debian.mjs";
import { setup } from "../scripts/setup.mjs";
import { Problem, ROOT, bold, main, output, run, say } from "../scripts/shell.mjs";
import { barred, isMet } from "./figures.mjs";
import { PARTS } from "./parts.mjs";
import { progress } from "./progress.mjs";
import { WRK } from "./server/load.mjs";
import { WEBHOOK, versions } from "./server/servers.mjs";

/**
 * What is measured.
 *
 * @template F its figures
 * @typedef {object} Part
 * @property {string} name for the command line
 * @property {"worker" | "server" | "both"} edge what must have been compiled
 * @property {string} title
 * @property {string} about what the figures are, in a sentence
 * @property {number} rounds how often it is measured
 * @property {number} seconds about how long that takes on two cores
 * @property {() => string | undefined} [lacking] why it cannot be measured on this machine, if so
 * @property {(bench: Bench) => Promise<F>} measure checks the answers, then measures
 * @property {(figures: F) => import("./figures.mjs").Bar[]} bars what must hold
 * @property {(figures: F, bars: import("./figures.mjs").Bar[]) => string[]} tables Markdown; marked where a bar is missed
 */

/**
 * @typedef {object} Bench what a part is given
 * @property {string} directory of its own, on the disk
 * @property {number} rounds
 * @property {(text: string) => void} step is told what is done now, for the person who waits
 */

const RESULTS = path.join("bench", "RESULTS.md");
/** Where the file system has no disk below it. */
const TMPFS = 0x01021994;

/** The parts whose names these are, or begin so. @param {string[]} names */
function chosen(names) {
  const all = PARTS.map(({ name }) => name);
  for (const name of names) {
    if (!all.some((it) => it.startsWith(name))) {
      throw new Problem(`there is ${all.map((it) => `\`${it}\``).join(", ")}, and no \`${name}\``);
    }
  }
  return PARTS.filter((part) => names.length === 0 || names.some((name) => part.name.startsWith(name)));
}

/** Compiles what the parts need, which is not measured. @param {Part<unknown>[]} parts */
async function prepare(parts) {
  await setup();
  if (parts.some(({ edge }) => edge !== "server")) {
    await build();
    await compile(path.join(ROOT, "bench", "smallest"));
  }
  if (parts.some(({ edge }) => edge !== "worker")) {
    say(bold("The server is compiled; the first time that takes some minutes."));
    await get([WRK, WEBHOOK], "the server is not measured with it");
    await run("cargo", ["build", "--release", "--locked", "--quiet", "--bin", "presshook"]);
  }
}

/** A directory on the disk, where the stores lie. */
function directory() {
  const target = path.join(ROOT, "target");
  mkdirSync(target, { recursive: true });
  const made = mkdtempSync(path.join(target, "bench-"));
  process.on("exit", () => rmSync(made, { recursive: true, force: true }));
  if (process.platform === "linux" && statfsSync(made).type === TMPFS) {
    throw new Problem(`${target} lies in memory, and what is stored is to be measured on a disk`);
  }
  return made;
}

/** The machine, the versions and the date. */
function made() {
  const machine = `${cpus()[0]?.model.trim()}, ${cpus().length} cores, ${process.platform} ${release()}`;
  const programs = [
    output("rustc", ["--version"])?.split(" (")[0],
    `workerd ${output("workerd", ["--version"])?.split(" ").at(-1)}`,
    `Node.js ${output("node", ["--version"])?.slice(1)}`,
    ...versions(),
  ];
  return `${new Date().toISOString().slice(0, 10)}; ${[machine, ...programs].join("; ")}.`;
}

/**
 * Measures a part: its text, its bars, and what of it must not be, as lines. One that fails does not keep the others from
 * being measured.
 *
 * @param {Part<any>} part @param {string} directory @param {(text: string) => void} step
 */
async function measured({ name, about, rounds, lacking, measure, bars, tables }, directory, step) {
  const reason = lacking?.();
  if (reason !== undefined) return { text: `Not measured: ${reason}.`, bars: 0, missed: [] };
  const own = path.join(directory, name);
  mkdirSync(own);
  try {
    const figures = await measure({ directory: own, rounds, step });
    const held = bars(figures);
    const missed = held.filter((bar) => !isMet(bar)).map((bar) => `${name}: ${bar.what}: ${barred(bar)}`);
    return { text: [about, ...tables(figures, held)].join("\n\n"), bars: held.length, missed };
  } catch (error) {
    if (!(error instanceof Problem)) console.error(error);
    const reason = error instanceof Error ? error.message : String(error);
    return { text: `Failed ✗: ${reason}`, bars: 0, missed: [`${name} failed ✗`] };
  } finally {
    rmSync(own, { recursive: true, force: true });
  }
}

/** How often each is measured, if the environment says so. */
function rounds() {
  const { ROUNDS: given } = process.env;
  if (given === undefined) return undefined;
  if (!/^[1-9]\d*$/.test(given))
    throw new Problem(`\`ROUNDS\` is \`${given}\`, and must be a number from 1 on`);
  return Number(given);
}

/** Why the figures are rough, if they are. @param {number} load of the machine before the benchmark began */
function rough(load) {
  const busy = `the machine had other work to do when it began (load ${load.toFixed(1)})`;
  return [
    ...(load > cpus().length / 2 ? [busy] : []),
    ...(rounds() === undefined ? [] : [`it was measured with \`ROUNDS=${rounds()}\``]),
  ].join(", and ");
}

async function bench() {
  const keeps = process.argv.includes("--results");
  const parts = chosen(process.argv.slice(2).filter((it) => it !== "--results"));
  const [load] = loadavg();
  await prepare(parts);
  const reasons = rough(load);
  if (reasons) say(`\nThe figures will be rough: ${reasons}.`);
  const plan = parts.map((part) => ({ ...part, rounds: rounds() ?? part.rounds }));
  const meter = progress(
    plan.map(({ name, rounds, seconds }, at) => ({ name, seconds: (seconds * rounds) / parts[at].rounds })),
  );
  const home = directory();
  const began = Date.now();
  const texts = [];
  const missed = [];
  let bars = 0;
  for (const part of plan) {
    meter.begin();
    const own = await measured(part, home, meter.step);
    meter.end();
    say(`\n${bold(`${part.name}: ${part.title}`)}\n\n${own.text}`);
    texts.push(`## ${part.title}\n\n${own.text}`);
    missed.push(...own.missed);
    bars += own.bars;
  }
  const minutes = ((Date.now() - began) / 60_000).toFixed(1);
  const list = missed.map((it) => `- ${it}`).join("\n");
  const outcome =
    missed.length === 0 ? `All ${bars} bars are met.` : `Of ${bars} bars these are missed:\n\n${list}`;
  if (keeps) {
    const head = "# Results\n\nWritten by `npm run bench:all`; [what is measured, and how](README.md).";
    const doubt = reasons && ` **These figures are rough:** ${reasons}.`;
    const text = [head, `${made()} It took ${minutes} minutes.${doubt}`, outcome, ...texts].join("\n\n");
    writeFileSync(path.join(ROOT, RESULTS), `${text}\n`);
    await run("prettier", ["--write", "--log-level", "warn", RESULTS]);
  }
  say(`\n${outcome}${keeps ? `\n\nAll of it is in ${RESULTS}.` : ""}`);
  if (missed.length > 0) process.exitCode = 1;
}

// What was started ends with this, and what was written goes.
for (const signal of /** @type {const} */ (["SIGINT", "SIGTERM", "SIGHUP"])) {
  process.on(signal, () => process.exit(1));
}

await main(bench);
