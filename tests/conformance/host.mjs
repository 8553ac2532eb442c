// The host's deploy hook, played by the suite: the only place where a receiver's effects are seen. A call can be held,
// unanswered, so that the receiver can be ended while it waits.

import { standIn } from "../../scripts/stand-in.mjs";

/**
 * A deploy call. Without the inbox its body names one event, in `event_id`.
 *
 * @typedef {{ url: string, text: string, body: any, events: string[], answered: boolean }} Call
 */

/** @param {{ host: string, port: number }} options */
export async function deployHook({ host, port }) {
  /** @type {Call[]} */
  const calls = [];
  /** @type {WeakMap<import("../../scripts/stand-in.mjs").Call, Call>} */
  const known = new WeakMap();
  /** @type {Set<() => void>} */
  const waiting = new Set();
  /** @type {Promise<void>} */
  let held = Promise.resolve();

  const server = await standIn(
    (heard) => {
      const call = known.get(heard);
      if (call) call.answered = true;
      waiting.forEach((look) => look());
    },
    {
      host,
      port,
      arrived: (heard) => {
        const call = read(heard);
        known.set(heard, call);
        calls.push(call);
        waiting.forEach((look) => look());
        return held;
      },
    },
  );

  return {
    calls,
    url: server.url,
    close: server.close,
    /**
     * In how many calls, counting each mention, an event was carried.
     *
     * @param {string} event
     * @param {(call: Call) => boolean} [which]
     */
    carried(event, which = () => true) {
      return calls.filter(which).flatMap((call) => call.events.filter((it) => it === event)).length;
    },
    /**
     * Whether something becomes true of the calls in time.
     *
     * @param {() => boolean} condition
     * @param {number} milliseconds
     * @returns {Promise<boolean>}
     */
    until(condition, milliseconds) {
      return new Promise((resolve) => {
        const look = () => condition() && settle(true);
        const settle = (/** @type {boolean} */ value) => {
          clearTimeout(timer);
          waiting.delete(look);
          resolve(value);
        };
        const timer = setTimeout(() => settle(false), milliseconds);
        waiting.add(look);
        look();
      });
    },
    /** Leaves calls unanswered until the returned function is called. */
    hold() {
      let release = () => {};
      held = new Promise((resolve) => (release = resolve));
      return () => {
        held = Promise.resolve();
        release();
      };
    },
  };
}

/**
 * @param {import("../../scripts/stand-in.mjs").Call} heard
 * @returns {Call}
 */
function read({ url, body: text }) {
  let body;
  try {
    body = JSON.parse(text);
  } catch {
    // A call without a body that can be read carries nothing.
  }
  const events = Array.isArray(body?.event_ids) ? body.event_ids : [body?.event_id];
  return {
    url,
    text,
    body,
    events: events.filter((/** @type {unknown} */ it) => it !== undefined),
    answered: false,
  };
}
