// What came of a soak, in figures, and which bars it has missed.

import { bold, say } from "../../scripts/shell.mjs";

/**
 * A target: the calls that its host has read, the events that none of them carried, the jobs that the edge holds to be
 * done, and how many milliseconds after an edit its call came.
 *
 * @typedef {{
 *   name: string, calls: import("../crash/host.mjs").Call[], lost: { id: string, reason: string }[], done: number,
 *   waits: number[],
 * }} Target
 *
 * An edge that was soaked.
 *
 * @typedef {{
 *   name: string, seconds: number, rate: number, sender: ReturnType<typeof import("./sending.mjs").sending>,
 *   kills: number, faults: Record<import("../../scripts/stand-in.mjs").Fault, number>, targets: Target[],
 *   samples: import("./memory.mjs").Sample[], growths: import("./memory.mjs").Growth[],
 *   store: { all: number, logs: number }, errors: Map<string, number>, strict: string | undefined,
 * }} Outcome
 */

/** SQLite empties its log when it has a thousand pages, as soon as nobody reads: more says that it does not. */
const MOST_LOG = 32 * 1024 * 1024;

/** A value that so large a part of them does not exceed. @param {number[]} values @param {number} part */
export function percentile(values, part) {
  const sorted = Float64Array.from(values).sort();
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * part))] ?? NaN;
}

/**
 * One line on how it goes.
 *
 * @param {{
 *   name: string, elapsed: number, events: number, acknowledged: number, calls: number, faults: number, kills: number,
 *   megabytes: number, store: number,
 * }} state
 */
export function told({ name, elapsed, events, acknowledged, calls, faults, kills, megabytes, store }) {
  const seconds = Math.floor(elapsed / 1000);
  const time = `${Math.floor(seconds / 60)}:${String(seconds % 60).padStart(2, "0")}`;
  const memory = `${megabytes.toFixed(1)} MB, store ${inMegabytes(store)}`;
  return `${name} ${time}: ${acknowledged} of ${events} acknowledged, ${calls} calls, ${faults} faults, ${kills} kills, ${memory}`;
}

/** Prints the figures of all edges side by side, and tells which bars were missed. @param {Outcome[]} outcomes */
export function judged(outcomes) {
  if (outcomes.length === 0) return [];
  const reasons = [...new Set(outcomes.flatMap(({ sender }) => [...sender.failures.keys()]))];
  const accounts = outcomes.map((outcome) => account(outcome, reasons));
  const columns = [
    Object.keys(accounts[0].figures),
    ...accounts.map(({ figures }) => Object.values(figures)),
  ];
  const heads = ["", ...outcomes.map(({ name }) => name)];
  const widths = columns.map((cells, at) => Math.max(heads[at].length, ...cells.map((cell) => cell.length)));
  const row = (/** @type {string[]} */ cells) =>
    `| ${cells.map((cell, at) => cell.padEnd(widths[at])).join(" | ")} |`;
  say("");
  say(bold(row(heads)));
  say(row(widths.map((width) => "-".repeat(width))));
  columns[0].forEach((_, line) => say(row(columns.map((cells) => cells[line]))));
  say("");
  return accounts.flatMap(({ missed }) => missed);
}

