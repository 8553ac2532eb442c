// The crates that the program and the Worker are made of, and their licenses.

import { readFileSync, readdirSync } from "node:fs";
import path from "node:path";
import { Problem, output } from "../shell.mjs";

/** What a release is compiled for, by its part; the platforms of `binary.mjs`, and the Worker's. */
export const TARGETS = {
  program: [
    "x86_64-unknown-linux-musl",
    "aarch64-unknown-linux-musl",
    "x86_64-apple-darwin",
    "aarch64-apple-darwin",
  ],
  worker: ["wasm32-unknown-unknown"],
};

/**
 * @typedef {{ name: string, version: string, license: string | null, manifest_path: string }} Package
 * @typedef {Package & { parts: string[], needs: Package[] }} Crate
 */

/** Their licenses, each text once, under the names of the crates that come with it. */
export function licenses() {
  /** @type {Map<string, string[]>} */
  const texts = new Map();
  for (const { name, version, license, manifest_path } of crates()) {
    const directory = path.dirname(manifest_path);
    const files = readdirSync(directory).filter((it) => /^(licen[cs]e|copying|notice)/i.test(it));
    const whole = files.map((it) => path.join(directory, it)).flatMap((it) => text(it));
    if (whole.length === 0) whole.push(`(no text in the crate; its manifest says: ${license})`);
    for (const it of whole) texts.set(it, [...(texts.get(it) ?? []), `${name} ${version}`]);
  }
  const rule = "=".repeat(100);
  const sections = [...texts].map(([told, names]) => `${rule}\n${names.join(", ")}\n${rule}\n\n${told}\n`);
  return `Presshook is made of these crates, under these licenses.\n\n${sections.join("\n")}`;
}

/** @param {string} file of a license; some crates have a directory of them */
function text(file) {
  try {
    return [readFileSync(file, "utf8").trim()];
  } catch {
    return [];
  }
}

/**
 * What is compiled in, and not what only tests or building need: each with the parts that have it and what it needs of the
 * others, this crate first.
 *
 * @returns {Crate[]}
 */
export function compiled() {
  const targets = Object.values(TARGETS).flat();
  const told = cargo(
    "metadata",
    "--format-version",
    "1",
    ...targets.flatMap((it) => ["--filter-platform", it]),
  );
  /** @type {{ packages: Package[] }} */
  const { packages } = JSON.parse(told);
  const known = new Map(packages.map((it) => [`${it.name} v${it.version}`, it]));
  // What needs what is asked of `cargo tree`: the metadata have crates of features that are off, too.
  /** @type {Map<string, { parts: Set<string>, needs: Set<string> }>} */
  const all = new Map();
  const options = ["--edges", "normal", "--prefix", "depth", "--format", " {p}"];
  for (const [part, target] of Object.entries(TARGETS).flatMap(([part, of]) => of.map((it) => [part, it]))) {
    /** @type {string[]} */
    const way = [];
    for (const line of cargo("tree", ...options, "--target", target).split("\n")) {
      const [depth, name, version] = line.split(" ");
      const crate = `${name} ${version}`;
      const entry = all.get(crate) ?? { parts: new Set(), needs: new Set() };
      all.set(crate, entry);
      entry.parts.add(part);
      way.splice(Number(depth), way.length, crate);
      all.get(way[Number(depth) - 1])?.needs.add(crate);
    }
  }
  const found = (/** @type {Iterable<string>} */ names) =>
    [...names].sort().flatMap((it) => known.get(it) ?? []);
  const [root, ...others] = all;
  others.sort(([a], [b]) => (a < b ? -1 : 1));
  return [root, ...others].flatMap(([name, { parts, needs }]) =>
    found([name]).map((it) => ({ ...it, parts: [...parts], needs: found(needs) })),
  );
}

/** Those of others. */
const crates = () => compiled().slice(1);

/** @param {string[]} args */
function cargo(...args) {
  const told = output("cargo", [...args, "--locked"]);
  if (told === undefined)
    throw new Problem(`\`cargo ${args[0]} --locked\` fails: does Cargo.lock fit Cargo.toml?`);
  return told;
}
