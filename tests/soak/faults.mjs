// What goes wrong at the soak's host.

/** @typedef {import("../../scripts/stand-in.mjs").Fault} Fault */

/** The parts of the calls. @type {[Fault, number][]} */
const PARTS = [
  ["500", 0.1],
  ["silence", 0.05],
  ["reset unread", 0.025],
  ["reset", 0.025],
];

/** Says of each call what goes wrong with it, until it is told to stop. @param {import("../crash/random.mjs").Random} random */
export function faults(random) {
  /** @type {Record<Fault, number>} */
  const counts = { 500: 0, silence: 0, "reset unread": 0, reset: 0 };
  let going = true;
  /** @returns {Fault | undefined} */
  const next = () => {
    let at = random();
    const fault = PARTS.find(([, part]) => (at -= part) < 0)?.[0];
    if (!going || fault === undefined) return undefined;
    counts[fault]++;
    return fault;
  };
  const given = () => Object.values(counts).reduce((sum, count) => sum + count, 0);
  return { next, counts, given, stop: () => void (going = false) };
}
