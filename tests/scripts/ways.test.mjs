// What asks GitHub for a build is as its published description says: each request of the ways' vector files to its API,
// and each answer. `tests/it/actions.rs` shows that those requests are the ones that are sent.

import assert from "node:assert/strict";
import { readFileSync, readdirSync } from "node:fs";
import path from "node:path";
import { test } from "node:test";
import { parse } from "smol-toml";
import { ROOT } from "../../scripts/shell.mjs";
import { described } from "../forges/openapi.mjs";

/**
 * @typedef {object} Exchange
 * @property {{ method: string, url: string, json?: string }} request
 * @property {{ status: number, body?: string }} response
 *
 * @typedef {{ case: { name: string, exchange: Exchange[] }[] }} Vectors
 */

/** Where GitHub's API is, its own and that of GitHub Enterprise. */
const API = /^https:\/\/(?:api\.github\.com|[^/]+\/api\/v3)(?=\/)/;

const directory = path.join(ROOT, "tests", "vectors", "ways");

test("requests to GitHub and its answers are as described", () => {
  const wrong = described("github");
  let checked = 0;
  for (const file of readdirSync(directory)) {
    const text = readFileSync(path.join(directory, file), "utf8");
    const vectors = /** @type {Vectors} */ (/** @type {unknown} */ (parse(text)));
    for (const { name, exchange } of vectors.case) {
      for (const { request, response } of exchange) {
        const [root] = API.exec(request.url) ?? [];
        if (root === undefined) continue;
        const { status, body } = response;
        // Most refusals are described nowhere.
        const answered = status < 300 ? { status, answer: body ? JSON.parse(body) : undefined } : {};
        const asked = { method: request.method, url: request.url, body: request.json, ...answered };
        assert.equal(wrong(asked, root), undefined, `${file}, ${name}`);
        checked += 1;
      }
    }
  }
  assert.ok(checked >= 10, `${checked} requests`);
});

test("a request that is not as described is found", () => {
  const wrong = described("github");
  const root = "https://api.github.com";
  const url = `${root}/repos/o/r/dispatches`;
  const of = (/** @type {object} */ body) => wrong({ method: "POST", url, body: JSON.stringify(body) }, root);
  assert.equal(of({ event_type: "presshook" }), undefined);
  assert.match(of({ event_type: "" }) ?? "", /event_type/);
  const members = Object.fromEntries(Array.from({ length: 11 }, (_, at) => [`m${at}`, at]));
  assert.match(of({ event_type: "e", client_payload: members }) ?? "", /client_payload/);
  assert.match(of({ event_type: "e", other: 1 }) ?? "", /additional/);
});
