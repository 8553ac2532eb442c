// SCN-007 to SCN-012: what is not proven, or not readable, is refused and leaves no trace: no effect, and no id that the
// genuine delivery would then be a repeat of.

import { post } from "../wire.mjs";
import { must } from "../verdict.mjs";

/** @typedef {import("../rig.mjs").Rig} Rig */
/** @typedef {import("../senders.mjs").Event} Event */
/** @typedef {import("../senders.mjs").Signed} Signed */

/** @type {import("../suite.mjs").Scenario[]} */
export const REFUSALS = [
  {
    id: "SCN-007",
    title: "no signature",
    run: (rig) =>
      allRefused(rig, [401], (event) => {
        const { headers, body } = rig.signed(event);
        const { [rig.sender.signature]: signature, ...others } = headers;
        return {
          "a delivery without a signature": { headers: others, body },
          "a delivery with an empty signature": {
            headers: { ...others, [rig.sender.signature]: "" },
            body,
          },
          "a delivery with its signature in a header of another name": {
            headers: { ...others, "X-Signature": signature },
            body,
          },
        };
      }),
  },
  {
    id: "SCN-008",
    title: "a malformed signature",
    run: (rig) =>
      allRefused(rig, [401], (event) => {
        const { headers, body } = rig.signed(event);
        const good = String(headers[rig.sender.signature]);
        return named("a signature", rig.sender.malformed(good), (value) => ({
          headers: { ...headers, [rig.sender.signature]: value },
          body,
        }));
      }),
  },
  {
    id: "SCN-009",
    title: "a signature with the wrong key",
    run: (rig) =>
      allRefused(rig, [401], (event) =>
        named("signed with", rig.sender.wrong(rig.settings.secret), (secret) =>
          rig.signed(event, { secret }),
        ),
      ),
  },
  {
    id: "SCN-010",
    title: "a signed time that is too old",
    lacks: (rig) =>
      rig.tolerance === undefined
        ? `${rig.settings.source} bounds no time by itself: set its TOLERANCE_SECONDS at the receiver and give --tolerance-seconds`
        : undefined,
    async run(rig) {
      const tolerance = rig.tolerance ?? 0;
      const ago = (/** @type {number} */ seconds) => new Date(Date.now() - seconds * 1000);
      await allRefused(rig, [401], (event) => {
        const old = (/** @type {number} */ seconds) =>
          rig.signed({ ...event, at: ago(seconds) }, { sentAt: ago(seconds) });
        return {
          "a delivery ten seconds too old": old(tolerance + 10),
          "a delivery a day too old": old(tolerance + 86_400),
        };
      });
      const event = rig.event({ at: ago(tolerance / 2) });
      const inside = await post(rig.url, rig.signed(event, { sentAt: ago(tolerance / 2) }));
      rig.accepted(inside, event, { what: "a delivery half as old as allowed" });
      await rig.carried([event]);
    },
  },
  {
    id: "SCN-011",
    title: "altered after signing",
    run: (rig) =>
      allRefused(rig, [401], (event) => {
        const { headers, body } = rig.signed(event);
        const text = body.toString();
        // The third keeps the meaning: a receiver that signs what it has parsed does not notice.
        const altered = {
          "with one byte changed": text.replace("article.created", "article.creatad"),
          "with a text replaced": text.replace("A conformance article", "Another article"),
          "with white space added inside": JSON.stringify(JSON.parse(text), null, 1),
          "with a line break at the end": `${text}\n`,
          "cut short": text.slice(0, -1),
          "with a member added": text.replace(/\}$/, ',"more":1}'),
        };
        return named("a delivery", altered, (changed) => ({ headers, body: Buffer.from(changed) }));
      }),
  },
  {
    id: "SCN-012",
    title: "a malformed body, another content type",
    async run(rig) {
      // Where a time in the body must be recent, a body that holds none has not proven that it is.
      const untimed = rig.tolerance !== undefined && rig.sender.time === "body";
      await allRefused(rig, untimed ? [400, 401] : [400], (event) =>
        named("signed,", rig.sender.unreadable(rig.sender.payload(event)), (body) =>
          rig.signedBody(event, Buffer.from(body)),
        ),
      );
      // The content type is not signed, so whoever changes it must not be able to suppress an edit.
      const kinds = ["text/plain", "application/x-www-form-urlencoded", "application/json; charset=latin1"];
      const events = [];
      for (const kind of kinds) {
        const event = rig.event();
        const request = rig.signed(event);
        const outcome = await post(rig.url, {
          ...request,
          headers: { ...request.headers, "content-type": kind },
        });
        rig.accepted(outcome, event, { what: `a genuine delivery called ${kind}` });
        events.push(event);
      }
      await rig.carried(events);
      rig.once(events, "a delivery with another content type");
    },
  },
];

/**
 * Sends each, made from one event; all must be refused, without an effect, and must not stand in the event's way.
 *
 * @param {Rig} rig
 * @param {number[]} statuses
 * @param {(event: Event) => Record<string, Signed>} make
 */
async function allRefused(rig, statuses, make) {
  const event = rig.event();
  const before = rig.hook.calls.length;
  for (const [what, request] of Object.entries(make(event))) {
    rig.now(`sends ${what}`);
    rig.refused(await post(rig.url, request), statuses, what);
  }
  // Whatever else was waiting would be in this event's call, or in one before it.
  const other = rig.event();
  await rig.deliver(other, { what: "another, genuine delivery" });
  await rig.carried([other], { what: "with the genuine delivery" });
  const effects = rig.hook.calls.slice(before).flatMap((call) => call.events);
  const foreign = effects.filter((id) => id !== other.id);
  must(foreign.length === 0, `what was refused was carried by a deploy call: ${foreign.join(", ")}`);
  const seen = await rig.deliveries();
  if ("text" in seen) must(!seen.text.includes(event.id), "what was refused is in the owner's list");
  await rig.deliver(event, { what: "the genuine delivery after its forgeries" });
  await rig.carried([event]);
  rig.once([event], "a delivery after its forgeries");
}

/**
 * Requests made from values, each called by what it is.
 *
 * @template T
 * @param {string} what
 * @param {Record<string, T>} values
 * @param {(value: T) => Signed} make
 */
const named = (what, values, make) =>
  Object.fromEntries(Object.entries(values).map(([name, value]) => [`${what} ${name}`, make(value)]));
