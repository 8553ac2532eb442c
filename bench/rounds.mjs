// Rounds: what is compared is measured in turn, so that what else the machine does falls on all alike.

/**
 * What is measured beside others.
 *
 * @typedef {{ name: string }} Side
 */

/**
 * Measures each side in each round, and tells the figures of each by its name, a round each.
 *
 * @template {Side} S
 * @template F
 * @param {S[]} sides
 * @param {number} rounds
 * @param {(side: S, round: number) => Promise<F>} measure
 * @param {{ step: (text: string) => void, what?: string, before?: () => Promise<void> | void }} around `step` is told
 *   which round it is; `before` each is done what `before` does
 * @returns {Promise<Record<string, F[]>>}
 */
export async function alternating(sides, rounds, measure, { step, what = "", before }) {
  /** @type {Record<string, F[]>} */
  const figures = Object.fromEntries(sides.map(({ name }) => [name, []]));
  for (let round = 0; round < rounds; round++) {
    step(`${what && `${what}, `}round ${round + 1} of ${rounds}`);
    await before?.();
    // Each round begins with another side.
    const shift = round % sides.length;
    for (const side of [...sides.slice(shift), ...sides.slice(0, shift)]) {
      figures[side.name].push(await measure(side, round));
    }
  }
  return figures;
}
