// `npm run bench`: the Worker beside what a user would pick instead, in one run.
//
// One workerd serves all of them, each on a port of its own. Rounds alternate between them, so that what else the
// machine does falls on all alike. The figure is the CPU time of the workerd process per request; ratios are taken
// within a round, and their median is told. Machines are noisy: a difference under 8 % means nothing.

import { mkdtempSync, readFileSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { parse } from "smol-toml";
import { build, compile } from "../scripts/build.mjs";
import { setup } from "../scripts/setup.mjs";
import { ROOT, main, output, say } from "../scripts/shell.mjs";
import { chosen, measured, median, progress, write } from "./figures.mjs";
import * as page from "./parts/deliveries.mjs";
import { SECRET, article, signed } from "./messages.mjs";
import { cpuMicroseconds, post, start } from "./runtime.mjs";

const ROUNDS = Number(process.env.ROUNDS ?? 11);
const COLD_STARTS = Number(process.env.COLD_STARTS ?? 7);
/** Bytes, and requests of one Worker in one round. */
const SIZES = [
  { name: "1 KB", bytes: 1_000, requests: 3_000 },
  { name: "10 KB", bytes: 10_000, requests: 2_000 },
  { name: "100 KB", bytes: 100_000, requests: 600 },
  { name: "1 MB", bytes: 1_000_000, requests: 120 },
];
const CONNECTIONS = 8;
/** Of the durable accept, where each request is an event of its own. */
const ACCEPTS = [
  { name: "1 KB", bytes: 1_000, requests: 1_500 },
  { name: "10 KB", bytes: 10_000, requests: 1_000 },
  { name: "1 KB, repeats", bytes: 1_000, requests: 1_500 },
];
/** What must hold: see bench/README.md. */
const BARS = {
  smallest: [1.15, 1.15, 1.15, 1.15],
  javascript: [0.8, 0.8, 0.55, 0.5],
  cold: 2.5,
  accept: 0.8,
};

/** @typedef {import("./runtime.mjs").Service} Service */
/** @typedef {import("./messages.mjs").Message} Message */

/** @param {string[]} names */
const modules = (...names) => Object.fromEntries(names.map((name) => [name, path.join(ROOT, name)]));
const PRESSHOOK = modules(
  "src/cloudflare/worker.js",
  "src/cloudflare/receiver.js",
  "src/cloudflare/entry.js",
  "build/index.js",
  "build/index_bg.wasm",
  "build/dashboard.js",
);
const GENUINE = modules("bench/workers/genuine.mjs");
const SMALLEST = modules("bench/smallest/build/index.js", "bench/smallest/build/index_bg.wasm");
const BINDINGS = { BLOGSHOOT_WEBHOOK_SECRET: SECRET };
/** Set up to deploy, but not for the event that is sent: nothing here calls out. */
const QUIET = { INBOX: "none", CLOUDFLARE_DEPLOY_HOOK: "https://host.example/hook", DEPLOY_ON: "created" };

/** @returns {Service[]} */
function services() {
  return [
    { name: "presshook", modules: PRESSHOOK, bindings: { ...BINDINGS, ...QUIET, LOG_LEVEL: "error" } },
    { name: "presshook, logging", modules: PRESSHOOK, bindings: { ...BINDINGS, ...QUIET } },
    { name: "smallest Rust", modules: SMALLEST, bindings: BINDINGS },
    { name: "JavaScript", modules: { ...modules("bench/workers/webcrypto.mjs"), ...GENUINE }, bindings: BINDINGS },
  ];
}

/**
 * Presshook with all senders set up, each with the secret of its vector file.
 *
 * @returns {Service}
 */
function everySender() {
  const directory = path.join(ROOT, "tests", "vectors", "sources");
  const secrets = readdirSync(directory).map((file) => {
    const sender = path.basename(file, ".toml").toUpperCase().replaceAll("-", "_");
    return [
      `${sender}_WEBHOOK_SECRET`,
      String(parse(readFileSync(path.join(directory, file), "utf8")).secret),
    ];
  });
  const bindings = { ...Object.fromEntries(secrets), CUSTOM_MAC: "token", ...BINDINGS, ...QUIET };
  return { name: "every sender", modules: PRESSHOOK, bindings: { ...bindings, LOG_LEVEL: "error" } };
}

/**
 * Workers with an inbox, which deploy so late that nothing leaves while they are measured.
 *
 * @returns {Service[]}
 */
function durable() {
  const late = { DEPLOY_SETTLE_SECONDS: "86400", DEPLOY_MAX_WAIT_SECONDS: "86400" };
  const hook = { CLOUDFLARE_DEPLOY_HOOK: "https://host.example/hook", LOG_LEVEL: "error" };
  const bindings = { ...BINDINGS, ...late, ...hook };
  const SCHEMA = schema();
  const javascript = { ...modules("bench/workers/durable.mjs"), ...GENUINE };
  const counted = { ...modules("bench/workers/counted.mjs"), ...PRESSHOOK };
  return [
    { name: "presshook", modules: PRESSHOOK, bindings, inbox: true },
    { name: "JavaScript", modules: javascript, bindings: { ...BINDINGS, SCHEMA }, inbox: true },
    { name: "counted", modules: counted, bindings, inbox: true },
  ];
}

/** The tables and indexes that all migrations together leave, as statements that may be run again. */
function schema() {
  const migrations = readFileSync(path.join(ROOT, "src", "store", "migrations.rs"), "utf8");
  /** @type {Map<string, string>} */
  const made = new Map();
  for (const [, statement] of migrations.matchAll(/"((?:CREATE|ALTER|DROP) (?!TABLE IF )[^"]+)"/g)) {
    const [, verb, name, rest] =
      /^(CREATE|ALTER|DROP) (?:UNIQUE )?(?:TABLE|INDEX) (\w+)\s*(.*)$/s.exec(statement) ?? [];
    const column = /^ADD COLUMN (.*)$/.exec(rest)?.[1];
    if (verb === "CREATE") made.set(name, statement.replace(/(TABLE|INDEX) /, "$1 IF NOT EXISTS "));
    else if (column) made.set(name, (made.get(name) ?? "").replace("(", `(${column}, `));
    else made.delete(name);
  }
  return [...made.values()].join(";\n");
}

