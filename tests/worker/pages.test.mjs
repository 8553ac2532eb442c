// A Pages site with Presshook as its Function, as `wrangler pages dev` serves it from what `npm run build:pages` makes and
// from the project files in examples/pages. Run by `node --test`.

import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { createHmac } from "node:crypto";
import { copyFileSync, existsSync, mkdirSync, mkdtempSync, readFileSync } from "node:fs";
import { rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { after, before, test } from "node:test";
import { routes } from "../../packages/presshook/lib/pages.mjs";
import { freePort, serve, within } from "../../scripts/serve.mjs";
import { ROOT } from "../../scripts/shell.mjs";
import { standIn } from "../../scripts/stand-in.mjs";

const SECRET = "the secret of the Pages test";
const OWNER = "sixteen characters";
const SITE = {
  "index.html": "<h1>The site</h1>\n",
  "404.html": "<h1>Nothing here</h1>\n",
  "deliveries-to-your-door.html": "<h1>We deliver</h1>\n",
  "api/posts.json": '{"posts":[]}\n',
  "api/guide/index.html": "<h1>The guide</h1>\n",
};

const directory = mkdtempSync(path.join(tmpdir(), "presshook-"));
/** @type {ReturnType<typeof serve>[]} */
const running = [];
/** @type {(() => void)[]} */
const hooks = [];

before(() => {
  write("dist", SITE);
});

after(async () => {
  await Promise.all(running.map((it) => it.kill()));
  hooks.forEach((close) => close());
  rmSync(directory, { recursive: true, force: true });
});

/** @param {string} place @param {Record<string, string>} files */
function write(place, files) {
  for (const [name, text] of Object.entries(files)) {
    const file = path.join(directory, place, name);
    mkdirSync(path.dirname(file), { recursive: true });
    writeFileSync(file, text);
  }
}

/** `npm run build:pages` with these arguments, for somebody in the test's directory. @param {string[]} args */
function buildPages(...args) {
  const script = path.join(ROOT, "scripts", "pages.mjs");
  const env = { ...process.env, INIT_CWD: directory };
  const { status, stdout, stderr } = spawnSync(process.execPath, [script, ...args], {
    encoding: "utf8",
    env,
  });
  return { status, said: stdout + stderr };
}

/**
 * Serves a project, or the Worker itself where none is named, with these settings; all see one another.
 *
 * @param {string} name
 * @param {string[]} settings
 * @param {{ project?: string }} [options]
 */
async function begin(name, settings, { project } = {}) {
  let log = "";
  const file = project ? path.join(directory, project, ".dev.vars") : path.join(directory, "settings.env");
  writeFileSync(file, `${settings.join("\n")}\n`);
  const served = serve(
    await freePort(),
    ["--persist-to", path.join(directory, "storage", name), ...(project ? [] : ["--env-file", file])],
    (piece) => (log += piece),
    {
      ...(project && { command: ["pages", "dev"], cwd: path.join(directory, project) }),
      env: { WRANGLER_REGISTRY_PATH: path.join(directory, "registry") },
    },
  );
  running.push(served);
  await served.ready.catch((error) => assert.fail(`${error.message}\n${log}`));
  return { url: served.url, log: () => log };
}

/** A host's deploy hook that tells of its calls. */
async function host() {
  /** @type {import("../../scripts/stand-in.mjs").Call[]} */
  const calls = [];
  let told = () => {};
  const called = new Promise((resolve) => (told = () => resolve(undefined)));
  const hook = await standIn((call) => (calls.push(call), told()));
  hooks.push(hook.close);
  return { url: hook.url, calls, called };
}

/** @param {string} url @param {string} id */
async function publish(url, id) {
  const body = JSON.stringify({
    event_id: id,
    event_type: "article.created",
    timestamp: "2026-01-31T08:00:00Z",
  });
  const signature = createHmac("sha256", SECRET).update(body).digest("hex");
  const headers = { "X-BlogShoot-Signature": signature };
  const response = await fetch(`${url}/api/webhook`, { method: "POST", headers, body });
  return { status: response.status, answer: await response.json() };
}

/** @param {string} url */
const text = async (url) => (await fetch(url)).text();

/** @param {string} url */
const json = async (url) => (await fetch(url)).json();

/** The site's own files, each at the address that Pages gives it. @param {string} url */
async function siteIsUntouched(url) {
  assert.equal(await text(`${url}/`), SITE["index.html"]);
  assert.equal(await text(`${url}/deliveries-to-your-door`), SITE["deliveries-to-your-door.html"]);
  assert.equal(await text(`${url}/api/posts.json`), SITE["api/posts.json"]);
  assert.equal(await text(`${url}/api/guide/`), SITE["api/guide/index.html"]);
  assert.equal(await text(`${url}/nowhere`), SITE["404.html"]);
}

/** @param {string} example @param {string} project */
function configure(example, project) {
  mkdirSync(path.join(directory, project), { recursive: true });
  const file = path.join(ROOT, "examples", "pages", example, "wrangler.toml");
  copyFileSync(file, path.join(directory, project, "wrangler.toml"));
}

test("direct: the site is served, and a signed webhook calls the deploy hook", async () => {
  const built = buildPages("--site", "dist", "--out", "direct/pages");
  assert.equal(built.status, 0, built.said);
  configure("direct", "direct");
  const hook = await host();
  const settings = [
    `BLOGSHOOT_WEBHOOK_SECRET="${SECRET}"`,
    `CLOUDFLARE_DEPLOY_HOOK=${hook.url}`,
    `ADMIN_TOKEN="${OWNER}"`,
  ];
  const { url, log } = await begin("direct", settings, { project: "direct" });
  await siteIsUntouched(url);
  const health = await json(`${url}/api/health`);
  assert.deepEqual([health.status, health.mode, health.config.inbox], ["healthy", "direct", false]);
  assert.deepEqual([health.config.hasWebhookSecret, health.config.hasDeployHook], [true, true]);
  assert.equal((await fetch(`${url}/api/webhook`, { method: "POST", body: "{}" })).status, 401);
  assert.equal(hook.calls.length, 0);

  const { status, answer } = await publish(url, "evt_direct");
  assert.deepEqual([status, answer.success], [200, true]);
  await within(20_000, hook.called, `the deploy hook was not called:\n${log()}`);
  assert.match(hook.calls[0].body, /"event_id":"evt_direct"/);
  assert.equal((await fetch(`${url}/api/nothing`)).headers.get("content-type"), "application/json");
  assert.equal(log().split("SETTING_IGNORED").length - 1, 1, "the settings are read once for all requests");
});

test("bound: the Worker's inbox knows the repeat and deploys once", async () => {
  const built = buildPages("--site", "dist", "--out", "bound/pages");
  assert.equal(built.status, 0, built.said);
  configure("bound", "bound");
  const hook = await host();
  const paces = ["DEPLOY_SETTLE_SECONDS=1", "DEPLOY_MIN_GAP_SECONDS=0"];
  const worker = await begin("worker", [
    `CLOUDFLARE_DEPLOY_HOOK=${hook.url}`,
    `ADMIN_TOKEN="${OWNER}"`,
    ...paces,
  ]);
  const pages = await begin("pages", [`BLOGSHOOT_WEBHOOK_SECRET="${SECRET}"`], { project: "bound" });
  const logs = () => `Pages:\n${pages.log()}\nWorker:\n${worker.log()}`;
  await siteIsUntouched(pages.url);
  const health = await json(`${pages.url}/api/health`);
  assert.deepEqual([health.mode, health.config.inbox], ["durable", true]);
  assert.deepEqual([health.config.hasWebhookSecret, health.config.hasDeployHook], [true, false]);
  const strict = async () => {
    while (!(await fetch(`${pages.url}/api/health?strict`)).ok) {
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
  };
  await within(30_000, strict(), `the Function does not reach the inbox:\n${logs()}`);

  const first = await publish(pages.url, "evt_bound");
  assert.deepEqual([first.status, first.answer.duplicate], [200, undefined], logs());
  const repeat = await publish(pages.url, "evt_bound");
  assert.deepEqual([repeat.status, repeat.answer.duplicate], [200, true], logs());
  await within(30_000, hook.called, `the deploy hook was not called:\n${logs()}`);
  const late = await publish(pages.url, "evt_bound");
  assert.deepEqual([late.status, late.answer.duplicate], [200, true], logs());

  // What the inbox holds is one delivery whose one job is done, so nothing is left that could call.
  const list = async () => {
    const headers = { authorization: `Bearer ${OWNER}` };
    return (await fetch(`${worker.url}/api/deliveries`, { headers })).json();
  };
  const done = async () => {
    for (;;) {
      const { deliveries } = await list();
      if (deliveries[0]?.jobs[0]?.state === "done") return deliveries;
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
  };
  const deliveries = await within(20_000, done(), `the job is not done:\n${logs()}`);
  assert.deepEqual([deliveries.length, deliveries[0].jobs.length], [1, 1]);
  assert.equal(hook.calls.length, 1);
  assert.ok(!pages.log().includes("REBUILD_TRIGGERED"), "the Function itself calls nothing");
});

test("functions/: beside the project's own Functions", async () => {
  const own = 'export const onRequest = () => new Response("own");\n';
  write("shim", { "functions/api/own.js": own });
  Object.entries(SITE).forEach(([name, content]) => write("shim/pages", { [name]: content }));
  const built = buildPages("--functions", "--out", "shim");
  assert.equal(built.status, 0, built.said);
  configure("direct", "shim");
  const hook = await host();
  const settings = [`BLOGSHOOT_WEBHOOK_SECRET="${SECRET}"`, `CLOUDFLARE_DEPLOY_HOOK=${hook.url}`];
  const { url, log } = await begin("shim", settings, { project: "shim" });
  await siteIsUntouched(url);
  assert.equal(await text(`${url}/api/own`), "own");
  assert.equal((await json(`${url}/api/health`)).mode, "direct");
  assert.equal((await json(`${url}/api/webhook/blogshoot`)).status, "online");
  const { status } = await publish(url, "evt_shim");
  assert.equal(status, 200);
  await within(20_000, hook.called, `the deploy hook was not called:\n${log()}`);
  assert.match(hook.calls[0].body, /"event_id":"evt_shim"/);
});

test("the Function exports nothing but fetch", () => {
  const code = readFileSync(path.join(directory, "direct", "pages", "_worker.js", "index.js"), "utf8");
  assert.match(code, /export \{\s*worker_default as default\s*\};\s*$/);
  assert.ok(!code.includes("DurableObject"));
});

test("made again it replaces what it made, and the site's files that are gone are gone", () => {
  write("site", { "index.html": "one", "old.html": "old" });
  assert.equal(buildPages("--site", "site", "--out", "again").status, 0);
  rmSync(path.join(directory, "site", "old.html"));
  assert.equal(buildPages("--site", "site", "--out", "again").status, 0);
  assert.ok(!existsSync(path.join(directory, "again", "old.html")));
  assert.ok(existsSync(path.join(directory, "again", "_worker.js", "index_bg.wasm")));

  // Without --site: beside what is there, and again.
  for (const _ of ["first", "second"]) {
    const { status, said } = buildPages("--out", "site");
    assert.equal(status, 0, said);
    assert.match(said, /the Function alone/);
  }
  // Nor does a copy take the place of what only had the Function added to it.
  assert.match(buildPages("--site", "again", "--out", "site").said, /no earlier run has copied/);
  assert.equal(readFileSync(path.join(directory, "site", "index.html"), "utf8"), "one");
});

test("nothing of the site's is overwritten: what is in the way is named", () => {
  write("astro", { "_worker.js/index.js": "export default {};" });
  write("routed", { "_routes.json": '{"version":1,"include":["/*"],"exclude":[]}' });
  write("mine", { "notes.txt": "keep" });
  write("webhook", { "functions/api/webhook.ts": "export const onRequest = () => {};" });
  write("indexed", { "functions/api/webhook/index.js": "export const onRequest = () => {};" });
  write("taken", { "api/webhook.html": "" });
  /** @type {[string[], RegExp][]} */
  const cases = [
    [["--site", "missing"], /There is no directory .*missing/],
    [["--out", "astro"], /_worker\.js is the site's own Function/],
    [["--out", "routed"], /_routes\.json is the site's own/],
    [["--site", "dist", "--out", "mine"], /mine has files that no earlier run has copied/],
    [["--site", "dist", "--out", "dist/pages"], /one is in the other/],
    [["--functions", "--out", "webhook"], /webhook\.ts answers where Presshook is to answer/],
    [["--functions", "--out", "indexed"], /index\.js answers where Presshook is to answer/],
    [["--site", "astro", "--out", "new"], /_worker\.js is the site's own Function/],
    [["--functions", "--site", "dist"], /without --site/],
    [["--out", "taken"], /The site has api\/webhook\.html/],
    [["--sites", "dist"], /--sites/],
  ];
  for (const [args, reason] of cases) {
    const { status, said } = buildPages(...args);
    assert.equal(status, 1, args.join(" "));
    assert.match(said, reason);
  }
  assert.ok(!existsSync(path.join(directory, "new")));
  assert.equal(readFileSync(path.join(directory, "mine", "notes.txt"), "utf8"), "keep");
});

test("the site keeps the addresses that are its own", () => {
  write("own", { "deliveries/index.html": "", "api/index.html": "", "api/jobs.html": "", "api/a b.txt": "" });
  const { kept, spec } = routes(path.join(directory, "own"));
  assert.deepEqual(kept, ["/deliveries", "/api/jobs"]);
  assert.deepEqual(spec.include, ["/api/*"]);
  assert.deepEqual(spec.exclude.toSorted(), ["/api/", "/api/a%20b.txt", "/api/jobs", "/api/jobs.html"]);
  write("many", Object.fromEntries(Array.from({ length: 98 }, (_, index) => [`api/${index}.json`, ""])));
  assert.throws(() => routes(path.join(directory, "many")), /100 rules/);
});
