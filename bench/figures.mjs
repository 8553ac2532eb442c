// What is made of measured values: medians, ratios within a round, bars, and tables in Markdown.

/** @param {number[]} values */
export const median = (values) => quantile(values, 0.5);

/** The value below which that share of all lies. @param {number[]} values @param {number} share */
export const quantile = (values, share) =>
  [...values].sort((one, other) => one - other)[
    Math.min(values.length - 1, Math.floor(values.length * share))
  ];

/**
 * The median of one figure over all rounds.
 *
 * @template {string} K
 * @param {Record<K, number>[]} rounds @param {K} of
 */
export const middle = (rounds, of) => median(rounds.map((round) => round[of]));

/**
 * The median of a round's ratios of one figure: what else the machine did fell on both alike.
 *
 * @template {string} K
 * @param {Record<K, number>[]} one @param {Record<K, number>[]} other @param {K} of
 */
export const ratio = (one, other, of) => median(one.map((round, at) => round[of] / other[at][of]));

/**
 * A figure that must not be less, or more, than a bar.
 *
 * @typedef {{ what: string, value: number, least?: number, most?: number, digits?: number }} Bar
 */

/** @param {Bar} bar */
export const isMet = ({ value, least = -Infinity, most = Infinity }) => value >= least && value <= most;

/** The figure, a ✗ where it misses its bar, and the bar. @param {Bar} bar */
export function barred(bar) {
  const { value, least, most, digits = 2 } = bar;
  const bounds = [least === undefined ? [] : `≥ ${least}`, most === undefined ? [] : `≤ ${most}`].flat();
  return [value.toFixed(digits), isMet(bar) ? [] : "✗", `(${bounds.join(", ")})`].flat().join(" ");
}

/** @param {string[]} head @param {string[][]} rows */
export function table(head, rows) {
  const line = (/** @type {string[]} */ cells) => `| ${cells.join(" | ")} |`;
  return [line(head), `|${"---|".repeat(head.length)}`, ...rows.map(line)].join("\n");
}
