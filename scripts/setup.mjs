// `npm run setup`: everything that building and testing needs. What is there already is left alone, so a second run
// takes a second.

import { createHash } from "node:crypto";
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import path from "node:path";
import { pathToFileURL } from "node:url";
import { Problem, ROOT, bold, main, output, run, say } from "./shell.mjs";
import { TOOLS, find, toolRoot } from "./tools.mjs";

/** @param {{ tools?: import("./tools.mjs").Tool[] }} [wanted] what compiles the Worker, unless that is not wanted */
export async function setup({ tools = TOOLS } = {}) {
  const steps = [
    { name: "Programs that must be there", run: prerequisites },
    { name: "npm packages", run: packages },
    { name: "Rust toolchain and the Wasm target", run: rust },
    ...tools.map((tool) => ({
      name: `${tool.crate} ${tool.version}`,
      run: (/** @type {() => void} */ begin) => program(tool, begin),
    })),
  ];
  for (const [index, step] of steps.entries()) {
    const started = Date.now();
    const label = `[${index + 1}/${steps.length}] ${step.name}`;
    const already = await step.run(() => say(bold(label)));
    const took = `${((Date.now() - started) / 1000).toFixed(1)} s`;
    say(already ? `${label}: ${already}` : `${label}: done in ${took}`);
  }
}

async function prerequisites() {
  const [major, minor] = process.versions.node.split(".").map(Number);
  if (major < 20 || (major === 20 && minor < 12)) {
    throw new Problem(
      `Node.js 20.12 or later is needed, this is ${process.versions.node}. See https://nodejs.org`,
    );
  }
  if (!output("npm", ["--version"])) {
    throw new Problem("npm is missing. It comes with Node.js: https://nodejs.org");
  }
  compilers();
  return `Node.js ${process.versions.node}, npm, rustup, cc`;
}

/** What compiles the native programs. */
export function compilers() {
  if (!output("rustup", ["--version"])) {
    throw new Problem(
      "rustup is missing. It installs Rust: see https://rustup.rs, then open a new terminal.",
    );
  }
  if (!output("cc", ["--version"])) {
    throw new Problem(
      process.platform === "darwin"
        ? "A C compiler and linker (cc) is missing. Install it with: xcode-select --install"
        : "A C compiler and linker (cc) is missing. Install it with: sudo apt-get install build-essential " +
            "(Debian, Ubuntu) or sudo dnf install gcc (Fedora)",
    );
  }
}

/** @param {() => void} begin */
async function packages(begin) {
  const node = () => {
    if (output(path.join(ROOT, "node_modules", ".bin", "node"), ["--version"])) return;
    throw new Problem(
      "npm installed the packages without running their install scripts, which fetch Node.js and workerd. " +
        "Allow them (npm config set ignore-scripts false), delete node_modules and try again.",
    );
  };
  return (await locked(ROOT, begin, node)) ? undefined : "there";
}

/**
 * Installs the packages of a directory's lock file, unless they are there; tells whether it did.
 *
 * @param {string} directory
 * @param {() => void} begin is told before it takes its time
 * @param {() => void} [check] fails where they are not whole
 */
export async function locked(directory, begin, check = () => {}) {
  const wanted = createHash("sha256")
    .update(readFileSync(path.join(directory, "package-lock.json")))
    .digest("hex");
  const marker = path.join(directory, "node_modules", ".presshook-lock");
  if (existsSync(marker) && readFileSync(marker, "utf8") === wanted) return false;
  begin();
  // npm itself may run on an older Node.js than the packages want; the project's own is among them.
  await run("npm", ["ci", "--loglevel=error"], {
    cwd: directory,
    remedy: "The npm packages could not be installed. Is the npm registry reachable?",
  });
  check();
  writeFileSync(marker, wanted);
  return true;
}

/** @param {() => void} begin */
async function rust(begin) {
  const file = readFileSync(path.join(ROOT, "rust-toolchain.toml"), "utf8");
  const channel = /channel = "(.+)"/.exec(file)?.[1] ?? "stable";
  const at = ["--toolchain", channel];
  const components = output("rustup", ["component", "list", "--installed", ...at]) ?? "";
  const targets = output("rustup", ["target", "list", "--installed", ...at]) ?? "";
  const missing = ["clippy", "rustfmt"].filter((it) => !components.includes(it));
  const target = "wasm32-unknown-unknown";
  if (missing.length === 0 && targets.includes(target)) return `${channel}, there`;
  begin();
  const remedy = `rustup could not install it. Try by hand: rustup toolchain install ${channel} --target ${target}`;
  if (components === "") {
    await run("rustup", ["toolchain", "install", channel, "--profile", "minimal"], { remedy });
  }
  if (missing.length > 0) await run("rustup", ["component", "add", ...at, ...missing], { remedy });
  if (!targets.includes(target)) await run("rustup", ["target", "add", ...at, target], { remedy });
}

/**
 * Compiles a pinned program, unless it is there.
 *
 * @param {import("./tools.mjs").Tool} tool
 * @param {() => void} begin is told before it takes its time
 */
export async function program(tool, begin) {
  if (find(tool)) return "there";
  begin();
  say(`Compiling it takes about ${tool.minutes} minutes on two cores, once on this machine.`);
  const args = ["install", `${tool.crate}@${tool.version}`, "--locked", "--root", toolRoot(tool)];
  await run("cargo", args, { remedy: `${tool.crate} could not be compiled; the reason stands above.` });
}

if (import.meta.url === pathToFileURL(process.argv[1]).href) await main(() => setup());
