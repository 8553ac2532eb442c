// A Git repository in memory, with the ids that Git itself gives: what the stand-ins of the sites that have repositories
// keep their branches in.

import { createHash } from "node:crypto";

/**
 * @typedef {{ mode: string, id: string }} Entry a file or, with the mode `40000`, a directory
 * @typedef {{ tree: string, parents: string[], message: string, author: string }} Commit
 */

/** @param {string} type @param {Uint8Array} data */
const idOf = (type, data) => createHash("sha1").update(`${type} ${data.length}\0`).update(data).digest("hex");

export class Repository {
  /** @type {Map<string, Uint8Array>} */
  blobs = new Map();
  /** @type {Map<string, Map<string, Entry>>} */
  trees = new Map();
  /** @type {Map<string, Commit>} */
  commits = new Map();
  /** @type {Map<string, string>} the commit that each branch is at */
  branches = new Map();

  /** @param {string | Uint8Array} content */
  blob(content) {
    const data = Buffer.from(content);
    const id = idOf("blob", data);
    this.blobs.set(id, data);
    return id;
  }

  /** @param {Map<string, Entry>} entries one directory's, by name */
  tree(entries) {
    // Directories are sorted as if their names ended with a slash.
    const key = (/** @type {[string, Entry]} */ [name, { mode }]) =>
      Buffer.from(mode === "40000" ? `${name}/` : name);
    const sorted = [...entries].sort((one, other) => Buffer.compare(key(one), key(other)));
    const parts = sorted.flatMap(([name, { mode, id }]) => [
      Buffer.from(`${mode} ${name}\0`),
      Buffer.from(id, "hex"),
    ]);
    const id = idOf("tree", Buffer.concat(parts));
    this.trees.set(id, new Map(sorted));
    return id;
  }

  /** @param {Commit} commit */
  commit(commit) {
    const { tree, parents, message, author } = commit;
    const head = [`tree ${tree}`, ...parents.map((it) => `parent ${it}`)];
    const text = [...head, `author ${author}`, `committer ${author}`, "", message].join("\n");
    const id = idOf("commit", Buffer.from(text));
    this.commits.set(id, commit);
    return id;
  }

  /**
   * All files of a tree, by their paths.
   *
   * @param {string} tree
   * @param {string} [within]
   * @returns {Map<string, Entry>}
   */
  files(tree, within = "") {
    const found = new Map();
    for (const [name, entry] of this.trees.get(tree) ?? []) {
      if (entry.mode !== "40000") found.set(within + name, entry);
      else for (const [path, file] of this.files(entry.id, `${within}${name}/`)) found.set(path, file);
    }
    return found;
  }

  /**
   * The tree that has these files, and no empty directory.
   *
   * @param {Map<string, Entry>} files by their paths
   * @returns {string}
   */
  treeOf(files) {
    /** @type {Map<string, Entry>} */
    const entries = new Map();
    /** @type {Map<string, Map<string, Entry>>} */
    const below = new Map();
    for (const [path, file] of files) {
      const at = path.indexOf("/");
      if (at < 0) {
        entries.set(path, file);
        continue;
      }
      const directory = below.get(path.slice(0, at)) ?? new Map();
      below.set(path.slice(0, at), directory.set(path.slice(at + 1), file));
    }
    for (const [name, inside] of below) entries.set(name, { mode: "40000", id: this.treeOf(inside) });
    return this.tree(entries);
  }

  /** What a branch is at, and its files. @param {string} branch */
  head(branch) {
    const id = this.branches.get(branch) ?? "";
    const commit = this.commits.get(id);
    return { id, commit, files: commit ? this.files(commit.tree) : new Map() };
  }

  /** The texts of a branch, by their paths. @param {string} branch @returns {Record<string, string>} */
  texts(branch) {
    const text = (/** @type {Entry} */ { id }) => Buffer.from(this.blobs.get(id) ?? []).toString();
    return Object.fromEntries([...this.head(branch).files].map(([path, entry]) => [path, text(entry)]));
  }

  /**
   * Commits texts to a branch, as anybody else would; `null` for what goes.
   *
   * @param {string} branch
   * @param {Record<string, string | Uint8Array | null>} changes
   * @param {string} [message]
   * @param {string} [author]
   */
  put(branch, changes, message = "by hand", author = "Somebody <somebody@example.com> 1769846400 +0000") {
    const { id: parent, files } = this.head(branch);
    for (const [path, content] of Object.entries(changes)) {
      if (content === null) files.delete(path);
      else files.set(path, { mode: files.get(path)?.mode ?? "100644", id: this.blob(content) });
    }
    const parents = parent ? [parent] : [];
    const id = this.commit({ tree: this.treeOf(files), parents, message, author });
    this.branches.set(branch, id);
    return id;
  }

  /** How many commits a branch has. @param {string} branch */
  count(branch) {
    let count = 0;
    for (let id = this.branches.get(branch); id; id = this.commits.get(id)?.parents[0]) count += 1;
    return count;
  }

  /** Whether a commit has another among those before it. @param {string} id @param {string} earlier @returns {boolean} */
  follows(id, earlier) {
    return id === earlier || (this.commits.get(id)?.parents ?? []).some((it) => this.follows(it, earlier));
  }
}
