// The Chromium that the owner's page is tested in: this machine's. Where there is none, and whoever runs the tests may
// install programs here, as in a container, the distribution's is installed; elsewhere it is said how to get one.

import { accessSync, constants } from "node:fs";
import path from "node:path";
import { Problem, bold, output, run, say } from "./shell.mjs";

/** Its names on the path, the best first. */
const NAMES = ["chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome"];
const APPLICATIONS = [
  "/Applications/Chromium.app/Contents/MacOS/Chromium",
  "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome",
];

const named = process.env.PLAYWRIGHT_CHROMIUM ?? process.env.CHROME_BIN;

/** The program: the one that is named, or the first that is there. */
export function findChromium() {
  const directories = (process.env.PATH ?? "").split(path.delimiter);
  const found = NAMES.flatMap((name) => directories.map((directory) => path.join(directory, name)));
  const all = named ? [named] : [...found, ...APPLICATIONS];
  return all.find((file) => {
    try {
      accessSync(file, constants.X_OK);
      return true;
    } catch {
      return false;
    }
  });
}

/** Gets one where there is none, as far as that can be done here. */
export async function getChromium() {
  if (findChromium() || named || process.getuid?.() !== 0 || !output("apt-get", ["--version"])) return;
  say(bold("Installing Chromium from the distribution, once on this machine"));
  const env = { DEBIAN_FRONTEND: "noninteractive" };
  const install = () => run("apt-get", ["install", "-y", "--no-install-recommends", "chromium"], { env });
  try {
    await install();
  } catch (error) {
    if (!(error instanceof Problem)) throw error;
    // The list of packages is old, or there is none yet.
    await run("apt-get", ["update"]);
    await install();
  }
}

/** The program, or what to do where there is none. */
export function needChromium() {
  const there = findChromium();
  if (there) return there;
  throw new Problem(
    named
      ? `There is no Chromium at ${named}, where PLAYWRIGHT_CHROMIUM or CHROME_BIN says.`
      : "The owner's page is tested in a real browser, and there is no Chromium on this machine. Install one with " +
          "`sudo apt-get install chromium` (Debian, Ubuntu), `brew install --cask chromium` (macOS) or as your system " +
          "does, or say where one is: PLAYWRIGHT_CHROMIUM=/path/to/chrome",
  );
}
