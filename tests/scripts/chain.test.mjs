// What the project is made of, and by whom: everything is pinned by its hash, nothing of others' runs that is not named,
// and what is new, or known to be bad, is noticed.

import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { mkdirSync, mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { after, before, describe, test } from "node:test";
import { parse as parseToml } from "smol-toml";
import { parse } from "yaml";
import { TARGETS } from "../../scripts/release/crates.mjs";
import { program } from "../../scripts/setup.mjs";
import { ENVIRONMENT, ROOT } from "../../scripts/shell.mjs";
import { DENY, find } from "../../scripts/tools.mjs";

/** @typedef {{ uses?: string, run?: string, with?: Record<string, unknown> }} Step */

/** @param {string} file */
const read = (file) => readFileSync(path.join(ROOT, file), "utf8");

const workflows = readdirSync(path.join(ROOT, ".github", "workflows")).map((name) => {
  const text = read(path.join(".github", "workflows", name));
  /** @type {{ permissions: Record<string, string>, jobs: Record<string, { steps: Step[] }>, on: any }} */
  const { permissions, jobs, on } = parse(text);
  return { name, text, permissions, on, steps: Object.values(jobs).flatMap((job) => job.steps) };
});

test("each action of a workflow is pinned, in one version, and is handed no credentials that it can keep", () => {
  const uses = workflows.flatMap(({ text }) => [...text.matchAll(/uses: (.*)/g)].map(([, it]) => it));
  assert.ok(uses.length > 10);
  for (const it of uses) assert.match(it, /^[\w-]+\/[\w-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+$/);
  assert.equal(new Set(uses).size, new Set(uses.map((it) => it.split("@")[0])).size);
  for (const { name, permissions, steps } of workflows) {
    const writes = Object.values(permissions).filter((it) => it !== "read");
    assert.deepEqual(writes, [], `${name}: what a job may write it says itself`);
    for (const step of steps.filter((it) => it.uses?.startsWith("actions/checkout@"))) {
      assert.equal(step.with?.["persist-credentials"], false, name);
    }
  }
});

test("each npm package is pinned by its hash, and those that run something while installed are named", () => {
  for (const directory of [".", "examples/astro"]) {
    /** @type {{ packages: Record<string, { integrity?: string, hasInstallScript?: boolean, link?: boolean }> }} */
    const lock = JSON.parse(read(path.join(directory, "package-lock.json")));
    const all = Object.entries(lock.packages).filter(([place]) => place !== "");
    assert.ok(all.length > 100, directory);
    for (const [place, { integrity }] of all) assert.match(String(integrity), /^sha512-/, place);
    const running = all
      .filter(([, it]) => it.hasInstallScript)
      .map(([place]) => place.split("node_modules/").at(-1));
    const { allowScripts } = JSON.parse(read(path.join(directory, "package.json")));
    assert.deepEqual(running.sort(), Object.keys(allowScripts).sort(), directory);
  }
});

test("each crate is pinned by its hash, and comes from one place", () => {
  const lock = /** @type {{ package: { name: string, source?: string, checksum?: string }[] }} */ (
    /** @type {unknown} */ (parseToml(read("Cargo.lock")))
  ).package.filter((it) => it.name !== "presshook");
  assert.ok(lock.length > 100);
  assert.equal(new Set(lock.map((it) => it.source)).size, 1);
  for (const { name, checksum } of lock) assert.match(String(checksum), /^[0-9a-f]{64}$/, name);
});

/** What of Cargo's own takes versions from somewhere. */
const COMPILES = /^"(build|check|clippy|doc|install|metadata|run|rustc|test|tree)"/;

test("nothing is built or installed but as it is pinned", () => {
  const scripts = /** @type {string[]} */ (readdirSync(path.join(ROOT, "scripts"), { recursive: true }));
  const files = scripts.filter((it) => it.endsWith(".mjs")).map((it) => path.join("scripts", it));
  const calls = files.flatMap((file) =>
    [...read(file).matchAll(/\(\s*"(cargo|npm)",\s*\[([^\]]*)\]/g)].map(([, of, args]) => ({
      file,
      of,
      args,
    })),
  );
  assert.ok(calls.length > 5);
  for (const { file, of, args } of calls) {
    if (of === "npm") assert.doesNotMatch(args, /"(install|i|update)"/, file);
    else if (COMPILES.test(args)) assert.match(args, /"--locked"/, `${file}: cargo ${args}`);
  }
  const runs = workflows.flatMap(({ steps }) => steps.flatMap((step) => step.run ?? []));
  for (const [command] of [...runs, read("Dockerfile")]
    .join("\n")
    .matchAll(/^.*\bcargo (build|install) .*/gm)) {
    assert.match(command, /--locked/);
  }
  for (const run of runs) assert.doesNotMatch(run, /npm (install|i) /);
});

test("the crates are compared with deny.toml by each `npm test`, for all that a release is compiled for", () => {
  assert.match(read("scripts/test.mjs"), /run: \(\) => deny\(\) \}/);
  const deny = /** @type {{ graph: { targets: string[] } }} */ (
    /** @type {unknown} */ (parseToml(read("deny.toml")))
  );
  // And what the tests run on.
  const all = [...Object.values(TARGETS).flat(), "x86_64-unknown-linux-gnu"];
  assert.deepEqual(deny.graph.targets.toSorted(), all.toSorted());
});

test("what is known against crates and packages is asked each week, and when they change", () => {
  const advisories = workflows.find((it) => it.name === "advisories.yml");
  const runs = advisories?.steps.map((it) => it.run);
  assert.ok(runs?.includes("npm run deny -- advisories") && runs.some((it) => it?.startsWith("npm audit ")));
  assert.match(advisories?.on.schedule[0].cron, /^\d+ \d+ \* \* \d$/);
  for (const event of ["push", "pull_request"]) {
    for (const file of ["Cargo.lock", "package-lock.json", "examples/astro/package-lock.json"]) {
      assert.ok(advisories?.on[event].paths.includes(file), `${event}: ${file}`);
    }
  }
});

describe("deny.toml", () => {
  const directory = mkdtempSync(path.join(tmpdir(), "presshook-"));
  before(() => program(DENY, () => {}));
  after(() => rmSync(directory, { recursive: true, force: true }));

  /**
   * A crate that depends on another, which is as somebody has made it.
   *
   * @param {string} name
   * @param {{ manifest?: string, from?: string, files?: Record<string, string> }} other
   */
  function refused(name, { manifest = 'license = "MIT"', from = 'version = "1", ', files = {} }) {
    const at = path.join(directory, name);
    const head = (/** @type {string} */ of) =>
      `[package]\nname = "${of}"\nversion = "1.0.0"\nedition = "2021"\n`;
    const written = {
      "one/Cargo.toml": `${head("one")}license = "MIT"\n[dependencies]\nother = { ${from}path = "../other" }\n`,
      "one/src/lib.rs": "",
      "other/Cargo.toml": `${head("other")}${manifest}\n`,
      "other/src/lib.rs": "",
      ...Object.fromEntries(Object.entries(files).map(([file, text]) => [`other/${file}`, text])),
    };
    for (const [file, text] of Object.entries(written)) {
      mkdirSync(path.dirname(path.join(at, file)), { recursive: true });
      writeFileSync(path.join(at, file), text);
    }
    const args = ["--offline", "--manifest-path", path.join(at, "one", "Cargo.toml")];
    const checks = ["--config", path.join(ROOT, "deny.toml"), "check", "licenses", "bans", "sources"];
    const { stderr } = spawnSync(String(find(DENY)), [...args, ...checks], {
      cwd: ROOT,
      env: ENVIRONMENT,
      encoding: "utf8",
    });
    return stderr;
  }

  test("a crate with a license that was not agreed to is refused", () => {
    assert.match(refused("license", { manifest: 'license = "AGPL-3.0-only"' }), /error\[rejected\]/);
  });

  test("a crate that would run a script while it is compiled is refused until somebody has read that", () => {
    const told = refused("script", { files: { "build.rs": "fn main() {}" } });
    assert.match(told, /error\[build-script-not-allowed\].*'other/);
  });

  test("a crate that is not pinned to a version is refused", () => {
    assert.match(refused("wildcard", { from: 'version = "*", ' }), /error\[wildcard\]/);
  });
});
