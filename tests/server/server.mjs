// The native server for tests: `presshook serve`, compiled once, started with settings of the test's own on loopback and
// a database in a temporary directory, and ended gracefully or by SIGKILL. Whatever it leaves is cleared away.

import { spawn } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { Problem, programOf, run } from "../../scripts/shell.mjs";

/** The program, as a test of the working tree needs it. */
export const PROGRAM = programOf("debug");

/** How long it may take to start, or to say something, in milliseconds. */
const PATIENCE = 20_000;

/**
 * One line of the log; its fields depend on its code.
 *
 * @typedef {{ level: string, code: string, [field: string]: any }} Entry
 *
 * @typedef {object} Options
 * @property {string} [directory] where it runs and, unless `DATABASE` says otherwise, stores; its own and temporary
 *   without it
 * @property {number} [port] a free one without it
 * @property {string} [program] another build's, which is not compiled then
 * @property {string[]} [args] of `presshook serve`
 * @property {Record<string, string>} [env] beside the settings
 * @property {(text: string) => void} [hear] is told all that it prints, as it comes
 *
 * @typedef {{ status: number | null, signal: NodeJS.Signals | null }} End
 * @typedef {Awaited<Awaited<ReturnType<typeof launch>>["ready"]>} Server
 */

/** The server ended before it was ready: what it said, and the status that it ended with. */
export class Refused extends Problem {
  /** @param {End} end @param {string} said */
  constructor({ status, signal }, said) {
    super(`presshook serve ended with ${signal ?? status}: ${said}`);
    this.status = status;
    this.said = said;
  }
}

/** @type {Promise<void> | undefined} */
let compiled;

/** Compiles the program, the first time in this process. */
export const compile = () =>
  (compiled ??= run("cargo", ["build", "--locked", "--quiet", "--bin", "presshook"]));

/** @type {Set<() => void>} */
const leftovers = new Set();
// The servers before their directories.
process.on("exit", () => [...leftovers].reverse().forEach((clear) => clear()));
for (const signal of /** @type {const} */ (["SIGINT", "SIGTERM", "SIGHUP"])) {
  process.on(signal, () => process.exit(1));
}

/** A directory that is gone when the test's process ends. */
export function temporary() {
  const directory = mkdtempSync(path.join(tmpdir(), "presshook-"));
  leftovers.add(() => rmSync(directory, { recursive: true, force: true }));
  return directory;
}

/**
 * Starts the server, and waits until its port listens. Nothing of this process's environment is a setting of it.
 *
 * @param {Record<string, string>} settings
 * @param {Options} [options]
 * @throws {Refused} where it does not start
 */
export async function start(settings, options) {
  return (await launch(settings, options)).ready;
}

/**
 * Starts the server without waiting for it, so that it can be ended on its way: `ready` is the server, once its port
 * listens.
 *
 * @param {Record<string, string>} settings
 * @param {Options} [options]
 */
