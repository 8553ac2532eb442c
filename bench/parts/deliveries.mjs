// The owner's page with a hundred thousand deliveries: how long the page and its first data take at each edge, from a
// process that has only just started. The rows come in by `/api/import`, as those of an owner who moves would.

import { spawn } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { pathToFileURL } from "node:url";
import { build } from "../../scripts/build.mjs";
import { freePort, listens } from "../../scripts/serve.mjs";
import { Problem, ROOT, main, run, say } from "../../scripts/shell.mjs";
import { barred, median } from "../figures.mjs";
import { start } from "../runtime.mjs";

const DELIVERIES = Number(process.env.DELIVERIES ?? 100_000);
/** Deliveries that one deploy carries. */
const BURST = 5;
/** Requests of each kind, after the first. */
const AGAIN = 15;
/** Milliseconds that the page and its first data may take together. */
const BAR = { most: 200 };
/** Bytes of one import; the receiver takes 8,000,000. */
const MOST = 7_000_000;

const TOKEN = "the token of the bench's owner";
const SETTINGS = {
  BLOGSHOOT_WEBHOOK_SECRET: "the secret of the bench",
  CLOUDFLARE_DEPLOY_HOOK: "https://host.example/hook",
  DEPLOY_BUDGET_PER_MONTH: "500",
  ADMIN_TOKEN: TOKEN,
  LOG_LEVEL: "error",
};
const HEADERS = { authorization: `Bearer ${TOKEN}` };

/** What is asked for: the first two are what an owner waits for. */
const REQUESTS = [
  { name: "`/deliveries`", path: "/deliveries" },
  { name: "`/api/deliveries`", path: "/api/deliveries" },
  { name: "the next page", path: "/api/deliveries?before=" },
  { name: "a search that finds nothing", path: "/api/deliveries?q=nothing+is+called+so" },
  { name: "what has failed", path: "/api/deliveries?state=failed" },
  { name: "`/api/deploys`", path: "/api/deploys" },
  { name: "`/api/overview`", path: "/api/overview" },
  { name: "`/api/setup`", path: "/api/setup" },
];

/** @typedef {{ url: string, stop: () => Promise<unknown> }} Edge */

/** @param {string} directory @returns {Promise<Edge>} */
async function worker(directory) {
  const names = ["src/cloudflare/worker.js", "src/cloudflare/receiver.js", "src/cloudflare/entry.js"];
  const built = ["build/index.js", "build/index_bg.wasm", "build/dashboard.js"];
  const modules = Object.fromEntries([...names, ...built].map((name) => [name, path.join(ROOT, name)]));
  const service = { name: "presshook", modules, bindings: SETTINGS, inbox: true };
  const { services, stop } = await start([service], directory);
  return { url: `http://127.0.0.1:${services[0].port}`, stop };
}

