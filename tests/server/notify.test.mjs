// A team is told: real mails and calls of the server's, once for a burst, and what its owner reads where that fails.

import assert from "node:assert/strict";
import { createHmac } from "node:crypto";
import { createServer } from "node:http";
import { DatabaseSync } from "node:sqlite";
import { after, describe, test } from "node:test";
import { listening } from "../../scripts/serve.mjs";
import { together } from "../conformance/wire.mjs";
import { mailbox } from "./mailbox.mjs";
import { Refused, start } from "./server.mjs";

/** @typedef {import("./server.mjs").Server} Server */
/** @typedef {import("./mailbox.mjs").Mail} Mail */

const SECRET = "the secret of the notify test";
const EMAIL = { EMAIL_TO: "ann@example.com, bob@example.org", EMAIL_FROM: "site@example.com" };
const HOSTILE = 'Quotes " and <script>\r\nBcc: evil@example.com\r\n\r\n.\r\nQUIT @everyone 標題';
const ONE_LINE = 'Quotes " and <script> Bcc: evil@example.com . QUIT @everyone 標題';

/** @type {(() => unknown)[]} */
const leftovers = [];
after(() => Promise.all(leftovers.map((clear) => clear())));

/** A server with these settings. @param {Record<string, string>} settings */
async function served(settings) {
  const server = await start({ BLOGSHOOT_WEBHOOK_SECRET: SECRET, LOG_LEVEL: "debug", ...settings });
  leftovers.push(() => server.kill());
  return server;
}

/**
 * Publishes articles with these titles at once.
 *
 * @param {Server} server
 * @param {string[]} titles
 */
async function publish(server, titles) {
  const signed = titles.map((title, at) => {
    const event = {
      event_id: `evt_${at}`,
      event_type: "article.created",
      timestamp: new Date().toISOString(),
    };
    const article = { id: `art_${at}`, title, slug: `post-${at}` };
    const body = Buffer.from(JSON.stringify({ ...event, article }));
    const signature = createHmac("sha256", SECRET).update(body).digest("hex");
    return { headers: { "X-BlogShoot-Signature": signature }, body };
  });
  for (const answer of await together(`${server.url}/webhook`, signed)) {
    assert.equal(answer.kind === "answered" && answer.status, 200, JSON.stringify(answer));
  }
}

/** A mail server, and what it takes. @param {import("./mailbox.mjs").Options} [options] */
async function mails(options) {
  /** @type {Mail[]} */
  const taken = [];
  const server = await mailbox((mail) => taken.push(mail), options);
  leftovers.push(server.close);
  return { taken, url: server.url };
}

const done = (/** @type {Server} */ server, job = "email") =>
  server.until((entry) => entry.code === "ACTION_DONE" && entry.job === job);
const failed = (/** @type {Server} */ server) =>
  server.until((entry) => entry.code === "JOB_RETRY" || entry.code === "JOB_DEAD");

