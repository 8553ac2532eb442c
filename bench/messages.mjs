// What the benchmarks send: articles as BlogShoot sends them, signed.

import { createHmac } from "node:crypto";

/** The secret that each of the receivers shares with the sender. */
export const SECRET = "4f8a1c0d9be27763f5a0c2d4e6b81937a5c4d2e0f1b3968776a5b4c3d2e1f009";

/** What a request sends. @typedef {{ headers: import("node:http").OutgoingHttpHeaders, body: Buffer }} Message */

/** An event of about that many bytes, as BlogShoot sends it: its text three times, with a link in each paragraph. */
export function article(/** @type {number} */ bytes, event = "evt_bench", type = "article.updated") {
  const text =
    "A sentence as articles have them, of some ninety letters, with a comma and a full stop. ".repeat(3);
  const link = "https://example.com/a-page";
  const payload = (/** @type {number} */ paragraphs) =>
    JSON.stringify({
      event_id: event,
      event_type: type,
      timestamp: "2026-01-31T08:00:00Z",
      metadata: { version: "1.1" },
      workspace: { default_language: "English", default_market: "United States" },
      article: {
        id: "art_bench",
        title: "Benchmark",
        slug: "benchmark",
        language: "en",
        content: {
          html: `<p>${text}<a href="${link}">More about that</a>.</p>\n`.repeat(paragraphs),
          markdown: `${text}[More about that](${link}).\n\n`.repeat(paragraphs),
          plain_text: `${text}More about that.\n`.repeat(paragraphs),
        },
        featured_image: null,
        tags: ["one", "two"],
        seo: { description: "A benchmark.", keywords: ["bench"] },
        published_at: "2026-01-31T08:00:00Z",
      },
    });
  const [none, one] = [payload(0).length, payload(1).length];
  return Buffer.from(payload(Math.max(0, Math.floor((bytes - none) / (one - none)))).padEnd(bytes));
}

/** @param {Buffer} body @returns {Message} */
export const signed = (body) => ({
  headers: {
    "content-type": "application/json",
    "content-length": body.length,
    "x-blogshoot-signature": createHmac("sha256", SECRET).update(body).digest("hex"),
  },
  body,
});
