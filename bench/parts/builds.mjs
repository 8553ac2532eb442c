// How many builds a hundred publishes cost, by how they come: one by one, in pairs, in a burst, in a trickle. The
// defaults of the pacing settings, ten times as fast, so that all of it takes a minute and a half.

import { aDay, counts, each } from "../asked.mjs";
import { table } from "../figures.mjs";
import { hook } from "../hook.mjs";
import { post } from "../load.mjs";
import { article, signed } from "../messages.mjs";
import { rest, start } from "../runtime.mjs";
import { counted, relay } from "../workers.mjs";

const PUBLISHES = 100;
/** A tenth of the defaults: 10, 120 and 60. */
const PACE = { DEPLOY_SETTLE_SECONDS: "1", DEPLOY_MAX_WAIT_SECONDS: "12", DEPLOY_MIN_GAP_SECONDS: "6" };
/** Of a site that publishes again only when all is done, in milliseconds. */
const ALONE = 7_500;
/** Between two publishes of a trickle: less than the quiet time. */
const TRICKLE = 800;
/** Between the two of a pair. */
const PAIR = 400;

/**
 * How publishes come: at so many sites at the same time, at each in so many groups of so many; within a group so far
 * apart.
 *
 * @typedef {{ name: string, about: string, sites: number, groups: number, size: number, apart: number }} Pattern
 * @type {Pattern[]}
 */
const PATTERNS = [
  { name: "one", about: "each by itself", sites: 10, groups: 10, size: 1, apart: 0 },
  { name: "pair", about: "two within the quiet time", sites: 10, groups: 5, size: 2, apart: PAIR },
  { name: "burst", about: "all at once", sites: 1, groups: 1, size: PUBLISHES, apart: 0 },
  { name: "trickle", about: "one each 8 seconds", sites: 1, groups: 1, size: PUBLISHES, apart: TRICKLE },
];

/** @typedef {{ builds: number, relayed: number, asked: import("../asked.mjs").Asked }} Outcome */

/** @type {import("../run.mjs").Part<Outcome[]>} */
export const part = {
  name: "builds",
  edge: "worker",
  title: "Builds for a hundred publishes",
  about:
    "Calls of the deploy hook with the default pacing, ten times as fast: quiet for 1 second instead of 10, a longest wait of 12 instead of 120, a gap of 6 instead of 60. Every publish was carried by a call that came after it.",
  rounds: 1,
  seconds: 95,

  async measure({ directory, step }) {
    const hooks = await Promise.all(PATTERNS.flatMap(() => [hook(), hook()]));
    const sites = PATTERNS.flatMap((pattern, at) =>
      Array.from({ length: pattern.sites }, (_, site) => ({
        ...counted(`${pattern.name} ${site}`, {
          ...PACE,
          CLOUDFLARE_DEPLOY_HOOK: hooks[2 * at].url,
          LOG_LEVEL: "error",
        }),
        pattern,
      })),
    );
    const relays = PATTERNS.map((pattern, at) => ({ ...relay(hooks[2 * at + 1].url), pattern }));
    const runtime = await start([...sites, ...relays], directory);
    try {
      step(`${PUBLISHES} publishes in each of ${PATTERNS.length} patterns at once`);
      return await Promise.all(
        PATTERNS.map(async (pattern, at) => {
          const own = runtime.workers.filter((it) => it.pattern === pattern);
          const { port: relaying } = own.splice(-1)[0];
          const ports = own.map(({ port }) => port);
          for (const port of ports) await open(port);
          const before = await total(ports);
          const [building, relayed] = hooks.slice(2 * at);
          /** @param {string} id */
          const expect = (id) => [building, relayed].forEach((hook) => hook.expect(id));
          await Promise.all(ports.map((port) => publish(pattern, [port, relaying], expect)));
          for (const hook of [building, relayed]) await hook.all();
          // Until the inboxes have written down what came of it.
          await rest(runtime.pid);
          const asked = each(before, await total(ports), PUBLISHES);
          return { builds: building.calls(), relayed: relayed.calls(), asked };
        }),
      );
    } finally {
      await runtime.stop();
      for (const { close } of hooks) close();
    }
  },

  bars: () => [],

  tables: (measured) => [
    table(
      [
        "pattern",
        "how they come",
        "builds",
        "of a plain relay",
        "requests",
        "rows written",
        "rows read",
        "in a day, free",
      ],
      measured.map(({ builds, relayed, asked }, at) => [
        PATTERNS[at].name,
        PATTERNS[at].about,
        String(builds),
        String(relayed),
        ...[asked.requests, asked.written, asked.read].map((it) => it.toFixed(1)),
        aDay(asked),
      ]),
    ),
  ],
};

let event = 0;

/**
 * Publishes as a pattern has it at one site.
 *
 * @param {Pattern} pattern
 * @param {number[]} ports to each of which each is sent
 * @param {(id: string) => void} expect is told of each event
 */
async function publish({ groups, size, apart }, ports, expect) {
  const pause = (/** @type {number} */ milliseconds) =>
    new Promise((resolve) => setTimeout(resolve, milliseconds));
  for (let group = 0; group < groups; group++) {
    const sent = [];
    for (let at = 0; at < size; at++) {
      if (at > 0 && apart > 0) await pause(apart);
      const id = `evt_${event++}`;
      expect(id);
      sent.push(...ports.map((port) => post(port, [signed(article(1_000, id))], 1, 1)));
    }
    await Promise.all(sent);
    if (group + 1 < groups) await pause(ALONE);
  }
}

/** Has a Worker open its inbox, which is no publish's cost. @param {number} port */
async function open(port) {
  const answer = await fetch(`http://127.0.0.1:${port}/api/health?strict`);
  if (answer.status !== 200) throw new Error(`health: ${answer.status} ${await answer.text()}`);
  await answer.text();
}

/** What some Workers have asked of their Durable Objects so far. @param {number[]} ports */
async function total(ports) {
  const all = await Promise.all(ports.map(counts));
  return all.reduce((sum, own) => {
    for (const [name, count] of Object.entries(own)) sum[/** @type {keyof typeof sum} */ (name)] += count;
    return sum;
  });
}
