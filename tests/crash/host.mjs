// The host of a test that ends an edge over and over: it takes a moment to answer, so that it is often ended in the
// middle, and it remembers each call.

import { standIn } from "../../scripts/stand-in.mjs";
import { between } from "./random.mjs";

/**
 * A call that the host has read: to which target, when, what it did wrong with it, if anything, whether it answered with
 * success, and the events that it carries: the ids of a hundred at most, and how many they are.
 *
 * @typedef {{
 *   target: string, at: number, fault: import("../../scripts/stand-in.mjs").Fault | undefined, answered: boolean,
 *   ids: string[], count: number,
 * }} Call
 */

/** How long it takes at most to answer, in milliseconds. */
const PAUSE = 400;

/**
 * @param {import("./random.mjs").Random} pauses
 * @param {() => import("../../scripts/stand-in.mjs").Fault | undefined} [fails] what goes wrong with the next call
 */
export async function host(pauses, fails) {
  /** @type {Call[]} */
  const calls = [];
  /** @type {WeakMap<object, Call>} */
  const known = new WeakMap();
  const answered = (/** @type {object} */ heard) => {
    const call = known.get(heard);
    if (call) call.answered = true;
  };
  /** @type {NonNullable<NonNullable<Parameters<typeof standIn>[1]>["arrived"]>} */
  const arrived = async (heard, fault) => {
    const { event_ids: ids, event_count: count } = JSON.parse(heard.body);
    const target = heard.url.split("/").at(-1) ?? "";
    const call = { target, at: Date.now(), fault, answered: false, ids, count };
    known.set(heard, call);
    calls.push(call);
    await new Promise((resolve) => setTimeout(resolve, between(pauses, 0, PAUSE)));
  };
  const to = (/** @type {string} */ target) => calls.filter((call) => call.target === target);
  return { calls, to, ...(await standIn(answered, { arrived, fails })) };
}

/**
 * The settings of targets whose hooks are the host's.
 *
 * @param {string} url of the host
 * @param {string[]} targets
 */
export const hooks = (url, targets) =>
  Object.fromEntries(targets.map((target) => [settingOf(target), `${url}/${target}`]));

const settingOf = (/** @type {string} */ target) =>
  target === "default" ? "CLOUDFLARE_DEPLOY_HOOK" : `CLOUDFLARE_DEPLOY_HOOK__${target.toUpperCase()}`;
