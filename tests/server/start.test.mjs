// What the server says when it starts: what it will do, without a secret in it; and why it does not start.

import assert from "node:assert/strict";
import { mkdirSync, realpathSync } from "node:fs";
import path from "node:path";
import { test } from "node:test";
import { Refused, start, temporary } from "./server.mjs";

const SECRET = "8f14e45fceea167a5a36dedd4bea2543";
const HOOK = "https://hooks.example.com/deploy/3c59dc048e8850243be8079a5c74d079";

/** The entries of the start, without their times. */
function said(/** @type {import("./server.mjs").Server} */ server) {
  return server.log.map(({ time, ...entry }) => entry);
}

test("its first lines say what it will do, without a secret", async () => {
  const directory = temporary();
  const site = path.join(directory, "site");
  mkdirSync(site);
  const server = await start(
    {
      BLOGSHOOT_WEBHOOK_SECRET: SECRET,
      PAGEGUN_WEBHOOK_SECRET__SEO: "another secret",
      REBUILD_COMMAND: `TOKEN=${SECRET} npm run build`,
      SITE_DIR: site,
      DEPLOY_HOOK_URL: HOOK,
      ADMIN_TOKEN: "the token of the owner",
    },
    { directory },
  );
  const entries = said(server);
  const setUp = entries.filter((it) => it.code === "SERVER_SET_UP");
  assert.deepEqual(
    setUp.flatMap((it) => it.endpoint ?? []),
    ["POST /api/webhook/blogshoot", "POST /api/webhook/pagegun/seo"],
  );
  const [target] = setUp.filter((it) => it.target);
  assert.equal(target.directory, site);
  assert.equal(target.rebuild_command, "TOKEN=… npm run build");
  assert.equal(target.deploy_hook, "hooks.example.com");
  const started = entries.at(-1);
  assert.equal(started?.code, "SERVER_STARTED");
  assert.equal(started?.database, server.database);
  for (const secret of [SECRET, "another secret", "the token of the owner", "3c59dc048e88"])
    assert.ok(!server.output().includes(secret), `${secret} is told`);
  await server.stop();
});

test("it says where articles will be written", async () => {
  const settings = { BLOGSHOOT_WEBHOOK_SECRET: SECRET, CONTENT_PATH: "posts/{slug}.md", SITE_DIR: "." };
  const server = await start(settings);
  const [target] = said(server).filter((it) => it.target);
  assert.equal(target.articles, "posts/{slug}.md");
  assert.equal(target.directory, realpathSync(server.directory));
  assert.deepEqual(
    said(server).filter((it) => it.level === "warn" && it.code !== "SERVER_SET_UP"),
    [],
  );
  await server.stop();
});

test("it warns where nothing would be triggered, and of what has no effect", async () => {
  const server = await start({ BLOGSHOOT_WEBHOOK_SECRET: SECRET, LOCALES: '{"en":"en"}' });
  const warnings = said(server).filter((it) => it.level === "warn");
  const [ignored, idle] = [warnings.find((it) => it.settings), warnings.find((it) => !it.settings)];
  assert.deepEqual([ignored?.code, ignored?.settings], ["SETTING_IGNORED", ["LOCALES"]]);
  assert.equal(idle?.code, "NOTHING_TO_TRIGGER");
  assert.match(idle?.reason, /`REBUILD_COMMAND`.*`DEPLOY_HOOK_URL`/);
  await server.stop();
});

for (const [what, settings, words] of /** @type {const} */ ([
  ["a secret", {}, [/no secret is set/, /openssl rand -hex 32/]],
  [
    "right settings",
    { BLOGSHOOT_WEBHOOK_SECRET: SECRET, PORT: "eighty", GIT_AUTO_PULL: "x" },
    [/`PORT`/, /`GIT_AUTO_PULL`/],
  ],
  [
    "a place to listen",
    { BLOGSHOOT_WEBHOOK_SECRET: SECRET, HOST: "203.0.113.9" },
    [/cannot listen on 203\.0\.113\.9/],
  ],
])) {
  test(`it does not start without ${what}`, async () => {
    const refused = await start(settings).then(
      () => assert.fail("it started"),
      (error) => error,
    );
    assert.ok(refused instanceof Refused, String(refused));
    assert.equal(refused.status, 2);
    for (const word of words) assert.match(refused.said, word);
    assert.ok(!refused.said.includes(SECRET));
  });
}
