// The vector files as requests to an edge, with what must come of each: one list for the built Worker and for the native
// server. It reads no files and sends nothing, because it runs in Node and in workerd.

/**
 * @typedef {object} Asked a request, and what is expected of it
 * @property {string} name
 * @property {Record<string, string>} settings beside the edge's own
 * @property {number} [now] the time on the edge's clock, in milliseconds; the real one without it
 * @property {string} path
 * @property {Record<string, string>} headers
 * @property {Uint8Array<ArrayBuffer>} body
 * @property {number[]} statuses any of these
 * @property {Record<string, unknown>} [answer] what the answer holds
 * @property {string} [source] the sender that the log says it was verified for
 * @property {string} [reason] part of why the log says it was refused
 * @property {Record<string, unknown>[]} [calls] what each deploy call holds; where it is there, a deploy hook is set
 *
 * @typedef {{ status: number, answer: any, log: any[], calls: any[] }} Seen what came of it
 *
 * @typedef {{ name: string, secret?: string, now?: number, settings?: Record<string, string>,
 *   headers: Record<string, string>, body: string }} Case
 * @typedef {{ secret: string, accepted: (Case & { kind: string, key: string })[],
 *   rejected: (Case & { status: number, reason: string })[] }} Vectors
 *
 * @typedef {{ id: string, scheme: string, secret: string, headers: Record<string, string>, body_base64?: string,
 *   body_repeat?: { byte: string, count: number }, path?: string, method?: string, note_time?: number,
 *   expect: string, policy?: string }} Published
 * @typedef {Record<string, { source: string, settings: Record<string, string> }>} Schemes
 */

/** Whose proof is not in a header, covers the URL, or depends on settings. */
const NAMED_ONLY = ["prismic", "contentful", "custom"];

/** The kinds of event that change the site. */
const DEPLOYING = ["published", "updated", "unpublished", "deleted"];

/** Vectors without a time of their own were made for this one, in seconds. */
const THEN = 1_769_846_400;

/** @param {string} source */
const setting = (source) => `${source.toUpperCase().replaceAll("-", "_")}_WEBHOOK_SECRET`;

/** @param {string} text */
const bytes = (text) => new TextEncoder().encode(text);

/**
 * Every sender's cases: those accepted and refused, at its own URL and, with all senders set up, at the one for all; and
 * once more those accepted, for the deploy calls that they cause.
 *
 * @param {[string, Vectors][]} senders
 */
export function ofSenders(senders) {
  const secrets = Object.fromEntries(senders.map(([source, { secret }]) => [setting(source), secret]));
  return senders.map(([source, { secret, accepted, rejected }]) => {
    const named = `/api/webhook/${source}`;
    const nameless = !NAMED_ONLY.includes(source);
    const own = { [setting(source)]: secret };
    // Where `custom` is not what is asked for, it is one more sender.
    const all = source === "custom" ? secrets : { ...secrets, CUSTOM_HEADER: "x-custom-signature" };

    /** @param {Case} item @param {string} path @param {Record<string, string>} settings */
    const request = ({ name, now, headers, body, ...item }, path, settings) => ({
      name: `${name}, at ${path}`,
      settings: { ...settings, ...(item.secret && { [setting(source)]: item.secret }), ...item.settings },
      now,
      path,
      headers,
      body: bytes(body),
    });

    return {
      source,
      accepted: accepted.flatMap((item) =>
        (nameless ? ["/api/webhook", named] : [named]).map(
          /** @returns {Asked} */ (path) => ({
            ...request(item, path, all),
            statuses: [200],
            answer: { success: true, event_id: item.key },
            source,
          }),
        ),
      ),
      rejected: rejected.flatMap(({ status, reason, ...item }) => {
        const statuses = [status];
        /** @type {Asked[]} */
        const asked = [{ ...request(item, named, own), statuses, reason }];
        if (nameless) asked.push({ ...request(item, "/api/webhook", all), statuses });
        return asked;
      }),
      deploying: accepted.map(
        /** @returns {Asked} */ (item) => ({
          ...request(item, nameless ? "/webhook" : named, own),
          statuses: [200],
          answer: { success: true, event_id: item.key },
          source,
          calls: DEPLOYING.includes(item.kind) ? [{ source: `${source}-webhook`, event_id: item.key }] : [],
        }),
      ),
    };
  });
}

/**
 * Two senders with one header, told apart by their signature: what is one's is refused at the other's URL.
 *
 * @param {[string, Vectors][]} senders
 * @returns {Asked[]}
 */
export function apart(senders) {
  const alike = ["flarebuilder", "auto-blogger"];
  return ofSenders(senders.filter(([source]) => alike.includes(source))).map(({ source, accepted }) => {
    const path = `/api/webhook/${alike.find((it) => it !== source)}`;
    const { headers, body, now, settings } = accepted[0];
    return { name: `${source}'s, at ${path}`, path, headers, body, now, settings, statuses: [401] };
  });
}

/**
 * The published signature vectors whose method and path HTTP can carry to us. Contentful signs the path, and these
 * vectors are of paths that are not ours.
 *
 * @param {Published[]} vectors
 * @param {Schemes} schemes
 * @returns {Asked[]}
 */
export function ofSignatures(vectors, schemes) {
  const sendable = vectors.filter(({ policy, path, secret }) => !policy && !path && secret);
  return sendable.map((vector) => {
    const { source, settings } = schemes[vector.scheme];
    return {
      name: vector.id,
      settings: { ...settings, [setting(source)]: vector.secret },
      now: (vector.note_time ?? THEN) * 1000,
      path: `/api/webhook/${source}`,
      headers: vector.headers,
      body: bodyOf(vector),
      // A body that is no payload of the sender's has a good signature all the same.
      statuses: vector.expect === "valid" ? [200, 400] : [401],
    };
  });
}

/** @param {Published} vector */
const bodyOf = ({ body_base64, body_repeat }) =>
  body_repeat
    ? bytes(body_repeat.byte.repeat(body_repeat.count))
    : Uint8Array.from(atob(body_base64 ?? ""), (letter) => letter.charCodeAt(0));

/**
 * What is not as it should be, in words; nothing where all is.
 *
 * @param {Asked} asked
 * @param {Seen} seen
 */
export function wrong({ statuses, answer = {}, source, reason, calls }, seen) {
  /** @type {string[]} */
  const found = [];
  const differs = (/** @type {any} */ whole, /** @type {Record<string, unknown>} */ part) =>
    Object.entries(part).some(([key, value]) => whole?.[key] !== value);
  const tell = (/** @type {unknown} */ it) => JSON.stringify(it);

  if (!statuses.includes(seen.status)) found.push(`status ${seen.status}, not ${statuses.join(" or ")}`);
  if (differs(seen.answer, answer)) found.push(`answered ${tell(seen.answer)}, not ${tell(answer)}`);
  const verified = seen.log.find((line) => line.code === "SIGNATURE_VERIFIED");
  if (source && verified?.source !== source) found.push(`${source}'s, but the log says ${tell(verified)}`);
  const refused = seen.log.find((line) => statuses.includes(line.status));
  if (reason && !refused?.reason.includes(reason)) found.push(`not \`${reason}\`, but ${tell(refused)}`);
  if (calls) {
    const complete = seen.log.some((line) => line.code === "PROCESSING_COMPLETE");
    if (!complete) found.push("the log does not say that all is done");
    const same = calls.length === seen.calls.length && !calls.some((it, at) => differs(seen.calls[at], it));
    if (!same) found.push(`deploy calls ${tell(seen.calls)}, not ${tell(calls)}`);
  }
  return found;
}
