// Libraries of this directory that are put in front of the C library's for a server under test: its program stays as it
// is, and what the system tells it is the test's.

import { closeSync, openSync, writeSync } from "node:fs";
import path from "node:path";
import { ROOT, run } from "../../scripts/shell.mjs";
import { temporary } from "./server.mjs";

/** What puts libraries in front of the system's, and how the name of one ends. */
const [PRELOAD, ENDING] =
  process.platform === "darwin" ? ["DYLD_INSERT_LIBRARIES", "dylib"] : ["LD_PRELOAD", "so"];

/** @type {Map<string, Promise<string>>} */
const compiled = new Map();

async function compile(/** @type {string} */ name) {
  const library = path.join(temporary(), `${name}.${ENDING}`);
  const source = path.join(ROOT, "tests", "server", `${name}.c`);
  // The compiler is there: the program's SQLite was compiled by it.
  await run(process.env.CC ?? "cc", ["-shared", "-fPIC", "-O1", "-o", library, source, "-ldl"]);
  return library;
}

/**
 * A library, and the number that it goes by, which a file tells it. `env` is for the server that is to have it.
 *
 * @param {string} name that of its source
 * @param {string} variable where it looks for the file's name
 * @param {number} number
 */
export async function preload(name, variable, number) {
  const made = compiled.get(name) ?? compile(name);
  compiled.set(name, made);
  const library = await made;
  const file = path.join(temporary(), name);
  const opened = openSync(file, "w");
  const set = (/** @type {number} */ number) => {
    const bytes = Buffer.alloc(8);
    bytes.writeBigInt64LE(BigInt(number));
    writeSync(opened, bytes, 0, 8, 0);
  };
  set(number);
  return { set, env: { [PRELOAD]: library, [variable]: file }, close: () => closeSync(opened) };
}
