// How large an edge's store is on the disk.

import { readdirSync, statSync } from "node:fs";
import path from "node:path";

/** Bytes of all files below a directory, and of those among them that are SQLite's logs. @param {string} directory */
export function stored(directory) {
  let [all, logs] = [0, 0];
  for (const name of readdirSync(directory, { recursive: true, encoding: "utf8" })) {
    // Of a log that is gone by now nothing is left.
    const bytes = statSync(path.join(directory, name), { throwIfNoEntry: false })?.size ?? 0;
    all += bytes;
    if (name.endsWith("-wal")) logs += bytes;
  }
  return { all, logs };
}
