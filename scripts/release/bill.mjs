// The bill of materials: every crate that the program or the Worker is made of, as CycloneDX.

import { writeFileSync } from "node:fs";
import path from "node:path";
import { Problem, ROOT, output, say } from "../shell.mjs";

/** @typedef {{ id: string, name: string, version: string, license: string | null, source: string | null }} Package */

/**
 * @param {string} out
 * @param {string} version
 */
export function bill(out, version) {
  const file = path.join(out, `presshook-${version}.cdx.json`);
  const components = crates().map(({ name, version, license }) => ({
    type: "library",
    "bom-ref": `pkg:cargo/${name}@${version}`,
    name,
    version,
    purl: `pkg:cargo/${name}@${version}`,
    ...(license && { licenses: [{ expression: license.replaceAll("/", " OR ") }] }),
  }));
  const whole = {
    bomFormat: "CycloneDX",
    specVersion: "1.5",
    version: 1,
    metadata: {
      component: { type: "application", name: "presshook", version, purl: `pkg:cargo/presshook@${version}` },
    },
    components,
  };
  writeFileSync(file, `${JSON.stringify(whole, null, 2)}\n`);
  say(`${path.relative(ROOT, file)}: ${components.length} crates`);
}

/** What is compiled in, and not what only tests or building need. */
function crates() {
  const text = output("cargo", ["metadata", "--format-version", "1", "--locked"]);
  if (text === undefined) throw new Problem("cargo metadata failed");
  /** @type {{ packages: Package[], resolve: { root: string, nodes: { id: string, deps: { pkg: string, dep_kinds: { kind: string | null }[] }[] }[] } }} */
  const { packages, resolve } = JSON.parse(text);
  const nodes = new Map(resolve.nodes.map((node) => [node.id, node]));
  const reached = new Set([resolve.root]);
  for (const id of reached) {
    for (const { pkg, dep_kinds } of nodes.get(id)?.deps ?? []) {
      if (dep_kinds.some(({ kind }) => kind === null)) reached.add(pkg);
    }
  }
  reached.delete(resolve.root);
  return packages
    .filter((it) => reached.has(it.id))
    .sort((a, b) => (a.name + a.version < b.name + b.version ? -1 : 1));
}
