// What the benchmark makes of measured values. Run by `node --test`.

import assert from "node:assert/strict";
import { test } from "node:test";
import { barred, isMet, median, quantile, ratio, table } from "../../bench/figures.mjs";
import { hook } from "../../bench/hook.mjs";
import { article, signed } from "../../bench/messages.mjs";
import { PARTS } from "../../bench/parts.mjs";
import { alternating } from "../../bench/rounds.mjs";

test("medians and quantiles are of the sorted values", () => {
  assert.equal(median([9, 1, 10]), 9);
  assert.equal(
    quantile(
      Array.from({ length: 200 }, (_, at) => 200 - at),
      0.99,
    ),
    199,
  );
  assert.equal(quantile([7], 0.99), 7);
});

test("a ratio is the median of a round's ratios, not the ratio of medians", () => {
  const [one, other] = [[2, 30, 400].map((cpu) => ({ cpu })), [1, 10, 400].map((cpu) => ({ cpu }))];
  assert.equal(ratio(one, other, "cpu"), 2);
});

test("a figure that misses its bar is marked, and one on it is not", () => {
  assert.equal(barred({ what: "", value: 0.899, least: 0.9 }), "0.90 ✗ (≥ 0.9)");
  assert.equal(barred({ what: "", value: 0.9, least: 0.9 }), "0.90 (≥ 0.9)");
  assert.equal(barred({ what: "", value: 10.04, most: 10, digits: 1 }), "10.0 ✗ (≤ 10)");
  assert.ok(!isMet({ what: "", value: NaN, least: 0 }), "what was not measured is not met");
});

test("each round begins with another, and each side has a figure of each round", async () => {
  /** @type {string[]} */
  const order = [];
  const figures = await alternating(
    [{ name: "a" }, { name: "b" }],
    2,
    async ({ name }, round) => {
      order.push(name);
      return round;
    },
    { step: () => {} },
  );
  assert.deepEqual(order, ["a", "b", "b", "a"]);
  assert.deepEqual(figures, { a: [0, 1], b: [0, 1] });
});

test("a table has a head and a row each", () => {
  assert.equal(table(["a", "b"], [["1", "2"]]), "| a | b |\n|---|---|\n| 1 | 2 |");
});

test("each part has a name of its own, and is measured at least once", () => {
  assert.equal(new Set(PARTS.map(({ name }) => name)).size, PARTS.length);
  for (const { name, rounds, seconds } of PARTS) assert.ok(rounds > 0 && seconds > 0, name);
  const seconds = PARTS.reduce((sum, part) => sum + part.seconds, 0);
  assert.ok(seconds < 15 * 60, `all of it within a quarter of an hour: ${seconds} s`);
});

test("articles have their size, and another signature each", () => {
  for (const bytes of [1_000, 10_000, 100_000, 1_000_000]) {
    assert.ok(Math.abs(article(bytes).length - bytes) < 100, String(article(bytes).length));
  }
  const [one, other] = ["evt_1", "evt_2"].map(
    (id) => signed(article(1_000, id)).headers["x-blogshoot-signature"],
  );
  assert.notEqual(one, other);
});

test("the stand-in knows when each event was carried, also of those that a call does not name", async () => {
  const { url, close, expect, all, at, calls } = await hook();
  const call = (/** @type {object} */ body) => fetch(url, { method: "POST", body: JSON.stringify(body) });
  try {
    for (const id of ["1", "2", "3", "4"]) expect(id);
    await call({ event_ids: ["3", "2"], event_count: 3 });
    assert.ok(at("1") > 0 && at("2") > 0 && at("3") > 0);
    assert.ok(Number.isNaN(at("4")), "nothing has carried it");
    await call({ event_ids: ["4"] });
    await all();
    assert.ok(at("4") >= at("1"));
    assert.equal(calls(), 2);
  } finally {
    close();
  }
});
