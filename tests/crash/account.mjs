// The account of a test that ends an edge over and over: what was accepted against what the host has heard, for each
// target by itself.

import { Problem } from "../../scripts/shell.mjs";
import { told } from "../conformance/verdict.mjs";
import { get } from "../conformance/wire.mjs";

/**
 * What the sender knows of an event that was accepted.
 *
 * @typedef {{ id: string, sentAt: number }} Sent
 *
 * @typedef {import("./host.mjs").Call} Call
 */

/**
 * The owner's pages, read: of a path, as JSON.
 *
 * @typedef {(path: string) => Promise<any>} Read
 *
 * @param {string} url
 * @param {string} token
 * @returns {Read}
 */
export const owner = (url, token) => async (page) => {
  const answer = await get(url + page, { authorization: `Bearer ${token}` });
  if (answer.kind !== "answered" || answer.status !== 200)
    throw new Problem(`${page} does not open: ${told(answer)}`);
  return answer.json;
};

/**
 * No more calls were made to a target in a life of the edge than it had reasons for: what it found due when it started,
 * the call that it found cut off, and a deploy for each quiet time of a second since.
 *
 * @param {Call[]} calls to the target
 * @param {number} from
 * @param {number} to
 */
export function unhurried(calls, from, to) {
  const made = calls.filter(({ at }) => at >= from && at <= to).length;
  const most = 2 + Math.ceil((to - from) / 1000);
  if (made > most)
    throw new Problem(`${made} calls in ${to - from} ms, where ${most} would be explained: it spins`);
}

/**
 * By which call to a target each event was carried, and which events by none. A call names at most a hundred events; for
 * the others the inbox tells by which job they were carried, and the host must have heard that job's call, with as many
 * events. Only a call that the host answered with success counts.
 *
 * @param {string} target
 * @param {Sent[]} accepted
 * @param {Call[]} calls to the target
 * @param {Stored} stored
 * @param {Read} read
 */
export async function carried(target, accepted, calls, stored, read) {
  /** @type {Map<string, Call>} */
  const by = new Map();
  const sentAt = new Map(accepted.map((event) => [event.id, event.sentAt]));
  for (const call of calls.filter((it) => it.answered)) {
    for (const id of call.ids) {
      if (!by.has(id) && call.at >= (sentAt.get(id) ?? Infinity)) by.set(id, call);
    }
  }
  const jobs = stored.jobs(target);
  /** The calls that can have been a job's: every one of its events was carried by it. */
  const heard = async (/** @type {number} */ delivery, /** @type {number} */ job) => {
    const { jobs: its } = await read(`/api/deliveries/${delivery}`);
    const { attempts } = its.find((/** @type {any} */ it) => it.id === job);
    const { started_at: from, ended_at: to } = attempts.at(-1);
    return calls.filter(
      (it) =>
        it.answered &&
        it.at >= Date.parse(from) - 50 &&
        it.at <= Date.parse(to) + 50 &&
        it.count === jobs.get(job)?.count,
    );
  };
  /** @type {Map<number, Call[]>} */
  const known = new Map();
  /** @type {{ id: string, reason: string }[]} */
  const lost = [];
  for (const { id, sentAt } of accepted) {
    if (by.has(id)) continue;
    const delivery = stored.events.get(id);
    const its = delivery?.jobs.filter((job) => job.target === target) ?? [];
    for (const job of its.filter((job) => job.state === "done")) {
      if (delivery && !known.has(job.id)) known.set(job.id, await heard(delivery.id, job.id));
      const call = known.get(job.id)?.find((it) => it.at >= sentAt);
      if (call && !by.has(id)) by.set(id, call);
    }
    if (by.has(id)) continue;
    const what = delivery ? `stored, its jobs: ${JSON.stringify(its)}` : "not stored";
    lost.push({ id, reason: `answered with 200, ${what}, and no deploy call to ${target} carried it` });
  }
  return { by, lost };
}

/**
 * What the owner can see of all deliveries: of each event the delivery, and of each target the jobs that carry any, with
 * how many.
 *
 * @typedef {Awaited<ReturnType<typeof look>>} Stored
 *
 * @param {Read} read
 */
export async function look(read) {
  /** @type {Map<string, { id: number, jobs: { id: number, target: string, state: string }[] }>} */
  const events = new Map();
  for (let before = ""; ;) {
    const page = await read(`/api/deliveries?limit=100${before}`);
    for (const { id, event_id: event, jobs = [] } of page.deliveries) events.set(event, { id, jobs });
    if (page.next === undefined) break;
    before = `&before=${page.next}`;
  }
  const jobs = (/** @type {string} */ target) => {
    /** @type {Map<number, { state: string, count: number }>} */
    const its = new Map();
    for (const job of [...events.values()].flatMap((delivery) => delivery.jobs)) {
      if (job.target !== target) continue;
      its.set(job.id, { state: job.state, count: (its.get(job.id)?.count ?? 0) + 1 });
    }
    return its;
  };
  return { events, jobs };
}
