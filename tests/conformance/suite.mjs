// Running the scenarios against a receiver, one after another. What is sent and what must hold stands in
// `scenarios/`; how a person asks for a run in `run.mjs`.

import { deployHook } from "./host.mjs";
import { DEFAULTS, equip } from "./rig.mjs";
import { SCENARIOS } from "./scenarios.mjs";
import { Unmet, Unseen } from "./verdict.mjs";

/** @typedef {import("./rig.mjs").Rig} Rig */

/**
 * @typedef {object} Scenario
 * @property {string} id
 * @property {string} title
 * @property {(rig: Rig) => string | undefined} [lacks] why it cannot be run with these options
 * @property {(rig: Rig) => Promise<void>} run
 */

/** @typedef {{ id: string, title: string, outcome: "passed" | "failed" | "skipped", reason: string }} Result */

/**
 * Runs the scenarios one after another.
 *
 * @param {import("./rig.mjs").Options} options
 * @returns {AsyncGenerator<Result>}
 */
export async function* conformance(options) {
  const settings = { ...DEFAULTS, ...given(options) };
  const hook = await deployHook({ host: settings.hookHost, port: settings.hookPort });
  try {
    const rig = equip(settings, hook);
    const chosen = SCENARIOS.filter(({ id }) => !settings.only || settings.only.includes(id));
    let baseline = true;
    for (const scenario of chosen) {
      rig.now(`${scenario.id} ${scenario.title}`);
      /** @type {Pick<Result, "outcome" | "reason">} */
      const result = baseline
        ? await attempt(scenario, rig)
        : skipped(`${SCENARIOS[0].id} must pass before the others mean anything`);
      yield { id: scenario.id, title: scenario.title, ...result };
      if (scenario === SCENARIOS[0]) baseline = result.outcome === "passed";
      // What a failed one has set off must not be taken for the next one's.
      if (baseline && result.outcome === "failed" && scenario !== chosen.at(-1)) await rig.quiet();
    }
  } finally {
    hook.close();
  }
}

/**
 * @param {Scenario} scenario
 * @param {Rig} rig
 * @returns {Promise<Pick<Result, "outcome" | "reason">>}
 */
async function attempt(scenario, rig) {
  const lacking = scenario.lacks?.(rig);
  if (lacking) return skipped(lacking);
  try {
    await scenario.run(rig);
    return { outcome: "passed", reason: "" };
  } catch (error) {
    if (error instanceof Unmet) return { outcome: "failed", reason: error.message };
    if (error instanceof Unseen) return skipped(error.message);
    throw error;
  }
}

/**
 * @param {string} reason
 * @returns {Pick<Result, "outcome" | "reason">}
 */
const skipped = (reason) => ({ outcome: "skipped", reason });

/**
 * The options that have a value.
 *
 * @template {object} T
 * @param {T} options
 */
const given = (options) =>
  /** @type {T} */ (Object.fromEntries(Object.entries(options).filter(([, value]) => value !== undefined)));
