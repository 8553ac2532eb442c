// From signed articles to commits: the server against stand-ins of GitHub, GitLab and Gitea, and the host's deploy hook,
// which is called only where the commit did not make the host build.

import assert from "node:assert/strict";
import { createHmac } from "node:crypto";
import { after, describe, test } from "node:test";
import { standIn } from "../../scripts/stand-in.mjs";
import { together } from "../conformance/wire.mjs";
import { gitea } from "../forges/gitea.mjs";
import { github } from "../forges/github.mjs";
import { gitlab } from "../forges/gitlab.mjs";
import { described } from "../forges/openapi.mjs";
import { listen, withFiles } from "../forges/stand-in.mjs";
import { start } from "./server.mjs";

/** @typedef {import("../forges/stand-in.mjs").World} World */

const SECRET = "the secret of the commit test";
const README = { "README.md": "# A site\n" };

/** Each site: its stand-in, its settings, the calls that a hundred new articles may need, and who describes it. */
const SITES = {
  github: {
    site: github,
    most: 6,
    description: "github",
    settings: (/** @type {string} */ url) => ({
      GITHUB_REPO: "ada/site",
      GITHUB_TOKEN: "t-write",
      GITHUB_API_URL: url,
    }),
  },
  gitlab: {
    site: gitlab,
    most: 6,
    description: undefined,
    settings: (/** @type {string} */ url) => ({
      GITLAB_REPO: "ada/site",
      GITLAB_TOKEN: "t-write",
      GITLAB_URL: url,
    }),
  },
  gitea: {
    site: gitea,
    most: 6,
    description: "forgejo",
    settings: (/** @type {string} */ url) => ({
      GITEA_REPO: "ada/site",
      GITEA_TOKEN: "t-write",
      GITEA_URL: url,
    }),
  },
};

/** @typedef {keyof typeof SITES} Name */

/** @type {(() => unknown)[]} */
const leftovers = [];
after(() => Promise.all(leftovers.map((clear) => clear())));

/**
 * A server whose articles are committed to a site, and a host with a deploy hook.
 *
 * @param {Name} name
 * @param {World} world
 * @param {Record<string, string>} [more] settings
 */
async function site(name, world, more = {}) {
  const forge = await listen(SITES[name].site, world);
  /** @type {unknown[]} */
  const hooks = [];
  const host = await standIn((call) => hooks.push(call));
  const server = await start({
    BLOGSHOOT_WEBHOOK_SECRET: SECRET,
    DEPLOY_HOOK_URL: host.url,
    DEPLOY_SETTLE_SECONDS: "1",
    DEPLOY_MIN_GAP_SECONDS: "0",
    ...SITES[name].settings(forge.url),
    ...more,
  });
  leftovers.push(forge.close, host.close, () => server.kill());
  const { repository, branch } = world;
  return {
    server,
    calls: forge.calls,
    hooks,
    texts: () => repository.texts(branch),
    commits: () => repository.count(branch),
    message: () => repository.head(branch).commit?.message,
    /** How the deploys have ended so far. */
    ended: () => server.log.filter((it) => /^(REBUILD_TRIGGERED|JOB_RETRY|JOB_DEAD)$/.test(it.code)),
  };
}

let events = 0;

/**
 * Sends events about articles at once, and waits until their deploy has ended.
 *
 * @param {Awaited<ReturnType<typeof site>>} at
 * @param {Record<string, unknown>[]} articles
 * @param {string} [type]
 */
async function send(at, articles, type = "article.created") {
  const signed = articles.map((article) => {
    events += 1;
    const event = { event_id: `evt_${events}`, event_type: type, timestamp: new Date().toISOString() };
    const body = Buffer.from(JSON.stringify({ ...event, article }));
    const signature = createHmac("sha256", SECRET).update(body).digest("hex");
    return { headers: { "X-BlogShoot-Signature": signature }, body };
  });
  const before = at.ended().length;
  for (const answer of await together(`${at.server.url}/webhook`, signed)) {
    assert.equal(answer.kind === "answered" && answer.status, 200, JSON.stringify(answer));
  }
  return at.server.until(() => at.ended().length > before).then(() => at.ended()[before]);
}

const article = (/** @type {number | string} */ id, more = {}) => ({
  id: `art_${id}`,
  title: `Article ${id}`,
  slug: `article-${id}`,
  language: "en",
  content: { markdown: `The text of ${id}.\n` },
  ...more,
});

const file = (/** @type {number | string} */ id) => `src/content/blog/article-${id}.md`;

/** No call is any other than the site describes, and none tells the token to the log. @param {Name} name @param {Awaited<ReturnType<typeof site>>} at */
function sound(name, at) {
  const { description } = SITES[name];
  const wrong = description ? described(description) : () => undefined;
  for (const { method, path, query, body } of at.calls) {
    const url = [...query].length > 0 ? `${path}?${query}` : path;
    assert.equal(wrong({ method, url, body }, ""), undefined, `${method} ${url}`);
  }
  assert.ok(!at.server.output().includes("t-write"), "the token is in the log");
}