/** @typedef {{ name: string, port: number, path?: string }} Target */

/**
 * The CPU time of one request, and requests a second, of each target in each round.
 *
 * @param {number} pid @param {Target[]} targets @param {(typeof SIZES)[number]} size
 * @param {() => Message[]} prepared what is sent in a round, to each target the same
 */
async function measure(pid, targets, size, prepared) {
  let messages = prepared();
  const send = (/** @type {Target} */ target, /** @type {number} */ requests, connections = CONNECTIONS) =>
    post(target.port, messages, requests, connections, target.path);
  const answers = new Set();
  for (const target of targets) {
    const [answer] = await send(target, 1, 1);
    answers.add(answer.replace(/"processing_time_ms":\d+/, ""));
    // Hot before it is measured.
    await send(target, Math.ceil(size.requests / 2));
  }
  if (answers.size !== 1) throw new Error(`the Workers answer differently: ${[...answers].join("\n")}`);
  /** @type {Record<string, { cpu: number[], rate: number[] }>} */
  const measured = Object.fromEntries(targets.map(({ name }) => [name, { cpu: [], rate: [] }]));
  for (let round = 0; round < ROUNDS; round++) {
    // Each round begins with another target.
    const shift = round % targets.length;
    messages = prepared();
    for (const target of [...targets.slice(shift), ...targets.slice(0, shift)]) {
      const cpu = cpuMicroseconds(pid);
      const began = performance.now();
      await send(target, size.requests);
      const seconds = (performance.now() - began) / 1000;
      measured[target.name].cpu.push((cpuMicroseconds(pid) - cpu) / size.requests);
      measured[target.name].rate.push(size.requests / seconds);
    }
    progress(`${size.name}: round ${round + 1} of ${ROUNDS}`);
  }
  progress("");
  return {
    cell: (/** @type {string} */ name) =>
      `${median(measured[name].cpu).toFixed(0)} (${median(measured[name].rate).toFixed(0)}/s)`,
    /** The median of a round's ratios. */
    ratio: (
      /** @type {string} */ one,
      /** @type {string} */ other,
      /** @type {"cpu" | "rate"} */ of = "cpu",
    ) => median(measured[one][of].map((value, round) => value / measured[other][of][round])),
  };
}

