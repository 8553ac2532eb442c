// SCN-013 to SCN-015: the receiver or the sender ends without warning. A repeat stays a repeat, and what was answered
// with 200 has its effect without anything being sent again.

import { open } from "../wire.mjs";
import { must } from "../verdict.mjs";

/** When the sender is gone, in milliseconds after its last byte has left. */
const GONE_AFTER = [0, 2, 10, 50, 250];

const lacks = (/** @type {import("../rig.mjs").Rig} */ rig) =>
  rig.settings.restart ? undefined : "it restarts the receiver: give --restart";

/** @type {import("../suite.mjs").Scenario[]} */
export const CRASHES = [
  {
    id: "SCN-013",
    title: "the receiver restarts between attempts",
    lacks,
    async run(rig) {
      const event = rig.event();
      await rig.deliver(event);
      await rig.carried([event]);
      // The host's answer must have been noted too: a call whose answer is lost is rightly made again (SCN-015).
      await rig.quiet();
      await rig.restart();
      await rig.withoutEffect("the repeat after the restart", () =>
        rig.deliver(event, { attempt: 2, repeat: true, what: "the repeat after the restart" }),
      );
      rig.once([event], "a delivery, a restart and its repeat");
    },
  },
  {
    id: "SCN-014",
    title: "the sender crashes after it has sent",
    async run(rig) {
      const events = [];
      for (const milliseconds of GONE_AFTER) {
        const event = rig.event();
        rig.now(`sends, and is gone ${milliseconds} ms later`);
        const outcome = await open(rig.url, rig.signed(event)).abandon(milliseconds);
        must(outcome.kind === "unknown", "an attempt without an answer counts as answered");
        events.push(event);
      }
      // The sender is back and looks before it sends anything again: each happened once or not at all.
      await rig.quiet();
      const happened = new Set(events.filter((event) => rig.hook.carried(event.id) > 0));
      rig.once([...happened], "an attempt whose sender crashed");
      await rig.withoutEffect("the repeat of what had happened", async () => {
        for (const event of happened) {
          await rig.deliver(event, { attempt: 2, repeat: true, what: "the repeat of what had happened" });
        }
      });
      const others = events.filter((event) => !happened.has(event));
      for (const event of others) {
        await rig.deliver(event, { attempt: 2, repeat: "either", what: "the attempt after the crash" });
      }
      await rig.carried(others);
      await rig.quiet();
      rig.once(events, "an attempt whose sender crashed, and its repeat");
    },
  },
  {
    id: "SCN-015",
    title: "the receiver crashes between the answer and the effect",
    lacks,
    async run(rig) {
      await beforeTheCall(rig);
      await duringTheCall(rig);
    },
  },
];

/**
 * Ended as soon as it has answered.
 *
 * @param {import("../rig.mjs").Rig} rig
 */
async function beforeTheCall(rig) {
  const event = rig.event();
  await rig.deliver(event);
  const before = rig.hook.carried(event.id);
  await rig.restart();
  await rig.carried([event], { what: "after the crash, nothing having been sent again" });
  await rig.withoutEffect("the repeat after the crash", () =>
    rig.deliver(event, { attempt: 2, repeat: true, what: "the repeat after the crash" }),
  );
  const after = rig.hook.carried(event.id) - before;
  const right = before > 0 ? after <= 1 : after === 1;
  must(right, `after the crash the event was carried ${after} times (${before} before it)`);
}

/**
 * Ended while the host has the call and has not answered. The call is made once more, because nobody can know whether
 * the first was heard.
 *
 * @param {import("../rig.mjs").Rig} rig
 */
async function duringTheCall(rig) {
  const event = rig.event();
  const release = rig.hook.hold();
  try {
    await rig.deliver(event);
    await rig.carried([event], { what: "that is not to be answered" });
    await rig.restart();
  } finally {
    release();
  }
  await rig.carried([event], {
    which: (call) => call.answered,
    more: rig.settings.retrySeconds,
    what: "that replaces the one cut off by the crash",
  });
  await rig.withoutEffect("the repeat after the crash", () =>
    rig.deliver(event, { attempt: 2, repeat: true, what: "the repeat after the crash" }),
  );
  const times = rig.hook.carried(event.id, (call) => call.answered);
  must(times === 1, `the event cut off by the crash was carried ${times} times, not once more`);
}
