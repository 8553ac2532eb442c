// Articles committed by the Worker, over real sockets to a stand-in of GitHub. What GitHub does to a commit is tested with
// the server, in tests/server/commit.test.mjs; here, that the Worker's calls are what they should be.

import { expect, inject, it } from "vitest";
import { durable, fromThen } from "./durable.mjs";
import { codes, signed } from "./presshook.mjs";

const GITHUB = inject("github");

const lines = fromThen();

/** Asks the stand-in, as anybody would who has a token. @param {string} path @returns {Promise<any>} */
async function github(path) {
  const headers = { authorization: "Bearer t-read", "user-agent": "the test" };
  return (await fetch(`${GITHUB}/repos/ada/site/git/${path}`, { headers })).json();
}

/** The commit that the branch is at, and its uppermost directory. */
async function head() {
  const { sha } = (await github("ref/heads/main")).object;
  const commit = await github(`commits/${sha}`);
  return { ...commit, names: (await github(`trees/${sha}`)).tree.map((/** @type {any} */ it) => it.path) };
}

/** @param {Record<string, string>} [settings] */
const committing = (settings) =>
  durable({
    cut: true,
    settings: {
      GITHUB_REPO: "ada/site",
      GITHUB_TOKEN: "t-write",
      GITHUB_API_URL: GITHUB,
      COMMIT_MESSAGE: "{title}{more}",
      ...settings,
    },
  });

/** @param {import("./durable.mjs").Inbox} inbox @param {string} id */
async function publish(inbox, id) {
  const article = { id, title: `Title ${id}`, slug: id, content: { markdown: "Text.\n" } };
  const body = { event_id: `evt_${id}`, event_type: "article.created", timestamp: "2030-01-01T08:00:00Z" };
  const { response } = await inbox.ask("/api/webhook", await signed(JSON.stringify({ ...body, article })));
  expect(response.status).toBe(200);
}

it("all that waits is one commit, and no hook is called", async () => {
  const before = await head();
  const inbox = await committing();
  await publish(inbox, "one");
  await publish(inbox, "two");
  while (await inbox.next());
  const after = await head();
  expect(codes(lines)).toContain("REBUILD_TRIGGERED");
  expect(after.parents.map((/** @type {any} */ it) => it.sha)).toEqual([before.sha]);
  expect(after.message).toBe("Title two and 1 more");
  expect(after.names).toEqual(["README.md", "src"]);
  expect(await inbox.calls()).toEqual([]);
  expect(JSON.stringify(lines)).not.toContain("t-write");
});

it("a token that is refused is told by its setting's name", async () => {
  const inbox = await committing({ GITHUB_TOKEN: "t-wrong" });
  await publish(inbox, "three");
  while (await inbox.next());
  const dead = lines.find((it) => it.code === "JOB_DEAD");
  expect(dead?.reason).toMatch(/^GitHub does not take `GITHUB_TOKEN`/);
  expect(await inbox.calls()).toEqual([]);
});
