// How a scenario ends early: something does not hold, or it cannot be seen whether it does.

/** The receiver does not do what it must. */
export class Unmet extends Error {}
/** What must hold cannot be found out. */
export class Unseen extends Error {}

/**
 * @param {boolean} condition
 * @param {string} message
 * @returns {asserts condition}
 */
export function must(condition, message) {
  if (!condition) throw new Unmet(message);
}

/**
 * @param {string} reason
 * @returns {never}
 */
export function unseen(reason) {
  throw new Unseen(reason);
}

/**
 * What became of an attempt, in a few words.
 *
 * @param {import("./wire.mjs").Outcome} outcome
 */
export function told(outcome) {
  const { kind } = outcome;
  if (kind === "answered") return `it answered ${outcome.status} ${outcome.text.slice(0, 200)}`.trim();
  return kind === "unsent" ? `it was not reached: ${outcome.reason}` : `no answer: ${outcome.reason}`;
}