/** @param {string} directory @returns {Promise<Edge>} */
async function server(directory) {
  const port = await freePort();
  const program = path.resolve(ROOT, process.env.CARGO_TARGET_DIR ?? "target", "release", "presshook");
  const env = { PATH: process.env.PATH, HOME: directory, HOST: "127.0.0.1", PORT: String(port) };
  const child = spawn(program, ["serve"], {
    cwd: directory,
    stdio: ["ignore", "ignore", "inherit"],
    env: { ...env, DATABASE: path.join(directory, "presshook.db"), ...SETTINGS },
  });
  const kill = () => child.kill();
  process.on("exit", kill);
  while (!(await listens(port))) {
    if (child.exitCode !== null) throw new Problem("presshook serve ended; its last words stand above");
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
  const stop = () =>
    new Promise((resolve) => {
      process.off("exit", kill);
      child.on("close", resolve);
      kill();
    });
  return { url: `http://127.0.0.1:${port}`, stop };
}

/** The rows as an export has them: deliveries over twenty days, deploys that carried some each, and their builds. */
function* rows() {
  const first = Date.now() - 20 * 24 * 3_600_000;
  const step = Math.floor((20 * 24 * 3_600_000) / DELIVERIES);
  const id = (/** @type {number} */ number) => first + number * step;
  const payload = Buffer.from(JSON.stringify({ event_type: "article.updated", text: "words ".repeat(40) }));
  for (let number = 0; number < DELIVERIES; number++) {
    const item = { id: `art_${number % 5000}`, title: `Article ${number % 5000} of the site`, seo: {} };
    yield {
      table: "deliveries",
      id: id(number),
      connection: number % 3 === 0 ? "blogshoot/shop" : "blogshoot",
      key: `evt_${number}`,
      event_type: "article.updated",
      kind: "updated",
      item: item.id,
      stale: 0,
      events: JSON.stringify([{ kind: "updated", name: "article.updated", item }]),
      verified_by: "BLOGSHOOT_WEBHOOK_SECRET",
      headers: '{"content-type":"application/json"}',
      payload: [payload.toString("base64")],
      received_at: id(number),
      took: 3,
    };
  }
  const none = { due_at: null, first_at: null, after: null, reason: null, alone: null };
  for (let number = 0; number < DELIVERIES; number += BURST) {
    const job = id(number);
    const times = { requested_at: job + 10_000, building_at: job + 15_000, built_at: job + 40_000 };
    const about = { action: "deploy", target: "default", source: "blogshoot", event_id: `evt_${number}` };
    const over = {
      state: "done",
      attempts: 1,
      tries: 1,
      urgent: 0,
      wanted_at: job,
      finished_at: job + 10_000,
    };
    yield { table: "jobs", id: job, ...about, ...over, ...none };
    const attempt = { started_at: job + 9000, ended_at: job + 10_000, outcome: "accepted", status: 200 };
    yield { table: "attempts", job_id: job, number: 1, ...attempt, detail: null };
    const empty = {
      reference: null,
      reason: null,
      url: null,
      noted: null,
      follower: null,
      restarted_as: null,
    };
    const ended = { state: "live", first_at: job, ended_at: job + 60_000, restarts: 0 };
    yield { table: "builds", job_id: job, target: "default", ...ended, ...times, ...empty };
    for (let carried = number; carried < number + BURST; carried++) {
      yield { table: "carries", job_id: job, delivery_id: id(carried) };
    }
  }
}

/** @param {string} url */
async function fill(url) {
  let lines = "";
  const send = async () => {
    const answer = await fetch(`${url}/api/import`, { method: "POST", headers: HEADERS, body: lines });
    if (!answer.ok) throw new Problem(`the import was answered ${answer.status}: ${await answer.text()}`);
    await answer.text();
    lines = "";
  };
  for (const row of rows()) {
    lines += `${JSON.stringify(row)}\n`;
    if (lines.length > MOST) await send();
  }
  await send();
}

/** How long one request takes, with its answer, in milliseconds. @param {string} url */
async function timed(url) {
  const began = performance.now();
  const answer = await fetch(url, { headers: HEADERS });
  const text = await answer.text();
  if (!answer.ok) throw new Problem(`${url} was answered ${answer.status}: ${text}`);
  return { milliseconds: performance.now() - began, text };
}

/** @param {(directory: string) => Promise<Edge>} edge @param {string} directory */
async function measure(edge, directory) {
  mkdirSync(directory);
  const before = await edge(directory);
  await fill(before.url);
  // Whoever has had them come in one by one has had them counted too.
  await timed(`${before.url}/api/overview`);
  await before.stop();
  // Nothing is warm: the process has just started, and the first request opens the store.
  const { url, stop } = await edge(directory);
  const figures = [];
  let next = "";
  for (const { path: at } of REQUESTS) {
    const place = `${url}${at}${at.endsWith("before=") ? next : ""}`;
    const first = await timed(place);
    next = at === "/api/deliveries" ? JSON.parse(first.text).next : next;
    const again = [];
    for (let time = 0; time < AGAIN; time++) again.push((await timed(place)).milliseconds);
    figures.push({ first: first.milliseconds, again: median(again) });
  }
  await stop();
  return figures;
}

/** The rows of the table. @param {string} directory */
export async function deliveries(directory) {
  const onWorker = await measure(worker, path.join(directory, "worker"));
  const onServer = await measure(server, path.join(directory, "server"));
  const cell = (/** @type {{ first: number, again: number }} */ { first, again }) =>
    `${first.toFixed(1)} | ${again.toFixed(1)}`;
  const table = REQUESTS.map(({ name }, at) => `| ${name} | ${cell(onWorker[at])} | ${cell(onServer[at])} |`);
  const together = [onWorker, onServer].map((it) => barred(it[0].first + it[1].first, BAR, 1));
  table.push(`| **the first two together** | ${together[0]} | | ${together[1]} | |`);
  table.forEach((row) => say(row));
  return table;
}

/** What is asked for beside the table. @type {Omit<import("./figures.mjs").Part, "measure">} */
export const PART = {
  name: "deliveries",
  title: `The owner's page with ${DELIVERIES.toLocaleString("en")} deliveries: milliseconds on loopback, the first from a process that has just started, then medians.`,
  head: ["| | Worker, first | then | server, first | then |", "|---|---|---|---|---|"],
};

/** Compiles both edges. */
export async function prepare() {
  await build();
  await run("cargo", ["build", "--release", "--locked", "--quiet", "--bin", "presshook"]);
}

async function script() {
  if (!process.env.PREPARED) await prepare();
  const directory = mkdtempSync(path.join(tmpdir(), "presshook-bench-"));
  try {
    PART.head.forEach((row) => say(row));
    await deliveries(directory);
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
}

if (import.meta.url === pathToFileURL(process.argv[1]).href) await main(script);
