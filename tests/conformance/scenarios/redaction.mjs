// SCN-016: what is secret, and what is only the article's, stays where it belongs. Values made up for this run are sent
// in every place that a request has, and then looked for in everything the receiver gives out or keeps.

import { randomBytes } from "node:crypto";
import { post } from "../wire.mjs";
import { must, unseen } from "../verdict.mjs";

/** @typedef {import("../rig.mjs").Rig} Rig */

/** How long a log may lag behind, in milliseconds. */
const LAG = 10_000;

/** @type {import("../suite.mjs").Scenario} */
export const REDACTION = {
  id: "SCN-016",
  title: "redaction canary",
  async run(rig) {
    const canary = () => `canary${randomBytes(16).toString("hex")}`;
    const never = {
      "the webhook secret": rig.settings.secret,
      "the `Authorization` header": canary(),
      "the `Cookie` header": canary(),
      "a header nobody asked for": canary(),
      "the query": canary(),
      "a wrong signature": canary(),
      "a body that was refused": canary(),
      ...(rig.settings.adminToken ? { "the owner's token": rig.settings.adminToken } : {}),
    };
    const text = canary();
    const event = rig.event({ text });
    const { headers, body } = rig.signed(event);
    // The article and its signature may be kept for the owner, and go nowhere else.
    const kept = { "the article's text": text, "the signature": String(headers[rig.sender.signature]) };

    // A server in front of the receiver may log which paths are asked for.
    const unknown = { "an unknown path": canary() };

    rig.now("sends deliveries with canaries in them");
    const curious = {
      ...headers,
      authorization: `Bearer ${never["the `Authorization` header"]}`,
      cookie: `session=${never["the `Cookie` header"]}`,
      "x-api-key": never["a header nobody asked for"],
    };
    const accepted = await post(`${rig.url}?token=${never["the query"]}`, { headers: curious, body });
    rig.accepted(accepted, event, { what: "a delivery with canaries in it" });
    const other = rig.event();
    const answers = [
      accepted,
      await post(rig.url, { headers: curious, body }),
      await post(rig.url, {
        headers: { ...headers, [rig.sender.signature]: never["a wrong signature"] },
        body,
      }),
      await post(rig.url, rig.signedBody(other, Buffer.from(`{"${never["a body that was refused"]}"`))),
      await post(`${rig.url}/${unknown["an unknown path"]}`, { headers, body }),
      await rig.health(),
    ];
    // Once the log names this one, it holds whatever it will hold of those before.
    const last = rig.event();
    await rig.deliver(last);
    await rig.carried([event, last]);

    clean(
      "an answer",
      answers.map((it) => (it.kind === "answered" ? it.text : "")),
      { ...never, ...kept, ...unknown },
    );
    clean(
      "a deploy call",
      rig.hook.calls.map((it) => it.text),
      { ...never, ...kept, ...unknown },
    );
    const hooks = new Set(rig.hook.calls.map((it) => it.url).filter((it) => it.length >= 8));
    const hook = Object.fromEntries([...hooks].map((it) => ["the deploy hook's URL", it]));
    const log = await logged(rig, last.id);
    if (log !== undefined) clean("the log", [log], { ...never, ...kept, ...hook });
    const seen = await rig.deliveries();
    if ("text" in seen) clean("the owner's list", [seen.text], { ...never, ...hook });
    const files = rig.settings.storage?.() ?? [];
    clean("the storage", files, { ...never, ...hook });

    if (!rig.settings.log) unseen("nothing leaked into answers and deploy calls; for the log give --log");
    if (log === undefined) unseen("the log does not name the delivery: is it this receiver's?");
    if ("unseen" in seen) unseen(seen.unseen);
    if (rig.settings.storage && !files.some((file) => file.includes(event.id))) {
      unseen("the storage does not hold the delivery: is it this receiver's?");
    }
  },
};

/**
 * @param {string} where
 * @param {(string | Buffer)[]} texts
 * @param {Record<string, string>} secrets
 */
function clean(where, texts, secrets) {
  for (const [what, value] of Object.entries(secrets)) {
    must(!texts.some((text) => text.includes(value)), `${what} is in ${where}`);
  }
}

/**
 * The log, once it names the event; nothing if it does not in time.
 *
 * @param {Rig} rig
 * @param {string} id
 */
async function logged(rig, id) {
  const limit = Date.now() + Math.min(LAG, rig.settings.slackSeconds * 1000);
  for (;;) {
    const log = await rig.settings.log?.();
    if (log === undefined || log.includes(id)) return log;
    if (Date.now() > limit) return undefined;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}
