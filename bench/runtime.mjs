// workerd for a benchmark: several Workers in one process, and the CPU time that they cost.

import { spawn, spawnSync } from "node:child_process";
import { existsSync, mkdirSync, readFileSync, readdirSync, writeFileSync } from "node:fs";
import path from "node:path";
import workerd from "workerd";
import { freePort, listens } from "../scripts/serve.mjs";
import { Problem } from "../scripts/shell.mjs";

/** The program itself: the npm package's command is a JavaScript file around it. */
const WORKERD = workerd.default;

/**
 * A Worker: its files by the names that they import each other by, the main one first; ports are given to it. It may
 * have an inbox: its class `Inbox`, bound as `INBOX`, which keeps what it stores on the disk.
 *
 * @typedef {{ name: string, modules: Record<string, string>, bindings: Record<string, string>, inbox?: boolean }} Worker
 */

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
  const config = path.join(directory, "config.capnp");
  writeFileSync(config, configuration(placed, directory));
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

/** @param {(Worker & { port: number })[]} served @param {string} directory */
function configuration(served, directory) {
  // Embedded files are found from where the configuration lies.
  const file = (/** @type {string} */ name) => text(path.relative(directory, name));
  const text = (/** @type {string} */ value) => JSON.stringify(value);
  const workers = served.map(({ modules, bindings, inbox }, index) => {
    const files = Object.entries(modules).map(([name, lies]) => {
      const kind = name.endsWith(".wasm") ? "wasm" : "esModule";
      return `(name = ${text(name)}, ${kind} = embed ${file(lies)})`;
    });
    const values = Object.entries(bindings).map(
      ([name, value]) => `(name = ${text(name)}, text = ${text(value)})`,
    );
    if (inbox) values.push('(name = "INBOX", durableObjectNamespace = "Inbox")');
    const objects = `
  durableObjectNamespaces = [(className = "Inbox", uniqueKey = "inbox${index}", enableSql = true)],
  durableObjectStorage = (localDisk = "objects"),`;
    return `const worker${index} :Workerd.Worker = (
  modules = [${files.join(", ")}],
  compatibilityDate = "2026-04-01",
  bindings = [${values.join(", ")}],${inbox ? objects : ""}
);`;
  });
  const objects = path.join(directory, "objects");
  mkdirSync(objects, { recursive: true });
  const named = served.map((_, index) => `(name = "s${index}", worker = .worker${index})`);
  const sockets = served.map(
    ({ port }, index) =>
      `(name = "p${index}", address = "127.0.0.1:${port}", http = (), service = "s${index}")`,
  );
  return `using Workerd = import "/workerd/workerd.capnp";
const config :Workerd.Config = (
  services = [
    ${named.join(", ")},
    (name = "internet", network = (allow = ["public", "private"])),
    (name = "objects", disk = (path = ${text(objects)}, writable = true)),
  ],
  sockets = [${sockets.join(", ")}],
);
${workers.join("\n")}
`;
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
