// A Chromium of this machine, for the tests of the owner's page: none is downloaded.

import { accessSync, constants } from "node:fs";
import path from "node:path";
import { chromium } from "playwright-core";
import { Problem } from "../../scripts/shell.mjs";

/** Its names on the path, the best first. */
const NAMES = ["chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome"];
const APPLICATIONS = [
  "/Applications/Chromium.app/Contents/MacOS/Chromium",
  "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome",
];

/** The program: the one that is named, or the first that is there. */
function program() {
  const named = process.env.PLAYWRIGHT_CHROMIUM ?? process.env.CHROME_BIN;
  const directories = (process.env.PATH ?? "").split(path.delimiter);
  const found = NAMES.flatMap((name) => directories.map((directory) => path.join(directory, name)));
  const all = named ? [named] : [...found, ...APPLICATIONS];
  const there = all.find((file) => {
    try {
      accessSync(file, constants.X_OK);
      return true;
    } catch {
      return false;
    }
  });
  if (there) return there;
  throw new Problem(
    named
      ? `There is no Chromium at ${named}, where PLAYWRIGHT_CHROMIUM or CHROME_BIN says.`
      : "The owner's page is tested in a real browser, and there is no Chromium on this machine. Install one with " +
          "`sudo apt-get install chromium` (Debian, Ubuntu), `brew install --cask chromium` (macOS) or as your system " +
          "does, or say where one is: PLAYWRIGHT_CHROMIUM=/path/to/chrome",
  );
}

/** Starts it, without a window. */
export function launch() {
  // As root it does without its sandbox, or not at all.
  const args = process.getuid?.() === 0 ? ["--no-sandbox"] : [];
  return chromium.launch({ executablePath: program(), args });
}