/** The same article each time, as nothing remembers it. */
function same(/** @type {{ bytes: number }} */ size) {
  const messages = [signed(article(size.bytes))];
  return () => messages;
}

/** @param {string} directory */
async function warm(directory) {
  const runtime = await start(services(), directory);
  /** @type {string[]} */
  const rows = [];
  try {
    for (const [index, size] of SIZES.entries()) {
      const { cell, ratio } = await measure(runtime.pid, runtime.services, size, same(size));
      const overSmallest = ratio("presshook", "smallest Rust");
      const javascript = ratio("JavaScript", "presshook");
      const bar = (/** @type {number} */ value, /** @type {boolean} */ met) =>
        `${value.toFixed(2)}${met ? "" : " ✗"}`;
      const cells = [
        size.name,
        ...runtime.services.map(({ name }) => cell(name)),
        `${bar(overSmallest, overSmallest <= BARS.smallest[index])} (≤ ${BARS.smallest[index]})`,
        `${bar(javascript, javascript >= BARS.javascript[index])} (≥ ${BARS.javascript[index]})`,
      ];
      rows.push(`| ${cells.join(" | ")} |`);
      say(rows.at(-1) ?? "");
    }
  } finally {
    await runtime.stop();
  }
  return rows;
}

/** What it costs to find the sender: the URL that names none, beside the one that names it, on one Worker. */
async function found(/** @type {string} */ directory) {
  const runtime = await start([everySender()], directory);
  /** @type {string[]} */
  const rows = [];
  try {
    const [{ port }] = runtime.services;
    const [named, nameless] = ["/api/webhook/blogshoot", "/api/webhook"];
    const targets = [named, nameless].map((path) => ({ name: path, port, path }));
    for (const size of SIZES) {
      const { cell, ratio } = await measure(runtime.pid, targets, size, same(size));
      rows.push(
        `| ${size.name} | ${cell(nameless)} | ${cell(named)} | ${ratio(nameless, named).toFixed(2)} |`,
      );
      say(rows.at(-1) ?? "");
    }
  } finally {
    await runtime.stop();
  }
  return rows;
}

/** What it costs to store a delivery before it is answered. */
async function accept(/** @type {string} */ directory) {
  const runtime = await start(durable(), directory);
  /** @type {string[]} */
  const rows = [];
  try {
    const [presshook, javascript, counted] = runtime.services;
    let event = 0;
    const fresh = (/** @type {(typeof ACCEPTS)[number]} */ size) => () =>
      Array.from({ length: size.requests }, () => signed(article(size.bytes, `evt_${event++}`)));
    for (const size of ACCEPTS) {
      const prepared = size.name.endsWith("repeats") ? same(size) : fresh(size);
      const { cell, ratio } = await measure(runtime.pid, [presshook, javascript], size, prepared);
      // After the one that opens the window.
      await post(counted.port, prepared(), 1, 1);
      const calls = async () => (await fetch(`http://127.0.0.1:${counted.port}/calls`)).json();
      const before = await calls();
      await post(counted.port, prepared(), 100, CONNECTIONS);
      const [rate, cpu] = [ratio("presshook", "JavaScript", "rate"), ratio("JavaScript", "presshook")];
      const met = rate >= BARS.accept ? "" : " ✗";
      const cells = [
        size.name,
        cell("presshook"),
        cell("JavaScript"),
        `${rate.toFixed(2)}${met} (≥ ${BARS.accept})`,
        cpu.toFixed(2),
        (((await calls()) - before) / 100).toFixed(2),
      ];
      rows.push(`| ${cells.join(" | ")} |`);
      say(rows.at(-1) ?? "");
    }
  } finally {
    await runtime.stop();
  }
  return rows;
}

