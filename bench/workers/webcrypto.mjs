// What a user would write instead: a JavaScript Worker that does the same check and answer. No settings, no log, no
// other sender, no explanation, no deploy.

import { accepted, genuine, refused } from "./genuine.mjs";

export default {
  /** @param {Request} request @param {{ BLOGSHOOT_WEBHOOK_SECRET: string }} env */
  async fetch(request, env) {
    const received = await genuine(request, env);
    return received ? accepted(received.event, false) : refused();
  },
};
