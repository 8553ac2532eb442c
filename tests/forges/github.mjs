// GitHub's Git database as far as a commit needs it: references, commits, trees upon trees, blobs, and the answers to
// what is not right. Made after its OpenAPI description (`@octokit/openapi`) and after what others report of it: that the
// removal of a path which is not there refuses the whole tree (`GitRPC::BadObjectState`), and that all of it answers 409
// for a repository without a commit.

import { bytes, sent } from "./stand-in.mjs";

/** @typedef {import("./stand-in.mjs").Asked} Asked @typedef {import("./stand-in.mjs").Answer} Answer */

const DOCS = "https://docs.github.com/rest";

/** @param {number} status @param {string} message @param {Record<string, string>} [headers] @returns {Answer} */
const no = (status, message, headers) => ({
  status,
  headers,
  body: { message, documentation_url: DOCS, status: String(status) },
});

/** @type {import("./stand-in.mjs").Site} */
export function github(world, asked) {
  const { repository } = world;
  const { method, headers } = asked;
  if (!headers["user-agent"]) return no(403, "Request forbidden by administrative rules.");
  const token = /^Bearer (.+)$/.exec(headers.authorization ?? "")?.[1] ?? "";
  const may = world.tokens[token];
  if (!may) return no(401, "Bad credentials");
  if (world.isLimited) {
    const until = { "x-ratelimit-remaining": "0", "x-ratelimit-reset": "1769846700" };
    return no(403, "API rate limit exceeded for user ID 1.", until);
  }
  const [, owner, name, rest] = /^(?:\/api\/v3)?\/repos\/([^/]+)\/([^/]+)(\/.*)?$/.exec(asked.path) ?? [];
  if (may === "none" || `${owner}/${name}` !== world.name) return no(404, "Not Found");
  if (world.movedTo) {
    return no(301, "Moved Permanently", { location: `https://api.github.com/repositories/1${rest ?? ""}` });
  }
  if (!rest) {
    return {
      status: 200,
      body: { full_name: world.name, default_branch: world.branch, permissions: { push: may === "write" } },
    };
  }
  if (repository.branches.size === 0) return no(409, "Git Repository is empty.");
  if (method !== "GET" && may !== "write") return no(403, "Resource not accessible by personal access token");
  const [, kind, id = ""] = /^\/git\/([a-z]+)(?:\/(.*))?$/.exec(rest) ?? [];
  const act = { ref, commits, trees, blobs, refs }[kind ?? ""];
  return act ? act(world, asked, decodeURIComponent(id)) : no(404, "Not Found");
}

/** @typedef {(world: import("./stand-in.mjs").World, asked: Asked, id: string) => Answer} Act */

/** @param {string} ref @param {string} sha @returns {Answer} */
const reference = (ref, sha) => ({
  status: 200,
  body: { ref, node_id: "", url: "", object: { type: "commit", sha, url: "" } },
});

/** @type {Act} */
function ref({ repository }, _, id) {
  const at = repository.branches.get(id.replace(/^heads\//, ""));
  return at ? reference(`refs/${id}`, at) : no(404, "Not Found");
}

/** @type {Act} */
function refs({ repository, isProtected }, asked, id) {
  const name = id.replace(/^heads\//, "");
  const { sha, force } = sent(asked);
  const at = repository.branches.get(name);
  if (!at) return no(422, "Reference does not exist");
  if (!repository.commits.has(sha)) return no(422, "Object does not exist");
  if (!force && !repository.follows(sha, at)) return no(422, "Update is not a fast forward");
  if (isProtected) return no(422, "Changes must be made through a pull request.");
  repository.branches.set(name, sha);
  return reference(`refs/${id}`, sha);
}

/** @type {Act} */
function commits({ repository }, asked, id) {
  if (asked.method === "GET") {
    const found = repository.commits.get(id);
    return found ? { status: 200, body: commit(id, found) } : no(404, "Not Found");
  }
  const { message, tree, parents = [], author } = sent(asked);
  if (!repository.trees.has(tree)) return no(422, "Tree SHA does not exist");
  if (!parents.every((/** @type {string} */ it) => repository.commits.has(it))) {
    return no(422, "Parent SHA does not exist or is not a commit object");
  }
  const by = author ? `${author.name} <${author.email}>` : "Ada <ada@example.com>";
  const made = { tree, parents, message, author: `${by} 1769846400 +0000` };
  const sha = repository.commit(made);
  return { status: 201, body: commit(sha, made) };
}

/** @param {string} sha @param {import("./git.mjs").Commit} commit */
function commit(sha, { tree, parents, message, author }) {
  const [, name, email] = /^(.*) <(.*)> /.exec(author) ?? [];
  const by = { name, email, date: "2026-01-31T08:00:00Z" };
  const above = parents.map((it) => ({ sha: it, url: "", html_url: "" }));
  const verification = {
    verified: false,
    reason: "unsigned",
    signature: null,
    payload: null,
    verified_at: null,
  };
  const whole = { sha, node_id: "", url: "", html_url: "", author: by, committer: by, message, verification };
  return { ...whole, tree: { sha: tree, url: "" }, parents: above };
}

/** @type {Act} */
function trees({ repository }, asked, id) {
  if (asked.method === "GET") {
    const at = repository.commits.get(id)?.tree ?? id;
    return repository.trees.has(at) ? { status: 200, body: listed(repository, at) } : no(404, "Not Found");
  }
  const { base_tree, tree } = sent(asked);
  const base = repository.commits.get(base_tree)?.tree ?? base_tree;
  if (base && !repository.trees.has(base)) return no(422, "base_tree is not a valid tree oid");
  const files = base ? repository.files(base) : new Map();
  for (const { path, mode, sha, content } of tree) {
    const parts = String(path).split("/");
    if (parts.some((it) => ["", ".", "..", ".git"].includes(it))) {
      return no(422, "tree.path contains a malformed path component");
    }
    if ((sha === undefined) === (content === undefined)) {
      return no(
        422,
        "Must supply either tree.sha or tree.content. Request will be rejected if both are present.",
      );
    }
    if (sha === null) {
      if (!files.delete(path)) return no(422, "GitRPC::BadObjectState");
      continue;
    }
    if (sha !== undefined && !repository.blobs.has(sha))
      return no(422, `tree.sha ${sha} is not a valid blob`);
    files.set(path, { mode, id: sha ?? repository.blob(content) });
  }
  return { status: 201, body: listed(repository, repository.treeOf(files)) };
}

/** @param {import("./git.mjs").Repository} repository @param {string} sha */
function listed(repository, sha) {
  const tree = [...(repository.trees.get(sha) ?? [])].map(([path, { mode, id }]) => {
    const type = mode === "40000" ? "tree" : "blob";
    return { path, mode: mode.padStart(6, "0"), type, sha: id, url: "" };
  });
  return { sha, url: "", tree, truncated: false };
}

/** @type {Act} */
function blobs({ repository }, asked) {
  const { content, encoding = "utf-8" } = sent(asked);
  if (!["utf-8", "base64"].includes(encoding)) return no(422, "encoding is not known");
  const sha = repository.blob(encoding === "base64" ? bytes(content) : content);
  return { status: 201, body: { sha, url: "" } };
}
