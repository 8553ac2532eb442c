// The crates that the program and the Worker are made of: their bill of materials, as CycloneDX, and their licenses.

import { readFileSync, readdirSync, writeFileSync } from "node:fs";
import path from "node:path";
import { Problem, ROOT, output, say } from "../shell.mjs";

/** What a release is compiled for; the platforms of `binary.mjs`, and the Worker's. */
const TARGETS = [
  "x86_64-unknown-linux-musl",
  "aarch64-unknown-linux-musl",
  "x86_64-apple-darwin",
  "aarch64-apple-darwin",
  "wasm32-unknown-unknown",
];

/**
 * @typedef {{ id: string, name: string, version: string, license: string | null, manifest_path: string }} Package
 * @typedef {{ id: string, deps: { pkg: string, dep_kinds: { kind: string | null }[] }[] }} Node
 */

/**
 * Writes the bill.
 *
 * @param {string} out
 * @param {string} version
 */
export function bill(out, version) {
  const file = path.join(out, `presshook-${version}.cdx.json`);
  const purl = (/** @type {string} */ name, /** @type {string} */ at) => `pkg:cargo/${name}@${at}`;
  const components = crates().map(({ name, version: at, license }) => ({
    type: "library",
    "bom-ref": purl(name, at),
    name,
    version: at,
    purl: purl(name, at),
    ...(license && { licenses: [{ expression: license.replaceAll("/", " OR ") }] }),
  }));
  const component = { type: "application", name: "presshook", version, purl: purl("presshook", version) };
  const whole = {
    bomFormat: "CycloneDX",
    specVersion: "1.5",
    version: 1,
    metadata: { component },
    components,
  };
  writeFileSync(file, `${JSON.stringify(whole, null, 2)}\n`);
  say(`${path.relative(ROOT, file)}: ${components.length} crates`);
}

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

/** What is compiled in, and not what only tests or building need. */
function crates() {
  const args = ["metadata", "--format-version", "1", "--locked"];
  const told = output("cargo", [...args, ...TARGETS.flatMap((it) => ["--filter-platform", it])]);
  if (told === undefined)
    throw new Problem("`cargo metadata --locked` fails: does Cargo.lock fit Cargo.toml?");
  /** @type {{ packages: Package[], resolve: { root: string, nodes: Node[] } }} */
  const { packages, resolve } = JSON.parse(told);
  const nodes = new Map(resolve.nodes.map((node) => [node.id, node]));
  const reached = new Set([resolve.root]);
  // A set is gone through with what is added to it meanwhile.
  for (const id of reached) {
    for (const { pkg, dep_kinds } of nodes.get(id)?.deps ?? []) {
      if (dep_kinds.some(({ kind }) => kind === null)) reached.add(pkg);
    }
  }
  reached.delete(resolve.root);
  const key = (/** @type {Package} */ it) => `${it.name} ${it.version}`;
  return packages.filter((it) => reached.has(it.id)).sort((a, b) => (key(a) < key(b) ? -1 : 1));
}
