// `npm run bench:server`: the native server beside what a user would run instead, in one run.
//
// Each server is a process of its own. Rounds alternate between them, so that what else the machine does falls on all
// alike; ratios are taken within a round, and their median is told. Machines are noisy: a difference under 8 % means
// nothing.

import {
  closeSync,
  fdatasyncSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  rmSync,
  statfsSync,
  writeSync,
} from "node:fs";
import path from "node:path";
import { freePort } from "../../scripts/serve.mjs";
import { setup } from "../../scripts/setup.mjs";
import { Problem, ROOT, bold, main, output, run, say } from "../../scripts/shell.mjs";
import { barred, chosen, measured, median, progress, write } from "../figures.mjs";
import { article, signed } from "../messages.mjs";
import { load, prepare } from "./load.mjs";
import * as servers from "./servers.mjs";

const ROUNDS = Number(process.env.ROUNDS ?? 7);
const STARTS = Number(process.env.COLD_STARTS ?? 15);
/** How long each server is loaded in a round. */
const SECONDS = 2;
const SIZES = [
  { name: "1 KB", bytes: 1_000 },
  { name: "10 KB", bytes: 10_000 },
  { name: "100 KB", bytes: 100_000 },
  { name: "1 MB", bytes: 1_000_000 },
];
const CONNECTIONS = 8;
/** Of the durable accept. */
const MANY_CONNECTIONS = 64;
/** What must hold: see bench/server/README.md. */
const BARS = {
  node: [0.5, 0.5, 0.6, 0.5],
  /** Nothing is asked for where it is missing. */
  webhook: [0.1, 0.1],
  /** Requests a second. */
  faster: 1,
  durable: 0.5,
  /** MB. */
  idle: 10,
  peak: 32,
  /** Milliseconds. */
  start: 50,
};

/** @typedef {import("../messages.mjs").Message} Message */
/** @typedef {import("./servers.mjs").Server} Server */

const hasWebhook = output("webhook", ["-version"]) !== undefined;

/** The CPU time of a request, and requests a second, at each size. @param {string} directory */
async function posts(directory) {
  const rows = [];
  for (const [index, size] of SIZES.entries()) {
    const message = signed(article(size.bytes, "evt_bench", "test"));
    const file = path.join(directory, "same");
    await prepare(file, [message]);
    const answer = JSON.stringify({
      success: true,
      message: "Test webhook received successfully",
      event_id: "evt_bench",
    });
    const database = path.join(directory, `posts-${index}.sqlite`);
    const running = [
      await servers.start("Presshook", (port) => servers.presshook(port, database)),
      await servers.start("Node.js", servers.node),
    ];
    if (hasWebhook) {
      running.push(await servers.start("webhook", (port) => servers.webhook(port, directory, answer)));
    }
    try {
      for (const server of running) {
        await compare(server, message, answer);
        // Hot before it is measured.
        await load(server.port, file, CONNECTIONS, 1);
      }
      const { cell, ratio } = await rounds(size.name, running, (server) =>
        load(server.port, file, CONNECTIONS, SECONDS),
      );
      const against = (/** @type {string} */ other, /** @type {number | undefined} */ most) => [
        barred(ratio("Presshook", other, "cpu"), { most }),
        barred(ratio("Presshook", other, "rate"), { least: BARS.faster }),
      ];
      const cells = [
        size.name,
        ...["Presshook", "Node.js", "webhook"].map(cell),
        ...against("Node.js", BARS.node[index]),
        ...(hasWebhook ? against("webhook", BARS.webhook[index]) : ["", ""]),
      ];
      rows.push(tell(cells));
    } finally {
      for (const server of running) await server.stop();
    }
  }
  return rows;
}

/** Posts a message. @param {number} port @param {Message} message @param {string} [signature] another than its own */
async function post(port, { headers, body }, signature = String(headers["x-blogshoot-signature"])) {
  const response = await fetch(`http://127.0.0.1:${port}/api/webhook`, {
    method: "POST",
    headers: { "content-type": "application/json", "x-blogshoot-signature": signature },
    body: new Uint8Array(body),
  });
  return { status: response.status, text: await response.text() };
}

