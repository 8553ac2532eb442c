// The Worker that wrangler deploys: the module's `fetch`, called directly.
//
// `build/index.js` exports a class, which the runtime would make anew for each request behind three proxies; that costs
// a small request a tenth of its time. Only after a panic is the class needed: it starts the module afresh.
// This relies on what the pinned worker-build and `worker` do (`Entrypoint.prototype.fetch`, `__worker_init_state`);
// tests/worker/panic.test.mjs shows that it holds.

import Worker from "../../build/index.js";

const { fetch } = Worker.prototype;
/** @type {{ criticalError: boolean }} */
const state = Reflect.get(globalThis, "__worker_init_state");

export default {
  /** @param {Request} request @param {unknown} env @param {unknown} ctx @returns {Promise<Response>} */
  fetch(request, env, ctx) {
    return state.criticalError ? new Worker(ctx, env).fetch(request) : fetch.call({ env, ctx }, request);
  },
};
