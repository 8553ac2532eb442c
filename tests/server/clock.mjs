// A clock for a server under test, set by the test: its program stays as it is, and the time it is told is another.

import { closeSync, openSync, writeSync } from "node:fs";
import path from "node:path";
import { ROOT, run } from "../../scripts/shell.mjs";
import { temporary } from "./server.mjs";

/** What puts a library in front of the system's, and the name of one. */
const [PRELOAD, LIBRARY] =
  process.platform === "darwin" ? ["DYLD_INSERT_LIBRARIES", "clock.dylib"] : ["LD_PRELOAD", "clock.so"];

/** @type {Promise<string> | undefined} */
let compiled;

async function compile() {
  const library = path.join(temporary(), LIBRARY);
  const source = path.join(ROOT, "tests", "server", "clock.c");
  // The compiler is there: the program's SQLite was compiled by it.
  await run(process.env.CC ?? "cc", ["-shared", "-fPIC", "-O1", "-o", library, source, "-ldl"]);
  return library;
}

/** A clock that is not set yet. `env` is for the server that is to go by it. */
export async function clock() {
  const library = await (compiled ??= compile());
  const name = path.join(temporary(), "time");
  const file = openSync(name, "w");
  /** @param {number} [milliseconds] since 1970; the real time without it */
  const set = (milliseconds = -1) => {
    const bytes = Buffer.alloc(8);
    bytes.writeBigInt64LE(BigInt(milliseconds));
    writeSync(file, bytes, 0, 8, 0);
  };
  set();
  return { set, env: { [PRELOAD]: library, TEST_CLOCK: name }, close: () => closeSync(file) };
}
