// What `npm run mutants` asks of the tool, and what it makes of the tool's report.

import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import path from "node:path";
import { test } from "node:test";
import { MODULES, asked, tally } from "../../scripts/mutants.mjs";
import { Problem, ROOT } from "../../scripts/shell.mjs";

test("each module is there, and is asked for with all that lies in it", () => {
  for (const name of MODULES) {
    assert.ok(existsSync(path.join(ROOT, "src", `${name}.rs`)), name);
    const files = ["--file", `src/${name}.rs`, "--file", `src/${name}/**/*.rs`];
    assert.deepEqual(asked([name]), files);
    const shard = ["--shard", "3/16", "--sharding", "round-robin"];
    assert.deepEqual(asked([name, "--shard", "3/16"]), [...files, ...shard]);
  }
  assert.equal(asked([]).length, MODULES.length * 4);
  assert.deepEqual(asked(["--shard", "0/2"]).slice(-4), ["--shard", "0/2", "--sharding", "round-robin"]);
});

test("what is no module and no shard is told", () => {
  for (const words of [["native"], ["signature", "routes"], ["--shard"], ["--shard", "1"], ["--list"]]) {
    assert.throws(() => asked(words), Problem, words.join(" "));
  }
});

test("caught is what a test noticed or never came to an end, of what compiles", () => {
  /** @param {string} file @param {string} summary */
  const outcome = (file, summary) => ({
    scenario: { Mutant: { file, name: `${file}: ${summary}` } },
    summary,
  });
  const sums = tally([
    { scenario: "Baseline", summary: "Success" },
    outcome("src/routes.rs", "CaughtMutant"),
    outcome("src/routes/why.rs", "Timeout"),
    outcome("src/routes/why.rs", "Unviable"),
    outcome("src/routes/read.rs", "MissedMutant"),
    outcome("src/store.rs", "Unviable"),
  ]);
  assert.deepEqual(sums, [
    { module: "routes", caught: 2, all: 3, missed: ["src/routes/read.rs: MissedMutant"], percent: 200 / 3 },
    { module: "store", caught: 0, all: 0, missed: [], percent: 100 },
  ]);
});