export async function launch(settings, options = {}) {
  const { directory = temporary(), port = 0, program = PROGRAM, args = [], env = {}, hear } = options;
  if (program === PROGRAM) await compile();
  const { PATH = "", HOME = directory } = process.env;
  const own = {
    HOST: "127.0.0.1",
    PORT: String(port),
    DATABASE: path.join(directory, "presshook.db"),
    ...settings,
  };
  const child = spawn(program, ["serve", ...args], {
    cwd: directory,
    // A group of its own, so that all of it can be ended with the test.
    detached: true,
    stdio: ["ignore", "pipe", "pipe"],
    env: { PATH, HOME, RUST_BACKTRACE: "0", ...env, ...own },
  });
  const said = reading(child, hear);
  const clear = () => {
    try {
      if (child.pid) process.kill(-child.pid, "SIGKILL");
    } catch {
      // Nothing is left of it.
    }
  };
  leftovers.add(clear);
  /** Settles when it has ended and what it said has been read; a command that it left may go on. */
  const ended = ending(child, program).finally(() => leftovers.delete(clear));
  ended.catch(() => {});

  const ready = said
    .until((entry) => entry.code === "SERVER_STARTED")
    .then(
      ({ address }) => {
        const [, host, at] = /^(.*):(\d+)$/.exec(address) ?? [];
        const loopback = host.replace("0.0.0.0", "127.0.0.1").replace("[::]", "[::1]");
        return { ...handle, url: `http://${loopback}:${at}`, port: Number(at) };
      },
      async () => {
        clear();
        throw new Refused(await ended, said.errors() || said.output());
      },
    );
  ready.catch(() => {});

  const handle = {
    pid: child.pid ?? 0,
    directory,
    database: own.DATABASE,
    log: said.log,
    until: said.until,
    /** All that it has printed, on both streams. */
    output: said.output,
    ended,
    /**
     * Asks it to end, and waits until it has.
     *
     * @param {NodeJS.Signals} [signal]
     */
    stop(signal = "SIGTERM") {
      child.kill(signal);
      return ended;
    },
    /** Ends it as a crash would: nothing of it does anything more. */
    kill() {
      child.kill("SIGKILL");
      return ended;
    },
  };
  return { ...handle, ready };
}

/**
 * What it prints, and its log as entries.
 *
 * @param {import("node:child_process").ChildProcessByStdio<null, import("node:stream").Readable, import("node:stream").Readable>} child
 * @param {((text: string) => void) | undefined} hear
 */
function reading(child, hear) {
  let output = "";
  let errors = "";
  let rest = "";
  /** @type {Entry[]} */
  const log = [];
  let over = false;
  /** @type {Set<() => void>} */
  const waiting = new Set();
  const heard = (/** @type {string} */ text) => {
    output += text;
    hear?.(text);
  };
  child.stdout.setEncoding("utf8").on("data", (text) => {
    heard(text);
    const lines = (rest + text).split("\n");
    rest = lines.pop() ?? "";
    log.push(...lines.filter((line) => line.startsWith("{")).map((line) => JSON.parse(line)));
    waiting.forEach((look) => look());
  });
  child.stderr.setEncoding("utf8").on("data", (text) => {
    heard(text);
    errors += text;
  });
  child.on("close", () => {
    over = true;
    waiting.forEach((look) => look());
  });

  /**
   * The first entry of the log that is as wanted, also one that is there already. It fails when it takes too long, or the
   * server has ended without it.
   *
   * @param {(entry: Entry) => boolean} wanted
   * @param {number} [milliseconds]
   * @returns {Promise<Entry>}
   */
  const until = (wanted, milliseconds = PATIENCE) =>
    new Promise((resolve, reject) => {
      let seen = 0;
      const settle = (/** @type {() => void} */ act) => {
        clearTimeout(timer);
        waiting.delete(look);
        act();
      };
      const look = () => {
        const found = log.slice(seen).find(wanted);
        seen = log.length;
        if (found) settle(() => resolve(found));
        else if (over) settle(fail);
      };
      const fail = () => reject(new Problem(`not in the log: ${wanted}\n${output}`));
      const timer = setTimeout(() => settle(fail), milliseconds);
      waiting.add(look);
      look();
    });
  return { log, until, output: () => output, errors: () => errors };
}

/**
 * @param {import("node:child_process").ChildProcess} child
 * @param {string} program
 * @returns {Promise<End>}
 */
async function ending(child, program) {
  const closed = new Promise((resolve) => child.on("close", resolve));
  /** @type {End} */
  const end = await new Promise((resolve, reject) => {
    child.on("exit", (status, signal) => resolve({ status, signal }));
    child.on("error", (error) => reject(new Problem(`${program} cannot be started: ${error.message}`)));
  });
  await Promise.race([closed, new Promise((resolve) => setTimeout(resolve, 500))]);
  return end;
}
