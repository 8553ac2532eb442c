// The stand-ins of the sites that have repositories, their published descriptions and the vector files agree: the
// requests of the vector files are as described, and a stand-in answers each as its vector file says. `tests/it/actions.rs`
// shows that what commits sends those requests.

import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { test } from "node:test";
import { parse } from "smol-toml";
import { ROOT } from "../../scripts/shell.mjs";
import { Repository } from "../forges/git.mjs";
import { gitea } from "../forges/gitea.mjs";
import { github } from "../forges/github.mjs";
import { gitlab } from "../forges/gitlab.mjs";
import { described } from "../forges/openapi.mjs";
import { answer } from "../forges/stand-in.mjs";
import { WORLDS } from "../forges/worlds.mjs";

/**
 * @typedef {object} Case
 * @property {string} name
 * @property {Record<string, string>} [settings]
 * @property {{ request: { method: string, url: string, headers?: Record<string, string>, json?: string }, response: { status: number, body: string } }[]} exchange
 */

/** What each site's stand-in is, who describes it, and where the vector files have it. */
const SITES = {
  github: { site: github, descriptions: ["github"], root: "https://api.github.com" },
  gitlab: { site: gitlab, descriptions: [], root: "https://gitlab.com" },
  gitea: { site: gitea, descriptions: ["gitea", "forgejo"], root: "https://codeberg.org" },
};

/** A part of a status that descriptions leave out, because every request may be answered so. */
const ANYWHERE = new Set([301, 302, 307, 403]);

/** @param {string} name @returns {{ settings: Record<string, string>, case: Case[] }} */
function vectors(name) {
  const file = path.join(ROOT, "tests", "vectors", "forges", `${name}.toml`);
  return /** @type {any} */ (parse(readFileSync(file, "utf8")));
}

/**
 * The exchanges of a case that are with the site, and its API's URL.
 *
 * @param {keyof typeof SITES} name
 * @param {Case} it
 */
function exchanges(name, it) {
  const root = (it.settings?.GITHUB_API_URL ?? SITES[name].root).replace(/\/$/, "");
  return { root, own: it.exchange.filter(({ request }) => request.url.startsWith(`${root}/`)) };
}

for (const name of /** @type {(keyof typeof SITES)[]} */ (Object.keys(SITES))) {
  const { site, descriptions } = SITES[name];
  const file = vectors(name);

  test(`${name}: the stand-in answers as the vector file says`, () => {
    const prefix = { github: "Bearer ", gitlab: "", gitea: "token " }[name];
    const header = name === "gitlab" ? "private-token" : "authorization";
    for (const it of file.case) {
      const make = WORLDS[it.name];
      assert.ok(make, `no world for the case "${it.name}"`);
      const world = make();
      const token = it.settings?.[`${name.toUpperCase()}_TOKEN`] ?? "t-write";
      const { root, own } = exchanges(name, it);
      assert.ok(own.length > 0, it.name);
      for (const { request, response } of own) {
        const url = new URL(request.url.slice(root.length), "http://127.0.0.1");
        const given = answer(site, world, {
          method: request.method,
          path: url.pathname,
          query: url.searchParams,
          headers: { "user-agent": "presshook/0", [header]: prefix + token },
          body: request.json ?? "",
        });
        assert.equal(given.status, response.status, `${it.name}: ${request.method} ${request.url}`);
        assert.deepEqual(given.body, JSON.parse(response.body), `${it.name}: ${request.url}`);
      }
    }
  });

  for (const description of descriptions) {
    test(`${name}: the requests and answers are as the description of ${description} says`, () => {
      const wrong = described(description);
      for (const it of file.case) {
        if (it.name === "an answer that is none of its") continue;
        if (it.name.startsWith("Forgejo's") && description !== "forgejo") continue;
        const { root, own } = exchanges(name, it);
        for (const { request, response } of own) {
          const status = ANYWHERE.has(response.status) ? undefined : response.status;
          const { method, url, json: body } = request;
          const found = wrong({ method, url, body, status, answer: JSON.parse(response.body) }, root);
          assert.equal(found, undefined, `${it.name}: ${method} ${url}: ${found}`);
        }
      }
    });

    test(`${description}: what is not described is found`, () => {
      const wrong = described(description);
      const { root, own } = exchanges(name, file.case[0]);
      const { method, url, json = "" } = own.map((it) => it.request).filter((it) => it.method === "POST")[0];
      assert.equal(wrong({ method, url, body: json }, root), undefined);
      for (const different of [
        { method: "PUT", url, body: json },
        { method, url: `${url}x/y`, body: json },
        { method, url: `${url}?unknown=1`, body: "{}" },
        { method, url, body: "{}" },
        { method, url, body: JSON.stringify({ ...JSON.parse(json), unknown: 1 }) },
        { method, url, body: JSON.stringify({ ...JSON.parse(json), tree: [1], files: [1] }) },
        { method, url, body: json, status: 201, answer: 1 },
        { method, url, body: json, status: 299, answer: {} },
      ]) {
        assert.notEqual(wrong(different, root), undefined, JSON.stringify(different));
      }
    });
  }
}

test("every world has a case", () => {
  const names = Object.keys(SITES).flatMap((name) => vectors(name).case.map((it) => it.name));
  assert.deepEqual(new Set(names), new Set(Object.keys(WORLDS)));
});

test("the ids of the stand-ins are Git's own", () => {
  const directory = mkdtempSync(path.join(tmpdir(), "presshook-git-"));
  try {
    const environment = {
      PATH: process.env.PATH,
      GIT_DIR: path.join(directory, "bare"),
      GIT_CONFIG_GLOBAL: "/dev/null",
      GIT_CONFIG_SYSTEM: "/dev/null",
      GIT_AUTHOR_NAME: "Ada",
      GIT_AUTHOR_EMAIL: "ada@example.com",
      GIT_AUTHOR_DATE: "1769846400 +0000",
      GIT_COMMITTER_NAME: "Ada",
      GIT_COMMITTER_EMAIL: "ada@example.com",
      GIT_COMMITTER_DATE: "1769846400 +0000",
    };
    /** @param {string[]} args @param {string} [input] */
    const git = (args, input) =>
      execFileSync("git", args, { input, env: environment, encoding: "utf8" }).trim();
    git(["init", "--quiet", "--bare", environment.GIT_DIR]);
    const files = { "a.md": "a\n", "a/b.md": "über\n", "a-b/c/d.md": "", a0: "0" };
    const entries = Object.entries(files).map(([name, text]) => {
      return `100644 ${git(["hash-object", "-w", "--stdin"], text)}\t${name}`;
    });
    git(["update-index", "--index-info"], entries.join("\n"));
    const tree = git(["write-tree"]);
    const repository = new Repository();
    const author = "Ada <ada@example.com> 1769846400 +0000";
    const commit = repository.put("main", files, "first\n", author);
    assert.equal(repository.commits.get(commit)?.tree, tree);
    assert.equal(commit, git(["commit-tree", tree], "first\n"));
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
});
