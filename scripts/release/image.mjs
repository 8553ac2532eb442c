// What an image is made of where the programs are compiled already: it takes the place of the Dockerfile's stage `build`,
// so that one file says what the image is (`docker buildx build --build-context build=dist/image .`).

import { copyFileSync, existsSync, mkdirSync, rmSync } from "node:fs";
import path from "node:path";
import { Problem, ROOT, say } from "../shell.mjs";
import { PLATFORMS, archive, unpacked } from "./binary.mjs";

/**
 * @param {string} out
 * @param {string} version
 */
export async function image(out, version) {
  const directory = path.join(out, "image");
  rmSync(directory, { recursive: true, force: true });
  const there = PLATFORMS.filter((it) => it.image && existsSync(archive(out, version, it)));
  if (there.length === 0) throw new Problem("An image needs a program for Linux: --only binary makes it.");
  for (const platform of there) {
    const place = path.join(directory, "out", String(platform.image));
    mkdirSync(place, { recursive: true });
    copyFileSync(await unpacked(out, version, platform), path.join(place, "presshook"));
  }
  say(`${path.relative(ROOT, directory)}: ${there.map((it) => `linux/${it.image}`).join(", ")}`);
}
