// A plain relay, as one finds in many places: a JavaScript Worker that checks the signature and calls the deploy hook
// at once, for each webhook. Nothing is stored or tried again.

import { accepted, genuine, refused } from "./genuine.mjs";

export default {
  /**
   * @param {Request} request @param {{ BLOGSHOOT_WEBHOOK_SECRET: string, DEPLOY_HOOK_URL: string }} env
   * @param {{ waitUntil: (work: Promise<unknown>) => void }} ctx
   */
  async fetch(request, env, ctx) {
    const received = await genuine(request, env);
    if (!received) return refused();
    const { event } = received;
    ctx.waitUntil(call(env.DEPLOY_HOOK_URL, event));
    return accepted(event, false);
  },
};

/** @param {string} url @param {{ event_id: string }} event */
async function call(url, { event_id }) {
  const body = JSON.stringify({ source: "relay", event_id, event_ids: [event_id] });
  const answer = await fetch(url, { method: "POST", headers: { "content-type": "application/json" }, body });
  await answer.arrayBuffer();
}
