// The servers of the benchmark, each a process of its own, and what the system tells of them in `/proc`.

import { spawn } from "node:child_process";
import { once } from "node:events";
import { readFileSync, writeFileSync } from "node:fs";
import { request } from "node:http";
import path from "node:path";
import { freePort, listens } from "../../scripts/serve.mjs";
import { find } from "../../scripts/debian.mjs";
import { ENVIRONMENT, ROOT, programOf, output } from "../../scripts/shell.mjs";
import { SECRET } from "../messages.mjs";

/** What a process is started with. @typedef {{ program: string, args: string[], env?: Record<string, string> }} Command */
/** @typedef {{ name: string, pid: number, port: number, stop: () => Promise<void> }} Server */

/** @type {import("../../scripts/debian.mjs").Program} */
export const WEBHOOK = { name: "webhook", version: ["-version"] };

/** The program itself: the command may be a script around it. */
const PYTHON = output("python3", ["-c", "import sys; print(sys.executable)"]);

const PRESSHOOK = programOf("release");

/** What it accepts is deployed a day later: nothing else happens meanwhile. */
const LATE = {
  DEPLOY_HOOK_URL: "https://host.example/hook",
  DEPLOY_SETTLE_SECONDS: "86400",
  DEPLOY_MAX_WAIT_SECONDS: "86400",
};

/**
 * Presshook, with a store on the disk.
 *
 * @param {number} port @param {string} database @param {Record<string, string>} [settings]
 * @returns {Command}
 */
export const presshook = (port, database, settings = LATE) => ({
  program: PRESSHOOK,
  args: ["serve"],
  env: {
    PORT: String(port),
    HOST: "127.0.0.1",
    DATABASE: database,
    // The others log nothing.
    LOG_LEVEL: "error",
    BLOGSHOOT_WEBHOOK_SECRET: SECRET,
    ...settings,
  },
});

/** @param {number} port @param {Record<string, string>} [settings] @returns {Command} */
export const node = (port, settings = {}) => ({
  program: path.join(ROOT, "node_modules", ".bin", "node"),
  args: [path.join(ROOT, "bench", "server", "node.mjs")],
  env: { PORT: String(port), BLOGSHOOT_WEBHOOK_SECRET: SECRET, ...settings },
});

/** @param {number} port @returns {Command} */
const python = (port) => ({
  program: PYTHON ?? "python3",
  args: [path.join(ROOT, "bench", "server", "python.py")],
  env: { PORT: String(port), BLOGSHOOT_WEBHOOK_SECRET: SECRET },
});

/**
 * Debian's `webhook`: it checks the signature and starts a program. What it answers is fixed, so it is told the event.
 *
 * @param {number} port @param {string} directory for its configuration @param {string} answer
 * @returns {Command}
 */
function webhook(port, directory, answer) {
  const signed = {
    type: "payload-hmac-sha256",
    secret: SECRET,
    parameter: { source: "header", name: "X-BlogShoot-Signature" },
  };
  const hook = {
    id: "webhook",
    "execute-command": "/bin/true",
    "response-message": answer,
    "response-headers": [{ name: "Content-Type", value: "application/json" }],
    "trigger-rule": { match: signed },
  };
  const file = path.join(directory, `webhook-${port}.json`);
  writeFileSync(file, JSON.stringify([hook]));
  const args = ["-hooks", file, "-ip", "127.0.0.1", "-port", String(port), "-urlprefix", "api"];
  return { program: find(WEBHOOK) ?? "webhook", args };
}

/** What a test event is answered. */
export const ANSWER = JSON.stringify({
  success: true,
  message: "Test webhook received successfully",
  event_id: "evt_bench",
});

/**
 * A server that is measured, as far as it is on this machine, and where it says that it is well.
 *
 * @typedef {{ name: string, command: (port: number, directory: string) => Command, health: string, lacking?: string }} Measured
 */

export const PRESSHOOK_SERVER = "Presshook";

