// The local settings, `.dev.vars`: read by wrangler for a Worker on this machine, and what `presshook deploy` sends as
// secrets. Only its owner can read it, and Git does not see it.

import { randomBytes } from "node:crypto";
import { appendFileSync, chmodSync, existsSync, readFileSync, writeFileSync } from "node:fs";
import path from "node:path";
import { parseEnv } from "node:util";

/** What a sender's secret looks like, as `presshook sources --json` names it. @typedef {"text" | "base64" | "user:password" | "public-key"} Form */

/** A secret that nobody knows, of a form that a sender wants. @param {Form} [form] */
export function fresh(form = "text") {
  const bytes = randomBytes(32);
  if (form === "base64") return `whsec_${bytes.toString("base64")}`;
  return form === "user:password" ? `presshook:${bytes.toString("hex")}` : bytes.toString("hex");
}

/**
 * The names and values in a file; none if it is not there.
 *
 * @param {string} file
 * @returns {Record<string, string>}
 */
export function read(file) {
  return existsSync(file) ? /** @type {Record<string, string>} */ (parseEnv(readFileSync(file, "utf8"))) : {};
}

/**
 * Adds what is not there or empty, and changes nothing else; tells which names were added.
 *
 * @param {string} file is made where it is not there, after these words
 * @param {Record<string, string>} values
 * @param {string} words
 */
export function add(file, values, words) {
  const known = read(file);
  const missing = Object.entries(values).filter(([name]) => !known[name]);
  if (missing.length === 0) return [];
  if (!existsSync(file)) writeFileSync(file, `# ${words}\n`, { mode: 0o600 });
  chmodSync(file, 0o600);
  const text = readFileSync(file, "utf8");
  const lines = missing.map(([name, value]) => `${name}=${quoted(value)}\n`).join("");
  // The last of two lines with one name holds.
  appendFileSync(file, `${text.endsWith("\n") || text === "" ? "" : "\n"}${lines}`);
  return missing.map(([name]) => name);
}

/** As wrangler and Node.js read it back: a `#`, a space or a quote would end a bare value. @param {string} value */
function quoted(value) {
  if (/^[\w:/.+=?&%~-]*$/.test(value)) return value;
  const quote = ["'", '"', "`"].find((it) => !value.includes(it));
  return quote ? `${quote}${value}${quote}` : value;
}

/**
 * Sees to it that Git does not see a file; tells whether that took a line in `.gitignore`.
 *
 * @param {string} directory
 * @param {string} name
 */
export function ignore(directory, name) {
  const file = path.join(directory, ".gitignore");
  const text = existsSync(file) ? readFileSync(file, "utf8") : "";
  const lines = text.split(/\r?\n/).map((line) => line.trim().replace(/^\//, ""));
  if (lines.includes(name) || lines.includes(`${name}*`)) return false;
  appendFileSync(file, `${text === "" || text.endsWith("\n") ? "" : "\n"}${name}\n`);
  return true;
}
