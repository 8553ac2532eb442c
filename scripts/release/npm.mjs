// The packages for npm: `presshook`, and one for each platform with its program, which npm chooses by itself. Nothing is
// fetched while they are installed.

import { execFileSync } from "node:child_process";
import { copyFileSync, cpSync, existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import path from "node:path";
import { PLATFORMS as NAMES } from "../../packages/presshook/lib/program.mjs";
import { ROOT, run, say } from "../shell.mjs";
import { PLATFORMS, archive, here, unpacked } from "./binary.mjs";
import { licenses } from "./crates.mjs";
import { repository } from "./version.mjs";
import { stagedPages, stagedWorker } from "./worker.mjs";

const PACKAGE = path.join(ROOT, "packages", "presshook");
const LICENSES = ["LICENSE", "LICENSE-APACHE", "LICENSE-MIT"];

/** The file that npm makes of a package. @param {string} name @param {string} version */
export const tarball = (name, version) => `${name.replace("@", "").replace("/", "-")}-${version}.tgz`;

/** The platforms' packages, by name. */
export const packages = () => PLATFORMS.map((it) => `@presshook/${it.npm}`);

/**
 * Packs `presshook`, and the program of each platform whose archive is there.
 *
 * @param {string} out
 * @param {string} version
 */
export async function npm(out, version) {
  if (NAMES.join() !== PLATFORMS.map((it) => it.npm).join()) throw new Error("the platforms differ");
  for (const platform of PLATFORMS.filter((it) => existsSync(archive(out, version, it)))) {
    const directory = stage(out, platform.npm);
    mkdirSync(path.join(directory, "bin"), { recursive: true });
    copyFileSync(await unpacked(out, version, platform), path.join(directory, "bin", "presshook"));
    const [os, cpu] = platform.npm.split("-");
    await packed(out, directory, {
      name: `@presshook/${platform.npm}`,
      version,
      description: `The presshook program for ${platform.npm}: install the package presshook, which brings it`,
      license: "MIT OR Apache-2.0",
      os: [os],
      cpu: [cpu],
      files: ["LICENSE-*", "THIRD-PARTY.txt", "bin"],
      preferUnplugged: true,
    });
  }
  const directory = stage(out, "presshook");
  cpSync(PACKAGE, directory, { recursive: true });
  cpSync(await stagedWorker(out, version), path.join(directory, "worker"), { recursive: true });
  const made = await stagedPages(out, version);
  mkdirSync(path.join(directory, "pages"));
  for (const [form, place] of [
    ["worker", "output/_worker.js"],
    ["function", "project/presshook"],
  ]) {
    copyFileSync(path.join(made, place, "index.js"), path.join(directory, "pages", `${form}.js`));
  }
  const program = await unpacked(out, version, here());
  writeFileSync(path.join(directory, "senders.json"), execFileSync(program, ["sources", "--json"]));
  await packed(out, directory, {
    ...JSON.parse(readFileSync(path.join(PACKAGE, "package.json"), "utf8")),
    optionalDependencies: Object.fromEntries(packages().map((name) => [name, version])),
  });
}

/** @param {string} out @param {string} name */
function stage(out, name) {
  const directory = path.join(out, "stage", "npm", name);
  rmSync(directory, { recursive: true, force: true });
  return directory;
}

/**
 * @param {string} out
 * @param {string} directory
 * @param {Record<string, unknown>} manifest
 */
async function packed(out, directory, manifest) {
  for (const file of LICENSES) copyFileSync(path.join(ROOT, file), path.join(directory, file));
  writeFileSync(path.join(directory, "THIRD-PARTY.txt"), licenses());
  const whole = { ...manifest, repository: { type: "git", url: `git+${repository()}.git` } };
  writeFileSync(path.join(directory, "package.json"), `${JSON.stringify(whole, null, 2)}\n`);
  await run("npm", ["pack", "--silent", "--ignore-scripts", "--pack-destination", out], { cwd: directory });
  say(`${path.relative(ROOT, out)}/${tarball(String(manifest.name), String(manifest.version))}`);
}
