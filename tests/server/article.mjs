// An article as BlogShoot sends it, signed: for tests that look at what becomes of one.

import assert from "node:assert/strict";
import { sign } from "./connection.mjs";

export const article = (/** @type {string} */ id) =>
  JSON.stringify({
    event_id: id,
    event_type: "article.created",
    timestamp: "2026-01-31T08:00:00Z",
    article: { id: "art_1", title: "Grüße", slug: "gruesse" },
  });

/** Has it accepted. @param {{ url: string }} server @param {string} body */
export async function publish(server, body) {
  const headers = { "x-blogshoot-signature": sign(body), "content-type": "application/json" };
  const response = await fetch(`${server.url}/api/webhook`, { method: "POST", headers, body });
  assert.equal(response.status, 200, await response.text());
}