/**
 * Checks that a server accepts a message with exactly that answer, and with another signature not at all.
 *
 * @param {Server} server @param {Message} message @param {string} answer
 */
async function compare({ name, port }, message, answer) {
  const { status, text } = await post(port, message);
  if (status !== 200 || text !== answer) {
    throw new Error(`${name} answers ${status} ${text} instead of ${answer}`);
  }
  const forged = signed(Buffer.from("another body")).headers["x-blogshoot-signature"];
  if ((await post(port, message, String(forged))).status < 400) {
    throw new Error(`${name} accepts a signature that is not the sender's`);
  }
}

/**
 * Measures each server in each round: its CPU time for one request, and requests a second.
 *
 * @param {string} what for the terminal
 * @param {Server[]} running
 * @param {(server: Server) => Promise<import("./load.mjs").Outcome>} send
 * @param {() => Promise<void>} [before] each round
 */
async function rounds(what, running, send, before) {
  /** @typedef {{ cpu: number[], rate: number[], p50: number[], p99: number[] }} Figures */
  /** @type {Record<string, Figures>} */
  const figures = Object.fromEntries(
    running.map(({ name }) => [name, { cpu: [], rate: [], p50: [], p99: [] }]),
  );
  for (let round = 0; round < ROUNDS; round++) {
    await before?.();
    // Each round begins with another server.
    const shift = round % running.length;
    for (const server of [...running.slice(shift), ...running.slice(0, shift)]) {
      await servers.rest(server.pid);
      const cpu = servers.cpuMicroseconds(server.pid);
      const { requests, microseconds, p50, p99 } = await send(server);
      // What it put off is part of it.
      await servers.rest(server.pid);
      const { [server.name]: own } = figures;
      own.cpu.push((servers.cpuMicroseconds(server.pid) - cpu) / requests);
      own.rate.push(requests / (microseconds / 1e6));
      own.p50.push(p50);
      own.p99.push(p99);
    }
    progress(`${what}: round ${round + 1} of ${ROUNDS}`);
  }
  progress("");
  const middle = (/** @type {string} */ name, /** @type {keyof Figures} */ of) => median(figures[name][of]);
  return {
    middle,
    cell: (/** @type {string} */ name) =>
      name in figures ? `${middle(name, "cpu").toFixed(0)} (${middle(name, "rate").toFixed(0)}/s)` : "",
    /** The median of a round's ratios. */
    ratio: (/** @type {string} */ one, /** @type {string} */ other, /** @type {keyof Figures} */ of) =>
      median(figures[one][of].map((value, round) => value / figures[other][of][round])),
  };
}

/** Events that are stored before they are answered, each another one. @param {string} directory */
async function durable(directory) {
  const file = path.join(directory, "each");
  /** @type {Message[]} */
  const sent = [];
  const fresh = (/** @type {number} */ count) => prepare(file, articles(1_000, count));
  const database = path.join(directory, "durable.sqlite");
  const running = [
    await servers.start("Presshook", (port) => servers.presshook(port, database)),
    await servers.start("Node.js", servers.node),
  ];
  try {
    // Hot before they are measured; and so it is known how many requests a round needs at most.
    let fastest = 0;
    for (const { port } of running) {
      await fresh(100_000);
      const { requests } = await load(port, file, MANY_CONNECTIONS, 1);
      fastest = Math.max(fastest, requests);
    }
    /** @type {number[]} */
    const synchronized = [];
    const { middle, ratio } = await rounds(
      "durable",
      running,
      ({ port }) => load(port, file, MANY_CONNECTIONS, SECONDS),
      async () => {
        synchronized.push(...synchronizing(directory));
        // One that is surely sent; the very first is asked for by wrk, and not sent.
        sent.push(created(1_000, `evt_${events + 10}`));
        await fresh(fastest * SECONDS * 4);
      },
    );
    // What it has answered, it has: a second time, each is known.
    for (const message of sent) {
      const { text } = await post(running[0].port, message);
      if (JSON.parse(text).duplicate !== true) throw new Error(`an event was not stored: ${text}`);
    }
    const milliseconds = (/** @type {number} */ microseconds) => `${(microseconds / 1000).toFixed(1)} ms`;
    const row = (/** @type {string} */ what, /** @type {string} */ name, more = "") =>
      tell([
        what,
        middle(name, "rate").toFixed(0),
        more,
        middle(name, "cpu").toFixed(0),
        milliseconds(middle(name, "p50")),
        milliseconds(middle(name, "p99")),
      ]);
    synchronized.sort((a, b) => a - b);
    const [p50, p99] = [0.5, 0.99].map((part) => synchronized[Math.floor(synchronized.length * part)]);
    const share = barred(ratio("Presshook", "Node.js", "rate"), { least: BARS.durable });
    return [
      row("Presshook, stored", "Presshook", share),
      row("Node.js, storing nothing", "Node.js"),
      tell([
        "the disk: 4 KB synchronized",
        (1e6 / p50).toFixed(0),
        "",
        "",
        milliseconds(p50),
        milliseconds(p99),
      ]),
    ];
  } finally {
    for (const server of running) await server.stop();
  }
}

