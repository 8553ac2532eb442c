// A Worker with a Durable Object whose costs are counted: `GET /counts` tells them. A request is a call of the object's
// methods or its alarm, and rows are those that the store says it has read and written, as Cloudflare charges for them; an
// alarm that is set is a row written, too.

/** @typedef {{ requests: number, alarms: number, read: number, written: number, armed: number }} Counts */
/** @typedef {{ fetch: (request: Request, env: any, ctx: any) => Promise<Response> }} Worker */

/**
 * @param {Worker} worker
 * @param {new (ctx: any, env: any) => any} Inbox
 */
export function counted(worker, Inbox) {
  const counts = { requests: 0, alarms: 0, read: 0, written: 0, armed: 0 };
  /** What has been asked of the store; what it read of it is known once it has been read. @type {any[]} */
  let cursors = [];
  const settle = () => {
    for (const { rowsRead, rowsWritten } of cursors) {
      counts.read += rowsRead;
      counts.written += rowsWritten;
    }
    cursors = [];
  };

  class Counted extends Inbox {
    /** @param {any} ctx @param {any} env */
    constructor(ctx, env) {
      const { storage } = ctx;
      const exec = storage.sql.exec.bind(storage.sql);
      storage.sql.exec = (/** @type {unknown[]} */ ...statement) => {
        const cursor = exec(...statement);
        cursors.push(cursor);
        return cursor;
      };
      const setAlarm = storage.setAlarm.bind(storage);
      storage.setAlarm = (/** @type {unknown[]} */ ...when) => {
        counts.armed += 1;
        return setAlarm(...when);
      };
      super(ctx, env);
    }

    alarm() {
      counts.alarms += 1;
      return super.alarm();
    }
  }

  /** The bindings, with a namespace whose objects count what is asked of them. @param {any} env */
  const counting = (env) => ({
    ...env,
    INBOX: {
      getByName: (/** @type {string} */ name) =>
        new Proxy(env.INBOX.getByName(name), {
          get:
            (object, method) =>
            (/** @type {unknown[]} */ ...parameters) => {
              counts.requests += 1;
              return object[method](...parameters);
            },
        }),
    },
  });
  /** The same bindings each time, as Presshook reads them once. @type {any} */
  let bindings;
  /** @type {Worker} */
  const counter = {
    async fetch(request, env, ctx) {
      if (new URL(request.url).pathname === "/counts") {
        settle();
        return Response.json(counts);
      }
      bindings ??= counting(env);
      return worker.fetch(request, bindings, ctx);
    },
  };
  return { worker: counter, Inbox: Counted };
}
