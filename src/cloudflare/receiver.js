// What answers a request, in the Worker and in a Pages Function alike. The request is read here and handed to the module
// in one call, and a plain answer comes back from it as a text: crossing from JavaScript to Wasm, and waiting inside it,
// are what a small request costs. Nothing is decided here: whatever is wrong with a request is found in the module.
//
// `build/index.js` exports a class, which the runtime would make anew for each request behind three proxies; its
// functions are called directly instead. Only after a panic is the class needed: it starts the module afresh.
// This relies on what the pinned worker-build and `worker` do (`Entrypoint.prototype`, `__worker_init_state`);
// tests/worker/panic.test.mjs shows that it holds.

import files from "../../build/dashboard.js";
import Worker from "../../build/index.js";
import { EMPTY, alive, ask, broken, read } from "./entry.js";

// The owner's page, for `file` in entry.js, of which the module has a copy of its own that can import nothing.
Reflect.set(globalThis, "__presshook_files", files);

const { revive, prepare, handle, proceed, stored } = Worker.prototype;
/** @type {{ criticalError: boolean }} */
const state = Reflect.get(globalThis, "__worker_init_state");

/** Sees to it that the module runs: after a panic it is started afresh. */
export function ready() {
  if (state.criticalError) new Worker({}, {});
  revive();
}

/**
 * What the module told of some bindings.
 *
 * @typedef {object} Prepared
 * @property {unknown} env the bindings
 * @property {number} limit bytes of a body that are read at most, and one more
 * @property {Map<string, number>} names the headers of a webhook that the module looks at, by number
 * @property {string[]} lists those with which it looks at any other
 * @property {ResponseInit} plain what a plain answer has beside its text
 * @property {string} place where an import is sent
 * @property {number} most bytes that it may have
 * @property {[method: string, place: string, milliseconds: number]} storing how the inbox is asked to
 */

/** Those that were used last. @type {Prepared | undefined} */
let last;

/** @param {unknown} env @returns {Prepared} */
function prepared(env) {
  if (last !== undefined && last.env === env) return last;
  ready();
  const [limit, names, lists, headers, place, most, storing] = prepare(env);
  const numbers = new Map(names.map((name, number) => [name, number]));
  last = {
    env,
    limit,
    names: numbers,
    lists,
    plain: { headers: new Headers(headers) },
    place,
    most,
    storing,
  };
  return last;
}

/** A request has some twenty headers: to ask for so many takes as long as to go through all. */
const FEW = 20;

/** Where webhooks are sent. */
const WEBHOOKS = ["/api/webhook", "/webhook"];

/** @param {Request} request @param {unknown} env @param {unknown} ctx @returns {Promise<Response>} */
export async function receive(request, env, ctx) {
  try {
    const { limit, names, lists, plain, place, most, storing } = prepared(env);
    const { method, url, headers } = request;
    const path = url.indexOf("/", 8);
    let head = `${method}\n${url}`;
    const all = !WEBHOOKS.some((it) => url.startsWith(it, path)) || lists.some((name) => headers.has(name));
    if (all || names.size > FEW) {
      // The runtime copies what it goes through, so only names.
      for (const name of headers.keys()) {
        const number = names.get(name);
        if (number !== undefined) head += `\n${number}:${headers.get(name)}`;
        else if (all) head += `\n:${name}:${headers.get(name)}`;
      }
    } else {
      for (const [name, number] of names) {
        const value = headers.get(name);
        if (value !== null) head += `\n${number}:${value}`;
      }
    }
    const longest = url.startsWith(place, path) ? most : limit;
    const body = method === "POST" ? await read(request, longest) : EMPTY;
    ready();
    const text = handle(env, Date.now(), head, body);
    if (text !== "") return new Response(text, plain);
    const answer = proceed(request, ctx);
    if (typeof answer === "string") return new Response(answer, plain);
    if (Array.isArray(answer)) return await store(storing, answer, body, ctx, plain);
    return answer instanceof Promise ? await alive(answer) : answer;
  } catch (error) {
    broken(error);
    return new Response('{"error":"Internal server error"}', { status: 500, headers: HEADERS });
  }
}

/**
 * Has the inbox store what the module has verified, and answers only then.
 *
 * @param {Prepared["storing"]} how
 * @param {[number, ...import("../../build/index.js").Question]} what
 * @param {Uint8Array<ArrayBuffer> | undefined} body as it was read
 * @param {unknown} ctx
 * @param {ResponseInit} plain
 */
async function store([method, place, within], [number, inbox, head, payload], body, ctx, plain) {
  const [status, said] = await ask(inbox, method, place, head, within, payload ?? body);
  ready();
  const answer = stored(number, status, said, ctx);
  if (answer === undefined) throw new Error("the module broke");
  return typeof answer === "string" ? new Response(answer, plain) : answer;
}

/** Of the answer to a defect, when the module can tell none. */
const HEADERS = {
  "content-type": "application/json",
  "access-control-allow-origin": "*",
  "cache-control": "no-store",
};
