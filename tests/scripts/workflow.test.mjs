// What a release is made with, without making one: the workflow, the image and the example for the button name what there
// is; versions, tag and repository agree; and the parts of the npm package that need no package.

import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import {
  chmodSync,
  existsSync,
  mkdirSync,
  readFileSync,
  readdirSync,
  statSync,
  writeFileSync,
} from "node:fs";
import path from "node:path";
import { test } from "node:test";
import { parseEnv } from "node:util";
import { parse } from "yaml";
import { PLATFORMS as NAMES, program } from "../../packages/presshook/lib/program.mjs";
import { add, fresh, ignore, read as readVars } from "../../packages/presshook/lib/vars.mjs";
import { FETCHED, command } from "../../packages/presshook/lib/wrangler.mjs";
import { PARTS } from "../../scripts/release.mjs";
import { PLATFORMS } from "../../scripts/release/binary.mjs";
import { check, notes, repository, version } from "../../scripts/release/version.mjs";
import { example, settings } from "../../scripts/release/worker.mjs";
import { Problem, ROOT } from "../../scripts/shell.mjs";
import { inDirectory } from "./directory.mjs";

/** @param {string} file */
const read = (file) => readFileSync(path.join(ROOT, file), "utf8");
const WORKFLOW = read(".github/workflows/release.yml");

/**
 * @typedef {{ uses?: string, run?: string, with?: Record<string, unknown> }} Step
 * @typedef {{ steps: Step[], permissions: Record<string, string>, needs?: string | string[], strategy?: any }} Job
 */
/** @type {{ permissions: unknown, jobs: Record<string, Job> }} */
const workflow = parse(WORKFLOW);
const jobs = Object.entries(workflow.jobs);
const runs = jobs.flatMap(([, job]) => job.steps.flatMap((step) => step.run ?? []));

test("each script, task and part that the workflow runs is there", () => {
  const tasks = JSON.parse(read("package.json")).scripts;
  const all = runs.join("\n");
  const scripts = [...all.matchAll(/node (scripts\/\S+\.mjs)/g)].map(([, file]) => file);
  assert.ok(scripts.length > 4);
  for (const file of scripts) assert.ok(existsSync(path.join(ROOT, file)), file);
  for (const [, task] of all.matchAll(/npm (?:run )?(test|setup)\b/g)) assert.ok(task in tasks, task);
  const parts = [...all.matchAll(/--only (\S+)/g)].flatMap(([, list]) => list.split(","));
  assert.deepEqual(parts.toSorted(), Object.keys(PARTS).toSorted(), "each part is made once");
  assert.ok(workflow.jobs.test.steps.some((step) => step.run === "npm test"));
  assert.match(all, /--check-tag "\$GITHUB_REF_NAME"/);
});

test("what runs before anything is installed needs no package", () => {
  // The set-up itself, and what the workflows run on machines that have nothing else.
  const files = new Set(["setup", "test", "release", "deny"].map((it) => path.join("scripts", `${it}.mjs`)));
  // A set is gone through with what is added to it meanwhile.
  for (const file of files) {
    const imports = [...read(file).matchAll(/^(?:import|export) [^;]*?from "(.+)";$/gm)].map(
      ([, from]) => from,
    );
    for (const from of imports) {
      assert.match(from, /^(node:|\.)/, file);
      if (from.startsWith(".")) files.add(path.join(path.dirname(file), from));
    }
  }
  assert.ok(files.size > 20);
});

test("the program is made for each platform, on a machine of its kind", () => {
  const matrix = workflow.jobs.binary.strategy.matrix.include;
  assert.deepEqual(
    matrix.map((/** @type {{ target: string }} */ it) => it.target),
    PLATFORMS.map((it) => it.target),
  );
  for (const { runner, target } of matrix) {
    assert.equal(runner.startsWith("macos"), target.includes("apple"), runner);
    assert.equal(/-arm$|^macos-\d+$/.test(runner), target.startsWith("aarch64"), runner);
  }
  assert.deepEqual(
    NAMES,
    PLATFORMS.map((it) => it.npm),
  );
});

test("a job may do what it needs and nothing else", () => {
  assert.deepEqual(workflow.permissions, {});
  const writes = jobs.map(([name, job]) => [
    name,
    Object.entries(job.permissions ?? {}).flatMap(([what, how]) => (how === "write" ? [what] : [])),
  ]);
  assert.deepEqual(Object.fromEntries(writes), {
    test: [],
    binary: [],
    package: ["id-token", "attestations"],
    image: ["packages"],
    npm: ["id-token"],
    release: ["contents"],
  });
  // Whoever may publish runs nothing of the checkout's.
  assert.ok(!workflow.jobs.npm.steps.some((step) => step.uses?.startsWith("actions/checkout")));
  for (const [name, job] of jobs) {
    if (name !== "test") assert.ok(job.needs, `${name} waits for what was tested`);
  }
});

