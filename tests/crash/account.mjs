// The account of a crash test: what was accepted against what the host has heard, for each target by itself.

import { Problem } from "../../scripts/shell.mjs";

/**
 * What the sender knows of an event, and a call that the host has heard.
 *
 * @typedef {{ id: string, sentAt: number, status: number | undefined }} Sent
 * @typedef {{ target: string, at: number, answered: boolean, ids: string[], count: number }} Call
 */

/**
 * The owner's pages, read: of a path, as JSON.
 *
 * @typedef {(path: string) => Promise<any>} Read
 */

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
 * The events that no call to a target has carried, and why that is known. A call names at most a hundred events; for the
 * others the inbox tells by which job they were carried, and the host must have heard that job's call, with as many
 * events.
 *
 * @param {string} target
 * @param {Sent[]} accepted
 * @param {Call[]} calls to the target
 * @param {Read} read
 */
export async function missing(target, accepted, calls, read) {
  const unnamed = accepted.filter(
    ({ id, sentAt }) => !calls.some((it) => it.answered && it.at >= sentAt && it.ids.includes(id)),
  );
  const deliveries = unnamed.length > 0 ? await all(read) : [];
  /** @type {Map<string, { id: number, jobs: any[] }>} */
  const stored = new Map();
  /** @type {Map<number, number>} */
  const counts = new Map();
  for (const { id, event_id: event, jobs = [] } of deliveries) {
    const its = jobs.filter((/** @type {any} */ job) => job.target === target);
    stored.set(event, { id, jobs: its });
    for (const job of its) counts.set(job.id, (counts.get(job.id) ?? 0) + 1);
  }
  /** The calls that can have been a job's: every one of its events was carried by it. */
  const heard = async (/** @type {number} */ delivery, /** @type {number} */ job) => {
    const { jobs } = await read(`/api/deliveries/${delivery}`);
    const { attempts } = jobs.find((/** @type {any} */ it) => it.id === job);
    const { started_at: from, ended_at: to } = attempts.at(-1);
    return calls.filter(
      (it) =>
        it.answered &&
        it.at >= Date.parse(from) - 50 &&
        it.at <= Date.parse(to) + 50 &&
        it.count === counts.get(job),
    );
  };
  /** @type {Map<number, Call[]>} */
  const known = new Map();
  const lost = [];
  for (const { id, sentAt } of unnamed) {
    const delivery = stored.get(id);
    const done = delivery?.jobs.filter((job) => job.state === "done") ?? [];
    for (const job of done) {
      if (delivery && !known.has(job.id)) known.set(job.id, await heard(delivery.id, job.id));
    }
    if (done.some((job) => known.get(job.id)?.some((it) => it.at >= sentAt))) continue;
    const what = delivery ? `stored, its jobs: ${JSON.stringify(delivery.jobs)}` : "not stored";
    lost.push({ id, reason: `answered with 200, ${what}, and no deploy call to ${target} carried it` });
  }
  return lost;
}

/** Every delivery that the owner can see. */
async function all(/** @type {Read} */ read) {
  const deliveries = [];
  for (let before = ""; ;) {
    const page = await read(`/api/deliveries?limit=100${before}`);
    deliveries.push(...page.deliveries);
    if (page.next === undefined) return deliveries;
    before = `&before=${page.next}`;
  }
}
