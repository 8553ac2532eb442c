// Presshook, with what it asks of its inbox counted: `GET /calls` tells how often that was.

import worker, { Inbox } from "../../src/cloudflare/worker.js";

export { Inbox };

let calls = 0;
/** @type {Record<string, unknown> | undefined} */
let counted;

/** The bindings, with a namespace whose objects count what is asked of them. @param {Record<string, any>} env */
function counting(env) {
  const getByName = (/** @type {string} */ name) =>
    new Proxy(env.INBOX.getByName(name), {
      get:
        (object, method) =>
        (/** @type {unknown[]} */ ...parameters) => {
          calls += 1;
          return object[method](...parameters);
        },
    });
  return { ...env, INBOX: { getByName } };
}

export default {
  /** @param {Request} request @param {Record<string, any>} env @param {unknown} ctx */
  fetch(request, env, ctx) {
    if (new URL(request.url).pathname === "/calls") return Response.json(calls);
    // The same bindings each time, as Presshook reads them once.
    counted ??= counting(env);
    return worker.fetch(request, counted, ctx);
  },
};