/** @param {number} bytes @param {string} event */
const created = (bytes, event) => signed(article(bytes, event, "article.created"));

let events = 0;

/** Articles, each another event. @param {number} bytes @param {number} count */
function* articles(bytes, count) {
  for (let made = 0; made < count; made++) yield created(bytes, `evt_${events++}`);
}

/** How long it takes to have 4 KB on the disk, in microseconds, some times. @param {string} directory */
function synchronizing(directory) {
  const file = openSync(path.join(directory, "synchronized"), "w");
  try {
    const page = Buffer.alloc(4096, "page");
    return Array.from({ length: 100 }, () => {
      const began = performance.now();
      writeSync(file, page);
      fdatasyncSync(file);
      return (performance.now() - began) * 1000;
    });
  } finally {
    closeSync(file);
  }
}

/** Memory at rest, and at most under load. @param {string} directory */
async function memory(directory) {
  const file = path.join(directory, "large");
  await prepare(file, [signed(article(1_000_000, "evt_bench", "test"))]);
  const database = path.join(directory, "memory.sqlite");
  const started = [
    {
      name: "Presshook",
      command: (/** @type {number} */ port) => servers.presshook(port, database),
      bars: BARS,
    },
    { name: "Node.js", command: servers.node, bars: { idle: undefined, peak: undefined } },
  ];
  const rows = [];
  for (const { name, command, bars } of started) {
    const server = await servers.start(name, command);
    try {
      await fetch(`http://127.0.0.1:${server.port}/api/health`);
      await new Promise((resolve) => setTimeout(resolve, 3_000));
      const idle = servers.memory(server.pid).resident;
      await load(server.port, file, CONNECTIONS, 2 * SECONDS);
      const stored = articles(1_000_000, 200);
      const connection = async () => {
        for (const message of stored) {
          const { status, text } = await post(server.port, message);
          if (status !== 200) throw new Error(`${name} answers ${status} ${text}`);
        }
      };
      await Promise.all(Array.from({ length: CONNECTIONS }, connection));
      const { peak } = servers.memory(server.pid);
      rows.push(tell([name, barred(idle, { most: bars.idle }, 1), barred(peak, { most: bars.peak }, 1)]));
    } finally {
      await server.stop();
    }
  }
  return rows;
}

