// GitLab's branches, tree and commits as far as a commit needs them, with the answers that its source has for what is
// not right (`lib/api/commits.rb`, `lib/api/repositories.rb`, `app/services/commits/create_service.rb`, and Gitaly's
// index errors).

import { bytes, sent } from "./stand-in.mjs";

/** @typedef {import("./stand-in.mjs").Answer} Answer */

/** @param {number} status @param {string} message @param {Record<string, string>} [headers] @returns {Answer} */
const no = (status, message, headers) => ({ status, headers, body: { message } });

/** @type {import("./stand-in.mjs").Site} */
export function gitlab(world, asked) {
  const { repository } = world;
  const may = world.tokens[String(asked.headers["private-token"] ?? "")];
  if (!may) return no(401, "401 Unauthorized");
  if (world.isLimited) return { status: 429, headers: { "retry-after": "60" }, body: "Retry later\n" };
  const [, id, rest = ""] = /^\/api\/v4\/projects\/([^/]+)(\/.*)?$/.exec(asked.path) ?? [];
  const is = id && ["7", world.name].includes(decodeURIComponent(id));
  if (may === "none" || !is) return no(404, "404 Project Not Found");
  const isEmpty = repository.branches.size === 0;
  if (rest === "") {
    return {
      status: 200,
      body: {
        id: 7,
        path_with_namespace: world.name,
        default_branch: isEmpty ? null : world.branch,
        empty_repo: isEmpty,
      },
    };
  }
  const branch = /^\/repository\/branches\/([^/]+)$/.exec(rest)?.[1];
  if (branch) {
    const name = decodeURIComponent(branch);
    const { id: at } = repository.head(name);
    if (!at) return no(404, "404 Branch Not Found");
    return {
      status: 200,
      body: { name, protected: world.isProtected, can_push: !world.isProtected, commit: { id: at } },
    };
  }
  if (rest === "/repository/tree" && asked.method === "GET") return tree(world, asked);
  if (rest === "/repository/commits" && asked.method === "POST") {
    if (may !== "write") return no(403, "403 Forbidden");
    return commit(world, asked);
  }
  return no(404, "404 Not Found");
}

/** @type {import("./stand-in.mjs").Site} */
function tree({ repository }, { query }) {
  const ref = query.get("ref") ?? "";
  const at = repository.commits.get(repository.branches.get(ref) ?? ref);
  if (!at) return no(404, "404 Tree Not Found");
  const within = query.get("path") ?? "";
  let id = at.tree;
  for (const name of within.split("/").filter(Boolean)) {
    const entry = repository.trees.get(id)?.get(name);
    if (entry?.mode !== "40000") return no(404, "404 invalid revision or path Not Found");
    id = entry.id;
  }
  const entries = [...(repository.trees.get(id) ?? [])].map(([name, { mode, id }]) => {
    const type = mode === "40000" ? "tree" : "blob";
    return { id, name, type, path: within ? `${within}/${name}` : name, mode: mode.padStart(6, "0") };
  });
  // Directories first.
  entries.sort((one, other) => other.type.localeCompare(one.type));
  const size = Math.min(Number(query.get("per_page") ?? 20), 100);
  const page = Number(query.get("page") ?? 1);
  const more = entries.length > size * page;
  const headers = { "x-next-page": more ? String(page + 1) : "" };
  return { status: 200, headers, body: entries.slice(size * (page - 1), size * page) };
}

/** @type {import("./stand-in.mjs").Site} */
function commit({ repository, isProtected, branch: first }, asked) {
  const { branch, commit_message, actions, author_name, author_email } = sent(asked);
  if (isProtected && branch === first) {
    return no(403, "403 Forbidden - You are not allowed to push into this branch");
  }
  const { id: parent, files } = repository.head(branch);
  if (!parent) return no(400, "You can only create or edit files when you are on a branch");
  for (const { action, file_path, content, encoding = "text" } of actions) {
    if (action === "create" && files.has(file_path)) return no(400, "A file with this name already exists");
    if (action !== "create" && !files.has(file_path)) return no(400, "A file with this name doesn't exist");
    if (action === "delete") {
      files.delete(file_path);
      continue;
    }
    const id = repository.blob(encoding === "base64" ? bytes(content) : content);
    files.set(file_path, { mode: files.get(file_path)?.mode ?? "100644", id });
  }
  const by = author_name ? `${author_name} <${author_email}>` : "Ada <ada@example.com>";
  const tree = repository.treeOf(files);
  const id = repository.commit({
    tree,
    parents: [parent],
    message: commit_message,
    author: `${by} 1769846400 +0000`,
  });
  repository.branches.set(branch, id);
  return {
    status: 201,
    body: {
      id,
      short_id: id.slice(0, 8),
      title: commit_message,
      message: commit_message,
      parent_ids: [parent],
    },
  };
}
