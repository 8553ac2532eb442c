// What a scenario works with: events, sending and judging them, and waiting for what must come or must not.

import { randomBytes } from "node:crypto";
import { SENDERS } from "./senders.mjs";
import { must, told } from "./verdict.mjs";
import { get, post } from "./wire.mjs";

/** @typedef {import("./senders.mjs").Event} Event */
/** @typedef {import("./senders.mjs").Signed} Signed */
/** @typedef {import("./wire.mjs").Outcome} Outcome */

/**
 * @typedef {object} Options
 * @property {string} url where the receiver is
 * @property {string} secret the sender's
 * @property {string} [path] where webhooks are sent to
 * @property {string} [source] the sender that is played
 * @property {string} [adminToken] opens the owner's pages
 * @property {number} [hookPort]
 * @property {string} [hookHost]
 * @property {number} [settleSeconds] the receiver's `DEPLOY_SETTLE_SECONDS`
 * @property {number} [gapSeconds] the receiver's `DEPLOY_MIN_GAP_SECONDS`
 * @property {number} [toleranceSeconds] how old a signed time may be at the receiver
 * @property {number} [slackSeconds] how much later than due an effect may be seen
 * @property {number} [quietSeconds] how long after it would be due an effect is taken not to come
 * @property {number} [retrySeconds] how long a deploy call whose answer was lost may take to be made again
 * @property {number} [timeoutSeconds] how long the sender waits that gives up
 * @property {() => unknown} [restart] ends the receiver as a crash would and starts it again
 * @property {() => string | Promise<string>} [log] what the receiver has logged
 * @property {() => Buffer[]} [storage] the contents of the files that the receiver stores in
 * @property {string[]} [only] the scenarios to run, by id
 * @property {(text: string) => void} [progress] is told what is being done
 */

/** @typedef {ReturnType<typeof equip>} Rig */

export const DEFAULTS = {
  path: "/api/webhook",
  source: "blogshoot",
  hookPort: 8799,
  hookHost: "127.0.0.1",
  settleSeconds: 10,
  gapSeconds: 60,
  slackSeconds: 15,
  quietSeconds: 1,
  retrySeconds: 90,
  timeoutSeconds: 1,
};

/**
 * What a scenario works with.
 *
 * @param {Options & typeof DEFAULTS} settings
 * @param {Awaited<ReturnType<typeof import("./host.mjs").deployHook>>} hook
 */
