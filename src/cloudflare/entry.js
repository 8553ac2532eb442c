// The Worker's way in: reads a request and hands all of it to the module in one call. Crossing from JavaScript to Wasm
// and waiting inside it are what a small request costs, so both happen once. Nothing is decided here: whatever is wrong
// with the request is found in the module.

/**
 * @param {Request} request
 * @param {unknown} env
 * @param {unknown} ctx
 * @param {number} limit bytes of a body that are read at most, and one more
 * @param {string[]} names the headers that the module looks at; none for all
 * @param {(head: string, body: Uint8Array | undefined, env: unknown, ctx: unknown) => Response} handle
 */
export async function serve(request, env, ctx, limit, names, handle) {
  try {
    const { method, headers } = request;
    let head = `${method}\n${request.url}`;
    if (names.length === 0) for (const [name, value] of headers) head += `\n${name}:${value}`;
    for (const name of names) {
      const value = headers.get(name);
      if (value !== null) head += `\n${name}:${value}`;
    }
    return handle(head, method === "POST" ? await read(request, limit) : EMPTY, env, ctx);
  } catch (error) {
    // A panic, which the module has logged with its message; the next request finds the module started afresh, also
    // where it was another trap, of which the module knows nothing.
    if (error instanceof WebAssembly.RuntimeError)
      Reflect.get(globalThis, "__worker_init_state").criticalError = true;
    console.error(`{"level":"error","code":"INTERNAL_ERROR","reason":${JSON.stringify(String(error))}}`);
    return new Response('{"error":"Internal server error"}', { status: 500, headers: HEADERS });
  }
}

const HEADERS = {
  "content-type": "application/json",
  "access-control-allow-origin": "*",
  "cache-control": "no-store",
};
const EMPTY = new Uint8Array();

/**
 * The body: whole, or its beginning where it is too long, or nothing where it did not arrive.
 *
 * @param {Request} request
 * @param {number} limit
 */
async function read(request, limit) {
  const announced = request.headers.get("content-length");
  try {
    if (announced !== null) {
      return Number(announced) > limit ? EMPTY : new Uint8Array(await request.arrayBuffer());
    }
    if (request.body === null) return EMPTY;
    // Pieces may be as small as a byte, so they are not kept.
    let body = new Uint8Array(Math.min(limit + 1, 65536));
    let length = 0;
    for await (const piece of request.body) {
      const part = piece.subarray(0, limit + 1 - length);
      if (length + part.length > body.length) {
        const larger = new Uint8Array(Math.min(limit + 1, 2 * (length + part.length)));
        larger.set(body);
        body = larger;
      }
      body.set(part, length);
      length += part.length;
      if (length > limit) break;
    }
    return body.subarray(0, length);
  } catch {
    return undefined;
  }
}
