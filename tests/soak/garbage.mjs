// Has workerd collect its garbage, by the protocol of its inspector.

/** How long it may take, in milliseconds. */
const PATIENCE = 10_000;

/**
 * Collects; whether that was done.
 *
 * @param {number} port of the inspector
 */
export async function collect(port) {
  const url = await address(port);
  if (url === undefined) return false;
  const socket = new WebSocket(url);
  /** @type {NodeJS.Timeout | undefined} */
  let timer;
  const done = await new Promise((resolve) => {
    timer = setTimeout(resolve, PATIENCE, false);
    socket.onopen = () => socket.send(JSON.stringify({ id: 1, method: "HeapProfiler.collectGarbage" }));
    socket.onmessage = ({ data }) => JSON.parse(data).id === 1 && resolve(true);
    socket.onclose = socket.onerror = () => resolve(false);
  });
  clearTimeout(timer);
  socket.close();
  return done;
}

/** Where the inspector is spoken to, if it runs. @param {number} port @returns {Promise<string | undefined>} */
async function address(port) {
  try {
    const answer = await fetch(`http://127.0.0.1:${port}/json`, { signal: AbortSignal.timeout(PATIENCE) });
    const [{ webSocketDebuggerUrl: url }] = /** @type {any} */ (await answer.json());
    return url;
  } catch {
    return undefined;
  }
}