export function equip(settings, hook) {
  const sender = SENDERS[settings.source];
  const base = settings.url.replace(/\/+$/, "");
  const run = randomBytes(4).toString("hex");
  const due = (settings.settleSeconds + settings.gapSeconds) * 1000;
  let events = 0;

  const rig = {
    hook,
    sender,
    settings,
    url: base + settings.path,
    /** The owner's list of deliveries. */
    list: `${base}/api/deliveries`,
    /** How old a signed time may be, in seconds. */
    tolerance: settings.toleranceSeconds ?? sender.tolerance,

    /** Tells the person who waits. */
    now: (/** @type {string} */ text) => settings.progress?.(text),

    /**
     * A new event, of an article of its own unless told otherwise.
     *
     * @param {Partial<Event>} [more]
     * @returns {Event}
     */
    event(more = {}) {
      events += 1;
      const name = `${run}-${events}`;
      return {
        id: `evt-${name}`,
        kind: "created",
        article: `art-${name}`,
        at: new Date(),
        text: "Text.",
        ...more,
      };
    },

    /**
     * An event as its sender sends it.
     *
     * @param {Event} event
     * @param {{ attempt?: number, secret?: string, sentAt?: Date }} [how]
     * @returns {Signed}
     */
    signed(event, how) {
      return rig.signedBody(event, Buffer.from(sender.payload(event)), how);
    },

    /**
     * A body as the event's sender would sign and send it.
     *
     * @param {Event} event
     * @param {Buffer} body
     * @param {{ attempt?: number, secret?: string, sentAt?: Date }} [how]
     * @returns {Signed}
     */
    signedBody(event, body, { attempt = 1, secret = settings.secret, sentAt = new Date() } = {}) {
      return { headers: sender.sign(secret, body, event.id, sentAt, attempt), body };
    },

    /**
     * Sends an event, which must be accepted as new or as a repeat.
     *
     * @param {Event} event
     * @param {{ attempt?: number, repeat?: boolean | "either", what?: string }} [how]
     */
    async deliver(event, { attempt, repeat = false, what = "a genuine delivery" } = {}) {
      rig.now(`sends ${what}`);
      rig.accepted(await post(rig.url, rig.signed(event, { attempt })), event, { repeat, what });
    },

    /**
     * @param {Outcome} outcome
     * @param {Event} event
     * @param {{ repeat?: boolean | "either", what: string }} how
     */
    accepted(outcome, event, { repeat = false, what }) {
      must(
        outcome.kind === "answered" && outcome.status === 200,
        `${what} was not accepted: ${told(outcome)}`,
      );
      const answer = outcome.json ?? {};
      must(answer.success === true, `the answer to ${what} lacks "success":true: ${told(outcome)}`);
      must(answer.event_id === event.id, `the answer to ${what} does not name its event: ${told(outcome)}`);
      if (repeat === "either") return;
      const said = answer.duplicate === true;
      must(said || !repeat, `${what} was not answered with "duplicate":true: ${told(outcome)}`);
      must(!said || repeat, `${what} was taken for a repeat: ${told(outcome)}`);
    },

    /**
     * @param {Outcome} outcome
     * @param {number[]} statuses
     * @param {string} what
     */
    refused(outcome, statuses, what) {
      const right = outcome.kind === "answered" && statuses.includes(outcome.status);
      must(right, `${what} must be refused with ${statuses.join(" or ")}: ${told(outcome)}`);
      const worded = typeof outcome.json?.error === "string";
      must(worded, `the refusal of ${what} is not JSON with \`error\`: ${told(outcome)}`);
    },

    /**
     * Waits until each event has been carried by a deploy call.
     *
     * @param {Event[]} wanted
     * @param {{ which?: (call: import("./host.mjs").Call) => boolean, more?: number, what?: string }} [how] `more` are
     *   seconds to wait beyond the usual
     */
    async carried(wanted, { which, more = 0, what = "" } = {}) {
      rig.now(`waits for the deploy call ${what}`.trim());
      const missing = () => wanted.filter((event) => hook.carried(event.id, which) === 0);
      const limit = due + (settings.slackSeconds + more) * 1000;
      if (await hook.until(() => missing().length === 0, limit)) return;
      const late = wanted.length === 1 ? "the event" : `${missing().length} of ${wanted.length} events`;
      const hint = hook.calls.length === 0 ? `; no call has come to ${hook.url} at all` : "";
      must(false, `${late} was in no deploy call within ${limit / 1000} s ${what}`.trim() + hint);
    },

    /**
     * Each event must have been carried exactly once.
     *
     * @param {Event[]} wanted
     * @param {string} what
     */
    once(wanted, what) {
      for (const event of wanted) {
        const times = hook.carried(event.id);
        must(times === 1, `${what}: its event was carried ${times} times, not once`);
      }
    },

    /** Waits as long as an effect could take that must not come. */
    async quiet() {
      rig.now("waits for what must not come");
      await new Promise((resolve) => setTimeout(resolve, due + settings.quietSeconds * 1000));
    },

    /**
     * Nothing more must reach the host because of what is done now.
     *
     * @param {string} what
     * @param {() => Promise<void>} act
     */
    async withoutEffect(what, act) {
      const before = hook.calls.length;
      await act();
      await rig.quiet();
      const more = hook.calls.length - before;
      must(more === 0, `${what} caused ${more} further deploy call${more === 1 ? "" : "s"}`);
    },

    /**
     * The owner's list of deliveries as text, or why it cannot be seen.
     *
     * @returns {Promise<{ text: string } | { unseen: string }>}
     */
    async deliveries() {
      const { list } = rig;
      if (!settings.adminToken) {
        const answer = await get(list);
        const none = answer.kind === "answered" && answer.status === 404;
        return none ? { text: "" } : { unseen: "the owner's pages were not looked at: give --admin-token" };
      }
      const answer = await get(list, { authorization: `Bearer ${settings.adminToken}` });
      must(answer.kind === "answered" && answer.status === 200, `${list} does not open: ${told(answer)}`);
      return { text: answer.text };
    },

    health: () => get(`${base}/api/health`),

    /** Ends the receiver as a crash would, starts it again and waits until it answers. */
    async restart() {
      rig.now("restarts the receiver");
      await settings.restart?.();
      const limit = Date.now() + 120_000;
      for (;;) {
        const health = await rig.health();
        if (health.kind === "answered" && health.status === 200) return;
        must(Date.now() < limit, `it did not come back within two minutes of the restart: ${told(health)}`);
        await new Promise((resolve) => setTimeout(resolve, 100));
      }
    },
  };
  return rig;
}
