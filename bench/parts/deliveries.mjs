// The owner's page with a hundred thousand deliveries: how long the page and its first data take at each edge, from a
// process that has only just started. The rows come in by `/api/import`, as those of an owner who moves would.

import { mkdirSync } from "node:fs";
import path from "node:path";
import { Problem } from "../../scripts/shell.mjs";
import { barred, median, table } from "../figures.mjs";
import { start } from "../runtime.mjs";
import * as servers from "../server/servers.mjs";
import { presshook } from "../workers.mjs";

const DELIVERIES = Number(process.env.DELIVERIES ?? 100_000);
/** Deliveries that one deploy carries. */
const BURST = 5;
/** Milliseconds that the page and its first data may take together. */
const MOST_MILLISECONDS = 200;
/** Bytes of one import; the receiver takes 8,000,000. */
const MOST_BYTES = 7_000_000;

const TOKEN = "the token of the bench's owner";
const SETTINGS = {
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

/** @typedef {{ port: number, stop: () => Promise<unknown> }} Edge */
/** @typedef {{ first: number, again: number }} Times milliseconds: of the first, and the median of those after it */

/** @type {import("../run.mjs").Part<{ worker: Times[], server: Times[] }>} */
export const part = {
  name: "deliveries",
  edge: "both",
  title: `The owner's page with ${DELIVERIES.toLocaleString("en")} deliveries`,
  about:
    "Milliseconds until the answer is there, on loopback: the first from a process that has just started, then medians.",
  rounds: 15,
  seconds: 25,

  async measure({ directory, rounds, step }) {
    const times = (/** @type {string} */ name, /** @type {(directory: string) => Promise<Edge>} */ edge) => {
      step(`the ${name}`);
      return measure(edge, path.join(directory, name), rounds);
    };
    return { worker: await times("worker", worker), server: await times("server", server) };
  },

  bars: ({ worker, server }) =>
    Object.entries({ Worker: worker, server }).map(([edge, [page, data]]) => ({
      what: `milliseconds of the page and its first data, ${edge}`,
      value: page.first + data.first,
      most: MOST_MILLISECONDS,
      digits: 1,
    })),

  tables({ worker, server }, bars) {
    const cells = (/** @type {Times} */ { first, again }) => [first.toFixed(1), again.toFixed(1)];
    const rows = REQUESTS.map(({ name }, at) => [name, ...cells(worker[at]), ...cells(server[at])]);
    const together = bars.flatMap((bar) => [barred(bar), ""]);
    return [
      table(
        ["", "Worker, first", "then", "server, first", "then"],
        [...rows, ["**the first two together**", ...together]],
      ),
    ];
  },
};

/** @param {string} directory @returns {Promise<Edge>} */
async function worker(directory) {
  const { workers, stop } = await start([presshook("presshook", SETTINGS)], directory);
  return { port: workers[0].port, stop };
}

/** @param {string} directory @returns {Promise<Edge>} */
const server = (directory) =>
  servers.start("presshook", (port) =>
    servers.presshook(port, path.join(directory, "presshook.db"), {
      ...SETTINGS,
      DEPLOY_HOOK_URL: SETTINGS.CLOUDFLARE_DEPLOY_HOOK,
    }),
  );

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
    if (lines.length > MOST_BYTES) await send();
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

/**
 * @param {(directory: string) => Promise<Edge>} edge @param {string} directory @param {number} rounds
 * @returns {Promise<Times[]>} of each of the requests
 */
async function measure(edge, directory, rounds) {
  mkdirSync(directory);
  const before = await edge(directory);
  await fill(`http://127.0.0.1:${before.port}`);
  // Whoever has had them come in one by one has had them counted too.
  await timed(`http://127.0.0.1:${before.port}/api/overview`);
  await before.stop();
  // Nothing is warm: the process has just started, and the first request opens the store.
  const { port, stop } = await edge(directory);
  try {
    const figures = [];
    let next = "";
    for (const { path: at } of REQUESTS) {
      const place = `http://127.0.0.1:${port}${at}${at.endsWith("before=") ? next : ""}`;
      const first = await timed(place);
      next = at === "/api/deliveries" ? JSON.parse(first.text).next : next;
      const again = [];
      for (let time = 0; time < rounds; time++) again.push((await timed(place)).milliseconds);
      figures.push({ first: first.milliseconds, again: median(again) });
    }
    return figures;
  } finally {
    await stop();
  }
}
