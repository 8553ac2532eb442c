// `npm run build`: the crate becomes build/index.js and build/index_bg.wasm, which wrangler deploys.
// wrangler runs this too (wrangler.toml), so it does nothing when nothing has changed.

import { createHash } from "node:crypto";
import { existsSync, readFileSync, readdirSync, rmSync, statSync, writeFileSync } from "node:fs";
import { homedir } from "node:os";
import path from "node:path";
import { pathToFileURL } from "node:url";
import { gzipSync } from "node:zlib";
import { named } from "./order.mjs";
import { Problem, ROOT, bold, main, output, run, say } from "./shell.mjs";
import { TOOLS, find, npmProgram } from "./tools.mjs";

const MARKER = path.join(ROOT, "build", ".inputs");
const INPUTS = [
  "src",
  "Cargo.toml",
  "Cargo.lock",
  ".cargo",
  "rust-toolchain.toml",
  "scripts/build.mjs",
  "scripts/interface.mjs",
  "scripts/order.mjs",
];

// What rustc emits for wasm32-unknown-unknown, named one by one so that no newer encoding slips in.
const FEATURES = [
  "bulk-memory",
  "exception-handling",
  "multivalue",
  "mutable-globals",
  "nontrapping-float-to-int",
  "reference-types",
  "sign-ext",
  "simd",
].map((feature) => `--enable-${feature}`);

// Functions that are hardly longer than their calls are inlined, and short ones with one caller: the runtime compiles what
// is not hot so that each call costs. More inlining makes the module larger: were long ones inlined too, they would be
// like no others, and it 4 % larger after gzip.
const INLINING = [
  "--always-inline-max-function-size",
  "5",
  "--flexible-inline-max-function-size",
  "0",
  "--one-caller-inline-max-function-size",
  "60",
];

// Instances of one generic function side by side: the module is 2 % smaller after gzip. From there `order.mjs` goes on.
const ORDER = ["--reorder-functions-by-name"];
// Looked at so many bytes at a time, one after the other: each begins with the order that the one before has found. It
// may be worse, so the smallest is what stays.
const LENGTHS = [5, 7, 7, 8, 8];
const STRIP = ["--strip-debug", "--strip-producers"];
// Written as tightly as the first time: nothing is optimized, but how values get to where they are used.
const AGAIN = ["--optimize-level=3"];

// Nothing lies at the first addresses, which are the far end of the stack: so loads and stores take in what is added to
// their addresses.
const ADDRESSES = ["--low-memory-unused"];

// For what imports the Worker: its own scripts, the tests, and a Pages Function.
const TYPES = `/** What an inbox is asked to store: itself, the head of a message, and its payload, unless that is the body as it came. */
export type Question = [
  inbox: { getByName: (name: string) => { ask: (...question: unknown[]) => Promise<[number, string]> } },
  head: string,
  payload: Uint8Array<ArrayBuffer> | undefined,
];

/** The Worker, as the runtime makes it for a request; its prototype has the module's functions. */
export default class {
  constructor(ctx: unknown, env: unknown);
  revive(): void;
  prepare(env: unknown): [number, string[], string[], [string, string][], string, number, [string, string, number]];
  handle(env: unknown, at: number, head: string, body: Uint8Array | undefined): string;
  proceed(request: Request, ctx: unknown): string | Response | Promise<Response> | [number, ...Question];
  stored(number: number, status: number, text: string, ctx: unknown): string | Response | undefined;
  scheduled(event: unknown): Promise<void>;
  inbox_open(object: object, storage: unknown, env: unknown): void;
  inbox_ask(
    object: object,
    storage: unknown,
    env: unknown,
    asked: string,
    head: string | undefined,
    body: Uint8Array | undefined,
    payload: Uint8Array | undefined,
  ): [number, string] | Promise<[number, string]>;
  inbox_alarm(object: object, storage: unknown, env: unknown): Promise<void>;
}
`;

export async function build() {
  const inputs = fingerprint();
  if (existsSync(MARKER) && readFileSync(MARKER, "utf8") === inputs) {
    say(`The Worker is built: ${sizes()}`);
    return;
  }
  say(bold("Building the Worker (Rust to Wasm)"));
  await compile(ROOT);
  writeFileSync(path.join(ROOT, "build", "index.d.ts"), TYPES);
  dashboard();
  writeFileSync(MARKER, inputs);
  say(`Built: ${sizes()}`);
}

/**
 * The files of the owner's page, as texts beside the module: in it they would cost every isolate its start.
 * A string in a module is what wrangler, Pages and the tests' runtime all take, without a rule for other kinds of file.
 */
function dashboard() {
  const directory = path.join(ROOT, "src", "dashboard");
  const names = readdirSync(directory).filter((name) => !name.endsWith(".d.ts"));
  const texts = names.map((name) => [name, sent(readFileSync(path.join(directory, name), "utf8"))]);
  const files = JSON.stringify(Object.fromEntries(texts), null, 2);
  const target = path.join(ROOT, "build", "dashboard");
  writeFileSync(`${target}.js`, `/** @type {Record<string, string>} */\nexport default ${files};\n`);
  writeFileSync(
    `${target}.d.ts`,
    "/** Texts by the names of their files. */\ndeclare const files: Record<string, string>;\nexport default files;\n",
  );
}

/**
 * A file as it is sent, without indentation and the lines that are comments: what `File::sent` in `src/dashboard.rs`
 * makes of it for the server.
 *
 * @param {string} text
 */
