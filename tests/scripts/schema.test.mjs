// docs/routes.schema.json, as an editor or a linter reads it: it must agree with the reader, whose examples these are.

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { Ajv2020 } from "ajv/dist/2020.js";
import { parse } from "smol-toml";

/** @param {string} name */
const read = (name) => readFileSync(new URL(`../../${name}`, import.meta.url), "utf8");

const schema = JSON.parse(read("docs/routes.schema.json"));
const vectors =
  /** @type {{ good: { name: string, rules: string }[], bad: { rules: string, wrong: string, schema?: string }[] }} */ (
    /** @type {unknown} */ (parse(read("tests/vectors/routes.toml")))
  );
const validate = new Ajv2020({ strict: true, strictTypes: false, allErrors: true }).compile(schema);

/** @param {string} text */
function json(text) {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

test("the schema takes what the reader takes", () => {
  assert.ok(vectors.good.length > 0);
  for (const { name, rules } of vectors.good) {
    assert.ok(validate(JSON.parse(rules)), `${name}: ${JSON.stringify(validate.errors)}`);
  }
});

test("the schema refuses what the reader refuses, as far as it can know", () => {
  const refused = vectors.bad.filter(({ rules }) => json(rules) !== undefined);
  assert.ok(refused.length > 0);
  for (const { rules, schema } of refused) {
    assert.equal(validate(json(rules)), schema === "fine", rules);
  }
});
