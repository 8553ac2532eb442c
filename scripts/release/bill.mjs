// The bill of materials, as CycloneDX: what is compiled in, the C that some crates carry along, the npm packages that a
// release has, and what it was made with. Everything in it comes from the lock files and from what they pin, so that one
// checkout has one bill.

import { createHash } from "node:crypto";
import { readFileSync, writeFileSync } from "node:fs";
import path from "node:path";
import { ROOT, output, say } from "../shell.mjs";
import { TOOLS } from "../tools.mjs";
import { compiled } from "./crates.mjs";
import { packages } from "./npm.mjs";

/** Sources in C that crates compile in, which are found vulnerable under their own names, and where they tell theirs. */
const CARRIED = [
  {
    crate: "libsqlite3-sys",
    name: "sqlite",
    header: "sqlite3/sqlite3.h",
    version: /^#define SQLITE_VERSION\s+"([^"]+)"/m,
    license: { name: "Public domain" },
    cpe: (/** @type {string} */ version) => `cpe:2.3:a:sqlite:sqlite:${version}:*:*:*:*:*:*:*`,
  },
  {
    crate: "aws-lc-sys",
    name: "aws-lc",
    header: "aws-lc/include/openssl/base.h",
    version: /^#define AWSLC_VERSION_NUMBER_STRING\s+"([^"]+)"/m,
    license: { name: "Apache-2.0 OR ISC" },
    cpe: undefined,
  },
];

/** What the npm packages of the build do to what is released. */
const BUILDING = ["binaryen", "esbuild"];

/**
 * Writes the bill.
 *
 * @param {string} out
 * @param {string} version
 */
export function bill(out, version) {
  const file = path.join(out, `presshook-${version}.cdx.json`);
  const whole = materials(version);
  writeFileSync(file, `${JSON.stringify(whole, null, 2)}\n`);
  say(`${path.relative(ROOT, file)}: ${whole.components.length} components`);
}

/** @param {string} version */
function materials(version) {
  const all = compiled();
  const [, ...crates] = all;
  const root = purl("cargo", "presshook", version);
  const carried = crates.flatMap(inside);
  const dependencies = all.map((it) => ({
    ref: crate(it),
    dependsOn: [...it.needs.map(crate), ...carried.filter(({ by }) => by === it.name).map(({ ref }) => ref)],
  }));
  const body = {
    components: [...components(crates), ...carried.map(({ component }) => component)],
    dependencies: [...dependencies, ...carried.map(({ ref }) => ({ ref, dependsOn: [] }))],
    formulation: [{ "bom-ref": "build", components: made() }],
  };
  const main = {
    type: "application",
    "bom-ref": root,
    name: "presshook",
    version,
    purl: root,
    licenses: [{ expression: "MIT OR Apache-2.0" }],
    components: ["presshook", ...packages()].map((name) => released(name, version)),
  };
  // Of the commit, so that the same is the same whenever it is made; an unpacked archive has none.
  const seconds = output("git", ["log", "-1", "--format=%ct"]);
  const timestamp = seconds && new Date(Number(seconds) * 1000).toISOString();
  const metadata = { ...(timestamp && { timestamp }), component: main };
  return {
    bomFormat: "CycloneDX",
    specVersion: "1.5",
    serialNumber: serial(JSON.stringify({ metadata, ...body })),
    version: 1,
    metadata,
    ...body,
  };
}

/** @param {string} kind @param {string} name @param {string} version */
const purl = (kind, name, version) => `pkg:${kind}/${name.replace("@", "%40")}@${version}`;

/** @param {{ name: string, version: string }} crate */
const crate = ({ name, version }) => purl("cargo", name, version);

/** A package for npm that a release has. @param {string} name @param {string} version */
function released(name, version) {
  const ref = purl("npm", name, version);
  return { type: "application", "bom-ref": ref, name, version, purl: ref };
}

/** @param {import("./crates.mjs").Crate[]} crates */
function components(crates) {
  const lock = readFileSync(path.join(ROOT, "Cargo.lock"), "utf8");
  const locked = lock.matchAll(/^name = "(.+)"\nversion = "(.+)"\nsource = .+\nchecksum = "(.+)"$/gm);
  const sums = new Map([...locked].map(([, name, version, sum]) => [crate({ name, version }), sum]));
  return crates.map((it) => {
    const { name, version, license, parts } = it;
    const ref = crate(it);
    const sum = sums.get(ref);
    return {
      type: "library",
      "bom-ref": ref,
      name,
      version,
      purl: ref,
      ...(sum && { hashes: [{ alg: "SHA-256", content: sum }] }),
      ...(license && { licenses: [{ expression: license.replaceAll("/", " OR ") }] }),
      // Who runs the Worker alone need not mind what is wrong with the program.
      properties: parts.map((value) => ({ name: "presshook:part", value })),
    };
  });
}

/** What a crate carries along. @param {import("./crates.mjs").Crate} crate */
function inside(crate) {
  return CARRIED.filter((it) => it.crate === crate.name).map(({ name, header, version, license, cpe }) => {
    const file = path.join(path.dirname(crate.manifest_path), header);
    const [, at] = version.exec(readFileSync(file, "utf8")) ?? [];
    if (at === undefined) throw new Error(`${file} tells no version any more`);
    const ref = purl("generic", name, at);
    const component = {
      type: "library",
      "bom-ref": ref,
      name,
      version: at,
      ...(cpe && { cpe: cpe(at) }),
      purl: ref,
      licenses: [{ license }],
      properties: [{ name: "presshook:part", value: "program" }],
    };
    return { by: crate.name, ref, component };
  });
}

/** What a release is made with, each at its pinned version: what is wrong in it may be wrong in what it made. */
function made() {
  const toolchain = readFileSync(path.join(ROOT, "rust-toolchain.toml"), "utf8");
  const [, rust] = /^channel = "(.+)"$/m.exec(toolchain) ?? [];
  if (rust === undefined) throw new Error("rust-toolchain.toml is of another form");
  /** @type {{ packages: Record<string, { version: string, integrity: string }> }} */
  const lock = JSON.parse(readFileSync(path.join(ROOT, "package-lock.json"), "utf8"));
  const tool = (/** @type {string} */ kind, /** @type {string} */ name, /** @type {string} */ version) => {
    const ref = purl(kind, name, version);
    return { type: "application", "bom-ref": `build ${ref}`, name, version, purl: ref };
  };
  return [
    tool("generic", "rust", rust),
    ...TOOLS.map((it) => tool("cargo", it.crate, it.version)),
    ...BUILDING.map((name) => {
      const { version, integrity } = lock.packages[`node_modules/${name}`];
      const content = Buffer.from(integrity.replace(/^sha512-/, ""), "base64").toString("hex");
      return { ...tool("npm", name, version), hashes: [{ alg: "SHA-512", content }] };
    }),
  ];
}

/** The bill's own name, which follows from what it says. @param {string} text */
function serial(text) {
  const hex = createHash("sha256").update(text).digest("hex");
  // As RFC 9562 has those that are made of a hash of their maker's choice.
  const variant = ((parseInt(hex[16], 16) & 0x3) | 0x8).toString(16);
  const parts = [
    hex.slice(0, 8),
    hex.slice(8, 12),
    `8${hex.slice(13, 16)}`,
    variant + hex.slice(17, 20),
    hex.slice(20, 32),
  ];
  return `urn:uuid:${parts.join("-")}`;
}