function sent(text) {
  const lines = text.split("\n").map((line) => line.trimStart());
  const comment = /^(\/\/.*|\*\/?|\/\*\*|\* .*|\/\*.*\*\/)$/;
  return lines.filter((line) => line !== "" && !comment.test(line)).join("\n");
}

/**
 * Compiles a crate to `build/` in its directory.
 *
 * @param {string} crate
 */
export async function compile(crate) {
  const [bindgen, workerBuild] = TOOLS.map((tool) => find(tool));
  const wasmOpt = npmProgram("wasm-opt");
  if (!bindgen || !workerBuild || !existsSync(wasmOpt)) {
    throw new Problem("What the build needs is not installed yet: run `npm run setup` first.");
  }
  await run(workerBuild, ["--profile", "worker"], {
    cwd: crate,
    env: {
      WASM_BINDGEN_BIN: bindgen,
      ESBUILD_BIN: npmProgram("esbuild"),
      CARGO_ENCODED_RUSTFLAGS: rustFlags().join("\x1f"),
    },
    remedy: "The Worker did not compile; the reason stands above.",
  });
  // worker-build would keep the names, a fifth of the module, so its own pass is off (Cargo.toml) and this is the only.
  const module = path.join(crate, "build", "index_bg.wasm");
  leaveOutClasses(crate, module);
  await run(wasmOpt, [
    // Twice: what the first has made simple, the second makes less of.
    "-O3",
    "-O3",
    ...INLINING,
    ...ADDRESSES,
    ...FEATURES,
    ...ORDER,
    ...STRIP,
    module,
    "-o",
    module,
  ]);
  const imported = interfaceOf(module).imports.filter(({ kind }) => kind === "function").length;
  let smallest = readFileSync(module);
  for (const length of LENGTHS) {
    writeFileSync(module, named(readFileSync(module), imported, length));
    await run(wasmOpt, [...AGAIN, ...FEATURES, ...ORDER, ...STRIP, module, "-o", module]);
    const ordered = readFileSync(module);
    if (zipped(ordered) < zipped(smallest)) smallest = ordered;
  }
  writeFileSync(module, smallest);
}

/** @param {Uint8Array} module */
const zipped = (module) => gzipSync(module, { level: 9 }).length;

/**
 * What a module takes and gives.
 *
 * @param {string} module
 * @returns {{ exports: { name: string, kind: string }[], imports: { name: string, kind: string }[] }}
 */
function interfaceOf(module) {
  const told = output(npmProgram("node"), [path.join(ROOT, "scripts", "interface.mjs"), module]);
  if (told === undefined) throw new Problem("The module that was compiled could not be read.");
  return JSON.parse(told);
}

/**
 * Leaves out of a module the classes that it never makes an object of: `worker` has some for everybody, which end in
 * each module and are used by few.
 *
 * @param {string} crate
 * @param {string} module
 */
function leaveOutClasses(crate, module) {
  const { exports, imports } = interfaceOf(module);
  const names = exports.map(({ name }) => name);
  const unused = names
    .flatMap((name) => /^__wbg_(\w+)_free$/.exec(name)?.[1] ?? [])
    .filter((name) => !imports.some((it) => it.name.startsWith(`__wbg_${name}_new`)));
  const kept = names.filter(
    (name) => !unused.some((it) => new RegExp(`^(__wbg_([gs]et_)?)?${it}_`).test(name)),
  );
  const graph = [
    { name: "script", root: true, reaches: kept },
    ...kept.map((name) => ({ name, export: name })),
  ];
  const file = path.join(crate, "build", ".kept.json");
  writeFileSync(file, JSON.stringify(graph));
  // It names all that it drops, which nobody wants to read.
  const dropped = output(npmProgram("wasm-metadce"), [...FEATURES, "-g", "-f", file, module, "-o", module]);
  rmSync(file);
  if (dropped === undefined) throw new Problem("`wasm-metadce` could not read the module that was compiled.");
}

/**
 * The flags of .cargo/config.toml, which these stand in for, and: where panics tell of a file, it is named without the
 * place where this machine keeps it. So the module is the same wherever it is built, and 1 % smaller.
 */
function rustFlags() {
  const config = readFileSync(path.join(ROOT, ".cargo", "config.toml"), "utf8");
  const flags = [...config.matchAll(/"(-C[^"]+)"/g)].map(([, flag]) => flag);
  const registry = path.join(process.env.CARGO_HOME ?? path.join(homedir(), ".cargo"), "registry", "src");
  const indexes = existsSync(registry) ? readdirSync(registry) : [];
  return [...flags, ...indexes.map((index) => `--remap-path-prefix=${path.join(registry, index)}=`)];
}

function sizes() {
  const module = readFileSync(path.join(ROOT, "build", "index_bg.wasm"));
  const kilobytes = (/** @type {number} */ bytes) => `${(bytes / 1024).toFixed(0)} KiB`;
  return `build/index_bg.wasm ${kilobytes(module.length)}, ${kilobytes(zipped(module))} gzip`;
}

/** A hash over every file that the module is made from. */
function fingerprint() {
  const hash = createHash("sha256");
  const visit = (/** @type {string} */ name) => {
    const file = path.join(ROOT, name);
    if (statSync(file).isDirectory()) {
      for (const child of readdirSync(file).sort()) visit(path.join(name, child));
    } else {
      hash.update(`${name}\0`).update(readFileSync(file));
    }
  };
  INPUTS.forEach(visit);
  return hash.digest("hex");
}

if (import.meta.url === pathToFileURL(process.argv[1]).href) await main(build);
