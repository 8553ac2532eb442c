// What `npm run send` makes of the words on its command line.

import assert from "node:assert/strict";
import path from "node:path";
import test from "node:test";
import { meant } from "../../scripts/send.mjs";

const HERE = path.resolve("/somewhere");
const PAYLOAD = path.join(HERE, "payload.json");

/** @type {[string, string, string[]][]} */
const cases = [
  ["article.created", "blogshoot", ["blogshoot", "article.created"]],
  ["ghost post.published", "ghost", ["ghost", "post.published"]],
  ["--repeat 5 test", "blogshoot", ["blogshoot", "--repeat", "5", "test"]],
  ["test --repeat=5 --fresh", "blogshoot", ["blogshoot", "test", "--repeat=5", "--fresh"]],
  ["--bad-signature test", "blogshoot", ["blogshoot", "--bad-signature", "test"]],
  [
    "ghost --concurrency 2 x --url http://u/",
    "ghost",
    ["ghost", "--concurrency", "2", "x", "--url", "http://u/"],
  ],
  ["test --secret s", "blogshoot", ["blogshoot", "test", "--secret", "s"]],
  ["--file payload.json", "blogshoot", ["blogshoot", "--file", PAYLOAD]],
  ["github --file payload.json", "github", ["github", "--file", PAYLOAD]],
  ["github push --file=payload.json", "github", ["github", "push", `--file=${PAYLOAD}`]],
];

for (const [words, source, args] of cases) {
  test(`npm run send -- ${words}`, () => {
    const { source: sender, args: passed } = meant(words.split(" "), HERE);
    assert.deepEqual({ sender, passed }, { sender: source, passed: args });
  });
}
