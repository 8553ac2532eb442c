// The Worker that wrangler deploys, and its inbox: the module's functions, called directly.
//
// `build/index.js` exports a class, which the runtime would make anew for each request behind three proxies; that costs
// a small request a tenth of its time. Only after a panic is the class needed: it starts the module afresh.
// This relies on what the pinned worker-build and `worker` do (`Entrypoint.prototype`, `__worker_init_state`);
// tests/worker/panic.test.mjs shows that it holds.

import { DurableObject } from "cloudflare:workers";
import Worker from "../../build/index.js";

const { fetch, scheduled, inbox_open, inbox_ask, inbox_alarm } = Worker.prototype;
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
    return scheduled.call({ env, ctx }, event);
  },
};

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

  /**
   * Answers a receiver: a status and what it says. It is called directly, which costs less than a request.
   *
   * @param {string} method @param {string} target @param {Uint8Array | undefined} body
   * @returns {Promise<[number, string]>}
   */
  async ask(method, target, body) {
    ready();
    return inbox_ask(this, this.ctx.storage, this.env, method, target, body);
  }

  async alarm() {
    ready();
    await inbox_alarm(this, this.ctx.storage, this.env);
  }
}
