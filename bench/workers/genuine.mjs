// The check of a BlogShoot signature as a JavaScript Worker does it: through WebCrypto, its key imported once.

const encoder = new TextEncoder();
const decoder = new TextDecoder();

/** @type {Promise<CryptoKey> | undefined} */
let key;

/** The headers of every answer. */
export const headers = {
  "content-type": "application/json",
  "access-control-allow-origin": "*",
  "cache-control": "no-store",
};

/**
 * The body of a request and what it says; nothing if its signature is another.
 *
 * @param {Request} request @param {{ BLOGSHOOT_WEBHOOK_SECRET: string }} env
 */
export async function genuine(request, env) {
  const claimed = request.headers.get("x-blogshoot-signature") ?? "";
  const body = await request.arrayBuffer();
  const hmac = { name: "HMAC", hash: "SHA-256" };
  key ??= crypto.subtle.importKey("raw", encoder.encode(env.BLOGSHOOT_WEBHOOK_SECRET), hmac, false, [
    "verify",
  ]);
  const signature = new Uint8Array(32);
  for (let at = 0; at < 32; at++) signature[at] = parseInt(claimed.slice(at * 2, at * 2 + 2), 16);
  const is_genuine =
    /^[0-9a-f]{64}$/.test(claimed) && (await crypto.subtle.verify("HMAC", await key, signature, body));
  return is_genuine ? { body, event: JSON.parse(decoder.decode(body)) } : undefined;
}

/** What a request without a good signature is answered. */
export const refused = () => new Response('{"error":"Invalid signature"}', { status: 401, headers });

/** What an accepted event is answered. @param {any} event @param {boolean} duplicate */
export function accepted({ event_id, event_type, article }, duplicate) {
  const answer = {
    success: true,
    event_id,
    event_type,
    message: "Webhook received and processing",
    article_id: article?.id,
    processing_time_ms: 0,
    duplicate: duplicate || undefined,
  };
  return new Response(JSON.stringify(answer), { headers });
}
