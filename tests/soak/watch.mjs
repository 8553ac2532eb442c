// Watches an edge while it is soaked: its memory, its store, and whether it has ended by itself.

import { collect } from "./garbage.mjs";
import { resident } from "./memory.mjs";
import { stored } from "./store.mjs";

/** How long after one look the next comes, in milliseconds; garbage that is to be collected first takes a moment. */
const EVERY = { plain: 1000, collected: 5000 };

/**
 * Begins to watch.
 *
 * @param {import("../crash/edges.mjs").Edge} edge
 * @param {() => { pid: number, life: number, begunAt: number } | undefined} lives what there is to look at; nothing while
 *   it is being ended or started
 */
export function watch({ storage, inspector }, lives) {
  /** @type {import("./memory.mjs").Sample[]} */
  const samples = [];
  const store = { all: 0, logs: 0 };
  let ended = false;
  const look = async () => {
    const { all, logs } = stored(storage);
    Object.assign(store, { all, logs: Math.max(logs, store.logs) });
    const looked = lives();
    if (looked === undefined) return;
    const age = Date.now() - looked.begunAt;
    const isClean = inspector === undefined || (await collect(inspector));
    // It may have been ended meanwhile.
    if (lives()?.pid !== looked.pid) return;
    const megabytes = resident(looked.pid);
    if (megabytes === undefined) ended = true;
    else if (isClean) samples.push({ life: looked.life, age, megabytes });
  };
  /** @type {NodeJS.Timeout} */
  let timer;
  let going = true;
  const next = () => {
    if (going) timer = setTimeout(() => void look().finally(next), EVERY[inspector ? "collected" : "plain"]);
  };
  next();
  return {
    samples,
    store,
    hasEnded: () => ended,
    stop() {
      going = false;
      clearTimeout(timer);
    },
  };
}
