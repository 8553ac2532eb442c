// `npm run test:crash`, or `npm run test:crash -- server` for the native server: an edge is ended by SIGKILL at random
// moments, over and over, while clients send events, and is started again on the same storage. After the last start
// nothing is sent any more; then every event that was answered with 2xx must have been carried by a deploy call that the
// host received after it was sent, and no more calls must have been made than the crashes explain.
//
// CRASHES says how often, CRASH_SEED which moments.

import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { pathToFileURL } from "node:url";
import { Problem, main, say } from "../../scripts/shell.mjs";
import { SENDERS } from "../conformance/senders.mjs";
import { post } from "../conformance/wire.mjs";
import { carried, look, owner, unhurried } from "./account.mjs";
import { EDGES, known } from "./edges.mjs";
import { hooks, host } from "./host.mjs";
import { between, generator } from "./random.mjs";

const SEED = Number(process.env.CRASH_SEED ?? Date.now() % 1_000_000);
const SECRET = "the secret of the crash test";
const TOKEN = "the token of the owner";
/** A claim whose answer was lost is tried again 25 seconds later, and then after a growing pause. */
const PATIENCE = 100_000;

/**
 * What an edge is put through: how many crashes unless told otherwise, how many milliseconds a life of it may last, the
 * targets that every event deploys, how many clients send at once and how long each pauses at most.
 *
 * @typedef {{ crashes: number, life: [number, number], targets: string[], clients: number, pause: number }} Trial
 *
 * @type {Record<string, Trial>}
 */
const TRIALS = {
  worker: { crashes: 50, life: [50, 2500], targets: ["default"], clients: 2, pause: 300 },
  // It is up in milliseconds, so it is ended more often and sooner.
  server: {
    crashes: 200,
    life: [20, 1800],
    targets: ["default", "second", "third"],
    clients: 4,
    pause: 150,
  },
};

/** @typedef {import("./account.mjs").Sent & { status: number | undefined }} Sent */
/** @typedef {import("./host.mjs").Call} Call */

/** When it is ended; apart from all else that is random, so that the same seed gives the same moments. */
const moments = generator(SEED);
const pauses = generator(SEED + 1);
const sleep = (/** @type {number} */ ms) => new Promise((resolve) => setTimeout(resolve, ms));

/**
 * Puts an edge through its crashes, and fails where something was lost.
 *
 * @param {string} name
 * @param {string | number} [often] how many
 */
export async function crash(name, often) {
  const trial = TRIALS[known(name)];
  const crashes = Number(often ?? trial.crashes);
  if (!(crashes >= 1)) throw new Problem("CRASHES must be a number from 1");
  say(`${crashes} crashes of the ${name}, CRASH_SEED=${SEED}`);
  const directory = mkdtempSync(path.join(tmpdir(), "presshook-crash-"));
  const hook = await host(pauses);
  let log = "";
  /** @type {import("./edges.mjs").Life | undefined} */
  let running;
  try {
    const settings = {
      BLOGSHOOT_WEBHOOK_SECRET: SECRET,
      ...hooks(hook.url, trial.targets),
      ADMIN_TOKEN: TOKEN,
      DEPLOY_SETTLE_SECONDS: "1",
      DEPLOY_MAX_WAIT_SECONDS: "3",
      DEPLOY_MIN_GAP_SECONDS: "0",
    };
    const { url, begin } = await EDGES[name](directory, settings, (text) => (log += text));
    running = await begin();
    await running.ready;
    const sender = sending(`${url}/api/webhook`, trial);
    let begunAt = Date.now();
    for (let crash = 1; crash <= crashes; crash++) {
      // Now and then while it starts.
      const early = moments() < 0.1;
      const after = early ? between(moments, 0, 30) : between(moments, ...trial.life);
      if (!early) await running.ready;
      await sleep(after);
      await running.kill();
      for (const target of trial.targets) unhurried(hook.to(target), begunAt, Date.now());
      if (crash === crashes) await sender.stop();
      const accepted = sender.sent.filter(({ status }) => status === 200).length;
      say(
        `${crash}/${crashes} killed after ${after.toFixed(0)} ms: ` +
          `${accepted} of ${sender.sent.length} events accepted, ${hook.calls.length} calls heard`,
      );
      begunAt = Date.now();
      running = await begin();
    }
    await running.ready;
    const accepted = sender.sent.filter(({ status }) => status === 200);
    const wrong = sender.sent.filter(({ status }) => status !== undefined && status !== 200);
    if (wrong.length > 0) throw new Problem(`${wrong.length} were answered, but with ${wrong[0].status}`);
    if (accepted.length < crashes)
      throw new Problem("too few events were accepted for this to show anything");

    // The last event accepted is carried by the last call, and what came before it by that or an earlier one.
    const restarted = Date.now();
    const last = accepted[accepted.length - 1];
    const carries = (/** @type {Call} */ it) =>
      it.answered && it.at >= last.sentAt && it.ids.includes(last.id);
    const isCarried = () => trial.targets.every((target) => hook.to(target).some(carries));
    while (!isCarried() && Date.now() - restarted < PATIENCE) await sleep(100);
    say(
      `the last event was ${isCarried() ? "" : "not "}carried ${Date.now() - restarted} ms after the last start`,
    );
    await sleep(2000);

    const read = owner(url, TOKEN);
    const stored = await look(read);
    const lost = [];
    for (const target of trial.targets) {
      lost.push(...(await carried(target, accepted, hook.to(target), stored, read)).lost);
      unhurried(hook.to(target), begunAt, Date.now());
    }
    for (const { id, reason } of lost) say(`${id}: ${reason}`);
    say(`${accepted.length * trial.targets.length - lost.length} passed, ${lost.length} failed`);
    if (lost.length > 0) throw new Problem("events were lost");
    // No job is dead, and none is late.
    await read("/api/health?strict");
  } catch (error) {
    say(log.split("\n").slice(-40).join("\n"));
    say(`the same moments again: CRASH_SEED=${SEED} npm run test:crash -- ${name}`);
    throw error;
  } finally {
    await running?.kill();
    hook.close();
    rmSync(directory, { recursive: true, force: true });
  }
}

/**
 * Clients that each send one event after the other, whatever comes back, until they are stopped.
 *
 * @param {string} url
 * @param {Trial} trial
 */
function sending(url, { clients, pause }) {
  const { payload, sign } = SENDERS.blogshoot;
  /** @type {Sent[]} */
  const sent = [];
  let going = true;
  const loop = async () => {
    while (going) {
      const id = `evt-${String(sent.length + 1).padStart(5, "0")}`;
      const event = {
        id,
        kind: /** @type {const} */ ("updated"),
        article: `art-${id}`,
        at: new Date(),
        text: "",
      };
      const body = Buffer.from(payload(event));
      /** @type {Sent} */
      const entry = { id, sentAt: Date.now(), status: undefined };
      sent.push(entry);
      const outcome = await post(url, { headers: sign(SECRET, body, id, event.at, 1), body });
      if (outcome.kind === "answered") entry.status = outcome.status;
      await sleep(between(pauses, pause / 15, pause));
    }
  };
  const loops = Array.from({ length: clients }, loop);
  return {
    sent,
    stop: async () => {
      going = false;
      await Promise.all(loops);
    },
  };
}

if (import.meta.url === pathToFileURL(process.argv[1]).href) {
  await main(() => crash(process.argv[2] ?? "worker", process.env.CRASHES));
}
