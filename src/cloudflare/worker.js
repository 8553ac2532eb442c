// The Worker that wrangler deploys: what answers a request, the clock that guards the alarm, and the inbox.

import { DurableObject } from "cloudflare:workers";
import Worker from "../../build/index.js";
import { alive, broken } from "./entry.js";
import { ready, receive } from "./receiver.js";

const { scheduled, inbox_open, inbox_ask, inbox_alarm } = Worker.prototype;

export default {
  fetch: receive,

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

  /**
   * Answers a receiver: a status and what it says. It is called directly, which costs less than a request. It is not
   * async: that would cost, and hardly anything waits.
   *
   * @param {string} method @param {string} target
   * @param {Uint8Array | string | undefined} body or the head of a message
   * @param {Uint8Array | undefined} payload of the message
   * @returns {[number, string] | Promise<[number, string]>}
   */
  ask(method, target, body, payload) {
    ready();
    const [head, bytes] = typeof body === "string" ? [body, undefined] : [undefined, body];
    const answer = inbox_ask(this, this.ctx.storage, this.env, `${method} ${target}`, head, bytes, payload);
    return answer instanceof Promise ? alive(answer) : answer;
  }

  /**
   * Sends a mail to each address, through the binding `EMAIL`. It never rejects: what went wrong is a code, a line break
   * and a reason.
   *
   * @param {string} from @param {string[]} to @param {Uint8Array<ArrayBuffer>} message
   * @returns {Promise<string | undefined>}
   */
  async mail(from, to, message) {
    const binding = this.env.EMAIL;
    if (typeof binding?.send !== "function") return "NOT_BOUND\n";
    try {
      // Asked for only here: the runtime by itself, without Cloudflare around it, has no mail and would not start.
      const { EmailMessage } = await import("cloudflare:email");
      for (const address of to)
        await binding.send(new EmailMessage(from, address, new Blob([message]).stream()));
      return undefined;
    } catch (error) {
      const { code = "", message = error } = /** @type {any} */ (error ?? {});
      return `${code}\n${message}`;
    }
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
