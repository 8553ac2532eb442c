// `node scripts/release.mjs`: makes everything that a release has, into `dist/`. What .github/workflows/release.yml does
// is this, part by part on the machines that can; only what uploads stands there.

import { existsSync, mkdirSync } from "node:fs";
import path from "node:path";
import { pathToFileURL } from "node:url";
import { parseArgs } from "node:util";
import { files, sums } from "./release/archive.mjs";
import { bill } from "./release/bill.mjs";
import { PLATFORMS, binary, here } from "./release/binary.mjs";
import { image } from "./release/image.mjs";
import { npm } from "./release/npm.mjs";
import { check, notes, version } from "./release/version.mjs";
import { pages, worker, writeExample } from "./release/worker.mjs";
import { Problem, ROOT, bold, main, say } from "./shell.mjs";

/**
 * The parts, in the order in which they are made: later ones take what earlier ones have left in `dist/`.
 *
 * @type {Record<string, (made: { out: string, version: string, options: Options }) => unknown>}
 */
export const PARTS = {
  binary: ({ out, version, options: { target, program } }) => binary(out, version, target, program),
  worker: ({ out, version }) => worker(out, version),
  pages: ({ out, version }) => pages(out, version),
  npm: ({ out, version }) => npm(out, version),
  image: ({ out, version }) => image(out, version),
  bill: ({ out, version }) => bill(out, version),
  sums: ({ out }) => sums(out),
};

const HELP = `node scripts/release.mjs [--only PARTS] [--target TARGET] [--program FILE] [--out DIR]

  --only PARTS      some of: ${Object.keys(PARTS).join(", ")}; with commas
  --target TARGET   the program's platform (default: this machine's): ${PLATFORMS.map((it) => it.target).join(", ")}
  --program FILE    a program that is compiled already, in place of compiling it
  --out DIR         where to (default: dist)

node scripts/release.mjs --check-tag TAG   whether that tag may be released
node scripts/release.mjs --notes           what the changelog tells of this version
node scripts/release.mjs --example         makes examples/worker/wrangler.toml of wrangler.toml`;

/** @typedef {{ target: import("./release/binary.mjs").Platform, program: string | undefined }} Options */

async function release() {
  const values = options();
  if (values.help) return say(HELP);
  if (values["check-tag"] !== undefined) {
    const { GITHUB_SERVER_URL: server, GITHUB_REPOSITORY: name } = process.env;
    check(values["check-tag"], { at: server && name ? `${server}/${name}` : undefined });
    return say(`${values["check-tag"]} may be released.`);
  }
  if (values.notes) return say(notes(version()));
  if (values.example) return writeExample();

  const parts = values.only?.split(",") ?? Object.keys(PARTS);
  const unknown = parts.find((it) => !(it in PARTS));
  if (unknown !== undefined) throw new Problem(`There is no part \`${unknown}\`.\n\n${HELP}`);
  const target = values.target ? PLATFORMS.find((it) => it.target === values.target) : here();
  if (!target) throw new Problem(`There is no program for ${values.target} in a release.\n\n${HELP}`);
  const program = values.program && path.resolve(values.program);
  if (program && !existsSync(program)) throw new Problem(`There is no program ${program}.`);
  const out = path.resolve(values.out ?? path.join(ROOT, "dist"));
  mkdirSync(out, { recursive: true });
  const made = { out, version: version(), options: { target, program } };
  for (const part of Object.keys(PARTS).filter((it) => parts.includes(it))) {
    say(bold(`\n${part}`));
    await PARTS[part](made);
  }
  say(`\nIn ${path.relative(process.cwd(), out)}: ${files(out).join(", ")}`);
}

function options() {
  try {
    return parseArgs({
      options: {
        only: { type: "string" },
        target: { type: "string" },
        program: { type: "string" },
        out: { type: "string" },
        "check-tag": { type: "string" },
        notes: { type: "boolean" },
        example: { type: "boolean" },
        help: { type: "boolean", short: "h" },
      },
    }).values;
  } catch (error) {
    throw new Problem(`${error instanceof Error ? error.message : error}\n\n${HELP}`);
  }
}

if (import.meta.url === pathToFileURL(process.argv[1]).href) await main(release);
