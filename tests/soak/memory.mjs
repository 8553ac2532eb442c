// The memory of an edge that is ended and started over and over, and whether it is flat.

import { spawnSync } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import { percentile } from "./report.mjs";

/**
 * How many megabytes a process had in memory: in which life of the edge, how many milliseconds after it had begun.
 *
 * @typedef {{ life: number, age: number, megabytes: number }} Sample
 *
 * Two stretches compared: what was compared, the median of the earlier and of the later, and how many times the one the
 * other is, and may be.
 *
 * @typedef {{ what: string, earlier: number, later: number, growth: number, most: number }} Growth
 */

/** So many times what it was may it be; in a short run, whose lives have hardly warmed up, that says less. */
const MOST = { minutes: 1.1, seconds: 1.25 };

/** What a process has in memory, in megabytes; nothing where it has ended. @param {number} pid */
export function resident(pid) {
  if (existsSync("/proc/self/status")) {
    try {
      const kilobytes = /^VmRSS:\s+(\d+) kB/m.exec(readFileSync(`/proc/${pid}/status`, "utf8"))?.[1];
      return kilobytes === undefined ? undefined : Number(kilobytes) / 1024;
    } catch {
      return undefined;
    }
  }
  const { stdout } = spawnSync("ps", ["-o", "rss=", "-p", String(pid)], { encoding: "utf8" });
  return stdout.trim() === "" ? undefined : Number(stdout) / 1024;
}

/**
 * What memory has come to: over the lives, at the same age in each, while the store has grown; and within the last, which
 * is a long one, after it has warmed up. What was too short for a comparison is left out.
 *
 * @param {Sample[]} samples
 * @param {number} interval milliseconds between two ends
 * @returns {Growth[]}
 */
export function growths(samples, interval) {
  const last = Math.max(...samples.map(({ life }) => life));
  const lives = [];
  for (let life = 0; life <= last; life++) {
    const aged = samples.filter(
      (it) => it.life === life && it.age >= interval / 2 && it.age < interval * 0.75,
    );
    if (aged.length > 0)
      lives.push(
        percentile(
          aged.map(({ megabytes }) => megabytes),
          0.5,
        ),
      );
  }
  const warm = samples.filter((it) => it.life === last && it.age >= Math.max(interval, 60_000));
  /** The first third against the last. @param {string} what @param {number[]} values */
  const compared = (what, values) => {
    const third = Math.ceil(values.length / 3);
    const [earlier, later] = [percentile(values.slice(0, third), 0.5), percentile(values.slice(-third), 0.5)];
    const most = interval < 60_000 ? MOST.seconds : MOST.minutes;
    return { what, earlier, later, growth: later / earlier, most };
  };
  const found = [];
  if (lives.length >= 3) found.push(compared("over the lives, at the same age", lives));
  if (warm.length > 0 && warm[warm.length - 1].age - warm[0].age >= 60_000) {
    const all = warm.map(({ megabytes }) => megabytes);
    found.push(compared("within the last life", all));
  }
  return found;
}
