// `npm run soak`, or `npm run soak -- server` for one edge: half an hour of fifty events a second, while the host fails
// one call in five and the edge is ended by SIGKILL every minute. In the last fifth of the time it lives on. In the end
// every acknowledged edit must have been carried by a call that the host received after it and answered with success, no
// more calls may have been repeated than answers were lost, and memory must be flat. README.md tells how that is judged.
//
// MINUTES says how long, RATE how many events a second, SOAK_SEED which faults and moments.

import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { build } from "../../scripts/build.mjs";
import { freePort } from "../../scripts/serve.mjs";
import { Problem, main, say } from "../../scripts/shell.mjs";
import { carried, look, owner, unhurried } from "../crash/account.mjs";
import { EDGES, known } from "../crash/edges.mjs";
import { hooks, host } from "../crash/host.mjs";
import { between, generator } from "../crash/random.mjs";
import { faults } from "./faults.mjs";
import { growths } from "./memory.mjs";
import { judged, told } from "./report.mjs";
import { show } from "./screen.mjs";
import { CONNECTIONS, sending } from "./sending.mjs";
import { watch } from "./watch.mjs";

const MINUTES = Number(process.env.MINUTES ?? 30);
const RATE = Number(process.env.RATE ?? 50);
const SEED = Number(process.env.SOAK_SEED ?? Date.now() % 1_000_000);
const TARGETS = ["default", "second", "third"];
const TOKEN = "the token of the owner";
/**
 * How long what is left may take in the end, in milliseconds: for the senders to have their edits acknowledged, and for
 * the calls; a claim may take 25 seconds until it counts as lost, and then there are further tries.
 */
const PATIENCE = 150_000;
/** Of the time, the part at the end in which the edge is not ended. */
const LIVES_ON = 0.2;

const PACE = { DEPLOY_SETTLE_SECONDS: "1", DEPLOY_MAX_WAIT_SECONDS: "2", DEPLOY_MIN_GAP_SECONDS: "0" };

/** The ends of an edge: each minute, and in a short run more often. */
const INTERVAL = Math.min(60, MINUTES * 10) * 1000;

/**
 * Soaks an edge; what came of it. Nothing here fails but what makes the rest pointless: what was found wrong is in the
 * report.
 *
 * @param {string} name
 * @param {number} seed
 * @param {(state: () => string) => void} shows how it goes
 * @returns {Promise<import("./report.mjs").Outcome>}
 */
