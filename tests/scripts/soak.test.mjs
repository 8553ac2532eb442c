// The soak's judgement: that each bar can be missed. The soak itself is a command of its own.

import assert from "node:assert/strict";
import { test } from "node:test";
import { generator } from "../crash/random.mjs";
import { faults } from "../soak/faults.mjs";
import { growths } from "../soak/memory.mjs";
import { judged } from "../soak/report.mjs";

/** @typedef {import("../soak/report.mjs").Outcome} Outcome */
/** @typedef {import("../crash/host.mjs").Call} Call */

/** @returns {Call} */
const call = (/** @type {Partial<Call>} */ of = {}) => ({
  target: "default",
  at: 2000,
  fault: undefined,
  answered: of.fault === undefined,
  ids: ["evt-1"],
  count: 1,
  ...of,
});

/** A soak of two seconds in which all went well, but for one lost answer and two kills. @returns {Outcome} */
function well() {
  const edits = Array.from({ length: 100 }, (_, number) => {
    return { id: `evt-${number}`, sentAt: 1000, tries: 1, acknowledgedAt: 1010 };
  });
  return {
    name: "server",
    seconds: 2,
    rate: 50,
    sender: {
      edits,
      failures: new Map([["connect ECONNREFUSED", 3]]),
      answers: edits.map(() => 10),
      counts: { acknowledged: edits.length, repeats: 0, refused: 0 },
      stop: async () => {},
    },
    kills: 2,
    faults: { 500: 0, silence: 0, "reset unread": 0, reset: 1 },
    targets: [
      {
        name: "default",
        calls: [call(), call({ fault: "500" }), call({ fault: "reset" }), call({ answered: false }), call()],
        lost: [],
        done: 2,
        waits: edits.map(() => 1500),
      },
    ],
    samples: [{ life: 0, age: 1000, megabytes: 10 }],
    growths: [],
    store: { all: 1_000_000, logs: 4_000_000 },
    errors: new Map(),
    strict: undefined,
  };
}

const misses = (/** @type {(outcome: Outcome) => void} */ change) => {
  const outcome = well();
  change(outcome);
  return judged([outcome]).join("\n");
};

test("what went well misses no bar", () =>
  assert.equal(
    misses(() => {}),
    "",
  ));

test("each bar can be missed, and is named", () => {
  const lost = [{ id: "evt-7", reason: "answered with 200, not stored" }];
  /** @type {[RegExp, (outcome: Outcome) => void][]} */
  const cases = [
    [/^server: only 90 edits were sent/, ({ sender }) => void sender.edits.splice(90)],
    [/1 edits were never acknowledged/, ({ sender }) => void (sender.edits[0].acknowledgedAt = undefined)],
    [/2 tries were answered with something else than 200/, ({ sender }) => void (sender.counts.refused = 2)],
    [/1 acknowledged edits were lost, such as evt-7: answered/, ({ targets: [it] }) => void (it.lost = lost)],
    [/4 calls to default were repeated, where 1 lost answers and 2 kills explain 3/, repeat],
    [/1 jobs for default are done, and the host/, ({ targets: [it] }) => void (it.done = 3)],
    [/its memory could not be looked at/, ({ samples }) => void samples.pop()],
    [/memory has grown over the lives: 10.0 → 12.0 MB/, grow],
    [/the log of the store grew to 95.4 MB/, ({ store }) => void (store.logs = 100_000_000)],
    [/errors in the log: 1 × INBOX_FAILED/, ({ errors }) => void errors.set("INBOX_FAILED", 1)],
    [/it is not well: 503/, (outcome) => void (outcome.strict = "503")],
  ];
  for (const [words, change] of cases) assert.match(misses(change), words);
});

test("memory is compared at the same age of each life, and within a long last one", () => {
  const lives = 9;
  const sample = (/** @type {(life: number, age: number) => number} */ megabytes) =>
    Array.from({ length: lives }, (_, life) =>
      Array.from({ length: life === lives - 1 ? 300 : 60 }, (_, second) => {
        return { life, age: second * 1000, megabytes: megabytes(life, second) };
      }),
    ).flat();
  const growth = (/** @type {(life: number, age: number) => number} */ megabytes) =>
    growths(sample(megabytes), 60_000).map((it) => Number(it.growth.toFixed(1)));
  // Each life may warm up.
  assert.deepEqual(
    growth((_, age) => 10 + Math.min(age, 60)),
    [1, 1],
  );
  assert.deepEqual(
    growth((life) => 10 + life),
    [1.5, 1],
  );
  assert.deepEqual(
    growth((_, age) => 10 + age),
    [1, 2.5],
  );
});

test("one call in five goes wrong, until no more are to", () => {
  const { next, counts, given, stop } = faults(generator(7));
  for (let call = 0; call < 10_000; call++) next();
  assert.ok(Math.abs(counts["500"] - 1000) < 100, JSON.stringify(counts));
  assert.ok(Math.abs(counts.silence - 500) < 70, JSON.stringify(counts));
  assert.ok(Math.abs(counts.reset + counts["reset unread"] - 500) < 70, JSON.stringify(counts));
  stop();
  const before = given();
  for (let call = 0; call < 100; call++) assert.equal(next(), undefined);
  assert.equal(given(), before);
});

/** @param {Outcome} outcome */
function repeat({ targets: [it] }) {
  it.calls.push(call(), call());
}

/** @param {Outcome} outcome */
function grow(outcome) {
  outcome.growths = [{ what: "over the lives", earlier: 10, later: 12, growth: 1.2, most: 1.1 }];
}
