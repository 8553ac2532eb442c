// Gitea's branches, trees and contents as far as a commit needs them, with the answers that its source has for what is
// not right (`routers/api/v1/repo/file.go`, `services/repository/files`). Forgejo answers 409 where Gitea answers 422.

import { bytes, sent } from "./stand-in.mjs";

/** @typedef {import("./stand-in.mjs").Answer} Answer */

/** How many entries of a tree it tells at once, at most. */
const MOST = 1000;

/** @param {number} status @param {string} message @returns {Answer} */
const no = (status, message) => ({ status, body: { message, url: "https://gitea.example.com/api/swagger" } });
const missing = () => no(404, "The target couldn't be found.");

/** @type {import("./stand-in.mjs").Site} */
export function gitea(world, asked) {
  const { repository } = world;
  const token = /^token (.+)$/.exec(asked.headers.authorization ?? "")?.[1] ?? "";
  const may = world.tokens[token];
  if (!may) return no(401, "invalid username, password or token");
  if (world.isLimited) return no(429, "Too many requests");
  const [, owner, name, rest = ""] = /^\/api\/v1\/repos\/([^/]+)\/([^/]+)(\/.*)?$/.exec(asked.path) ?? [];
  if (may === "none" || `${owner}/${name}` !== world.name) return missing();
  if (world.movedTo)
    return { status: 307, headers: { location: `/api/v1/repos/${world.movedTo}` }, body: {} };
  if (rest === "") {
    const empty = repository.branches.size === 0;
    return { status: 200, body: { full_name: world.name, empty, default_branch: world.branch } };
  }
  const branch = /^\/branches\/(.+)$/.exec(rest)?.[1];
  if (branch) {
    const { id } = repository.head(decodeURIComponent(branch));
    return id ? { status: 200, body: { name: decodeURIComponent(branch), commit: { id } } } : missing();
  }
  const tree = /^\/git\/trees\/([0-9a-f]+)$/.exec(rest)?.[1];
  if (tree) return listed(world, asked, tree);
  if (rest === "/contents" && asked.method === "POST") {
    if (may !== "write") return no(403, "user should have a permission to write to a repo");
    return contents(world, asked);
  }
  return no(404, "Not Found");
}

/** @param {import("./stand-in.mjs").World} world @param {import("./stand-in.mjs").Asked} asked @param {string} id */
function listed({ repository }, { query }, id) {
  const at = repository.commits.get(id)?.tree ?? id;
  const whole = repository.trees.get(at);
  if (!whole) return no(400, `sha not found [${id}]`);
  const size = Math.min(Number(query.get("per_page") ?? MOST) || MOST, MOST);
  const page = Math.max(Number(query.get("page") ?? 1), 1);
  const entries = [...whole].map(([path, { mode, id }]) => {
    const type = mode === "40000" ? "tree" : "blob";
    return { path, mode: mode.padStart(6, "0"), type, size: 0, sha: id, url: "" };
  });
  const tree = entries.slice(size * (page - 1), size * page);
  const body = {
    sha: at,
    url: "",
    tree,
    truncated: size * page < entries.length,
    page,
    total_count: entries.length,
  };
  return { status: 200, body };
}

/** @type {import("./stand-in.mjs").Site} */
function contents({ repository, isProtected, branch: first }, asked) {
  const { branch, message, files: operations, author } = sent(asked);
  if (isProtected && branch === first)
    return no(403, "user should have a permission to write to the target branch");
  const { id: parent, files } = repository.head(branch);
  if (!parent) return no(404, `branch does not exist [name: ${branch}]`);
  for (const { operation, path, content, sha } of operations) {
    const there = files.get(path);
    if (operation === "create" && there) return no(422, `repository file already exists [path: ${path}]`);
    if (operation !== "create") {
      if (!there) return no(404, `object does not exist [id: , rel_path: ${path}]`);
      if (!sha) return no(422, "a SHA or commit ID must be proved when updating a file");
      if (sha !== there.id) return no(422, `sha does not match [given: ${sha}, expected: ${there.id}]`);
    }
    if (operation === "delete") files.delete(path);
    else files.set(path, { mode: there?.mode ?? "100644", id: repository.blob(bytes(content)) });
  }
  const by = author ? `${author.name} <${author.email}>` : "Ada <ada@example.com>";
  const tree = repository.treeOf(files);
  const id = repository.commit({ tree, parents: [parent], message, author: `${by} 1769846400 +0000` });
  repository.branches.set(branch, id);
  // It repeats what it was given.
  const kept = operations.filter((/** @type {any} */ it) => it.operation !== "delete");
  const repeated = kept.map((/** @type {{ path: string, content: string }} */ { path, content }) => {
    return { name: path.split("/").pop(), path, type: "file", encoding: "base64", content };
  });
  const verification = { verified: false, reason: "gpg.error.not_signed_commit", signature: "", payload: "" };
  return { status: 201, body: { files: repeated, commit: { sha: id, message }, verification } };
}
