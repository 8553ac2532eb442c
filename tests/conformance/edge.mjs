// The suite at an edge of Presshook that a test has started: the settings it runs with, and what each sender that is
// played is put through. How an edge is started, ended and looked into stands with its tests.

import { conformance } from "./suite.mjs";

/** @type {Record<string, string>} */
const SECRETS = {
  blogshoot: "the secret of the conformance test",
  "standard-webhooks": `whsec_${Buffer.from("a key of twenty-four bytes").toString("base64")}`,
};

const TOKEN = "the token of the conformance test";

/**
 * Every edge's settings.
 *
 * @param {number} hookPort where the suite plays the host
 */
export const settings = (hookPort) => ({
  BLOGSHOOT_WEBHOOK_SECRET: SECRETS.blogshoot,
  STANDARD_WEBHOOKS_WEBHOOK_SECRET: SECRETS["standard-webhooks"],
  CLOUDFLARE_DEPLOY_HOOK: `http://127.0.0.1:${hookPort}/deploy-hook`,
  LOG_LEVEL: "debug",
});

/** Those of an edge with an inbox; BlogShoot's times are bounded too. */
export const INBOX = {
  DEPLOY_SETTLE_SECONDS: "1",
  DEPLOY_MIN_GAP_SECONDS: "0",
  BLOGSHOOT_TOLERANCE_SECONDS: "300",
  ADMIN_TOKEN: TOKEN,
};

/** The suite's options that go with them. */
export const WITH_INBOX = { settleSeconds: 1, gapSeconds: 0, toleranceSeconds: 300, adminToken: TOKEN };

/**
 * @param {string} outcome
 * @param {number[]} numbers
 */
export const all = (outcome, numbers) =>
  Object.fromEntries(numbers.map((number) => [`SCN-${String(number).padStart(3, "0")}`, outcome]));

/**
 * What each sender is put through: all, and what depends on how a sender signs.
 *
 * @type {Record<string, number[]>}
 */
const CHOSEN = {
  blogshoot: [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16],
  "standard-webhooks": [1, 2, 7, 8, 9, 10, 11, 12],
};

/** The outcomes where nothing is wrong. */
export const RIGHT = {
  blogshoot: all("passed", CHOSEN.blogshoot),
  "standard-webhooks": all("passed", CHOSEN["standard-webhooks"]),
};

/**
 * The outcome of each scenario, and every reason given.
 *
 * @param {keyof typeof RIGHT} source
 * @param {Omit<import("./rig.mjs").Options, "secret">} options
 */
export async function outcomes(source, options) {
  /** @type {Record<string, string>} */
  const found = {};
  let reasons = "";
  const only = Object.keys(all("", CHOSEN[source]));
  for await (const result of conformance({ ...options, source, secret: SECRETS[source], only })) {
    const { id, title, outcome, reason } = result;
    found[id] = outcome;
    if (reason) reasons += `${id} ${title}: ${outcome}: ${reason}\n`;
  }
  return { found, reasons };
}