test("nobody's text becomes part of a script", () => {
  for (const run of runs) assert.doesNotMatch(run, /\$\{\{/);
});

test("the image takes the programs of a release in place of its stage `build`, for each architecture", () => {
  const dockerfile = read("Dockerfile");
  const at = "/out/${TARGETARCH}/presshook";
  assert.ok(dockerfile.includes(`install -D target/release/presshook ${at}\n`));
  assert.ok(dockerfile.includes(`\nCOPY --from=build ${at} /usr/local/bin/presshook\n`));
  assert.equal(dockerfile.match(/^ARG TARGETARCH$/gm)?.length, 2, "each stage asks for it");
  assert.deepEqual(dockerfile.match(/--from=\S+/g), ["--from=build"], "nothing else comes from that stage");
  const build = runs.find((it) => it.includes("docker buildx build")) ?? "";
  const images = PLATFORMS.flatMap((it) => (it.image ? [`linux/${it.image}`] : []));
  assert.match(build, new RegExp(`--platform ${images.join(",")} `));
  assert.match(build, /--build-context build=dist\/image --provenance mode=max --sbom true /);
  // scripts/release/image.mjs lays it out so; tests/scripts/release.test.mjs looks.
  assert.match(
    read("scripts/release/image.mjs"),
    /path\.join\(directory, "out", String\(platform\.image\)\)/,
  );
});

test("only a tag of this version, told of in the changelog, in the named repository, may be released", () => {
  const tag = `v${version()}`;
  const changelog = `# Changelog\n\n## Unreleased\n\n## ${version()} (2026-11-26)\n\n- All of it.\n\n## 0.0.9\n\n- Less.\n`;
  check(tag, { changelog });
  assert.throws(() => check("v999.0.0", { changelog }), /The tag is v999\.0\.0.*must be v/);
  assert.throws(() => check(tag.slice(1), { changelog }), /must be v/);
  assert.throws(() => check(tag, { changelog: "## Unreleased\n" }), /no section "## \d/);
  assert.throws(
    () => check(tag, { changelog, at: "https://github.com/somebody/else" }),
    /package\.json names/,
  );
  const placeholder = repository().includes("/OWNER/");
  const same = () => check(tag, { changelog, at: repository() });
  if (placeholder) assert.throws(same, Problem);
  else same();
  assert.equal(notes(version(), changelog), "- All of it.");
});

test("every document leads to the one repository", () => {
  const listed = execFileSync("git", ["ls-files", "*.md", "*.json", "*.yml"], {
    cwd: ROOT,
    encoding: "utf8",
  });
  const files = listed
    .split("\n")
    .filter((it) => it && !it.startsWith("tests/") && existsSync(path.join(ROOT, it)));
  let found = 0;
  for (const file of files) {
    for (const [url] of read(file).matchAll(/https:\/\/github\.com\/[\w.-]+\/presshook\b/g)) {
      assert.equal(url, repository(), file);
      found += 1;
    }
  }
  assert.ok(found > 1, "the README's button leads there");
  // Also where it is named without its host.
  const [, name] = /github\.com\/(.+)$/.exec(repository()) ?? [];
  for (const file of files) {
    for (const [, it] of read(file).matchAll(/(?:ghcr\.io\/|--repo )([\w.-]+\/[\w.-]+?)(?=[\s:`]|$)/g)) {
      assert.equal(it, name, file);
    }
  }
});

test("from nothing to the first verified delivery the README needs five steps at most", () => {
  const section =
    read("README.md")
      .split("\n## ")
      .find((it) => it.startsWith("On Cloudflare\n")) ?? "";
  const ways = section.split("\n### ").map((it) => it.match(/^\d+\. /gm) ?? []);
  assert.deepEqual(
    ways.filter((steps) => steps.length > 0).map((steps) => steps.length <= 5),
    [true, true],
  );
});

test("the button's directory is one that Cloudflare can build by itself", () => {
  const button = `https://deploy.workers.cloudflare.com/?url=${repository()}/tree/main/examples/worker`;
  assert.ok(read("README.md").includes(`](${button})`));
  const { dependencies, scripts, cloudflare } = JSON.parse(read("examples/worker/package.json"));
  assert.deepEqual(Object.keys(dependencies), ["presshook"]);
  assert.deepEqual([scripts.deploy, scripts.build], ["wrangler deploy", undefined]);
  assert.equal(
    read("examples/worker/wrangler.toml"),
    example(),
    "make it again of wrangler.toml: npm run docs",
  );
  // What it asks for: without a value that somebody might leave as it is, and each explained.
  const asked = /** @type {Record<string, string>} */ (parseEnv(read("examples/worker/.dev.vars.example")));
  assert.deepEqual(new Set(Object.values(asked)), new Set([""]));
  assert.deepEqual(Object.keys(cloudflare.bindings).sort(), Object.keys(asked).sort());
  const known = read("src/settings/table.rs");
  for (const name of Object.keys(asked)) {
    assert.ok(known.includes(`"${name.replace("BLOGSHOOT", "<SOURCE>")}"`), `${name} is a setting`);
  }
  const wrangler = JSON.parse(read("package.json")).devDependencies.wrangler;
  assert.equal(JSON.parse(read("examples/worker/package.json")).devDependencies.wrangler, wrangler);
});

test("the Worker's settings are the checkout's, without a build", () => {
  const text = read("wrangler.toml");
  const built = settings("index.js", text);
  assert.ok(!/^\[build\]|^command|^watch_dir/m.test(built));
  assert.match(built, /^main = "index\.js"\n.*\nno_bundle = true$/m);
  const kept = (/** @type {string} */ it) =>
    it.split("\n").filter((line) => line.startsWith("[") || line.startsWith("#"));
  assert.deepEqual(
    kept(built).filter((line) => !line.startsWith("# It is compiled")),
    kept(text).filter((line) => line !== "[build]"),
  );
  assert.throws(() => settings("index.js", text.replace(/^main.*$/m, "")), /another form/);
});

test("a program that is not there is told of in the words of whoever misses it", () => {
  const resolve = (/** @type {string} */ name) => `/modules/${name}`;
  for (const platform of NAMES) {
    assert.equal(program(platform, resolve), `/modules/@presshook/${platform}/bin/presshook`);
  }
  assert.throws(() => program("win32-x64", resolve), /no presshook program for win32-x64.*init.*WSL/s);
  assert.throws(
    () => program("freebsd-x64", resolve),
    /no presshook program for freebsd-x64.*cargo install/s,
  );
  const missing = () => {
    throw new Error("ERR_MODULE_NOT_FOUND");
  };
  assert.throws(
    () => program("linux-arm64", missing),
    /@presshook\/linux-arm64 is not installed.*npm install/s,
  );
});

test("wrangler is the one of the project, of the machine, or npm's", () => {
  inDirectory((directory) => {
    const project = path.join(directory, "sites", "mine");
    mkdirSync(project, { recursive: true });
    assert.equal(FETCHED, `wrangler@${JSON.parse(read("package.json")).devDependencies.wrangler}`);
    assert.deepEqual(command(project, ""), ["npx", "--yes", FETCHED]);
    const put = (/** @type {string} */ place) => {
      mkdirSync(place, { recursive: true });
      const file = path.join(place, "wrangler");
      writeFileSync(file, "");
      chmodSync(file, 0o755);
      return file;
    };
    const machine = put(path.join(directory, "bin"));
    assert.deepEqual(command(project, path.join(directory, "bin")), [machine]);
    const above = put(path.join(directory, "sites", "node_modules", ".bin"));
    assert.deepEqual(command(project, path.join(directory, "bin")), [above]);
    const own = put(path.join(project, "node_modules", ".bin"));
    assert.deepEqual(command(project, path.join(directory, "bin")), [own]);
  });
});

test("local settings are added, never changed, and read back as they were", () => {
  inDirectory((directory) => {
    const file = path.join(directory, ".dev.vars");
    const values = {
      PLAIN: "https://host.example/hook?a=b&c=%20",
      SPACE: "two words",
      HASH: "before#after",
      QUOTE: 'a "word"',
      APOSTROPHE: "it's",
      DOLLAR: "a$b",
    };
    assert.deepEqual(add(file, values, "Words."), Object.keys(values));
    assert.deepEqual(readVars(file), values);
    assert.equal(statSync(file).mode & 0o777, 0o600);
    assert.deepEqual(add(file, { PLAIN: "other", MORE: "1" }, "Words."), ["MORE"]);
    assert.deepEqual(readVars(file), { ...values, MORE: "1" });
    // One that somebody made, without a line's end and for everybody to read.
    writeFileSync(file, "# mine\nOWN=1\nEMPTY=", { mode: 0o644 });
    chmodSync(file, 0o644);
    assert.deepEqual(add(file, { EMPTY: "now set" }, "Words."), ["EMPTY"]);
    assert.deepEqual(readVars(file), { OWN: "1", EMPTY: "now set" });
    assert.ok(readFileSync(file, "utf8").startsWith("# mine\nOWN=1\nEMPTY=\n"));
    assert.equal(statSync(file).mode & 0o777, 0o600);
    assert.deepEqual([ignore(directory, ".dev.vars"), ignore(directory, ".dev.vars")], [true, false]);
    assert.deepEqual(readdirSync(directory).sort(), [".dev.vars", ".gitignore"]);
  });
  assert.notEqual(fresh(), fresh());
  assert.match(fresh("user:password"), /^presshook:[0-9a-f]{64}$/);
  assert.equal(Buffer.from(fresh("base64").replace("whsec_", ""), "base64").length, 32);
});
