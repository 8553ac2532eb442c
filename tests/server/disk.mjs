// Disks for a server under test that take nothing more when the test says so: a small file system of its own, where
// this user may mount one, and everywhere a library that refuses to write as a disk does.

import { execFileSync } from "node:child_process";
import { mkdirSync, rmSync, statfsSync, writeFileSync } from "node:fs";
import { constants } from "node:os";
import path from "node:path";
import { preload } from "./preload.mjs";
import { temporary } from "./server.mjs";

/**
 * @typedef {object} Disk
 * @property {string} directory
 * @property {Record<string, string>} env for the server that is to have it
 * @property {() => void} fill
 * @property {() => void} clear
 * @property {() => void} close
 */

/** The errors that a disk refuses with. */
export const ERRORS = { ...constants.errno, EDQUOT: process.platform === "darwin" ? 69 : 122 };

/** A file system in memory, of a few megabytes; nothing where this user may not mount one. @returns {Disk | undefined} */
export function mounted() {
  const directory = path.join(temporary(), "disk");
  mkdirSync(directory);
  try {
    execFileSync("mount", ["-t", "tmpfs", "-o", "size=6m", "tmpfs", directory], { stdio: "ignore" });
  } catch {
    return undefined;
  }
  const unmount = () => {
    try {
      execFileSync("umount", ["-l", directory], { stdio: "ignore" });
    } catch {
      // It is unmounted already.
    }
  };
  process.on("exit", unmount);
  const ballast = path.join(directory, "ballast");
  return {
    directory,
    env: {},
    fill() {
      const { bavail, bsize } = statfsSync(directory);
      writeFileSync(ballast, Buffer.alloc(bavail * bsize));
    },
    clear: () => rmSync(ballast),
    close: unmount,
  };
}

/** A disk that refuses with an error. @param {number} error @returns {Promise<Disk>} */
export async function refusing(error) {
  const { set, env, close } = await preload("disk", "TEST_DISK", 0);
  return { directory: temporary(), env, fill: () => set(error), clear: () => set(0), close };
}