async function soak(name, seed, shows) {
  const [moments, pauses, failing, edits] = [0, 1, 2, 3].map((it) => generator(seed + it));
  const directory = mkdtempSync(path.join(tmpdir(), "presshook-soak-"));
  const clear = () => rmSync(directory, { recursive: true, force: true });
  process.on("exit", clear);
  const trouble = faults(failing);
  const hook = await host(pauses, trouble.next);
  let log = "";
  /** Lines of the log that tell of an error, by their code. @type {Map<string, number>} */
  const errors = new Map();
  const hear = (/** @type {string} */ text) => {
    log = (log + text).slice(-20_000);
    for (const [, code] of text.matchAll(/"level":"error","code":"(\w+)"/g))
      errors.set(code, (errors.get(code) ?? 0) + 1);
  };
  /** @type {import("../crash/edges.mjs").Life | undefined} */
  let running;
  let stopWatching = () => {};
  try {
    const settings = { ...CONNECTIONS, ...hooks(hook.url, TARGETS), ADMIN_TOKEN: TOKEN, ...PACE };
    const edge = await EDGES[name](directory, settings, hear, await freePort());
    running = await edge.begin();
    await running.ready;

    let [life, begunAt] = [0, Date.now()];
    const watched = watch(edge, () => running && { pid: running.pid, life, begunAt });
    stopWatching = watched.stop;
    const until = async (/** @type {number} */ at) => {
      for (let left = at - Date.now(); left > 0; left = at - Date.now()) {
        await sleep(Math.min(left, 1000));
        if (watched.hasEnded()) throw new Problem(`the ${name} has ended by itself:\n${log}`);
      }
    };

    const startedAt = Date.now();
    const endsAt = startedAt + MINUTES * 60_000;
    const sender = sending(`${edge.url}/api/webhook`, RATE, edits);
    shows(() =>
      told({
        name,
        elapsed: Math.min(Date.now(), endsAt) - startedAt,
        events: sender.edits.length,
        acknowledged: sender.counts.acknowledged,
        calls: hook.calls.length,
        faults: trouble.given(),
        kills: life,
        megabytes: watched.samples.at(-1)?.megabytes ?? 0,
        store: watched.store.all,
      }),
    );
    const unhurriedly = () => {
      for (const target of TARGETS) unhurried(hook.to(target), begunAt, Date.now());
    };
    for (;;) {
      const next = Date.now() + between(moments, 0.75, 1.25) * INTERVAL;
      if (next > endsAt - LIVES_ON * MINUTES * 60_000) break;
      await until(next);
      const { kill } = running;
      running = undefined;
      await kill();
      unhurriedly();
      [life, begunAt] = [life + 1, Date.now()];
      running = await edge.begin();
    }
    await until(endsAt);

    // From here on the host is well, so that what waits is not held up for hours.
    trouble.stop();
    await sender.stop(PATIENCE);
    unhurriedly();
    const accepted = sender.edits.filter((it) => it.acknowledgedAt !== undefined);
    const read = owner(edge.url, TOKEN);
    const limit = Date.now() + PATIENCE;
    while ((await waits(read)) && Date.now() < limit) await sleep(500);
    watched.stop();

    // This takes a minute where there were thirty.
    shows(() => `${name}: what came of each of ${accepted.length} edits is looked up`);
    const seen = await look(read);
    const targets = [];
    for (const target of TARGETS) {
      const calls = hook.to(target);
      const { by, lost } = await carried(target, accepted, calls, seen, read);
      const done = [...seen.jobs(target).values()].filter(({ state }) => state === "done").length;
      const took = accepted.flatMap(({ id, sentAt }) => (by.get(id)?.at ?? NaN) - sentAt);
      targets.push({ name: target, calls, lost, done, waits: took.filter((it) => it >= 0) });
    }
    const strict = await read("/api/health?strict").then(
      () => undefined,
      (error) => String(error.message),
    );
    return {
      name,
      seconds: MINUTES * 60,
      rate: RATE,
      sender,
      kills: life,
      faults: trouble.counts,
      targets,
      samples: watched.samples,
      growths: growths(watched.samples, INTERVAL),
      store: watched.store,
      errors,
      strict,
    };
  } catch (error) {
    say(`${name}: the end of its log:\n${log}`);
    throw error;
  } finally {
    stopWatching();
    await running?.kill();
    hook.close();
    process.off("exit", clear);
    clear();
  }
}

/** Whether a job waits, or is being done, for any of the deliveries that came last. @param {import("../crash/account.mjs").Read} read */
async function waits(read) {
  const { deliveries } = await read("/api/deliveries?limit=100");
  const jobs = deliveries.flatMap((/** @type {any} */ delivery) => delivery.jobs);
  return jobs.some((/** @type {any} */ job) => job.state === "waiting" || job.state === "sending");
}

async function script() {
  const names = process.argv.length > 2 ? process.argv.slice(2).map(known) : Object.keys(EDGES);
  if (!(MINUTES >= 1)) throw new Problem("MINUTES must be a number from 1");
  if (!(RATE >= 1 && RATE <= 500)) throw new Problem("RATE must be a number from 1 to 500");
  if (names.includes("worker")) await build();
  say(`${MINUTES} minutes of soak, ${names.join(" and ")}, ${RATE} events a second, SOAK_SEED=${SEED}`);
  /** @type {Map<string, () => string>} */
  const states = new Map();
  const stop = show(() => [...states.values()].map((state) => state()));
  const soaked = await Promise.allSettled(
    names.map((name, index) => soak(name, SEED + 10 * index, (state) => states.set(name, state))),
  );
  stop();
  const outcomes = soaked.flatMap((it) => (it.status === "fulfilled" ? it.value : []));
  const failed = soaked.flatMap((it) => (it.status === "rejected" ? [it.reason] : []));
  const missed = judged(outcomes);
  const other = failed.find((it) => !(it instanceof Problem));
  if (other) throw other;
  missed.push(...failed.map((it) => it.message));
  if (missed.length === 0)
    return say("Nothing was lost, nothing repeated without cause, and memory is flat.");
  throw new Problem(
    `${missed.join("\n")}\nThe same again: MINUTES=${MINUTES} SOAK_SEED=${SEED} npm run soak -- ${names.join(" ")}`,
  );
}

await main(script);