for (const name of /** @type {Name[]} */ (Object.keys(SITES))) {
  describe(name, () => {
    test("a hundred articles in a burst are one commit and no other build", async () => {
      const at = await site(name, withFiles(README));
      const ended = await send(
        at,
        Array.from({ length: 100 }, (_, id) => article(id)),
      );
      assert.equal(ended.code, "REBUILD_TRIGGERED", at.server.output());
      assert.equal(ended.events, 100);
      assert.equal(at.commits(), 2);
      assert.equal(Object.keys(at.texts()).length, 101);
      assert.match(at.texts()[file(7)], /^---\n[^]*Article 7[^]*\n---\n\nThe text of 7\.\n/);
      assert.ok(at.calls.length <= SITES[name].most, at.calls.map((it) => it.path).join("\n"));
      assert.equal(at.hooks.length, 0, "the push has the host build");
      sound(name, at);
    });

    test("what is edited and withdrawn follows; where nothing changes, the hook is called", async () => {
      const at = await site(name, withFiles(README), { COMMIT_MESSAGE: "{title} by {source}" });
      await send(at, [article("a"), article("b")]);
      assert.equal(at.commits(), 2);

      const edited = article("a", { title: "Edited [skip ci]" });
      await send(at, [edited], "article.updated");
      assert.equal(at.message(), "Edited (skip ci) by blogshoot");
      assert.match(at.texts()[file("a")], /Edited/);

      await send(at, [article("b"), article("never")], "article.deleted");
      assert.deepEqual(Object.keys(at.texts()).sort(), ["README.md", file("a")]);
      assert.equal(at.commits(), 4);
      assert.equal(at.hooks.length, 0);

      const ended = await send(at, [edited], "article.updated");
      assert.equal(ended.code, "REBUILD_TRIGGERED");
      assert.equal(at.commits(), 4, "nothing would change");
      assert.equal(at.hooks.length, 1);
      sound(name, at);
    });

    test("what somebody else commits in the same moment stays", async () => {
      const world = withFiles(README);
      const at = await site(name, world);
      let once = true;
      world.before = ({ method, path }) => {
        if (method === "GET" || !/\/(git\/refs\/heads\/main|commits|contents)$/.test(path) || !once) return;
        if (/\/git\/commits$/.test(path)) return;
        once = false;
        world.repository.put("main", { "README.md": "# Theirs\n", [file("a")]: "theirs\n" });
      };
      const ended = await send(at, [article("a")]);
      assert.equal(ended.code, "REBUILD_TRIGGERED", at.server.output());
      assert.equal(at.texts()["README.md"], "# Theirs\n");
      assert.match(at.texts()[file("a")], /The text of a/);
      assert.equal(at.commits(), 3);
      sound(name, at);
    });

    test("a token that is refused is told by its setting's name, and nothing is built", async () => {
      const world = withFiles(README);
      const at = await site(name, world);
      world.tokens = {};
      const ended = await send(at, [article("a")]);
      assert.equal(ended.code, "JOB_DEAD", at.server.output());
      assert.match(ended.reason, new RegExp(`does not take \`${name.toUpperCase()}_TOKEN\``));
      assert.equal(at.hooks.length, 0, "what is not there must not be built");
      sound(name, at);
    });
  });
}

test("a redirect is not followed with the token", async () => {
  const world = withFiles(README, { movedTo: "ada/elsewhere" });
  const at = await site("github", world);
  const elsewhere = await listen(github, withFiles(README));
  leftovers.push(elsewhere.close);
  world.instead.push({
    status: 301,
    headers: { location: `${elsewhere.url}/repos/ada/site/git/ref/heads/main` },
    body: {},
  });
  const ended = await send(at, [article("a")]);
  assert.match(ended.reason, /is elsewhere now: set `GITHUB_REPO`/);
  assert.equal(elsewhere.calls.length, 0);
});

test("two targets commit to repositories of their own", async () => {
  const [one, other] = [withFiles(README), withFiles(README, { name: "ada/shop" })];
  const shop = await listen(gitea, other);
  leftovers.push(shop.close);
  const at = await site("github", one, {
    GITEA_REPO__SHOP: "ada/shop",
    GITEA_TOKEN__SHOP: "t-write",
    GITEA_URL__SHOP: shop.url,
  });
  await send(at, [article("a")]);
  await at.server.until(() => at.ended().length === 2);
  assert.deepEqual(
    at
      .ended()
      .map((it) => [it.target, it.code])
      .sort(),
    [
      ["default", "REBUILD_TRIGGERED"],
      ["shop", "REBUILD_TRIGGERED"],
    ],
  );
  assert.equal(one.repository.count("main"), 2);
  assert.equal(other.repository.count("main"), 2);
});
