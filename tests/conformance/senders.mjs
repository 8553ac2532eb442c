// The senders that the suite can play: how an event of theirs looks and how it is signed, as data. Signatures are made
// with Node's own crypto; nothing of the receiver is used.

import { createHmac } from "node:crypto";

/**
 * What happened to an article.
 *
 * @typedef {object} Event
 * @property {string} id
 * @property {"created" | "updated"} kind
 * @property {string} article its id
 * @property {Date} at when it happened
 * @property {string} text of the article
 */

/**
 * A request, signed or not.
 *
 * @typedef {{ headers: Record<string, string | string[]>, body: Buffer }} Signed
 */

/**
 * @typedef {object} Sender
 * @property {string} signature the header of the signature
 * @property {number | undefined} tolerance seconds that a signed time may be old, by the sender's own rule
 * @property {"body" | "header"} time where the signed time is
 * @property {(event: Event) => string} type the sender's name for the event
 * @property {(event: Event) => string} payload the body of the request
 * @property {(secret: string, body: Buffer, id: string, sentAt: Date, attempt: number) => Record<string, string>} sign
 *   the headers of a request; `attempt` makes those that differ between the tries of one delivery
 * @property {(secret: string) => Record<string, string>} wrong secrets that are not the one, by what is wrong with them
 * @property {(good: string) => Record<string, string | string[]>} malformed values for the header that are no
 *   signature, made from a good one
 * @property {(payload: string) => Record<string, string | Buffer>} unreadable bodies that the sender would never send
 */

/**
 * @param {string | Buffer} key
 * @param {(string | Buffer)[]} parts
 */
function hmac(key, ...parts) {
  const mac = createHmac("sha256", key);
  for (const part of parts) mac.update(part);
  return mac.digest();
}

/** @param {string} payload */
const broken = (payload) => ({
  "no JSON": "event_id=1&event_type=article.created",
  "JSON cut off in the middle": payload.slice(0, payload.length / 2),
  "bytes that are not UTF-8": Buffer.concat([
    Buffer.from('{"title":"'),
    Buffer.from([0xff, 0xfe, 0xc0]),
    Buffer.from(`",${payload.slice(1)}`),
  ]),
  "an empty body": "",
  null: "null",
  "a list": "[]",
  "a text": '"article.created"',
});

/** @type {Sender} */
const blogshoot = {
  signature: "X-BlogShoot-Signature",
  tolerance: undefined,
  time: "body",
  type: (event) => `article.${event.kind}`,
  payload: (event) =>
    JSON.stringify({
      event_id: event.id,
      event_type: blogshoot.type(event),
      timestamp: event.at.toISOString(),
      metadata: { version: "1.1" },
      article: {
        id: event.article,
        title: "A conformance article",
        slug: event.article,
        language: "en",
        content: { html: `<p>${event.text}</p>`, markdown: event.text, plain_text: event.text },
        published_at: event.at.toISOString(),
      },
    }),
  sign: (secret, body, id, _sentAt, attempt) => ({
    "X-BlogShoot-Signature": hmac(secret, body).toString("hex"),
    "X-BlogShoot-Delivery-ID": `dlv-${id}-${attempt}`,
  }),
  wrong: (secret) => ({
    "another secret": `not ${secret}`,
    "an empty secret": "",
    "the secret with a line break": `${secret}\n`,
    "the secret cut short": secret.slice(0, -1),
  }),
  malformed: (good) => ({
    "not hexadecimal": "z".repeat(good.length),
    "cut short": good.slice(0, -1),
    "one character too long": `${good}0`,
    "in upper case": good.toUpperCase(),
    "with another sender's prefix": `sha256=${good}`,
    "in base64": Buffer.from(good, "hex").toString("base64"),
    "8,000 characters long": "a".repeat(8000),
    "twice in one header": `${good}, ${good}`,
    "given twice": [good, good],
  }),
  unreadable: (payload) => ({
    ...broken(payload),
    "no event id": '{"event_type":"article.created"}',
    "no event type": '{"event_id":"evt-without-a-type"}',
  }),
};

/** @type {Sender} */
const standardWebhooks = {
  signature: "webhook-signature",
  tolerance: 300,
  time: "header",
  type: (event) => `article.${event.kind}`,
  payload: (event) =>
    JSON.stringify({
      type: standardWebhooks.type(event),
      timestamp: event.at.toISOString(),
      data: { id: event.article, title: "A conformance article", slug: event.article, text: event.text },
    }),
  sign: (secret, body, id, sentAt) => {
    const seconds = String(Math.floor(sentAt.getTime() / 1000));
    const key = Buffer.from(secret.replace(/^whsec_/, ""), "base64");
    return {
      "webhook-id": id,
      "webhook-timestamp": seconds,
      "webhook-signature": `v1,${hmac(key, `${id}.${seconds}.`, body).toString("base64")}`,
    };
  },
  wrong: (secret) => ({
    "another secret": `whsec_${hmac("another", secret).toString("base64")}`,
    "an empty secret": "",
    "the secret as text, not decoded": Buffer.from(secret).toString("base64"),
  }),
  malformed: (good) => ({
    "not base64": "v1,!!!!",
    "without a version": good.replace("v1,", ""),
    "of an unknown version": good.replace("v1,", "v9,"),
    "cut short": good.slice(0, -4),
    "only a version": "v1,",
    "8,000 characters long": `v1,${"a".repeat(8000)}`,
    "given twice": [good, good],
  }),
  unreadable: broken,
};

/** @type {Record<string, Sender>} */
export const SENDERS = { blogshoot, "standard-webhooks": standardWebhooks };
