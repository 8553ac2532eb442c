// The program for one platform: compiled on a machine of that platform, or of its kind, and put into an archive.

import { chmodSync, copyFileSync, mkdirSync, rmSync, writeFileSync } from "node:fs";
import path from "node:path";
import { Problem, ROOT, bold, programOf, output, run, say } from "../shell.mjs";
import { pack, unpack } from "./archive.mjs";
import { licenses } from "./crates.mjs";

/**
 * A platform that has a program: its name in Rust, in npm, and in images.
 *
 * @typedef {{ target: string, npm: string, image?: string }} Platform
 */

/** @type {Platform[]} */
export const PLATFORMS = [
  { target: "x86_64-unknown-linux-musl", npm: "linux-x64", image: "amd64" },
  { target: "aarch64-unknown-linux-musl", npm: "linux-arm64", image: "arm64" },
  { target: "x86_64-apple-darwin", npm: "darwin-x64" },
  { target: "aarch64-apple-darwin", npm: "darwin-arm64" },
];

/** This machine's. */
export function here() {
  const npm = `${process.platform}-${process.arch}`;
  const platform = PLATFORMS.find((it) => it.npm === npm);
  if (!platform) throw new Problem(`There is no program for ${npm} in a release.`);
  return platform;
}

/** What an archive has beside the program. */
const BESIDE = [
  "LICENSE",
  "LICENSE-APACHE",
  "LICENSE-MIT",
  "examples/server/presshook.env",
  "examples/server/presshook.service",
];

/**
 * @param {string} version
 * @param {Platform} platform
 */
const stem = (version, { target }) => `presshook-${version}-${target}`;

/**
 * @param {string} out
 * @param {string} version
 * @param {Platform} platform
 */
export const archive = (out, version, platform) => path.join(out, `${stem(version, platform)}.tar.gz`);

/**
 * Compiles the program and archives it.
 *
 * @param {string} out
 * @param {string} version
 * @param {Platform} platform
 * @param {string} [ready] a program that is compiled already
 */
export async function binary(out, version, platform, ready) {
  const program = ready ?? (await compile(platform));
  const directory = path.join(out, "stage", stem(version, platform));
  rmSync(directory, { recursive: true, force: true });
  mkdirSync(directory, { recursive: true });
  const copy = path.join(directory, "presshook");
  copyFileSync(program, copy);
  chmodSync(copy, 0o755);
  for (const file of BESIDE) copyFileSync(path.join(ROOT, file), path.join(directory, path.basename(file)));
  writeFileSync(path.join(directory, "THIRD-PARTY.txt"), licenses());
  const file = archive(out, version, platform);
  await pack(directory, file);
  say(`${path.relative(ROOT, file)}`);
}

/**
 * Linux has it with musl, so that it runs on every Linux: linked statically, it needs no library of the machine's.
 *
 * @param {Platform} platform
 */
async function compile({ target }) {
  const installed = output("rustup", ["target", "list", "--installed"])?.split("\n") ?? [];
  if (!installed.includes(target)) {
    throw new Problem(`Rust cannot compile for ${target} here yet: rustup target add ${target}`);
  }
  if (target.endsWith("-musl") && !output("musl-gcc", ["--version"])) {
    throw new Problem("A C compiler for musl is missing. Install it with: sudo apt-get install musl-tools");
  }
  say(bold(`Building the program for ${target} (the first time takes several minutes)`));
  await run("cargo", ["build", "--release", "--locked", "--bin", "presshook", "--target", target], {
    env: {
      // No names of functions: an eighth less to fetch.
      CARGO_PROFILE_RELEASE_STRIP: "symbols",
      ...(target.endsWith("-musl") && { [`CC_${target.replaceAll("-", "_")}`]: "musl-gcc" }),
    },
  });
  const program = programOf(target, "release");
  if (target.endsWith("-musl")) standsAlone(program);
  return program;
}

/** Whether a program needs nothing of the machine that runs it. @param {string} program */
function standsAlone(program) {
  const loader = output("ldd", [program]);
  if (loader !== undefined && !/statically linked|not a dynamic/.test(loader)) {
    throw new Problem(`${program} is not linked statically:\n${loader}`);
  }
}

/**
 * Takes the program out of a platform's archive.
 *
 * @param {string} out
 * @param {string} version
 * @param {Platform} platform
 */
export async function unpacked(out, version, platform) {
  const stage = path.join(out, "stage");
  mkdirSync(stage, { recursive: true });
  await unpack(archive(out, version, platform), stage);
  return path.join(stage, stem(version, platform), "presshook");
}
