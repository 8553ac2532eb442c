// How the soak goes: a line for each edge, written over on a terminal, otherwise printed each ten seconds.

import { say } from "../../scripts/shell.mjs";

const EVERY = process.stdout.isTTY ? 500 : 10_000;

/** Shows the lines until it is told to stop. @param {() => string[]} lines */
export function show(lines) {
  let above = 0;
  const draw = () => {
    const now = lines();
    if (!process.stdout.isTTY) return now.forEach(say);
    const width = process.stdout.columns ?? 80;
    const up = above > 0 ? `\x1b[${above}A` : "";
    process.stdout.write(up + now.map((line) => `\x1b[2K${line.slice(0, width - 1)}\n`).join(""));
    above = now.length;
  };
  const timer = setInterval(draw, EVERY);
  return () => clearInterval(timer);
}