/** @param {Outcome} outcome @param {string[]} reasons why tries were not acknowledged, at any edge */
function account(outcome, reasons) {
  const { name, seconds, rate, sender, kills, faults, targets, samples, growths, store, errors, strict } =
    outcome;
  const { edits, counts, failures, answers } = sender;
  const calls = targets.flatMap((target) => target.calls);
  const waits = targets.flatMap((target) => target.waits);
  const repeated = targets.map((target) => ({ target: target.name, ...repeats(target, kills) }));
  const total = (/** @type {(it: (typeof repeated)[number]) => number} */ of) =>
    repeated.reduce((sum, it) => sum + of(it), 0);
  const lost = targets.flatMap((target) => target.lost);
  const acknowledged = edits.filter((it) => it.acknowledgedAt !== undefined).length;
  const memory = samples.map(({ megabytes }) => megabytes);
  const grown = (/** @type {string} */ what) => {
    const it = growths.find((growth) => growth.what === what);
    return it
      ? `${it.earlier.toFixed(1)} → ${it.later.toFixed(1)} MB, ${it.growth.toFixed(2)}`
      : "too short to tell";
  };

  /** @type {Record<string, string>} */
  const figures = {
    "edits, sent until acknowledged": String(edits.length),
    acknowledged: String(acknowledged),
    "tries that were not": String([...failures.values()].reduce((sum, count) => sum + count, 0)),
    ...Object.fromEntries(reasons.map((why) => [`… ${why}`, String(failures.get(why) ?? 0)])),
    "acknowledged as repeats": String(counts.repeats),
    "acknowledged within, p50 / p99": `${percentile(answers, 0.5)} / ${percentile(answers, 0.99)} ms`,
    kills: String(kills),
    "calls that the host has read": `${calls.length}, to ${targets.length} targets`,
    "calls answered with success": String(calls.filter((it) => it.answered).length),
    "faults: 500, silence, reset unread / read": `${faults[500]}, ${faults.silence}, ${faults["reset unread"]} / ${faults.reset}`,
    "edits in a call that was answered": `${((acknowledged * targets.length) / total((it) => it.done)).toFixed(0)} on average`,
    "calls repeated": `${total((it) => it.extra)}, of at most ${total((it) => it.most)}`,
    "… their answers were lost": String(total((it) => it.lost)),
    "… a kill cut them off": String(total((it) => it.cutOff)),
    "… answered, but a kill came before it was noted": String(total((it) => it.unnoted)),
    "edit to call, p50 / p99 / most": [0.5, 0.99, 1]
      .map((it) => inSeconds(percentile(waits, it)))
      .join(" / "),
    lost: `${lost.length} of ${acknowledged * targets.length}`,
    "memory, median / most": `${percentile(memory, 0.5).toFixed(1)} / ${percentile(memory, 1).toFixed(1)} MB`,
    "memory over the lives, at the same age": grown("over the lives, at the same age"),
    "memory within the last life": grown("within the last life"),
    store: `${inMegabytes(store.all)}, ${(store.all / acknowledged / 1024).toFixed(1)} KB an edit`,
    "store's log, most": inMegabytes(store.logs),
    "errors in the log": listed(errors),
  };

  /** @type {string[]} */
  const missed = [];
  const miss = (/** @type {string} */ text) => missed.push(`${name}: ${text}`);
  if (edits.length < 0.95 * seconds * rate)
    miss(`only ${edits.length} edits were sent: this machine is too slow for ${rate} a second`);
  if (acknowledged < edits.length) miss(`${edits.length - acknowledged} edits were never acknowledged`);
  if (counts.refused > 0)
    miss(`${counts.refused} tries were answered with something else than 200: ${listed(failures)}`);
  if (lost.length > 0)
    miss(`${lost.length} acknowledged edits were lost, such as ${lost[0].id}: ${lost[0].reason}`);
  for (const { target, extra, most, lost, unexplained } of repeated) {
    if (extra > most)
      miss(
        `${extra} calls to ${target} were repeated, where ${lost} lost answers and ${kills} kills explain ${most}`,
      );
    if (unexplained > 0)
      miss(
        `${unexplained} jobs for ${target} are done, and the host has not answered as many calls with success`,
      );
  }
  if (samples.length === 0) miss("its memory could not be looked at");
  for (const { what, earlier, later, growth, most } of growths) {
    if (growth > most)
      miss(
        `memory has grown ${what}: ${earlier.toFixed(1)} → ${later.toFixed(1)} MB, where ${most} times is the most`,
      );
  }
  if (store.logs > MOST_LOG) miss(`the log of the store grew to ${inMegabytes(store.logs)}`);
  if (errors.size > 0) miss(`errors in the log: ${listed(errors)}`);
  if (strict !== undefined) miss(`in the end it is not well: ${strict}`);
  return { figures, missed };
}

/**
 * The calls that the host has received and the edge has made again, as it did not know: each that was read, and not
 * answered with 500, should be a job that is done. Lost answers explain it, and of each kill one call at most: cut off,
 * or answered and not noted.
 *
 * @param {Target} target
 * @param {number} kills
 */
function repeats({ calls, done }, kills) {
  const received = calls.filter((it) => it.fault !== "500");
  const answered = received.filter((it) => it.answered).length;
  const lost = received.filter((it) => it.fault !== undefined).length;
  return {
    done,
    lost,
    cutOff: received.length - answered - lost,
    unnoted: Math.max(0, answered - done),
    unexplained: Math.max(0, done - answered),
    extra: received.length - done,
    most: lost + kills,
  };
}

/** @param {Map<string, number>} counts */
const listed = (counts) =>
  counts.size === 0 ? "none" : [...counts].map(([what, count]) => `${count} × ${what}`).join(", ");
const inMegabytes = (/** @type {number} */ bytes) => `${(bytes / 1024 / 1024).toFixed(1)} MB`;
const inSeconds = (/** @type {number} */ milliseconds) => `${(milliseconds / 1000).toFixed(1)} s`;
