// Workers of one runtime beside each other: the CPU time of one request, and requests a second.

import { Problem } from "../scripts/shell.mjs";
import { middle } from "./figures.mjs";
import { post } from "./load.mjs";
import { article, signed } from "./messages.mjs";
import { alternating } from "./rounds.mjs";
import { cpuMicroseconds } from "./runtime.mjs";

const CONNECTIONS = 8;

/** @typedef {import("./messages.mjs").Message} Message */
/** @typedef {{ name: string, port: number, path?: string }} Target */
/** @typedef {{ cpu: number, rate: number }} Round CPU microseconds of a request, and requests a second */
/** @typedef {Record<string, Round[]>} Compared by the target's name */

/** @param {Round[]} rounds */
export const cell = (rounds) =>
  `${middle(rounds, "cpu").toFixed(0)} (${middle(rounds, "rate").toFixed(0)}/s)`;

/** The same article each time, as nothing remembers it. @param {{ bytes: number }} size */
export const same = ({ bytes }) => [signed(article(bytes))];

/**
 * Measures Workers of one runtime beside each other, once they have refused a wrong signature and given the same answer.
 *
 * @param {number} pid
 * @param {Target[]} targets
 * @param {{ name: string, first: number, requests: number }} size how many requests a target has before it is measured, and
 *   in a round
 * @param {() => Message[]} prepared what is sent in a round, to each target the same
 * @param {number} rounds
 * @param {(text: string) => void} step
 * @returns {Promise<Compared>}
 */
export async function compare(pid, targets, { name, first, requests }, prepared, rounds, step) {
  let messages = prepared();
  const send = (
    /** @type {Target} */ { port, path },
    /** @type {number} */ count,
    connections = CONNECTIONS,
  ) => post(port, messages, count, connections, path);
  const answers = new Set();
  for (const target of targets) {
    await refuses(target, messages[0]);
    const [answer] = await send(target, 1, 1);
    answers.add(answer.replace(/"processing_time_ms":\d+/, ""));
  }
  if (answers.size !== 1) throw new Problem(`the Workers answer differently: ${[...answers].join("\n")}`);
  for (const target of targets) {
    step(`${name}: ${target.name} becomes hot`);
    for (let sent = 0; sent < first; sent += requests) {
      messages = prepared();
      await send(target, requests);
    }
  }
  const measure = async (/** @type {Target} */ target) => {
    const cpu = cpuMicroseconds(pid);
    const began = performance.now();
    await send(target, requests);
    const seconds = (performance.now() - began) / 1000;
    return { cpu: (cpuMicroseconds(pid) - cpu) / requests, rate: requests / seconds };
  };
  const before = () => void (messages = prepared());
  return alternating(targets, rounds, measure, { step, what: name, before });
}

/** Checks that a Worker refuses a message whose signature is another's. @param {Target} target @param {Message} message */
async function refuses({ name, port, path }, { body }) {
  const { headers } = signed(Buffer.from("another body"));
  const forged = { headers: { ...headers, "content-length": body.length }, body };
  const outcome = await post(port, [forged], 1, 1, path).catch((/** @type {Error} */ { message }) => message);
  if (!String(outcome).startsWith("401 ")) {
    throw new Problem(`${name} accepts a signature that is not the sender's: ${outcome}`);
  }
}
