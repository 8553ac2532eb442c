// The deploy hook's stand-in as a benchmark sees it: when each event was first carried by a call.

import { within } from "../scripts/serve.mjs";
import { standIn } from "../scripts/stand-in.mjs";

/** How long a call may keep everybody waiting, in milliseconds. */
const PATIENCE = 60_000;

/** @typedef {Awaited<ReturnType<typeof hook>>} Hook */

/** Starts it. */
export async function hook() {
  /** When each event was carried, by its id. @type {Map<string, number>} */
  const carried = new Map();
  /** Those that were published and not carried so far, in that order. @type {Set<string>} */
  const expected = new Set();
  /** @type {Set<() => void>} */
  const waiting = new Set();
  let calls = 0;

  /** @param {string} id @param {number} now */
  const carry = (id, now) => {
    expected.delete(id);
    if (!carried.has(id)) carried.set(id, now);
  };
  const arrived = (/** @type {{ body: string }} */ { body }) => {
    const now = performance.now();
    calls += 1;
    /** @type {{ event_ids: string[], event_count?: number }} */
    const { event_ids: ids, event_count: count = ids.length } = JSON.parse(body);
    // Of more than a hundred the last hundred are named, and the others are those before them.
    const named = new Set(ids);
    const unnamed = [...expected].filter((id) => !named.has(id)).slice(0, count - ids.length);
    for (const id of [...unnamed, ...ids]) carry(id, now);
    for (const look of waiting) look();
  };
  const { url, close } = await standIn(() => {}, { arrived });
  return {
    url,
    close,
    /** An event is published. @param {string} id */
    expect: (id) => void expected.add(id),
    /** When an event was carried. @param {string} id */
    at: (id) => carried.get(id) ?? NaN,
    calls: () => calls,
    /** Resolves once all that was expected has been carried; fails if it is not in time. */
    all() {
      /** @type {Promise<void>} */
      const come = new Promise((resolve) => {
        const look = () => {
          if (expected.size > 0) return;
          waiting.delete(look);
          resolve();
        };
        waiting.add(look);
        look();
      });
      return within(PATIENCE, come, "the deploy hook was not called in time for each event");
    },
  };
}
