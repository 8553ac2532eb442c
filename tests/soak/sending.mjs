// The senders of the soak: so many events a second, whatever becomes of them, each tried again until it is acknowledged.

import { SENDERS } from "../conformance/senders.mjs";
import { post } from "../conformance/wire.mjs";
import { between } from "../crash/random.mjs";

/** The senders that take turns, and their secrets. @type {Record<string, string>} */
const SECRETS = {
  blogshoot: "the secret of the soak",
  "standard-webhooks": `whsec_${Buffer.from("a key of twenty-four bytes").toString("base64")}`,
};

/** Their settings. */
export const CONNECTIONS = {
  BLOGSHOOT_WEBHOOK_SECRET: SECRETS.blogshoot,
  STANDARD_WEBHOOKS_WEBHOOK_SECRET: SECRETS["standard-webhooks"],
};

/** So few that they are edited over and over. */
const ARTICLES = 400;
/** Characters of an article at most. */
const LONGEST = 2000;
/** Milliseconds before each further try: sooner than real senders, so that a short run shows them too. */
const PAUSES = [500, 1000, 2000, 4000, 8000, 16_000];

/** Requests under way at once: a sender has so many hands, and what is more waits for one. */
const MOST_UNDER_WAY = 200;

/**
 * An event: when the edit was made, how often it has been sent, and when it was acknowledged.
 *
 * @typedef {{ id: string, sentAt: number, tries: number, acknowledgedAt: number | undefined }} Edit
 */

/**
 * Begins to send.
 *
 * @param {string} url
 * @param {number} rate events a second
 * @param {import("../crash/random.mjs").Random} random
 */
export function sending(url, rate, random) {
  /** @type {Edit[]} */
  const edits = [];
  /** Tries that were not acknowledged, by why. @type {Map<string, number>} */
  const failures = new Map();
  /** Milliseconds that the tries took which were acknowledged. @type {number[]} */
  const answers = [];
  const counts = { acknowledged: 0, repeats: 0, refused: 0 };
  let waits = true;
  let free = MOST_UNDER_WAY;
  /** @type {(() => void)[]} */
  const queue = [];
  const hand = () =>
    /** @type {Promise<void>} */ (
      new Promise((resolve) => {
        if (free === 0) return queue.push(resolve);
        free--;
        resolve();
      })
    );
  const release = () => {
    const next = queue.shift();
    if (next) next();
    else free++;
  };

  const send = async (/** @type {number} */ number) => {
    const source = random() < 0.5 ? "blogshoot" : "standard-webhooks";
    const { payload, sign } = SENDERS[source];
    const at = new Date();
    const id = `evt-${String(number).padStart(6, "0")}`;
    const body = Buffer.from(
      payload({
        id,
        kind: random() < 0.1 ? "created" : "updated",
        article: `art-${Math.floor(random() * ARTICLES)}`,
        at,
        text: "words ".repeat(between(random, 1, LONGEST / 6)),
      }),
    );
    /** @type {Edit} */
    const edit = { id, sentAt: at.getTime(), tries: 0, acknowledgedAt: undefined };
    edits.push(edit);
    while (waits) {
      await hand();
      edit.tries++;
      const began = Date.now();
      const headers = sign(SECRETS[source], body, id, new Date(), edit.tries);
      const outcome = await post(url, { headers, body });
      release();
      if (outcome.kind === "answered" && outcome.status === 200) {
        edit.acknowledgedAt = Date.now();
        answers.push(edit.acknowledgedAt - began);
        counts.acknowledged++;
        if (outcome.json?.duplicate) counts.repeats++;
        return;
      }
      if (outcome.kind === "answered") counts.refused++;
      const why = outcome.kind === "answered" ? `answered ${outcome.status}` : said(outcome.reason);
      failures.set(why, (failures.get(why) ?? 0) + 1);
      const pause = PAUSES[Math.min(edit.tries, PAUSES.length) - 1];
      await new Promise((resolve) => setTimeout(resolve, pause * between(random, 0.9, 1.1)));
    }
  };

  const begunAt = Date.now();
  // By the clock, so that what one turn misses the next makes up for.
  const turn = setInterval(() => {
    const due = Math.floor(((Date.now() - begunAt) / 1000) * rate);
    while (edits.length < due) void send(edits.length + 1);
  }, 1000 / rate);

  return {
    edits,
    failures,
    answers,
    counts,
    /** Sends nothing new any more. @param {number} patience milliseconds that what is under way is waited for */
    async stop(patience) {
      clearInterval(turn);
      const limit = Date.now() + patience;
      while (counts.acknowledged < edits.length && Date.now() < limit)
        await new Promise((resolve) => setTimeout(resolve, 100));
      waits = false;
    },
  };
}

/** A reason without addresses. @param {string} reason */
const said = (reason) => reason.replace(/ \d+\.\d+\.\d+\.\d+:\d+/, "");
