// Archives of a release, and their checksums.

import { createHash } from "node:crypto";
import { existsSync, readFileSync, readdirSync, statSync, writeFileSync } from "node:fs";
import path from "node:path";
import { output, run } from "../shell.mjs";

/** The files of a release, and not what they were made of. */
const RELEASED = /\.(tgz|tar\.gz|cdx\.json)$/;
export const SUMS = "SHA256SUMS";

/**
 * A directory as `.tar.gz`, of which nobody sees who made it.
 *
 * @param {string} directory
 * @param {string} file
 */
export async function pack(directory, file) {
  const gnu = output("tar", ["--version"])?.includes("GNU tar");
  const owner = gnu ? ["--owner=0", "--group=0", "--numeric-owner", "--sort=name"] : ["--uid=0", "--gid=0"];
  const [parent, name] = [path.dirname(directory), path.basename(directory)];
  // macOS would add files with what only its own file system knows.
  await run("tar", [...owner, "-czf", file, "-C", parent, name], { env: { COPYFILE_DISABLE: "1" } });
}

/**
 * Unpacks one.
 *
 * @param {string} file
 * @param {string} directory
 */
export const unpack = (file, directory) => run("tar", ["-xzf", file, "-C", directory]);

/** The files of a release that are there, by name. @param {string} out */
export const files = (out) =>
  existsSync(out)
    ? readdirSync(out)
        .filter((it) => RELEASED.test(it) && statSync(path.join(out, it)).isFile())
        .sort()
    : [];

/** Writes the checksums, as `sha256sum --check` and `shasum -a 256 --check` read them. @param {string} out */
export function sums(out) {
  const lines = files(out).map((name) => {
    const hash = createHash("sha256").update(readFileSync(path.join(out, name)));
    return `${hash.digest("hex")}  ${name}\n`;
  });
  writeFileSync(path.join(out, SUMS), lines.join(""));
}
