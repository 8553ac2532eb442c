// workerd itself, the runtime of Workers: where its program lies, and the configuration that it reads.

import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import path from "node:path";
import { parse } from "smol-toml";
import workerd from "workerd";
import { ROOT } from "./shell.mjs";

/** The program itself: the npm package's command is a JavaScript file around it. */
export const WORKERD = workerd.default;

/**
 * A Worker: its files by the names that they import each other by, the main one first. It may have an inbox: its class
 * `Inbox`, bound as `INBOX`, which keeps what it stores on the disk.
 *
 * @typedef {{ modules: Record<string, string>, bindings: Record<string, string>, inbox?: boolean }} Worker
 */

/**
 * Writes the configuration that serves these Workers, each on its port of loopback.
 *
 * @param {(Worker & { port: number })[]} workers
 * @param {string} directory for the configuration, and what the Workers store
 * @returns {{ config: string, storage: string }} where they lie
 */
export function configure(workers, directory) {
  const text = (/** @type {string} */ value) => JSON.stringify(value);
  // Embedded files are found from where the configuration lies.
  const file = (/** @type {string} */ name) => text(path.relative(directory, name));
  const { compatibility_date: date } = parse(readFileSync(path.join(ROOT, "wrangler.toml"), "utf8"));
  const described = workers.map(({ modules, bindings, inbox }, index) => {
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
  durableObjectStorage = (localDisk = "storage"),`;
    return `const worker${index} :Workerd.Worker = (
  modules = [${files.join(", ")}],
  compatibilityDate = ${text(String(date))},
  bindings = [${values.join(", ")}],${inbox ? objects : ""}
);`;
  });
  const storage = path.join(directory, "storage");
  mkdirSync(storage, { recursive: true });
  const services = workers.map((_, index) => `(name = "s${index}", worker = .worker${index})`);
  const sockets = workers.map(
    ({ port }, index) =>
      `(name = "p${index}", address = "127.0.0.1:${port}", http = (), service = "s${index}")`,
  );
  const config = path.join(directory, "config.capnp");
  writeFileSync(
    config,
    `using Workerd = import "/workerd/workerd.capnp";
const config :Workerd.Config = (
  services = [
    ${services.join(", ")},
    (name = "internet", network = (allow = ["public", "private"])),
    (name = "storage", disk = (path = ${text(storage)}, writable = true)),
  ],
  sockets = [${sockets.join(", ")}],
);
${described.join("\n")}
`,
  );
  return { config, storage };
}
