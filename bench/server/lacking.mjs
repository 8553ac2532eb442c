// What the benchmark of the server needs of a machine.

import { find } from "../../scripts/debian.mjs";
import { WRK } from "./load.mjs";

/** Why the server cannot be measured here, if so. */
export function lacking() {
  if (process.platform !== "linux") return "CPU time and memory of the server are read from /proc, on Linux";
  if (!find(WRK)) return "`wrk` is missing, which sends the load: `sudo apt-get install wrk`";
  return undefined;
}
