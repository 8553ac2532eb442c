// The example site, examples/astro: its packages, copies of it to build in, and a server for what was built.

import { constants, createReadStream, cpSync, statSync } from "node:fs";
import { createServer } from "node:http";
import path from "node:path";
import { listening } from "./serve.mjs";
import { locked } from "./setup.mjs";
import { ROOT, bold, say } from "./shell.mjs";

export const SITE = path.join(ROOT, "examples", "astro");

/** What a build of the site makes; a copy begins without it. */
const MADE = [".astro", "dist"].map((name) => path.join(SITE, name));

/** What has the server write articles into the site, and build it. */
export const SETTINGS = { LOCALES: '{"en":"en","zh":"zh","ar":"ar"}', REBUILD_COMMAND: "npm run build" };

/** Nothing waits for further edits. */
export const AT_ONCE = { DEPLOY_SETTLE_SECONDS: "0", DEPLOY_MIN_GAP_SECONDS: "0" };

/** Installs Astro beside the example, the first time. */
export const packages = () =>
  locked(SITE, () => say(bold("Installing the packages of examples/astro (once; about 100 MB)")));

/**
 * Copies the site with its packages, to where there is nothing yet.
 *
 * @param {string} directory
 */
export function copy(directory) {
  cpSync(SITE, directory, {
    recursive: true,
    mode: constants.COPYFILE_FICLONE,
    verbatimSymlinks: true,
    filter: (file) => !MADE.includes(file),
  });
}

const TYPES = /** @type {Record<string, string>} */ ({
  ".css": "text/css",
  ".html": "text/html; charset=utf-8",
  ".js": "text/javascript",
});

/**
 * Serves a directory's files on loopback, on a free port.
 *
 * @param {string} directory
 * @returns {Promise<{ url: string, close: () => void }>}
 */
export async function serveFiles(directory) {
  const server = createServer((request, response) => {
    // A URL is normal: nothing in its path leads out of the directory, and what is encoded is a name that is not there.
    const { pathname } = new URL(request.url ?? "/", "http://localhost");
    const file = path.join(directory, pathname.endsWith("/") ? `${pathname}index.html` : pathname);
    if (!statSync(file, { throwIfNoEntry: false })?.isFile()) {
      response.writeHead(404, { "content-type": "text/plain" });
      return response.end("There is no such page.\n");
    }
    response.writeHead(200, {
      "content-type": TYPES[path.extname(file)] ?? "application/octet-stream",
      "cache-control": "no-store",
    });
    createReadStream(file)
      .on("error", () => response.destroy())
      .pipe(response);
  });
  const port = await listening(server);
  const close = () => {
    server.close();
    server.closeAllConnections();
  };
  return { url: `http://127.0.0.1:${port}`, close };
}
