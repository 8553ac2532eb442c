// The Worker that wrangler deploys, and its inbox: the module's functions, called directly.
//
// `build/index.js` exports a class, which the runtime would make anew for each request behind three proxies; that costs
// a small request a tenth of its time. Only after a panic is the class needed: it starts the module afresh.
// This relies on what the pinned worker-build and `worker` do (`Entrypoint.prototype`, `__worker_init_state`);
// tests/worker/panic.test.mjs shows that it holds.

import { DurableObject } from "cloudflare:workers";
import Worker from "../../build/index.js";
import { alive, broken } from "./entry.js";

const { fetch, scheduled, inbox_open, inbox_fetch, inbox_alarm } = Worker.prototype;
/** @type {{ criticalError: boolean }} */
const state = Reflect.get(globalThis, "__worker_init_state");

/** Sees to it that the module runs: after a panic it is started afresh. */
function ready() {
  if (state.criticalError) new Worker({}, {});
}

export default {
  /** @param {Request} request @param {unknown} env @param {unknown} ctx @returns {Promise<Response>} */
  fetch(request, env, ctx) {
    return state.criticalError ? new Worker(ctx, env).fetch(request) : fetch.call({ env, ctx }, request);
  },

  /** Guards the alarm: should one ever be dropped, this wakes the inbox all the same.
   *
   * @param {unknown} event @param {unknown} env @param {unknown} ctx @returns {Promise<void>} */
  scheduled(event, env, ctx) {
    ready();
    return alive(scheduled.call({ env, ctx }, event));
  },
};

/** When the alarm comes again after a defect, in milliseconds. */
const AGAIN = 60_000;

/** The inbox: a Durable Object with SQLite. There is one, named `inbox`. */
export class Inbox extends DurableObject {
  /** When the alarm is armed for, as far as this instance knows. @type {number | undefined} */
  armed;
  /** When what is old was pruned last. @type {number | undefined} */
  pruned;

  /** @param {any} ctx @param {any} env */
  constructor(ctx, env) {
    super(ctx, env);
    ready();
    inbox_open(this, ctx.storage, env);
  }

  /** @param {Request} request @returns {Promise<Response>} */
  async fetch(request) {
    ready();
    return alive(inbox_fetch(this, this.ctx.storage, this.env, request));
  }

  /** Never fails: the runtime gives an alarm up that fails too often, and holds the next one back while one hangs. */
  async alarm() {
    try {
      ready();
      await alive(inbox_alarm(this, this.ctx.storage, this.env));
    } catch (error) {
      broken(error);
      this.armed = undefined;
      await this.ctx.storage.setAlarm(Date.now() + AGAIN);
    }
  }
}
