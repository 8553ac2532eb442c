// workerd for a benchmark: several Workers in one process, and the CPU time that they cost.

import { spawn, spawnSync } from "node:child_process";
import { existsSync, readFileSync, readdirSync } from "node:fs";
import path from "node:path";
import { freePort, listens } from "../scripts/serve.mjs";
import { Problem } from "../scripts/shell.mjs";
import { WORKERD, configure } from "../scripts/workerd.mjs";

/** A Worker with its name in the tables. @typedef {import("../scripts/workerd.mjs").Worker & { name: string }} Worker */

/**
 * Starts workerd with these Workers, each on a port of its own.
 *
 * @template {Worker} W
 * @param {W[]} workers
 * @param {string} directory for its configuration, and what they store
 */
export async function start(workers, directory) {
  /** @type {(W & { port: number })[]} */
  const placed = [];
  for (const worker of workers) placed.push({ ...worker, port: await freePort() });
  const { config } = configure(placed, directory);
  // Its log is written, as in production, and thrown away; what it complains of is told where it ends.
  const child = spawn(WORKERD, ["serve", config], { stdio: ["ignore", "ignore", "pipe"] });
  let complaints = "";
  child.stderr.setEncoding("utf8").on("data", (text) => (complaints = (complaints + text).slice(-2000)));
  for (const { port } of placed) {
    while (!(await listens(port))) {
      if (child.exitCode !== null) throw new Problem(`workerd ended: ${complaints}`);
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
  }
  const kill = () => child.kill();
  process.on("exit", kill);
  const stop = () =>
    new Promise((resolve) => {
      process.off("exit", kill);
      child.on("close", resolve);
      kill();
    });
  return { pid: child.pid ?? 0, workers: placed, stop };
}

/**
 * Waits until a process has come to rest, so that what it does in the background (starting, compiling, writing down what
 * a host has answered) is over.
 *
 * @param {number} pid
 */
export async function rest(pid) {
  for (let last = -Infinity; ;) {
    const cpu = cpuMicroseconds(pid);
    if (cpu - last < 500) return;
    last = cpu;
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
}

/**
 * The CPU time that a process has used: user and system, all threads.
 *
 * @param {number} pid
 */
export function cpuMicroseconds(pid) {
  const threads = `/proc/${pid}/task`;
  if (existsSync(threads)) {
    // Nanoseconds; finer than the hundredths of a second in /proc/PID/stat. A thread that ended meanwhile is lost.
    let nanoseconds = 0;
    for (const thread of readdirSync(threads)) {
      nanoseconds += Number(readFileSync(path.join(threads, thread, "schedstat"), "utf8").split(" ")[0]);
    }
    return nanoseconds / 1000;
  }
  // macOS: hundredths of a second, as minutes:seconds.
  const [seconds, minutes = "0", hours = "0"] = spawnSync("ps", ["-o", "time=", "-p", String(pid)], {
    encoding: "utf8",
  })
    .stdout.trim()
    .split(":")
    .reverse();
  return (Number(seconds) + 60 * Number(minutes) + 3600 * Number(hours)) * 1e6;
}
