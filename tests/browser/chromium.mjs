// Starting the Chromium of this machine.

import { chromium } from "playwright-core";
import { needChromium } from "../../scripts/chromium.mjs";

/** Starts it, without a window. */
export function launch() {
  // As root it does without its sandbox, or not at all.
  const args = process.getuid?.() === 0 ? ["--no-sandbox"] : [];
  return chromium.launch({ executablePath: needChromium(), args });
}
