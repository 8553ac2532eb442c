// The functions of a Wasm module in an order in which gzip finds more of them again: it looks back 32 KiB, so what is
// alike should lie together. The order is found by balanced partitioning (Dhulipala and others, 2016, "Compressing
// Graphs and Indexes with Recursive Graph Bisection"), which linkers do too: halves are made that share as little as can
// be, of them halves again, and so on.

/** So few functions are left in the order that they have. */
const FEW = 4;
/** How often functions change sides at most before halves are as good as they get. */
const ROUNDS = 40;
const CODE = 10;

/**
 * A module with names for its functions that sort as they should lie; `wasm-opt --reorder-functions-by-name` does the
 * rest. It must have no names. What comes of it may be ordered again, which finds more.
 *
 * @param {Uint8Array} module
 * @param {number} imported how many functions it imports
 * @param {number} length bytes that are looked at together: five are two or three instructions
 */
export function named(module, imported, length) {
  const order = ordered(bodies(module).map((body) => pieces(body, length)));
  const width = String(order.length).length;
  const ranks = new Map(order.map((body, rank) => [body, String(rank).padStart(width, "0")]));
  const names = order.map((_, body) => [...leb(imported + body), ...text(ranks.get(body) ?? "")]);
  const functions = [...leb(names.length), ...names.flat()];
  const section = [...text("name"), 1, ...leb(functions.length), ...functions];
  return Buffer.concat([module, Uint8Array.from([0, ...leb(section.length), ...section])]);
}

/** @param {Uint8Array} module */
function bodies(module) {
  let at = 8;
  const number = () => {
    let [value, shift] = [0, 0];
    for (;;) {
      const byte = module[at++];
      value += (byte & 127) * 2 ** shift;
      shift += 7;
      if (byte < 128) return value;
    }
  };
  while (at < module.length) {
    const id = module[at++];
    const end = number() + at;
    if (id !== CODE) {
      at = end;
      continue;
    }
    return Array.from({ length: number() }, () => {
      const length = number();
      at += length;
      return module.subarray(at - length, at);
    });
  }
  return [];
}

/**
 * What a function is made of: each sequence of bytes once, as a number.
 *
 * @param {Uint8Array} body
 * @param {number} length of a sequence
 */
function pieces(body, length) {
  const found = new Set();
  for (let at = 0; at + length <= body.length; at++) {
    let hash = 0;
    for (const byte of body.subarray(at, at + length))
      hash = Math.imul(hash ^ byte, 0x9e3779b1) ^ (hash >>> 15);
    found.add(hash);
  }
  return found;
}

/**
 * The places of sets, in an order in which those lie together that share members.
 *
 * @param {Set<number>[]} sets
 */
function ordered(sets) {
  /** @type {Map<number, number>} */
  const counts = new Map();
  for (const set of sets) for (const member of set) counts.set(member, (counts.get(member) ?? 0) + 1);
  const shared = [...counts].filter(([, count]) => count > 1 && count < sets.length / 2);
  const ids = new Map(shared.map(([member], id) => [member, id]));
  const members = sets.map((set) => Uint32Array.from([...set].flatMap((member) => ids.get(member) ?? [])));
  const [left, right] = [new Int32Array(ids.size), new Int32Array(ids.size)];
  const logarithms = Float64Array.from({ length: sets.length + 2 }, (_, count) => Math.log2(count + 1));
  const cost = (/** @type {number} */ here, /** @type {number} */ there) =>
    -here * logarithms[here] - there * logarithms[there];
  // What is gained where one goes to the other side.
  const gain = (
    /** @type {number} */ one,
    /** @type {Int32Array} */ here,
    /** @type {Int32Array} */ there,
  ) => {
    let sum = 0;
    for (const id of members[one]) sum += cost(here[id], there[id]) - cost(here[id] - 1, there[id] + 1);
    return sum;
  };
  const byGain = (
    /** @type {number[]} */ side,
    /** @type {Int32Array} */ here,
    /** @type {Int32Array} */ there,
  ) => side.map((one) => ({ one, gain: gain(one, here, there) })).sort((a, b) => b.gain - a.gain);

  /** @type {(all: number[]) => number[]} */
  const halved = (all) => {
    if (all.length <= FEW) return all;
    let sides = [all.slice(0, all.length / 2), all.slice(all.length / 2)];
    for (let round = 0; round < ROUNDS; round++) {
      for (const one of all) for (const id of members[one]) left[id] = right[id] = 0;
      for (const one of sides[0]) for (const id of members[one]) left[id]++;
      for (const one of sides[1]) for (const id of members[one]) right[id]++;
      const [from, to] = [byGain(sides[0], left, right), byGain(sides[1], right, left)];
      /** @type {Map<number, number>} */
      const swapped = new Map();
      for (let pair = 0; pair < from.length && from[pair].gain + to[pair].gain > 0; pair++) {
        // Some stay where they are, or two groups that are alike would change sides for ever.
        if ((pair + round) % 10 === 9) continue;
        swapped.set(from[pair].one, to[pair].one).set(to[pair].one, from[pair].one);
      }
      if (swapped.size === 0) break;
      sides = sides.map((side) => side.map((one) => swapped.get(one) ?? one));
    }
    return sides.flatMap(halved);
  };
  return halved(sets.map((_, place) => place));
}

/**
 * A number as Wasm writes it.
 *
 * @param {number} value
 * @returns {number[]}
 */
const leb = (value) => (value < 128 ? [value] : [(value & 127) | 128, ...leb(value >>> 7)]);

/** @param {string} value */
const text = (value) => [...leb(value.length), ...Buffer.from(value)];
