// Takes out of the published schema of CycloneDX what a bill of ours has, and writes it beside this file, small enough to
// be kept: `node tests/scripts/bill/excerpt.mjs SCHEMA`, run by hand when another version is to be taken. SCHEMA is
// `res/schema/bom-1.5.SNAPSHOT.schema.json` of the npm package `@cyclonedx/cyclonedx-library`.
// Every schema here allows no further members, so that what the excerpt takes, the whole takes too.

import { readFileSync, writeFileSync } from "node:fs";
import path from "node:path";

/** The members that are kept, of each definition; those of the whole are under "". */
const KEPT = {
  "": [
    "bomFormat",
    "specVersion",
    "serialNumber",
    "version",
    "metadata",
    "components",
    "dependencies",
    "formulation",
  ],
  metadata: ["timestamp", "component"],
  component: [
    "type",
    "bom-ref",
    "name",
    "version",
    "hashes",
    "licenses",
    "cpe",
    "purl",
    "components",
    "properties",
  ],
  hash: ["alg", "content"],
  license: ["name"],
  dependency: ["ref", "dependsOn"],
  formula: ["bom-ref", "components"],
  property: ["name", "value"],
};

/** Members that explain, and describe nothing. */
const WORDS = /^(\$schema|\$id|\$comment|title|description|examples|meta:enum|deprecated|default)$/;

const [, , file] = process.argv;
const whole = JSON.parse(readFileSync(file, "utf8"));

/** @param {any} node @param {string[]} [kept] @returns {any} */
function taken(node, kept) {
  if (Array.isArray(node)) return node.map((it) => taken(it));
  if (typeof node !== "object" || node === null) return node;
  const members = Object.entries(node).filter(([name]) => !WORDS.test(name));
  return Object.fromEntries(
    members.map(([name, value]) =>
      name === "properties"
        ? [name, Object.fromEntries((kept ?? Object.keys(value)).map((it) => [it, taken(value[it])]))]
        : [name, taken(value)],
    ),
  );
}

/** @type {Record<string, any>} */
const definitions = {};
const excerpt = taken({ ...whole, definitions: {} }, KEPT[""]);
const named = (/** @type {any} */ node) =>
  [...JSON.stringify(node).matchAll(/"#\/definitions\/([\w-]+)"/g)].map(([, name]) => name);
const wanted = new Set(named(excerpt));
// A set is gone through with what is added to it meanwhile.
for (const name of wanted) {
  const kept = /** @type {Record<string, string[]>} */ (KEPT)[name];
  definitions[name] = taken(whole.definitions[name], kept);
  // Licenses are told as expressions, or by a name of their own, and by no id of the long list.
  if (name === "license") definitions[name] = { ...definitions[name], oneOf: undefined, required: ["name"] };
  if (kept) definitions[name].additionalProperties = false;
  named(definitions[name]).forEach((it) => wanted.add(it));
}
const told = { ...excerpt, definitions };
writeFileSync(
  path.join(import.meta.dirname, "cyclonedx-1.5.schema.json"),
  `${JSON.stringify(told, null, 2)}\n`,
);
