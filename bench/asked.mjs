// What deliveries ask of a Durable Object, as a Worker of `workers/counted.mjs` tells it, and what Cloudflare's free plan
// has room for: https://developers.cloudflare.com/durable-objects/platform/pricing/

/** What the free plan allows in a day. */
const DAY = { requests: 100_000, written: 100_000, read: 5_000_000 };

/** @typedef {{ requests: number, written: number, read: number }} Asked of the Durable Object, for one delivery */

/** What a Worker has asked of its Durable Object so far. @param {number} port */
export const counts = async (port) =>
  /** @type {import("./workers/counted.mjs").Counts} */ (
    await (await fetch(`http://127.0.0.1:${port}/counts`)).json()
  );

/**
 * What one of some deliveries has asked for. Cloudflare charges for an alarm that comes like for a request, and for one
 * that is set like for a row.
 *
 * @param {import("./workers/counted.mjs").Counts} before @param {import("./workers/counted.mjs").Counts} after
 * @param {number} deliveries
 * @returns {Asked}
 */
export function each(before, after, deliveries) {
  const one = (/** @type {keyof typeof after} */ name) => (after[name] - before[name]) / deliveries;
  return {
    requests: one("requests") + one("alarms"),
    written: one("written") + one("armed"),
    read: one("read"),
  };
}

/** How many deliveries a day the free plan has room for. @param {Asked} asked */
export function aDay({ requests, written, read }) {
  const most = Math.min(DAY.requests / requests, DAY.written / written, DAY.read / read);
  return (Math.floor(most / 100) * 100).toLocaleString("en");
}
