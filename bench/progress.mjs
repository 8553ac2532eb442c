// How far the benchmark is, and how long it will take: one line that is written over, on a terminal only. Elsewhere each
// part is told once.

import { say } from "../scripts/shell.mjs";

/** @typedef {{ name: string, seconds: number }} Planned a part, and about how long it takes */

const WIDTH = 100;

/** @param {Planned[]} plan */
export function progress(plan) {
  const write = (/** @type {string} */ line) => {
    if (process.stdout.isTTY) process.stdout.write(`\r${line.slice(0, WIDTH).padEnd(WIDTH)}`);
  };
  const total = plan.reduce((sum, { seconds }) => sum + seconds, 0);
  const began = Date.now();
  let at = -1;
  let before = 0;
  let partBegan = began;
  let doing = "";
  /** @type {NodeJS.Timeout | undefined} */
  let timer;
  const show = () => {
    const { name, seconds } = plan[at];
    const past = before + Math.min(seconds * 0.98, (Date.now() - partBegan) / 1000);
    // As fast as the parts before it went.
    const pace = before > 0 ? (partBegan - began) / 1000 / before : 1;
    const left = (total - past) * pace;
    const time = left > 90 ? `${Math.ceil(left / 60)} min` : `${Math.ceil(left)} s`;
    const bar = "█".repeat(Math.round((past / total) * 20)).padEnd(20, "░");
    write(`${bar} ${at + 1}/${plan.length} ${name}${doing && `, ${doing}`}; about ${time} left`);
  };
  return {
    /** The next part begins. */
    begin() {
      at += 1;
      doing = "";
      partBegan = Date.now();
      const { name, seconds } = plan[at];
      if (!process.stdout.isTTY) say(`\n[${at + 1}/${plan.length}] ${name}, about ${Math.ceil(seconds)} s`);
      show();
      timer = setInterval(show, 1000);
    },
    /** What it does now. @param {string} text */
    step(text) {
      doing = text;
    },
    /** It is over, and its line makes room for what came of it. */
    end() {
      clearInterval(timer);
      before += plan[at].seconds;
      write("");
      write("\r");
    },
  };
}
