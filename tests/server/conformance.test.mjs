// The conformance suite against the native server: over HTTP, with a host on loopback, and ended by SIGKILL and started
// again on the same database and port.

import assert from "node:assert/strict";
import { after, describe, test } from "node:test";
import { freePort } from "../../scripts/serve.mjs";
import { INBOX, RIGHT, WITH_INBOX, outcomes, settings } from "../conformance/edge.mjs";
import { filesIn } from "../conformance/machine.mjs";
import { start, temporary } from "./server.mjs";

/** @type {(() => Promise<unknown>)[]} */
const running = [];

after(() => Promise.all(running.map((kill) => kill())));

/** Starts a server, and gives the suite what it needs of it. */
async function begin() {
  const hookPort = await freePort();
  const directory = temporary();
  let log = "";
  const begun = (/** @type {number} */ port) =>
    start({ ...settings(hookPort), ...INBOX }, { directory, port, hear: (text) => (log += text) });
  let server = await begun(0);
  running.push(() => server.kill());
  return {
    url: server.url,
    hookPort,
    log: () => log,
    restart: async () => {
      await server.kill();
      server = await begun(server.port);
    },
    storage: filesIn(directory),
  };
}

describe("every scenario passes", { concurrency: true }, () => {
  for (const source of /** @type {const} */ (["blogshoot", "standard-webhooks"])) {
    test(`with ${source}`, async () => {
      const { found, reasons } = await outcomes(source, { ...(await begin()), ...WITH_INBOX });
      assert.deepEqual(found, RIGHT[source], reasons);
    });
  }
});