// Each waits for the quiet time of ten seconds, so they do at once.
describe("the team", { concurrency: true }, () => {
  test("is told later of what cannot be read now", async () => {
    const { taken, url } = await mails();
    const server = await served({ ...EMAIL, SMTP_URL: url("ann%40example.com:pass%3Aword") });
    await publish(server, ["A title"]);
    const store = new DatabaseSync(server.database);
    // The server writes too.
    store.exec("PRAGMA busy_timeout = 5000");
    store.exec("ALTER TABLE news RENAME TO hidden");
    const { code, reason } = await failed(server);
    assert.equal(code, "JOB_RETRY");
    assert.match(reason, /the store refused/);
    store.exec("ALTER TABLE hidden RENAME TO news");
    store.close();
    await done(server);
    assert.match(taken[0].subject, /A title/);
  });

  test("is told by one mail of a burst, whatever its titles are", async () => {
    const { taken, url } = await mails();
    const server = await served({ ...EMAIL, SMTP_URL: url("ann%40example.com:pass%3Aword") });
    await publish(server, [HOSTILE, ...Array.from({ length: 11 }, (_, at) => `Post ${at + 1}`)]);
    await done(server);
    const [mail, ...others] = taken;
    assert.equal(others.length, 0);
    assert.equal(mail.login, "ann@example.com:pass:word");
    assert.equal(mail.from, "site@example.com");
    assert.deepEqual(mail.to, ["ann@example.com", "bob@example.org"]);
    assert.match(mail.subject, /^Published: ‘.*’ \(BlogShoot\) and 11 more$/);
    assert.doesNotMatch(mail.head, /^Bcc/im);
    const lines = mail.text.trimEnd().split("\r\n");
    assert.deepEqual([lines.length, lines.at(-1)], [11, "and 2 more"], mail.text);
    assert.doesNotMatch(server.output(), /pass:word|pass%3Aword/);
    await server.stop();
  });

  test("is told by mail of a hostile title in one line", async () => {
    const { taken, url } = await mails();
    const server = await served({ ...EMAIL, SMTP_URL: url() });
    await publish(server, [HOSTILE]);
    await done(server);
    assert.deepEqual(
      taken.map(({ login, subject, text }) => ({ login, subject, text })),
      [
        {
          login: undefined,
          subject: `Published: ‘${ONE_LINE}’ (BlogShoot)`,
          text: `Published: ‘${ONE_LINE}’ (BlogShoot)\r\n`,
        },
      ],
    );
  });

  test("is told by a call, with a token", async () => {
    /** @type {{ token: string | undefined, body: any }[]} */
    const calls = [];
    const program = createServer(async (request, response) => {
      const pieces = [];
      for await (const piece of request) pieces.push(piece);
      calls.push({
        token: request.headers.authorization,
        body: JSON.parse(Buffer.concat(pieces).toString()),
      });
      response.end();
    });
    const port = await listening(program);
    leftovers.push(() => program.close());
    const settings = { NOTIFY_URL: `http://127.0.0.1:${port}/told`, NOTIFY_TOKEN: "tok_0123456789" };
    const server = await served(settings);
    await publish(server, [HOSTILE]);
    await done(server, "notify");
    const text = `Published: ‘${ONE_LINE}’ (BlogShoot)`;
    const item = { text, kind: "published", title: ONE_LINE, sender: "BlogShoot" };
    assert.deepEqual(calls, [{ token: "Bearer tok_0123456789", body: { text, count: 1, items: [item] } }]);
    assert.doesNotMatch(server.output(), /tok_0123456789|\/told/);
  });

  /** @type {[string, import("./mailbox.mjs").Options, string, string, RegExp][]} */
  const refusals = [
    [
      "a login",
      { greet: () => "535 5.7.8 no such user" },
      "?",
      "JOB_DEAD",
      /login was refused.*`SMTP_URL`.*535: 5\.7\.8 no such user/,
    ],
    [
      "an address",
      { take: () => "550 5.1.1 nobody of that name" },
      "?",
      "JOB_DEAD",
      /`EMAIL_TO`.*550: 5\.1\.1 nobody/,
    ],
    ["a mail for now", { take: () => "450 4.2.1 greylisted" }, "?", "JOB_RETRY", /cannot take it now.*450/],
    ["an encrypted connection", {}, "?tls=required", "JOB_DEAD", /does not go with `SMTP_URL`/],
  ];
  for (const [what, options, query, code, reason] of refusals) {
    test(`its owner reads why a mail server refuses ${what}`, async () => {
      const { url } = await mails(options);
      const SMTP_URL = url("ann:the-password") + (query === "?" ? "" : query);
      const server = await served({ ...EMAIL, SMTP_URL });
      await publish(server, ["A post"]);
      const entry = await failed(server);
      assert.equal(entry.code, code);
      assert.match(entry.reason, reason);
      assert.doesNotMatch(server.output(), /the-password/);
    });
  }

  test("its owner reads that a mail server cannot be reached", async () => {
    const { url } = await mails();
    const closed = await mailbox(() => {});
    closed.close();
    assert.notEqual(closed.url(), url());
    const server = await served({ ...EMAIL, SMTP_URL: closed.url("ann:password-of-ann") });
    await publish(server, ["A post"]);
    const entry = await failed(server);
    assert.equal(entry.code, "JOB_RETRY");
    assert.match(entry.reason, /could not be reached: the mail server: .*refused/i);
    assert.doesNotMatch(server.output(), /password-of-ann/);
  });

  test("no server starts that is to send mail and is told of no mail server", async () => {
    await assert.rejects(served(EMAIL), (error) => {
      assert.ok(error instanceof Refused);
      assert.match(error.said, /`EMAIL_TO` is set, but nothing sends mail: on a server set `SMTP_URL`/);
      return true;
    });
  });
});
