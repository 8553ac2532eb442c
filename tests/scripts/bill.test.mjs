// The bill of materials of a release: that it is CycloneDX, and that nothing is missing from it, by the word of what is
// compiled and of the lock files.

import assert from "node:assert/strict";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { after, test } from "node:test";
import { Ajv } from "ajv";
import { bill } from "../../scripts/release/bill.mjs";
import { version } from "../../scripts/release/version.mjs";
import { compile } from "../../scripts/send.mjs";
import { ROOT, programOf, output } from "../../scripts/shell.mjs";
import { TOOLS } from "../../scripts/tools.mjs";

/**
 * @typedef {{ "bom-ref": string, name: string, purl: string, version: string, licenses?: unknown[], hashes?: { content: string }[],
 *   properties: { value: string }[], cpe?: string }} Component
 */

const VERSION = version();
const directory = mkdtempSync(path.join(tmpdir(), "presshook-"));
after(() => rmSync(directory, { recursive: true, force: true }));

/** @param {string} place */
function written(place) {
  bill(place, VERSION);
  return readFileSync(path.join(place, `presshook-${VERSION}.cdx.json`), "utf8");
}

const text = written(directory);
const made = JSON.parse(text);
/** @type {Component[]} */
const components = made.components;
const crates = components.filter((it) => it.purl.startsWith("pkg:cargo/"));

/** Where something compiled tells of a place in a crate's sources; Rust's own are elsewhere. */
const PLACES = {
  program: /\/registry\/src\/[^/]+\/([\w.+-]+)\/src\//g,
  // There the beginning of each path is left out.
  worker: /(?<!\/)(?<!\/rust\/deps\/[\w-]*)\b([a-z][\w-]*-\d+\.\d+\.\d+[\w.+-]*)\/src\//g,
};

test("it is CycloneDX, as its published schema has it", () => {
  const file = path.join(import.meta.dirname, "bill", "cyclonedx-1.5.schema.json");
  const ajv = new Ajv({ strict: false, validateFormats: false, allErrors: true });
  const validate = ajv.compile(JSON.parse(readFileSync(file, "utf8")));
  assert.ok(validate(JSON.parse(text)), ajv.errorsText(validate.errors));
  assert.ok(!validate({ ...made, components: [{ type: "crate", name: "x" }] }), "another kind is refused");
  assert.equal(made.specVersion, "1.5");
});

test("it has each crate that the program and the Worker tell of, for that part", async () => {
  await compile();
  const program = programOf("debug");
  const worker = path.join(ROOT, "build", "index_bg.wasm");
  for (const [part, file, places] of /** @type {const} */ ([
    ["program", program, PLACES.program],
    ["worker", worker, PLACES.worker],
  ])) {
    const told = crates.filter((it) => it.properties.some(({ value }) => value === part));
    const text = readFileSync(file, "latin1");
    const known = [...new Set([...text.matchAll(places)].map(([, crate]) => crate))];
    assert.ok(known.length > 10, `${file} tells of ${known.length} crates`);
    // In a module texts stand one beside the other, so that a name may seem to begin earlier.
    const missing = known.filter((it) => !told.some(({ name, version: at }) => it.endsWith(`${name}-${at}`)));
    assert.deepEqual(missing, [], part);
  }
});

test("it has nothing that is not compiled in", () => {
  assert.ok(crates.every((it) => it.properties.length > 0));
  // What only tests need, what another system would, and what a feature would bring that is off.
  for (const other of ["proptest", "windows-sys", "ring"]) {
    assert.ok(!crates.some((it) => it.purl.startsWith(`pkg:cargo/${other}@`)), other);
  }
});

test("each crate has its license, and the checksum that the lock file pins it by", () => {
  const lock = readFileSync(path.join(ROOT, "Cargo.lock"), "utf8");
  for (const { purl, licenses, hashes } of crates) {
    const [, name, at] = /^pkg:cargo\/(.+)@(.+)$/.exec(purl) ?? [];
    const sum = hashes?.[0].content;
    const pinned = `name = "${name}"\nversion = "${at}"\nsource = "registry+https://github.com/rust-lang/crates.io-index"\nchecksum = "${sum}"`;
    assert.ok(lock.includes(pinned), purl);
    assert.equal(licenses?.length, 1, purl);
  }
});

test("it says what needs what, from the release down to the last crate", () => {
  /** @type {Map<string, string[]>} */
  const needs = new Map(
    made.dependencies.map((/** @type {{ ref: string, dependsOn: string[] }} */ it) => [it.ref, it.dependsOn]),
  );
  const reached = new Set([made.metadata.component["bom-ref"]]);
  for (const ref of reached) {
    assert.ok(needs.has(ref), `${ref} is told of`);
    needs.get(ref)?.forEach((it) => reached.add(it));
  }
  reached.delete(made.metadata.component["bom-ref"]);
  assert.deepEqual(reached, new Set(components.map((it) => it["bom-ref"])));
});

test("it names what crates carry in another language, at its own version", () => {
  const sqlite = components.find((it) => it.purl.startsWith("pkg:generic/sqlite@"));
  assert.match(String(sqlite?.cpe), new RegExp(`^cpe:2\\.3:a:sqlite:sqlite:${sqlite?.version}:`));
  assert.ok(components.some((it) => it.purl.startsWith("pkg:generic/aws-lc@")));
  // A crate that links something of its own is one to look at: does it carry sources that somebody else keeps?
  const linked = /** @type {{ packages: { name: string, version: string, links: string | null }[] }} */ (
    JSON.parse(output("cargo", ["metadata", "--format-version", "1", "--locked"]) ?? "{}")
  ).packages.filter(
    (it) => it.links && crates.some(({ purl }) => purl === `pkg:cargo/${it.name}@${it.version}`),
  );
  assert.deepEqual(linked.map((it) => it.name).sort(), LINKED.sort());
});

/** Those that carry C of others, and those that link to nothing or to what the system has. */
const LINKED = ["aws-lc-rs", "aws-lc-sys", "libsqlite3-sys", "wasm-bindgen-shared"];

test("it names the npm packages of the release, and the pinned programs that it was made with", () => {
  const own = made.metadata.component.components.map((/** @type {Component} */ it) => it.purl);
  assert.deepEqual(own, [
    `pkg:npm/presshook@${VERSION}`,
    ...["linux-x64", "linux-arm64", "darwin-x64", "darwin-arm64"].map(
      (it) => `pkg:npm/%40presshook/${it}@${VERSION}`,
    ),
  ]);
  const tools = made.formulation[0].components.map((/** @type {Component} */ it) => it.purl);
  for (const { crate, version: at } of TOOLS) assert.ok(tools.includes(`pkg:cargo/${crate}@${at}`), crate);
  const { devDependencies } = JSON.parse(readFileSync(path.join(ROOT, "package.json"), "utf8"));
  for (const name of ["binaryen", "esbuild"])
    assert.ok(tools.includes(`pkg:npm/${name}@${devDependencies[name]}`), name);
});

test("the packages of the release have no others to be told of", () => {
  const manifest = JSON.parse(readFileSync(path.join(ROOT, "packages", "presshook", "package.json"), "utf8"));
  assert.equal(manifest.dependencies, undefined);
});

test("one checkout has one bill", () => {
  assert.equal(written(directory), text);
});
