// How fast it can be with the signature checked in Wasm: JavaScript reads the request and answers, and in between Wasm is
// called once, which checks the signature, reads the event and writes the answer. No settings, no log, no other sender.

// @ts-expect-error: it is compiled for the benchmark alone.
import Smallest from "./smallest/index.js";
import { headers, refused } from "./genuine.mjs";

const { key, answer } = Smallest.prototype;
let keyed = false;

export default {
  /** @param {Request} request @param {{ BLOGSHOOT_WEBHOOK_SECRET: string }} env */
  async fetch(request, env) {
    const claimed = request.headers.get("x-blogshoot-signature") ?? "";
    const body = new Uint8Array(await request.arrayBuffer());
    if (!keyed) key(env.BLOGSHOOT_WEBHOOK_SECRET);
    keyed = true;
    const text = answer(body, claimed);
    return text === undefined ? refused() : new Response(text, { headers });
  },
};
