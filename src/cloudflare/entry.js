// What the module asks of JavaScript, and what stands around it where it breaks. Nothing is decided here.

/**
 * Tells of a defect. After a panic, which the module has logged with its message, the next request finds the module
 * started afresh; so too where it was another trap, of which the module knows nothing.
 *
 * @param {unknown} error
 */
export function broken(error) {
  if (error instanceof WebAssembly.RuntimeError)
    Reflect.get(globalThis, "__worker_init_state").criticalError = true;
  console.error(`{"level":"error","code":"INTERNAL_ERROR","reason":${JSON.stringify(String(error))}}`);
}

/**
 * A response, made here because its body may be a text that the module never sees.
 *
 * @param {string | null} body
 * @param {ResponseInit} init
 */
export const response = (body, init) => new Response(body, init);

/**
 * The text of a file of the owner's page, which lies beside the module (`build/dashboard.js`), with something said in the
 * place that it has for that.
 *
 * @param {string} name
 * @param {string} mark
 * @param {string} said
 * @returns {string}
 */
export const file = (name, mark, said) =>
  Reflect.get(globalThis, "__presshook_files")[name].replace(mark, said);

/** How often whoever waits for the module looks whether it still runs, in milliseconds. */
const LOOK = 500;

/**
 * Waits for what the module does. What waits inside of it is lost when it breaks and would never be answered: this
 * fails then instead. Each looks for itself, since one request cannot wake another.
 *
 * @template T
 * @param {Promise<T>} work
 * @returns {Promise<T>}
 */
export async function alive(work) {
  const state = Reflect.get(globalThis, "__worker_init_state");
  const { instanceId } = state;
  /** @type {ReturnType<typeof setInterval> | undefined} */
  let timer;
  const lost = new Promise((_, reject) => {
    timer = setInterval(() => {
      if (state.criticalError || state.instanceId !== instanceId) reject(new Error("the module broke"));
    }, LOOK);
  });
  try {
    return await Promise.race([work, /** @type {Promise<never>} */ (lost)]);
  } finally {
    clearInterval(timer);
  }
}

export const EMPTY = new Uint8Array();

/**
 * The body: whole, or its beginning where it is too long, or nothing where it did not arrive.
 *
 * @param {Request | Response} message
 * @param {number} limit
 */
export function read(message, limit) {
  const announced = message.headers.get("content-length");
  if (announced !== null) {
    // Not an async function: to wait twice costs.
    return Number(announced) > limit ? EMPTY : message.arrayBuffer().then(bytes, nothing);
  }
  return message.body === null ? EMPTY : beginning(message.body, limit + 1).catch(nothing);
}

const bytes = (/** @type {ArrayBuffer} */ buffer) => new Uint8Array(buffer);
const nothing = () => undefined;

/**
 * The first bytes of a stream.
 *
 * @param {ReadableStream<Uint8Array<ArrayBuffer>>} stream
 * @param {number} most
 */
async function beginning(stream, most) {
  // Pieces may be as small as a byte, so they are not kept.
  let body = new Uint8Array(Math.min(most, 65536));
  let length = 0;
  for await (const piece of stream) {
    const part = piece.subarray(0, most - length);
    if (length + part.length > body.length) {
      const larger = new Uint8Array(Math.min(most, 2 * (length + part.length)));
      larger.set(body);
      body = larger;
    }
    body.set(part, length);
    length += part.length;
    if (length === most) break;
  }
  return body.subarray(0, length);
}

/** Bytes of a host's answer that are read where none are asked for, and how long for. */
const ANSWER = { bytes: 16_384, milliseconds: 2000 };

/**
 * Calls a host: its status, its headers and what it says; or 0 and why there is no answer, nothing for a time-out.
 *
 * Redirects are not followed: they would turn the call into another one, and a log-in page answers 200.
 *
 * @param {string} method
 * @param {string} url
 * @param {string[]} headers names and values by turns
 * @param {Uint8Array<ArrayBuffer> | undefined} body
 * @param {number} milliseconds
 * @param {number | undefined} most bytes of the answer that are waited for, whatever it is
 * @param {string} names the headers that are handed over, with commas
 */
