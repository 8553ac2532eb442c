// The Workers that are measured: Presshook as it is deployed, and what is written instead of it (`workers/`,
// `smallest/`).

import { readFileSync, readdirSync } from "node:fs";
import path from "node:path";
import { parse } from "smol-toml";
import { ROOT } from "../scripts/shell.mjs";
import { SECRET } from "./messages.mjs";

/** @typedef {import("./runtime.mjs").Worker} Worker */

/** Files by the names that they import each other by. @param {string[]} names */
const modules = (...names) => Object.fromEntries(names.map((name) => [name, path.join(ROOT, name)]));

export const PRESSHOOK = modules(
  "src/cloudflare/worker.js",
  "src/cloudflare/receiver.js",
  "src/cloudflare/entry.js",
  "build/index.js",
  "build/index_bg.wasm",
  "build/dashboard.js",
);
const GENUINE = modules("bench/workers/genuine.mjs");
const SMALLEST = modules("bench/smallest/build/index.js", "bench/smallest/build/index_bg.wasm");
const BINDINGS = { BLOGSHOOT_WEBHOOK_SECRET: SECRET };

/** All senders, each with the secret of its vector file. */
function everySender() {
  const directory = path.join(ROOT, "tests", "vectors", "sources");
  const secrets = readdirSync(directory).map((file) => {
    const sender = path.basename(file, ".toml").toUpperCase().replaceAll("-", "_");
    const { secret } = parse(readFileSync(path.join(directory, file), "utf8"));
    return [`${sender}_WEBHOOK_SECRET`, String(secret)];
  });
  return { ...Object.fromEntries(secrets), CUSTOM_MAC: "token", ...BINDINGS };
}

const HOOK = { CLOUDFLARE_DEPLOY_HOOK: "https://host.example/hook" };

/**
 * Presshook with all senders configured, which only verifies: it is set up to deploy, but not for what is sent.
 *
 * @param {string} name @param {Record<string, string>} settings
 * @returns {Worker}
 */
export const verifying = (name, settings) => ({
  name,
  modules: PRESSHOOK,
  bindings: { ...everySender(), ...HOOK, INBOX: "none", DEPLOY_ON: "created", ...settings },
});

/**
 * Presshook with its inbox, for one sender and a deploy hook.
 *
 * @param {string} name @param {Record<string, string>} settings
 * @returns {Worker}
 */
export const presshook = (name, settings) => ({
  name,
  modules: PRESSHOOK,
  bindings: { ...BINDINGS, ...HOOK, ...settings },
  inbox: true,
});

/** The same, which tells what it asks of its inbox, and that of its store. @type {typeof presshook} */
export const counted = (name, settings) => ({
  ...presshook(name, settings),
  modules: { ...modules("bench/workers/counted-presshook.mjs", "bench/workers/counted.mjs"), ...PRESSHOOK },
});

/** What a user would write instead: it verifies and answers. @type {Worker} */
export const JAVASCRIPT = {
  name: "JavaScript",
  modules: { ...modules("bench/workers/webcrypto.mjs"), ...GENUINE },
  bindings: BINDINGS,
};

/** The same with a Durable Object that keeps what comes. @returns {Worker} */
export function keeping({ counted = false } = {}) {
  const counting = counted
    ? modules("bench/workers/counted-javascript.mjs", "bench/workers/counted.mjs")
    : {};
  return {
    name: "JavaScript",
    modules: { ...counting, ...modules("bench/workers/durable.mjs"), ...GENUINE },
    bindings: { ...BINDINGS, SCHEMA: schema() },
    inbox: true,
  };
}

/** The same that calls the deploy hook at once, for each webhook. @param {string} hook @returns {Worker} */
export const relay = (hook) => ({
  name: "relay",
  modules: { ...modules("bench/workers/relay.mjs"), ...GENUINE },
  bindings: { ...BINDINGS, DEPLOY_HOOK_URL: hook },
});

/** The least that a Rust Worker does for the same answer. @type {Worker} */
export const SMALLEST_RUST = { name: "smallest Rust", modules: SMALLEST, bindings: BINDINGS };

/** The least that can be had with the signature checked in Wasm: all else is JavaScript's. @type {Worker} */
export const CEILING = {
  name: "ceiling",
  modules: {
    ...modules("bench/workers/ceiling.mjs"),
    ...GENUINE,
    // By a name that only the runtime knows, as it is compiled for the benchmark alone.
    ...Object.fromEntries(
      Object.entries(SMALLEST).map(([name, file]) => [`bench/workers/smallest/${path.basename(name)}`, file]),
    ),
  },
  bindings: BINDINGS,
};

/** The tables and indexes that all migrations together leave, as statements that may be run again. */
function schema() {
  const migrations = readFileSync(path.join(ROOT, "src", "store", "migrations.rs"), "utf8");
  /** @type {Map<string, string>} */
  const made = new Map();
  for (const [, statement] of migrations.matchAll(/"((?:CREATE|ALTER|DROP) (?!TABLE IF )[^"]+)"/g)) {
    const [, verb, name, rest] =
      /^(CREATE|ALTER|DROP) (?:UNIQUE )?(?:TABLE|INDEX) (\w+)\s*(.*)$/s.exec(statement) ?? [];
    const column = /^ADD COLUMN (.*)$/.exec(rest)?.[1];
    if (verb === "CREATE") made.set(name, statement.replace(/(TABLE|INDEX) /, "$1 IF NOT EXISTS "));
    else if (column) made.set(name, (made.get(name) ?? "").replace("(", `(${column}, `));
    else made.delete(name);
  }
  return [...made.values()].join(";\n");
}
