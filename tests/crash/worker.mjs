// The Worker and its inbox in workerd itself, on storage that outlives it: the same runtime as `wrangler dev` starts,
// which takes seconds where this takes a tenth of one.

import { spawn } from "node:child_process";
import { copyFileSync, readFileSync } from "node:fs";
import path from "node:path";
import { build } from "esbuild";
import { parse } from "smol-toml";
import { freePort, listens } from "../../scripts/serve.mjs";
import { Problem, ROOT } from "../../scripts/shell.mjs";
import { WORKERD, configure } from "../../scripts/workerd.mjs";

/**
 * Prepares the Worker in a directory, with these settings and a port of its own.
 *
 * @param {string} directory
 * @param {Record<string, string>} settings
 */
export async function prepare(directory, settings) {
  const { main } = parse(readFileSync(path.join(ROOT, "wrangler.toml"), "utf8"));
  // As wrangler bundles it; the module beside it, so that a build meanwhile changes nothing.
  await build({
    entryPoints: [path.join(ROOT, String(main))],
    bundle: true,
    format: "esm",
    external: ["cloudflare:*", "*.wasm"],
    outfile: path.join(directory, "index.js"),
    logLevel: "error",
  });
  copyFileSync(path.join(ROOT, "build", "index_bg.wasm"), path.join(directory, "index_bg.wasm"));
  const modules = Object.fromEntries(
    ["index.js", "index_bg.wasm"].map((name) => [name, path.join(directory, name)]),
  );
  const port = await freePort();
  const { config, storage } = configure([{ modules, bindings: settings, inbox: true, port }], directory);
  return { config, storage, url: `http://127.0.0.1:${port}`, port };
}

/**
 * Starts it, and waits until it listens; no request is made.
 *
 * @param {Awaited<ReturnType<typeof prepare>>} prepared
 * @param {(text: string) => void} hear is told what it prints
 * @param {string[]} [args] of `workerd serve`
 */
export async function start({ config, port }, hear, args = []) {
  // A process group of its own, so that all of it is ended at once.
  const child = spawn(WORKERD, ["serve", config, ...args], {
    detached: true,
    stdio: ["ignore", "pipe", "pipe"],
  });
  for (const output of [child.stdout, child.stderr]) output.setEncoding("utf8").on("data", hear);
  const ended = new Promise((resolve) => child.on("close", resolve).on("error", resolve));
  const end = () => {
    try {
      // 0 would be this process's own group.
      if (child.pid) process.kill(-child.pid, "SIGKILL");
    } catch {
      // It has ended already.
    }
  };
  // Before what clears its directory away.
  process.prependListener("exit", end);
  /** Ends it as a crash would: nothing of it does anything more. */
  const kill = async () => {
    end();
    await ended;
    process.off("exit", end);
  };
  const limit = Date.now() + 20_000;
  while (!(await listens(port))) {
    if (child.exitCode !== null || Date.now() > limit) throw new Problem("workerd does not start");
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
  return { pid: child.pid ?? 0, kill };
}