export async function call(method, url, headers, body, milliseconds, most, names) {
  const controller = new AbortController();
  let late = false;
  const timer = setTimeout(() => ((late = true), controller.abort()), milliseconds);
  try {
    const pairs = new Headers();
    for (let at = 0; at < headers.length; at += 2) pairs.set(headers[at], headers[at + 1]);
    const init = { method, headers: pairs, body, signal: controller.signal };
    const answer = await fetch(url, { ...init, redirect: "manual" });
    const told = names.split(",").map((name) => answer.headers.get(name));
    if (most === undefined) return [answer.status, told, await said(answer)];
    return [answer.status, told, answer.body ? await beginning(answer.body, most) : EMPTY];
  } catch (error) {
    return [0, late ? null : String(error)];
  } finally {
    clearTimeout(timer);
    // Whatever is left of the answer: an unread body would hold one of the six connections that a request may have.
    controller.abort();
  }
}

/**
 * What an answer says, if it is JSON and comes soon. Nothing else is waited for.
 *
 * @param {Response} answer
 */
async function said(answer) {
  if (!answer.ok || !/json/.test(answer.headers.get("content-type") ?? "")) return EMPTY;
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  let timer;
  const late = new Promise((resolve) => (timer = setTimeout(resolve, ANSWER.milliseconds, EMPTY)));
  const body = await Promise.race([read(answer, ANSWER.bytes), late]);
  clearTimeout(timer);
  return body ?? EMPTY;
}

/**
 * Keeps something in a bucket: nothing once it is durable there, or why it may not be.
 *
 * @param {{ put: (name: string, bytes: Uint8Array, options: object) => Promise<unknown> }} bucket
 * @param {string} name
 * @param {string} contentType
 * @param {Uint8Array<ArrayBuffer>} bytes
 * @param {number} milliseconds
 */
export async function keep(bucket, name, contentType, bytes, milliseconds) {
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  let timer;
  const late = new Promise((_, reject) => {
    timer = setTimeout(reject, milliseconds, `no answer within ${milliseconds} ms`);
  });
  try {
    await Promise.race([bucket.put(name, bytes, { httpMetadata: { contentType } }), late]);
    return [];
  } catch (error) {
    return [String(error)];
  } finally {
    clearTimeout(timer);
  }
}

/**
 * Writes a data point to Workers Analytics Engine: it is not waited for, and whatever goes wrong with it goes wrong alone.
 *
 * @param {{ writeDataPoint: (point: { indexes: string[], blobs: string[], doubles: number[] }) => void }} dataset
 * @param {string} source
 * @param {string} outcome
 * @param {string} kind
 * @param {number} milliseconds
 * @param {number} bytes
 */
export function point(dataset, source, outcome, kind, milliseconds, bytes) {
  try {
    dataset.writeDataPoint({
      indexes: [source],
      blobs: [source, outcome, kind],
      doubles: [milliseconds, bytes],
    });
  } catch {
    // It is of no account.
  }
}

/**
 * Asks the inbox: its status and what it says; or 0 and why there is no answer.
 *
 * @param {{ getByName: (name: string) => { ask: (...question: unknown[]) => Promise<[number, string]> } }} inbox
 * @param {string} method
 * @param {string} target
 * @param {Uint8Array<ArrayBuffer> | string | undefined} body or the head of a message
 * @param {number} milliseconds
 * @param {Uint8Array<ArrayBuffer>} [payload] of the message
 * @returns {Promise<[number, string]>}
 */
export function ask(inbox, method, target, body, milliseconds, payload) {
  // A timer that is given arguments, and a race, would cost some hundredths of a stored delivery's time.
  return new Promise((resolve) => {
    const late = () => resolve([0, `no answer within ${milliseconds} ms`]);
    const timer = setTimeout(late, milliseconds);
    const answer = (/** @type {[number, string]} */ said) => {
      clearTimeout(timer);
      resolve(said);
    };
    const failed = (/** @type {unknown} */ error) => answer([0, String(error)]);
    try {
      inbox.getByName("inbox").ask(method, target, body, payload).then(answer, failed);
    } catch (error) {
      failed(error);
    }
  });
}
