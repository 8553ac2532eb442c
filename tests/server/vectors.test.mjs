// The vector files at the running server, over HTTP: every sender's cases, the deploy calls that they cause, and the
// published signatures. The requests and what must come of them are those that the Worker is asked.

import assert from "node:assert/strict";
import { readFileSync, readdirSync } from "node:fs";
import path from "node:path";
import { describe, test } from "node:test";
import { parse } from "smol-toml";
import { ROOT } from "../../scripts/shell.mjs";
import { standIn } from "../../scripts/stand-in.mjs";
import { post } from "../conformance/wire.mjs";
import { apart, ofSenders, ofSignatures, wrong } from "../vectors/requests.mjs";
import { clock } from "./clock.mjs";
import { Refused, start } from "./server.mjs";

/** @typedef {import("../vectors/requests.mjs").Asked} Asked */

const VECTORS = path.join(ROOT, "tests", "vectors");

/** @param {string} name */
const json = (name) => JSON.parse(readFileSync(path.join(VECTORS, name), "utf8"));

/** @type {[string, import("../vectors/requests.mjs").Vectors][]} */
const senders = readdirSync(path.join(VECTORS, "sources")).map((name) => [
  path.basename(name, ".toml"),
  /** @type {any} */ (parse(readFileSync(path.join(VECTORS, "sources", name), "utf8"))),
]);

const cases = ofSenders(senders);
const signatures = ofSignatures([...json("signatures.json"), ...json("edges.json")], json("schemes.json"));

/** Enough for every request to be another client's: too many failures of one would be refused as such. */
let clients = 0;

/**
 * The requests, by the settings that they need. Those that deploy are kept apart further where an earlier one has the
 * same event's id, of which they would be a repeat.
 *
 * @param {Asked[]} requests
 */
function alike(requests) {
  /** @type {Map<string, Asked[]>} */
  const groups = new Map();
  /** @type {Map<string, number>} */
  const earlier = new Map();
  for (const asked of requests) {
    const settings = JSON.stringify(asked.settings);
    const event = `${settings} ${asked.calls ? asked.answer?.event_id : ""}`;
    const round = asked.calls ? (earlier.get(event) ?? 0) : 0;
    earlier.set(event, round + 1);
    const key = `${settings} ${round}`;
    groups.set(key, [...(groups.get(key) ?? []), asked]);
  }
  return [...groups.values()];
}

/**
 * Asks a server of their own, one request after the other: what is not as it should be, by request.
 *
 * @param {Asked[]} requests of one group
 */
async function ask(requests) {
  const [{ settings, calls: deploying }] = requests;
  /** @type {any[]} */
  const calls = [];
  const hook = await standIn(({ body }) => calls.push(JSON.parse(body)));
  const time = await clock();
  const more = deploying && {
    CLOUDFLARE_DEPLOY_HOOK: hook.url,
    DEPLOY_SETTLE_SECONDS: "0",
    DEPLOY_MIN_GAP_SECONDS: "0",
  };
  const server = await start({ ...settings, ...more }, { env: time.env });
  /** @type {Record<string, string[]>} */
  const problems = {};
  for (const asked of requests) {
    time.set(asked.now);
    const [logged, called] = [server.log.length, calls.length];
    const since = () => server.log.slice(logged);
    clients += 1;
    const address = `10.${clients >> 16}.${(clients >> 8) & 255}.${clients & 255}`;
    const headers = { ...asked.headers, "x-forwarded-for": address };
    const outcome = await post(server.url + asked.path, { headers, body: Buffer.from(asked.body) });
    const { status, json: answer } = outcome.kind === "answered" ? outcome : { status: 0, json: outcome };
    const last = asked.calls ? "PROCESSING_COMPLETE" : "SIGNATURE_VERIFIED";
    const done = (/** @type {import("./server.mjs").Entry} */ entry) =>
      status === 200 ? entry.code === last : entry.status === status;
    // Where the log does not say it, that is what is found.
    await server.until(() => since().some(done), 5000).catch(() => {});
    const found = wrong(asked, { status, answer, log: since(), calls: calls.slice(called) });
    if (found.length > 0) problems[asked.name] = found;
  }
  hook.close();
  time.close();
  await server.kill();
  return problems;
}

/**
 * What the Worker has no answer to for want of a setting, the server does not start with.
 *
 * @param {Asked} asked
 */
const unset = ({ settings, reason = "" }) =>
  assert.rejects(start(settings), (error) => {
    assert.ok(error instanceof Refused);
    assert.equal(error.status, 2);
    assert.match(error.said, new RegExp(reason));
    return true;
  });

/**
 * @param {string} title
 * @param {Asked[]} requests
 */
function decides(title, requests) {
  const [unanswered, others] = [true, false].map((none) =>
    requests.filter(({ statuses }) => statuses.includes(500) === none),
  );
  describe(title, { concurrency: 3 }, () => {
    test("there are vectors to try", () => assert.ok(others.length > 0));
    for (const group of alike(others)) {
      const names = Object.keys(group[0].settings);
      const set = names.length > 10 ? "all senders set up" : names.join(", ");
      test(`${group.length} with ${set}`, async () => assert.deepEqual(await ask(group), {}));
    }
    for (const asked of unanswered) test(asked.name, () => unset(asked));
  });
}

decides(
  "accepts",
  cases.flatMap(({ accepted }) => accepted),
);
decides("refuses", [...cases.flatMap(({ rejected }) => rejected), ...apart(senders)]);
decides(
  "deploys for changes of the site only",
  cases.flatMap(({ deploying }) => deploying),
);
decides("decides the published signatures", signatures);

test("answers Notion's handshake while its secret is not set, tells the owner its token, and causes nothing", async () => {
  /** @type {unknown[]} */
  const calls = [];
  const hook = await standIn((call) => calls.push(call));
  // Without any secret the server does not start.
  const server = await start({
    CLOUDFLARE_DEPLOY_HOOK: hook.url,
    GITHUB_WEBHOOK_SECRET: "another sender's secret",
  });
  const body = Buffer.from('{"verification_token":"secret_abc"}');
  const answer = await post(`${server.url}/api/webhook/notion`, { headers: {}, body });
  assert.equal(answer.kind === "answered" && answer.status, 200);
  await server.until(({ code, token }) => code === "HANDSHAKE" && token === "secret_abc");
  await server.stop();
  assert.equal(server.log.filter(({ code }) => code === "HANDSHAKE").length, 1);
  assert.deepEqual(calls, []);
  hook.close();
});
