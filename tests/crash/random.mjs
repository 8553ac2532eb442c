// Random numbers that come again with the same seed.

/** @typedef {() => number} Random from 0 to 1 */

/**
 * A generator of them (mulberry32).
 *
 * @param {number} seed
 * @returns {Random}
 */
export function generator(seed) {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296;
  };
}

/** @param {Random} random @param {number} least @param {number} most */
export const between = (random, least, most) => least + random() * (most - least);
