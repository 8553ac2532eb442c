// The native server, on a database that outlives it. It is up in milliseconds, so it is ended more often and sooner.

import { freePort } from "../../scripts/serve.mjs";
import { launch } from "../server/server.mjs";

/** @type {import("./run.mjs").Edge} */
export const server = {
  crashes: 200,
  life: [20, 1800],
  targets: ["default", "second", "third"],
  clients: 4,
  pause: 150,
  async prepare(directory, settings, hear) {
    const port = await freePort();
    return { url: `http://127.0.0.1:${port}`, begin: () => launch(settings, { directory, port, hear }) };
  },
};