/** From starting the process to the first answer. @param {string} directory */
async function cold(directory) {
  let fresh = 0;
  const existing = path.join(directory, "cold.sqlite");
  const presshook = (/** @type {() => string} */ database) => (/** @type {number} */ port) =>
    servers.presshook(port, database());
  const started = [
    { name: "Presshook", command: presshook(() => existing), most: BARS.start },
    {
      name: "Presshook, making its store",
      command: presshook(() => path.join(directory, `cold-${fresh++}.sqlite`)),
    },
    { name: "Node.js", command: servers.node },
  ];
  /** @type {Record<string, number[]>} */
  const took = Object.fromEntries(started.map(({ name }) => [name, []]));
  // The first one makes the store.
  for (let round = -1; round < STARTS; round++) {
    for (const { name, command } of started) {
      const milliseconds = await firstAnswer(name, command);
      if (round >= 0) took[name].push(milliseconds);
    }
    progress(`start ${round + 1} of ${STARTS}`);
  }
  progress("");
  return started.map(({ name, most }) => {
    const all = took[name];
    return tell([name, barred(median(all), { most }, 1), Math.max(...all).toFixed(1)]);
  });
}

/** @param {string} name @param {(port: number) => servers.Command} command */
async function firstAnswer(name, command) {
  const port = await freePort();
  const began = performance.now();
  const server = servers.launch(name, port, command(port));
  try {
    while (!(await servers.answersHealth(port))) {
      if (server.hasEnded()) throw new Error(`${name} ended; its last words stand above`);
    }
    return performance.now() - began;
  } finally {
    await server.stop();
  }
}

/** Tells a row, and returns it. @param {string[]} cells */
function tell(cells) {
  const row = `| ${cells.join(" | ")} |`;
  say(row);
  return row;
}

/** @type {import("../figures.mjs").Part[]} */
const PARTS = [
  {
    name: "posts",
    title:
      "A verified POST: CPU microseconds of the server per request, requests a second beside it; medians, ratios within a round.",
    head: [
      "| body | Presshook | Node.js | webhook | CPU, ÷ Node.js | requests a second, ÷ Node.js | CPU, ÷ webhook | requests a second, ÷ webhook |",
      "|---|---|---|---|---|---|---|---|",
    ],
    measure: posts,
  },
  {
    name: "durable",
    title: `The durable accept of 1 KB, each request another event, over ${MANY_CONNECTIONS} connections.`,
    head: ["| | a second | ÷ Node.js | CPU microseconds | p50 | p99 |", "|---|---|---|---|---|---|"],
    measure: durable,
  },
  {
    name: "memory",
    title: `Resident memory in MB: some seconds after the start, and at most with ${CONNECTIONS} connections that send 1 MB each.`,
    head: ["| | at rest | at most |", "|---|---|---|"],
    measure: memory,
  },
  {
    name: "cold",
    title: "From the start of the process to its first answer, milliseconds.",
    head: ["| | median | slowest |", "|---|---|---|"],
    measure: cold,
  },
];

async function bench() {
  const parts = chosen(PARTS);
  if (process.platform !== "linux") {
    throw new Problem("this benchmark reads CPU time and memory from /proc, so it needs Linux");
  }
  if (output("which", ["wrk"]) === undefined) {
    throw new Problem(
      "wrk is missing, which sends the load. Install it with: sudo apt-get install wrk webhook",
    );
  }
  if (!hasWebhook) {
    say("webhook is missing, so its column stays empty. Install it with: sudo apt-get install webhook");
  }
  await setup({ tools: [] });
  say(`\n${bold("The server is compiled; the first time that takes some minutes.")}`);
  await run("cargo", ["build", "--release", "--locked", "--bin", "presshook"]);
  const target = path.join(ROOT, "target");
  mkdirSync(target, { recursive: true });
  const directory = mkdtempSync(path.join(target, "bench-"));
  try {
    const TMPFS = 0x01021994;
    if (statfsSync(directory).type === TMPFS) {
      throw new Problem(`${target} lies in memory; the durable accept is measured on a disk`);
    }
    const tables = await measured(parts, directory);
    if (parts === PARTS) {
      const versions = [
        `${output("rustc", ["--version"])}`,
        `Node.js ${output("node", ["--version"])?.slice(1)}`,
      ];
      if (hasWebhook) versions.push(`${output("webhook", ["-version"])}`);
      await write(
        "bench/server/README.md",
        `${versions.join(", ")}; ${ROUNDS} rounds, ${STARTS} starts.`,
        tables,
      );
    }
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
}

await main(bench);