/** The first and the second POST of 1 MB to a fresh runtime, CPU milliseconds of the whole process. */
async function cold(/** @type {string} */ directory) {
  const messages = [signed(article(1_000_000))];
  const names = ["presshook", "smallest Rust", "JavaScript"];
  /** @type {Record<string, { first: number[], second: number[] }>} */
  const measured = Object.fromEntries(names.map((name) => [name, { first: [], second: [] }]));
  for (let round = 0; round < COLD_STARTS; round++) {
    for (const name of names) {
      const runtime = await start(
        services().filter((service) => service.name === name),
        directory,
      );
      try {
        for (const which of /** @type {const} */ (["first", "second"])) {
          // Until the runtime has come to rest, so that neither its start nor compiling in the background is counted.
          await rest(runtime.pid);
          const cpu = cpuMicroseconds(runtime.pid);
          await post(runtime.services[0].port, messages, 1, 1);
          measured[name][which].push((cpuMicroseconds(runtime.pid) - cpu) / 1000);
        }
      } finally {
        await runtime.stop();
      }
    }
    progress(`fresh runtime ${round + 1} of ${COLD_STARTS}`);
  }
  progress("");
  const ratio = median(measured.presshook.first.map((own, round) => own / measured.JavaScript.first[round]));
  const rows = names.map((name) => {
    const { first, second } = measured[name];
    const against =
      name === "presshook" ? `${ratio.toFixed(2)}${ratio <= BARS.cold ? "" : " ✗"} (≤ ${BARS.cold})` : "";
    return `| ${name} | ${median(first).toFixed(1)} | ${median(second).toFixed(1)} | ${against} |`;
  });
  rows.forEach((row) => say(row));
  return rows;
}

/** @param {number} pid */
async function rest(pid) {
  for (let last = -1; ;) {
    const cpu = cpuMicroseconds(pid);
    if (cpu - last < 500) return;
    last = cpu;
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
}

/** @type {import("./figures.mjs").Part[]} */
const PARTS = [
  {
    name: "warm",
    title:
      "A verified POST: CPU microseconds of the runtime per request, requests a second beside it; medians, ratios within a round.",
    head: [
      "| body | Presshook | Presshook, logging | smallest Rust | JavaScript | Presshook ÷ smallest | JavaScript ÷ Presshook |",
      "|---|---|---|---|---|---|---|",
    ],
    measure: warm,
  },
  {
    name: "found",
    title:
      "All senders configured, one Worker: the same POST to `/api/webhook` and to `/api/webhook/blogshoot`.",
    head: ["| body | nameless URL | named URL | nameless ÷ named |", "|---|---|---|---|"],
    measure: found,
  },
  {
    name: "durable",
    title:
      "The durable accept, each request another event: CPU microseconds, requests a second beside it; what Presshook asks of its inbox for each.",
    head: [
      "| body | Presshook | JavaScript | Presshook ÷ JavaScript, requests a second | JavaScript ÷ Presshook, CPU | calls of the Durable Object |",
      "|---|---|---|---|---|---|",
    ],
    measure: accept,
  },
  {
    name: "cold",
    title: "A fresh runtime, a POST of 1 MB: CPU milliseconds of the whole process, medians.",
    head: ["| | first | second | first ÷ JavaScript's |", "|---|---|---|---|"],
    measure: cold,
  },
  {
    ...page.PART,
    async measure(directory) {
      await page.prepare();
      return page.deliveries(directory);
    },
  },
];

async function bench() {
  const parts = chosen(PARTS);
  await setup();
  await build();
  await compile(path.join(ROOT, "bench", "smallest"));
  const directory = mkdtempSync(path.join(tmpdir(), "presshook-bench-"));
  try {
    const tables = await measured(parts, directory);
    const versions = `${output("rustc", ["--version"])}, workerd ${output("workerd", ["--version"])?.split(" ").at(-1)}`;
    if (parts === PARTS) {
      await write("bench/README.md", `${versions}; ${ROUNDS} rounds, ${COLD_STARTS} cold starts.`, tables);
    }
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
}

await main(bench);
