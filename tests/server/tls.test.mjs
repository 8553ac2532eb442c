// Calls of the server over TLS: nothing is said to a place whose certificate is not good, a deploy hook's secret address
// least of all.

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { createServer } from "node:https";
import path from "node:path";
import { after, test } from "node:test";
import { listening } from "../../scripts/serve.mjs";
import { ROOT } from "../../scripts/shell.mjs";
import { article, publish } from "./article.mjs";
import { SECRET } from "./connection.mjs";
import { start } from "./server.mjs";

/** @param {string} name */
const file = (name) => path.join(ROOT, "tests", "vectors", "tls", `${name}.pem`);

/** @type {(() => unknown)[]} */
const ends = [];
after(() => Promise.all(ends.map((end) => end())));

/**
 * Has a hook called that is at a place with a certificate: what that place was asked, and what the log says of it.
 *
 * @param {string} certificate
 * @param {string} authority whom the machine trusts
 */
async function called(certificate, authority) {
  /** @type {string[]} */
  const asked = [];
  const host = createServer(
    { key: readFileSync(file("key")), cert: readFileSync(file(certificate)) },
    (request, response) => {
      asked.push(String(request.url));
      response.end();
    },
  );
  const port = await listening(host);
  ends.push(() => host.close());
  const settings = {
    BLOGSHOOT_WEBHOOK_SECRET: SECRET,
    DEPLOY_HOOK_URL: `https://localhost:${port}/the-secret-of-the-hook`,
    DEPLOY_SETTLE_SECONDS: "0",
    DEPLOY_MIN_GAP_SECONDS: "0",
  };
  const server = await start(settings, { env: { SSL_CERT_FILE: file(authority) } });
  ends.push(() => server.kill());
  await publish(server, article("art_1"));
  const told = await server.until(({ code }) => code === "JOB_RETRY" || code === "REBUILD_TRIGGERED");
  await server.stop();
  assert.doesNotMatch(server.output(), /the-secret-of-the-hook/);
  return { asked, told };
}

test("a host whose certificate is not good is told nothing", async () => {
  for (const [certificate, authority] of [
    ["good", "other"],
    ["expired", "ca"],
    ["other", "ca"],
  ]) {
    const { asked, told } = await called(certificate, authority);
    assert.deepEqual(asked, [], certificate);
    assert.equal(told.code, "JOB_RETRY", certificate);
    assert.match(told.reason, /^it could not be reached: .*certificate/, certificate);
  }
});

// Elsewhere the system decides whom it trusts, and knows no such file.
test("one whose certificate is good is called", { skip: process.platform !== "linux" }, async () => {
  const { asked, told } = await called("good", "ca");
  assert.deepEqual(asked, ["/the-secret-of-the-hook"]);
  assert.equal(told.code, "REBUILD_TRIGGERED");
});
