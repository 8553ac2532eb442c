// The one version that a release has, wherever it is written, and the repository that it comes from.

import { readFileSync } from "node:fs";
import path from "node:path";
import { Problem, ROOT } from "../shell.mjs";

/** @param {string} file */
const text = (file) => readFileSync(path.join(ROOT, file), "utf8");
/** @param {string} file */
const json = (file) => JSON.parse(text(file));

/** The repository's address, as package.json names it. */
export const repository = () => /** @type {string} */ (json("package.json").repository);

/** Every place that names the version, and what it says. */
function places() {
  const crate = /^\[package\][^[]*?^version = "([^"]+)"$/m.exec(text("Cargo.toml"))?.[1];
  const locked = /^name = "presshook"\nversion = "([^"]+)"$/m.exec(text("Cargo.lock"))?.[1];
  return {
    "Cargo.toml": crate,
    "Cargo.lock": locked,
    "package.json": json("package.json").version,
    "package-lock.json": json("package-lock.json").version,
    "packages/presshook/package.json": json("packages/presshook/package.json").version,
    "examples/worker/package.json": json("examples/worker/package.json").dependencies.presshook,
  };
}

/** The version. */
export function version() {
  const all = Object.entries(places());
  const [, first] = all[0];
  const other = all.find(([, it]) => it !== first);
  if (!first || other) {
    const list = all.map(([file, it]) => `  ${file}: ${it}`).join("\n");
    throw new Problem(`The version is not the same everywhere:\n${list}`);
  }
  return first;
}

/**
 * Whether a tag may be released: it names the version, the changelog tells of it, and the repository is the one that the
 * documents lead to.
 *
 * @param {string} tag
 * @param {{ at?: string | undefined, changelog?: string }} [found] `at` is the repository where this runs
 */
export function check(tag, { at, changelog = text("CHANGELOG.md") } = {}) {
  const wanted = `v${version()}`;
  if (tag !== wanted)
    throw new Problem(`The tag is ${tag}, and the version is ${wanted.slice(1)}: it must be ${wanted}.`);
  if (!changelog.split("\n").some((line) => `${line} `.startsWith(`## ${version()} `))) {
    throw new Problem(
      `CHANGELOG.md has no section "## ${version()}": rename "## Unreleased", and begin a new one above it.`,
    );
  }
  const named = repository();
  if (at === undefined) return;
  // What stands for the owner as long as nobody has said who that is.
  const [, nobody] = /\/(OWNER\/.+)$/.exec(named) ?? [];
  if (nobody) {
    const own = at.split("/").slice(-2).join("/");
    throw new Problem(`package.json names no repository yet. Put ${own} in place of ${nobody} everywhere:
  git grep --files-with-matches ${nobody} | xargs sed -i 's#${nobody}#${own}#g'`);
  }
  if (named !== at) throw new Problem(`This is ${at}, and package.json names ${named}.`);
}

/** What the changelog tells of a version. @param {string} wanted */
export function notes(wanted, changelog = text("CHANGELOG.md")) {
  const section = changelog.split(/^## /m).find((it) => it.startsWith(wanted));
  return section?.slice(section.indexOf("\n")).trim() ?? "";
}
