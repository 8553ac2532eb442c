// The parts of a benchmark, measured one after the other, and their figures in a README.

import { readFileSync, writeFileSync } from "node:fs";
import { cpus } from "node:os";
import path from "node:path";
import { Problem, ROOT, bold, run, say } from "../scripts/shell.mjs";

/**
 * What is measured: a name for the command line, what it is, the head of its table, its rows, which are told as they
 * come.
 *
 * @typedef {{ name: string, title: string, head: string[], measure: (directory: string) => Promise<string[]> }} Part
 */

/** The part that the command line names, or all. @param {Part[]} parts */
export function chosen(parts) {
  const only = process.argv[2];
  if (only === undefined) return parts;
  const part = parts.find(({ name }) => name === only);
  if (!part) {
    throw new Problem(`there is ${parts.map(({ name }) => `\`${name}\``).join(", ")}, and no \`${only}\``);
  }
  return [part];
}

/** The tables of these parts. @param {Part[]} parts @param {string} directory */
export async function measured(parts, directory) {
  const tables = [];
  for (const { title, head, measure } of parts) {
    say(`\n${bold(title)}`);
    head.forEach((row) => say(row));
    tables.push(title, [...head, ...(await measure(directory))].join("\n"));
  }
  return tables;
}

/** Puts the figures of this run into a README, between its marks. @param {string} name @param {string} made @param {string[]} tables */
export async function write(name, made, tables) {
  const file = path.join(ROOT, name);
  const machine = `${cpus()[0]?.model.trim()}, ${cpus().length} cores, ${process.platform}`;
  const day = new Date().toISOString().slice(0, 10);
  const text = [`${day}; ${machine}; ${made}`, ...tables].join("\n\n");
  const figures = `<!-- figures -->\n\n${text}\n\n<!-- end -->`;
  writeFileSync(
    file,
    readFileSync(file, "utf8").replace(/<!-- figures -->[^]*<!-- end -->/, () => figures),
  );
  await run("prettier", ["--write", "--log-level", "warn", file]);
  say(`\nThe figures are in ${name}.`);
}

/** @param {number[]} values */
export const median = (values) => [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)];

/** One line that is written over, on a terminal only. */
export function progress(/** @type {string} */ text) {
  if (process.stdout.isTTY) process.stdout.write(`\r${text.padEnd(40)}${text === "" ? "\r" : ""}`);
}

/**
 * A figure with its bar, and a ✗ where it misses it.
 *
 * @param {number} value @param {{ least?: number, most?: number }} bar @param {number} [digits]
 */
export function barred(value, { least, most }, digits = 2) {
  const met = (least === undefined || value >= least) && (most === undefined || value <= most);
  const bars = [least !== undefined ? `≥ ${least}` : "", most !== undefined ? `≤ ${most}` : ""].filter(
    Boolean,
  );
  return [
    value.toFixed(digits),
    ...(met ? [] : ["✗"]),
    ...(bars.length > 0 ? [`(${bars.join(", ")})`] : []),
  ].join(" ");
}
