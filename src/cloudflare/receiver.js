// What answers a request, in the Worker and in a Pages Function alike: the module's `fetch`, called directly.
//
// `build/index.js` exports a class, which the runtime would make anew for each request behind three proxies; that costs
// a small request a tenth of its time. Only after a panic is the class needed: it starts the module afresh.
// This relies on what the pinned worker-build and `worker` do (`Entrypoint.prototype`, `__worker_init_state`);
// tests/worker/panic.test.mjs shows that it holds.

import files from "../../build/dashboard.js";
import Worker from "../../build/index.js";

// The owner's page, for `file` in entry.js, of which the module has a copy of its own that can import nothing.
Reflect.set(globalThis, "__presshook_files", files);

const { fetch } = Worker.prototype;
/** @type {{ criticalError: boolean }} */
const state = Reflect.get(globalThis, "__worker_init_state");

/** Sees to it that the module runs: after a panic it is started afresh. */
export function ready() {
  if (state.criticalError) new Worker({}, {});
}

/** @param {Request} request @param {unknown} env @param {unknown} ctx @returns {Promise<Response>} */
export function receive(request, env, ctx) {
  return state.criticalError ? new Worker(ctx, env).fetch(request) : fetch.call({ env, ctx }, request);
}