/** All of them, Presshook first. @returns {Measured[]} */
export const all = () => [
  {
    name: PRESSHOOK_SERVER,
    command: (port, directory) => presshook(port, path.join(directory, `presshook-${port}.db`)),
    health: "/api/health",
  },
  { name: "Node.js", command: (port) => node(port), health: "/api/health" },
  {
    name: "Python",
    command: (port) => python(port),
    health: "/api/health",
    lacking: PYTHON ? undefined : "there is no `python3`",
  },
  {
    name: "webhook",
    command: (port, directory) => webhook(port, directory, ANSWER),
    health: "/",
    lacking: find(WEBHOOK) ? undefined : "there is no `webhook`",
  },
];

/** Those that are on this machine. */
export const present = () => all().filter(({ lacking }) => lacking === undefined);

/** A row for each that is not. @param {number} columns */
export const absent = (columns) =>
  all().flatMap(({ name, lacking }) =>
    lacking === undefined ? [] : [[name, lacking, ...Array(columns - 2).fill("")]],
  );

/** The versions of those on this machine, but for Presshook's and Node.js's. */
export const versions = () =>
  [PYTHON && output(PYTHON, ["--version"]), output(find(WEBHOOK) ?? "webhook", ["-version"])].filter(
    (it) => it !== undefined,
  );

/**
 * Starts a server and waits until it listens.
 *
 * @param {string} name @param {(port: number) => Command} command
 * @returns {Promise<Server>}
 */
export async function start(name, command) {
  const port = await freePort();
  const server = launch(name, port, command(port));
  while (!(await listens(port))) {
    if (server.hasEnded()) throw new Error(`${name} ended; its last words stand above`);
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
  return server;
}

/** Starts those that are on this machine, or these of them. @param {string} directory @param {string[]} [names] */
export async function startAll(directory, names) {
  const running = [];
  for (const { name, command } of present().filter((it) => names?.includes(it.name) ?? true)) {
    running.push(await start(name, (port) => command(port, directory)));
  }
  return running;
}

/** Starts a server and waits for nothing. @param {string} name @param {number} port @param {Command} command */
export function launch(name, port, { program, args, env = {} }) {
  const child = spawn(program, args, {
    stdio: ["ignore", "ignore", "inherit"],
    env: { PATH: ENVIRONMENT.PATH, ...env },
  });
  const closed = once(child, "close");
  const kill = () => child.kill();
  process.on("exit", kill);
  const stop = async () => {
    process.off("exit", kill);
    kill();
    await closed;
  };
  return { name, pid: child.pid ?? 0, port, stop, hasEnded: () => child.exitCode !== null };
}

/**
 * The CPU time that a process has used, with that of its threads and of the children that it has waited for.
 *
 * @param {number} pid
 */
export function cpuMicroseconds(pid) {
  // The program's name, in parentheses, may hold anything; the fields after it are numbered from 3.
  const text = readFileSync(`/proc/${pid}/stat`, "utf8");
  const fields = text.slice(text.lastIndexOf(")") + 2).split(" ");
  const [utime, stime, cutime, cstime] = fields.slice(14 - 3, 18 - 3).map(Number);
  // Hundredths of a second on every Linux.
  return (utime + stime + cutime + cstime) * 10_000;
}

/** The memory of a process in MB: now, and at most until now. @param {number} pid */
export function memory(pid) {
  const text = readFileSync(`/proc/${pid}/status`, "utf8");
  const megabytes = (/** @type {string} */ name) =>
    Number(new RegExp(`^${name}:\\s+(\\d+) kB`, "m").exec(text)?.[1]) / 1024;
  return { resident: megabytes("VmRSS"), peak: megabytes("VmHWM") };
}

/** Waits until a process has nothing more to do. @param {number} pid */
export async function rest(pid) {
  for (let last = -1; ;) {
    const cpu = cpuMicroseconds(pid);
    if (cpu === last) return;
    last = cpu;
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
}

/**
 * Whether a server answers that it is well, at this moment.
 *
 * @param {number} port @param {string} path @returns {Promise<boolean>}
 */
export function isWell(port, path) {
  return new Promise((resolve) => {
    const asked = request({ port, host: "127.0.0.1", path, agent: false }, (response) => {
      response.resume().on("end", () => resolve(response.statusCode === 200));
    });
    asked.on("error", () => resolve(false));
    asked.end();
  });
}
