// The Worker on this machine, or the Function of a Pages site: `wrangler dev`, started, waited for and ended.

import { spawn } from "node:child_process";
import { connect, createServer } from "node:net";
import { ENVIRONMENT, Problem, ROOT } from "./shell.mjs";

/**
 * Starts `wrangler dev` on a port of loopback. It has children of its own, so it gets a process group, and the whole
 * group ends with this process or when asked to.
 *
 * @param {number} port
 * @param {string[]} args
 * @param {(text: string) => void} [hear] is told what it prints; without it the terminal is
 * @param {{ command?: string[], cwd?: string, env?: Record<string, string> }} [options] another project's, such as
 *   `pages dev`
 */
export function serve(port, args, hear, { command = ["dev"], cwd = ROOT, env = {} } = {}) {
  const options = ["--ip", "127.0.0.1", "--port", String(port), "--show-interactive-dev-session=false"];
  const stream = hear ? "pipe" : "inherit";
  const child = spawn("wrangler", [...command, ...options, ...args], {
    cwd,
    detached: true,
    stdio: ["ignore", stream, stream],
    env: { ...ENVIRONMENT, CI: "1", ...env },
  });
  for (const output of [child.stdout, child.stderr]) {
    output?.setEncoding("utf8").on("data", (text) => hear?.(text));
  }
  const stop = (/** @type {NodeJS.Signals} */ signal) => {
    try {
      // 0 would be this process's own group.
      if (child.pid) process.kill(-child.pid, signal);
    } catch {
      // It has ended already.
    }
  };
  const end = () => stop("SIGTERM");
  process.on("exit", end);
  for (const signal of SIGNALS) {
    if (!process.listeners(signal).includes(quit)) process.on(signal, quit);
  }
  const ended = new Promise((_, reject) => {
    child.on("error", (error) => reject(new Problem(`wrangler cannot be started: ${error.message}`)));
    child.on("close", (status) =>
      reject(new Problem(`wrangler ${command.join(" ")} ended (${status}); its last words stand above.`)),
    );
  });
  ended.catch(() => process.off("exit", end));
  const url = `http://127.0.0.1:${port}`;
  const up = within(60_000, answering(url), `The Worker did not answer on ${url} within a minute.`);
  /** Ends it as a crash would: nothing of it does anything more. */
  const kill = async () => {
    stop("SIGKILL");
    await ended.catch(() => {});
  };
  return { url, end, kill, ended, ready: Promise.race([up, ended]) };
}

const SIGNALS = /** @type {const} */ (["SIGINT", "SIGTERM", "SIGHUP"]);

const quit = () => process.exit();

/** @param {string} url */
async function answering(url) {
  for (;;) {
    const health = await fetch(`${url}/api/health`).then(
      (response) => response.json(),
      () => undefined,
    );
    if (health?.service === "presshook") return;
    await new Promise((resolve) => setTimeout(resolve, 200));
  }
}

/** Fails, with what to do, where something listens on a port already. @param {number} port */
export async function checkFree(port) {
  const probe = createServer();
  await listening(probe, port).catch(() => {
    throw new Problem(`Port ${port} is in use. End what uses it, or choose another: PORT=8790 npm start`);
  });
  await new Promise((resolve) => probe.close(resolve));
}

/**
 * Has a server listen on this machine alone, and tells at which port.
 *
 * @param {import("node:net").Server} server
 * @param {number} [port] a free one without it
 * @param {string} [host] another address than loopback's
 */
export async function listening(server, port = 0, host = "127.0.0.1") {
  await new Promise((resolve, reject) => {
    server.once("error", reject);
    server.listen(port, host, () => resolve(server.off("error", reject)));
  });
  const address = server.address();
  return typeof address === "object" && address ? address.port : 0;
}

/** A port that nothing listens on. */
export async function freePort() {
  const probe = createServer();
  const port = await listening(probe);
  await new Promise((resolve) => probe.close(resolve));
  return port;
}

/** Whether something listens on a port. @param {number} port */
export function listens(port) {
  return new Promise((resolve) => {
    const socket = connect({ port, host: "127.0.0.1" }, () => {
      socket.destroy();
      resolve(true);
    });
    socket.on("error", () => resolve(false));
  });
}

/**
 * @template T
 * @param {number} milliseconds
 * @param {Promise<T>} promise
 * @param {string} otherwise
 * @returns {Promise<T>}
 */
export function within(milliseconds, promise, otherwise) {
  /** @type {NodeJS.Timeout} */
  let timer;
  const late = new Promise((_, reject) => {
    timer = setTimeout(() => reject(new Problem(otherwise)), milliseconds);
  });
  return Promise.race([promise, /** @type {Promise<never>} */ (late)]).finally(() => clearTimeout(timer));
}
