// What a call to a host hands over, beyond what a deploy hook needs: other methods, any answer's body, some headers.

import { describe, expect, inject, it } from "vitest";
import { call } from "../../src/cloudflare/entry.js";

const HOST = inject("host");
const NAMES = "content-type,etag,link,location,retry-after";

/** @param {string} name @returns {Promise<{ method: string, contentType: string, body: string }[]>} */
const calls = async (name) => (await fetch(`${HOST}/calls/${name}`)).json();

/** @param {unknown} bytes */
const text = (bytes) => new TextDecoder().decode(/** @type {Uint8Array} */ (bytes));

describe("a call to a host", () => {
  it.each(["GET", "HEAD", "DELETE"])("may be a %s without a body", async (method) => {
    const [status] = await call(method, `${HOST}/hook/200/${method}`, [], undefined, 5000, undefined, NAMES);
    expect(status).toBe(200);
    expect(await calls(method)).toMatchObject([{ method, body: "" }]);
  });

  it("hands over the headers that were named, in that order, and no others", async () => {
    const url = `${HOST}/hook/explains/headers`;
    const [status, headers] = await call("GET", url, [], undefined, 5000, undefined, NAMES);
    expect([status, headers]).toEqual([422, ["text/plain", '"e"', '<u>; rel="next"', null, null]]);
  });

  it("tells where a redirect leads, and does not follow it", async () => {
    const url = `${HOST}/hook/302/moved`;
    const [status, headers] = await call("GET", url, [], undefined, 5000, 1000, NAMES);
    expect([status, headers]).toEqual([302, [null, null, null, "https://example.com/elsewhere", null]]);
    expect(await calls("moved")).toHaveLength(1);
  });

  it("waits for nothing but the JSON of a success, unless it is told how much to read", async () => {
    const answer = (/** @type {number | undefined} */ most) =>
      call("GET", `${HOST}/hook/explains/body`, [], undefined, 5000, most, NAMES);
    expect((await answer(undefined))[2]).toHaveLength(0);
    for (const most of [0, 1, 5, 70_000, 84_000, 1_000_000]) {
      expect(text((await answer(most))[2]), `${most}`).toBe("why ".repeat(21_000).slice(0, most));
    }
  });

  it("is over in time, also where the answer has no end", async () => {
    const endless = (/** @type {number | undefined} */ most) =>
      call("POST", `${HOST}/hook/streams/endless`, [], new Uint8Array([123]), 500, most, NAMES);
    expect(await endless(1000)).toEqual([0, null]);
    // What has come suffices.
    const [status, , body] = await endless(8);
    expect([status, text(body)]).toEqual([200, "the body"]);
  });
});
