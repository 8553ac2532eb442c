// What the stand-ins of the sites that have repositories share: a repository, who may do what, and a server on loopback
// that remembers its calls.

import { createServer } from "node:http";
import { listening } from "../../scripts/serve.mjs";
import { Repository } from "./git.mjs";

/**
 * @typedef {object} Asked
 * @property {string} method
 * @property {string} path without the query, as it was sent
 * @property {URLSearchParams} query
 * @property {import("node:http").IncomingHttpHeaders} headers
 * @property {string} body
 *
 * @typedef {{ status: number, headers?: Record<string, string>, body: unknown }} Answer
 *
 * @typedef {object} World what a site has and allows
 * @property {Repository} repository
 * @property {string} name of the repository
 * @property {string} branch its default branch
 * @property {Record<string, "write" | "read" | "none">} tokens
 * @property {boolean} isProtected whether a rule keeps commits from the default branch
 * @property {boolean} isLimited whether it takes no more requests
 * @property {string} [movedTo] the repository's new name
 * @property {Answer[]} instead answers given in the place of its own, one each
 * @property {(asked: Asked) => void} before called with each request before it is answered
 *
 * @typedef {(world: World, asked: Asked) => Answer} Site
 */

/**
 * @param {Partial<World>} [different]
 * @returns {World}
 */
export const world = (different = {}) => ({
  repository: new Repository(),
  name: "ada/site",
  branch: "main",
  tokens: { "t-write": "write", "t-read": "read", "t-none": "none" },
  isProtected: false,
  isLimited: false,
  instead: [],
  before: () => {},
  ...different,
});

/** A world whose default branch has these files. @param {Record<string, string>} files @param {Partial<World>} [different] */
export function withFiles(files, different = {}) {
  const made = world(different);
  made.repository.put(made.branch, files, "first");
  return made;
}

/** A site's answer. @param {Site} site @param {World} world @param {Asked} asked */
export function answer(site, world, asked) {
  world.before(asked);
  return world.instead.shift() ?? site(world, asked);
}

/** What was sent, if it is an object. @param {Asked} asked @returns {any} */
export const sent = (asked) => JSON.parse(asked.body || "{}");

/** Bytes that were sent as base64. @param {string} text */
export const bytes = (text) => Uint8Array.from(Buffer.from(text, "base64"));

/**
 * Has a site listen on loopback.
 *
 * @param {Site} site
 * @param {World} world
 */
export async function listen(site, world) {
  /** @type {(Asked & { status: number })[]} */
  const calls = [];
  const server = createServer((request, response) => {
    let body = "";
    request.setEncoding("utf8").on("data", (piece) => (body += piece));
    request.on("end", () => {
      const url = new URL(request.url ?? "/", "http://127.0.0.1");
      // As it was sent: what is escaped there stays so.
      const [path] = (request.url ?? "/").split("?");
      const { method = "GET", headers } = request;
      const asked = { method, path, query: url.searchParams, headers, body };
      const { status, headers: own = {}, body: said } = answer(site, world, asked);
      calls.push({ ...asked, status });
      response.writeHead(status, { "content-type": "application/json; charset=utf-8", ...own });
      response.end(JSON.stringify(said));
    });
  });
  const port = await listening(server);
  return {
    url: `http://127.0.0.1:${port}`,
    calls,
    close: () => {
      server.closeAllConnections();
      server.close();
    },
  };
}
