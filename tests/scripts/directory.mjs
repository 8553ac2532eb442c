// A directory for one test, which is gone after it.

import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";

/** @param {(directory: string) => void} use */
export function inDirectory(use) {
  const directory = mkdtempSync(path.join(tmpdir(), "presshook-"));
  try {
    use(directory);
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
}
