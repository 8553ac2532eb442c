// SCN-001 to SCN-006: genuine deliveries, repeated, reordered, and sent again after trouble on the way.

import { freePort } from "../../../scripts/serve.mjs";
import { get, open, post, together } from "../wire.mjs";
import { must, told } from "../verdict.mjs";

/** How many copies come at once. */
const COPIES = 20;

/** @type {import("../suite.mjs").Scenario[]} */
export const DELIVERIES = [
  {
    id: "SCN-001",
    title: "single valid delivery",
    async run(rig) {
      const health = await rig.health();
      must(health.kind === "answered" && health.status === 200, `its health is not told: ${told(health)}`);
      const event = rig.event();
      const outcome = await post(rig.url, rig.signed(event));
      rig.accepted(outcome, event, { what: "the delivery" });
      const type = outcome.kind === "answered" && outcome.json?.event_type;
      must(type === rig.sender.type(event), `the answer names another event type: ${told(outcome)}`);
      await rig.carried([event]);
      await rig.quiet();
      rig.once([event], "one delivery");
      const call = rig.hook.calls.find((it) => it.events.includes(event.id));
      must(typeof call?.body?.source === "string", `the deploy call lacks \`source\`: ${call?.text}`);
      const at = Date.parse(call?.body?.timestamp);
      must(at >= event.at.getTime() - 60_000, `the deploy call lacks a \`timestamp\` of now: ${call?.text}`);
      await ownersPages(rig, event);
    },
  },
  {
    id: "SCN-002",
    title: "sequential repeat",
    async run(rig) {
      const event = rig.event();
      await rig.deliver(event);
      await rig.deliver(event, { attempt: 2, repeat: true, what: "a repeat a moment later" });
      await rig.carried([event]);
      await rig.withoutEffect("a repeat after the deploy", () =>
        rig.deliver(event, { attempt: 3, repeat: true, what: "a repeat after the deploy" }),
      );
      rig.once([event], "one delivery sent three times");
    },
  },
  {
    id: "SCN-003",
    title: `${COPIES} copies at once`,
    async run(rig) {
      const event = rig.event();
      rig.now(`sends ${COPIES} copies at once`);
      const copies = Array.from({ length: COPIES }, (_, index) => rig.signed(event, { attempt: index + 1 }));
      const outcomes = await together(rig.url, copies);
      for (const outcome of outcomes) {
        rig.accepted(outcome, event, { repeat: "either", what: `one of ${COPIES} copies` });
      }
      const first = outcomes.filter((it) => it.kind === "answered" && it.json?.duplicate !== true).length;
      must(first === 1, `${first} of ${COPIES} copies were taken for new, not one`);
      await rig.carried([event]);
      await rig.quiet();
      rig.once([event], `${COPIES} copies at once`);
    },
  },
  {
    id: "SCN-004",
    title: "an update before the creation that it needs",
    async run(rig) {
      // Once within one deploy window, once with a deploy between the two.
      for (const apart of [false, true]) {
        const created = rig.event({ at: new Date(Date.now() - 1000) });
        const updated = rig.event({ kind: "updated", article: created.article });
        await rig.deliver(updated, { what: "an update whose article is not known yet" });
        if (apart) await rig.carried([updated], { what: "with the update" });
        await rig.deliver(created, { what: "the creation that comes after its update" });
        await rig.carried([updated, created]);
        await rig.quiet();
        rig.once([updated, created], "an update and a creation in the wrong order");
      }
      const health = await rig.health();
      must(
        health.kind === "answered" && health.json?.status === "healthy",
        `it is not well: ${told(health)}`,
      );
    },
  },
  {
    id: "SCN-005",
    title: "the sender's time-out, then its retry",
    async run(rig) {
      const event = rig.event();
      const seconds = rig.settings.timeoutSeconds;
      rig.now(`sends, and hears nothing for ${seconds} s`);
      const first = await open(rig.url, rig.signed(event)).abandon(seconds * 1000);
      must(first.kind === "unknown", "the first attempt was not given up");
      await rig.deliver(event, { attempt: 2, repeat: "either", what: "the retry" });
      await rig.carried([event]);
      await rig.withoutEffect("a third attempt", () =>
        rig.deliver(event, { attempt: 3, repeat: true, what: "a third attempt" }),
      );
      rig.once([event], "an attempt without an answer and its retry");
    },
  },
  {
    id: "SCN-006",
    title: "the connection refused, then the retry",
    async run(rig) {
      // The sender's retries come late, with the time of the event in them.
      const late = Math.min(60, (rig.tolerance ?? 120) / 2);
      const event = rig.event({ at: new Date(Date.now() - late * 1000) });
      const nobody = `http://127.0.0.1:${await freePort()}/api/webhook`;
      const first = await post(nobody, rig.signed(event));
      must(first.kind === "unsent", `the first attempt is not known to be unsent: ${told(first)}`);
      await rig.deliver(event, { attempt: 2, what: "the retry, which is the first to arrive" });
      await rig.carried([event]);
      await rig.quiet();
      rig.once([event], "an attempt that did not arrive and its retry");
    },
  },
];

/**
 * The owner's pages show the delivery to the owner and to nobody else.
 *
 * @param {import("../rig.mjs").Rig} rig
 * @param {import("../senders.mjs").Event} event
 */
async function ownersPages(rig, event) {
  if (!rig.settings.adminToken) return;
  const seen = await rig.deliveries();
  must("text" in seen && seen.text.includes(event.id), "the owner's list does not show the delivery");
  for (const authorization of ["", "Bearer not the token of this receiver"]) {
    const answer = await get(rig.list, { authorization });
    const shut = answer.kind === "answered" && answer.status >= 400 && answer.status < 500;
    must(shut, `the owner's list is not shut to others: ${told(answer)}`);
  }
}
