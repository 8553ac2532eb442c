// The Worker that wrangler deploys: what answers a request, the clock that guards the alarm, and the inbox.

import { DurableObject } from "cloudflare:workers";
import Worker from "../../build/index.js";
import { ready, receive } from "./receiver.js";

const { scheduled, inbox_open, inbox_fetch, inbox_alarm } = Worker.prototype;

export default {
  fetch: receive,

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

  /** @param {Request} request @returns {Promise<Response>} */
  async fetch(request) {
    ready();
    return inbox_fetch(this, this.ctx.storage, this.env, request);
  }

  async alarm() {
    ready();
    await inbox_alarm(this, this.ctx.storage, this.env);
  }
}
