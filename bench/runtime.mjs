// workerd for a benchmark: several Workers in one process, load on loopback, and the CPU time that they cost.

import { spawn, spawnSync } from "node:child_process";
import { existsSync, mkdirSync, readFileSync, readdirSync, writeFileSync } from "node:fs";
import http from "node:http";
import path from "node:path";
import workerd from "workerd";
import { freePort, listens } from "../scripts/serve.mjs";

/** The program itself: the npm package's command is a JavaScript file around it. */
const WORKERD = workerd.default;

/**
 * A Worker: its files by the names that they import each other by, the main one first; ports are given to it. It may
 * have an inbox: its class `Inbox`, bound as `INBOX`, which keeps what it stores on the disk.
 *
 * @typedef {{ name: string, modules: Record<string, string>, bindings: Record<string, string>, inbox?: boolean }} Service
 */

/** @typedef {import("./messages.mjs").Message} Message */

/**
 * Starts workerd with these Workers, each on a port of its own.
 *
 * @param {Service[]} services
 * @param {string} directory for its configuration, and what they store
 */
export async function start(services, directory) {
  const placed = [];
  for (const service of services) placed.push({ ...service, port: await freePort() });
  const config = path.join(directory, "config.capnp");
  writeFileSync(config, configuration(placed, directory));
  const child = spawn(WORKERD, ["serve", config], {
    // Nobody reads the log, but it is written, as in production.
    stdio: ["ignore", "ignore", "inherit"],
  });
  for (const { port } of placed) {
    while (!(await listens(port))) {
      if (child.exitCode !== null) throw new Error("workerd ended; its last words stand above");
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
  return { pid: child.pid ?? 0, services: placed, stop };
}

/** @param {(Service & { port: number })[]} services @param {string} directory */
function configuration(services, directory) {
  // Embedded files are found from where the configuration lies.
  const file = (/** @type {string} */ name) => text(path.relative(directory, name));
  const text = (/** @type {string} */ value) => JSON.stringify(value);
  const workers = services.map(({ modules, bindings, inbox }, index) => {
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
  const named = services.map((_, index) => `(name = "s${index}", worker = .worker${index})`);
  const sockets = services.map(
    ({ port }, index) =>
      `(name = "p${index}", address = "127.0.0.1:${port}", http = (), service = "s${index}")`,
  );
  return `using Workerd = import "/workerd/workerd.capnp";
const config :Workerd.Config = (
  services = [${named.join(", ")}, (name = "objects", disk = (path = ${text(objects)}, writable = true))],
  sockets = [${sockets.join(", ")}],
);
${workers.join("\n")}
`;
}

/**
 * Posts messages over some connections, each in its turn, and returns the answers' bodies (the first of each
 * connection). Where there are fewer messages than requests, they are sent again.
 *
 * @param {number} port
 * @param {Message[]} messages
 * @param {number} requests
 * @param {number} connections
 * @param {string} [path]
 */
export async function post(port, messages, requests, connections, path = "/api/webhook") {
  const agent = new http.Agent({ keepAlive: true, maxSockets: connections });
  let left = requests;
  const once = () =>
    /** @type {Promise<string>} */ (
      new Promise((resolve, reject) => {
        const { headers, body } = messages[left % messages.length];
        const options = { agent, port, host: "127.0.0.1", method: "POST", path, headers };
        const request = http.request(options, (response) => {
          let text = "";
          response.setEncoding("utf8").on("data", (piece) => (text += piece));
          response.on("end", () =>
            response.statusCode === 200 ? resolve(text) : reject(new Error(`${response.statusCode} ${text}`)),
          );
        });
        request.on("error", reject);
        request.end(body);
      })
    );
  const connection = async () => {
    let first;
    while (left-- > 0) {
      const answer = await once();
      first ??= answer;
    }
    return first ?? "";
  };
  try {
    return await Promise.all(Array.from({ length: connections }, connection));
  } finally {
    agent.destroy();
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
