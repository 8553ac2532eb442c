// What scripts/release.mjs makes, used as somebody does who has no Rust: the npm packages are installed, with no registry
// at hand, and the Worker, the Function and the server that come with them receive signed webhooks.

import assert from "node:assert/strict";
import { spawn, spawnSync } from "node:child_process";
import { createHash, createHmac } from "node:crypto";
import { chmodSync, copyFileSync, cpSync, existsSync, mkdirSync, mkdtempSync, readFileSync } from "node:fs";
import { readdirSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { after, before, test } from "node:test";
import { parseEnv } from "node:util";
import { PLATFORMS, here } from "../../scripts/release/binary.mjs";
import { version } from "../../scripts/release/version.mjs";
import { compile } from "../../scripts/send.mjs";
import { freePort, serve, within } from "../../scripts/serve.mjs";
import { ENVIRONMENT, ROOT, programOf, output } from "../../scripts/shell.mjs";
import { standIn } from "../../scripts/stand-in.mjs";

const VERSION = version();
const directory = mkdtempSync(path.join(tmpdir(), "presshook-"));
const dist = path.join(directory, "dist");
const installed = path.join(directory, "installed");
const COMMAND = path.join(installed, "node_modules", ".bin", "presshook");
/** Of somebody whose machine has neither the project's programs nor settings. */
const ENV = {
  PATH: process.env.PATH,
  HOME: directory,
  npm_config_offline: "true",
  npm_config_audit: "false",
};

/** @type {(() => unknown)[]} */
const ends = [];

before(async () => {
  await compile();
  const built = programOf("debug");
  // Without what a debugger wants, which is most of it.
  const program = path.join(directory, "presshook");
  const stripped = process.platform === "linux" && output("strip", ["-o", program, built]) !== undefined;
  if (!stripped) copyFileSync(built, program);
  const image = process.platform === "linux" ? ",image" : "";
  released("--only", `binary,worker,pages,npm,bill,sums${image}`, "--program", program);
  install(installed, "presshook", `presshook-${here().npm}`);
});

after(async () => {
  await Promise.all(ends.map((end) => end()));
  rmSync(directory, { recursive: true, force: true });
});

/** @param {string[]} args */
function released(...args) {
  const script = path.join(ROOT, "scripts", "release.mjs");
  const all = [script, ...args, "--out", dist];
  const { status, stdout, stderr } = spawnSync(process.execPath, all, { cwd: ROOT, encoding: "utf8" });
  assert.equal(status, 0, stdout + stderr);
}

/**
 * `npm install` of packages that were made, into a project; with an empty cache, so that nothing else can come.
 *
 * @param {string} project
 * @param {string[]} names
 */
function install(project, ...names) {
  mkdirSync(project, { recursive: true });
  const files = names.map((it) => path.join(dist, `${it}-${VERSION}.tgz`));
  const env = { ...ENV, npm_config_cache: path.join(directory, "cache") };
  const options = { cwd: project, env, encoding: /** @type {const} */ ("utf8") };
  const { status, stderr } = spawnSync("npm", ["install", "--no-fund", ...files], options);
  assert.equal(status, 0, stderr);
}

/**
 * The installed command, run where somebody is.
 *
 * @param {string} cwd
 * @param {string[]} args
 * @param {Record<string, string | undefined>} [env]
 */
function presshook(cwd, args, env = {}) {
  mkdirSync(cwd, { recursive: true });
  const { status, stdout, stderr } = spawnSync(COMMAND, args, {
    cwd,
    encoding: "utf8",
    env: { ...ENV, ...env },
  });
  return { status, said: stdout + stderr };
}

/** @param {string} name of a directory of the test's own */
const own = (name) => path.join(directory, name);
/** @param {string} project */
const vars = (project) =>
  /** @type {Record<string, string>} */ (parseEnv(readFileSync(path.join(project, ".dev.vars"), "utf8")));
/** @param {string} at */
const tree = (at) =>
  readdirSync(at, { recursive: true, withFileTypes: true })
    .filter((it) => it.isFile())
    .map((it) => path.relative(at, path.join(it.parentPath, it.name)))
    .sort();

/** A host's deploy hook that tells of its calls. */
async function host() {
  /** @type {import("../../scripts/stand-in.mjs").Call[]} */
  const calls = [];
  let told = () => {};
  const called = new Promise((resolve) => (told = () => resolve(undefined)));
  const hook = await standIn((call) => (calls.push(call), told()));
  ends.push(hook.close);
  return { url: hook.url, calls, called };
}

/**
 * An article, signed as BlogShoot signs, and a forged one.
 *
 * @param {string} url
 * @param {string} secret
 */
async function publish(url, secret) {
  const body = JSON.stringify({
    event_id: "evt_1",
    event_type: "article.created",
    timestamp: "2026-01-31T08:00:00Z",
  });
  const post = async (/** @type {string} */ key) => {
    const headers = { "x-blogshoot-signature": createHmac("sha256", key).update(body).digest("hex") };
    const response = await fetch(url, { method: "POST", headers, body });
    return { status: response.status, answer: await response.json() };
  };
  const forged = await post(`${secret}0`);
  assert.equal(forged.status, 401);
  const { status, answer } = await post(secret);
  assert.deepEqual([status, answer.success, answer.event_id], [200, true, "evt_1"]);
}

/**
 * wrangler, serving a project of the test's; its state stays there.
 *
 * @param {string} project
 * @param {string[]} command
 * @param {string[]} [args]
 */
async function served(project, command, args = []) {
  let log = "";
  const env = { WRANGLER_REGISTRY_PATH: path.join(directory, "registry") };
  const it = serve(await freePort(), args, (piece) => (log += piece), { command, cwd: project, env });
  ends.push(it.kill);
  await it.ready.catch((error) => assert.fail(`${error.message}\n${log}`));
  return { url: it.url, log: () => log };
}

/** What is quick enough for a test. */
const PACES = "DEPLOY_SETTLE_SECONDS=1\nDEPLOY_MIN_GAP_SECONDS=0\n";
/** @param {string} project */
const hasten = (project) => {
  const file = path.join(project, ".dev.vars");
  writeFileSync(file, `${readFileSync(file, "utf8")}${PACES}`);
};

test("each file of the release is in the checksums, and has what they say", () => {
  const lines = readFileSync(path.join(dist, "SHA256SUMS"), "utf8").trim().split("\n");
  const named = lines.map((line) => {
    const [sum, name] = line.split("  ");
    assert.equal(
      createHash("sha256")
        .update(readFileSync(path.join(dist, name)))
        .digest("hex"),
      sum,
      name,
    );
    return name;
  });
  assert.deepEqual(named, [
    `presshook-${VERSION}-${here().target}.tar.gz`,
    `presshook-${VERSION}.cdx.json`,
    `presshook-${VERSION}.tgz`,
    `presshook-${here().npm}-${VERSION}.tgz`,
    `presshook-pages-${VERSION}.tar.gz`,
    `presshook-worker-${VERSION}.tar.gz`,
  ]);
  assert.deepEqual(
    readdirSync(dist)
      .filter((it) => !named.includes(it))
      .sort(),
    [...(process.platform === "linux" ? ["image"] : []), "SHA256SUMS", "stage"].sort(),
  );
});

test("the program's archive has the program, its licenses and what systemd needs", () => {
  const at = own("archive");
  mkdirSync(at);
  const file = path.join(dist, `presshook-${VERSION}-${here().target}.tar.gz`);
  assert.notEqual(output("tar", ["-xzf", file, "-C", at]), undefined);
  const inside = path.join(at, `presshook-${VERSION}-${here().target}`);
  assert.deepEqual(tree(inside), [
    "LICENSE",
    "LICENSE-APACHE",
    "LICENSE-MIT",
    "THIRD-PARTY.txt",
    "presshook",
    "presshook.env",
    "presshook.service",
  ]);
  assert.equal(output(path.join(inside, "presshook"), ["--version"]), `presshook ${VERSION}`);
  const licenses = readFileSync(path.join(inside, "THIRD-PARTY.txt"), "utf8");
  for (const crate of ["tokio", "rusqlite", "worker", "serde_json"]) {
    assert.match(licenses, new RegExp(`(^|, )${crate} \\d`, "m"));
  }
});

test(
  "what an image is made of has the program for each architecture",
  { skip: process.platform !== "linux" },
  () => {
    assert.deepEqual(tree(path.join(dist, "image")), [`out/${here().image}/presshook`]);
    assert.ok(statSync(path.join(dist, "image", "out", String(here().image), "presshook")).mode & 0o100);
  },
);

test("the packages run nothing while they are installed, and leave the platform to npm", () => {
  const modules = path.join(installed, "node_modules");
  const manifest = (/** @type {string} */ name) =>
    JSON.parse(readFileSync(path.join(modules, name, "package.json"), "utf8"));
  const main = manifest("presshook");
  const names = PLATFORMS.map((it) => `@presshook/${it.npm}`);
  assert.deepEqual(main.optionalDependencies, Object.fromEntries(names.map((name) => [name, VERSION])));
  const platform = manifest(`@presshook/${here().npm}`);
  assert.deepEqual([platform.os, platform.cpu], [[process.platform], [process.arch]]);
  for (const { name, version, scripts, dependencies, license } of [main, platform]) {
    assert.deepEqual(
      [version, scripts, dependencies, license],
      [VERSION, undefined, undefined, main.license],
      name,
    );
  }
  assert.deepEqual(
    tree(path.join(modules, "presshook")).filter((it) => !it.startsWith("lib/")),
    [
      "LICENSE",
      "LICENSE-APACHE",
      "LICENSE-MIT",
      "README.md",
      "THIRD-PARTY.txt",
      "bin/presshook.mjs",
      "package.json",
      "pages/function.js",
      "pages/worker.js",
      "senders.json",
      "worker/index.js",
      "worker/index_bg.wasm",
      "worker/wrangler.toml",
    ],
  );
  assert.deepEqual(
    tree(path.join(modules, "presshook", "lib")),
    tree(path.join(ROOT, "packages", "presshook", "lib")),
  );
});

test("`npx presshook` tells of its own commands and of the program's", () => {
  const { status, stdout } = spawnSync("npx", ["presshook"], { cwd: installed, encoding: "utf8", env: ENV });
  assert.equal(status, 0);
  for (const word of ["init", "deploy", "serve", "send", "explain"])
    assert.match(stdout, new RegExp(`\\b${word} `));
  assert.equal(presshook(installed, ["--version"]).said, `presshook ${VERSION}\n`);
  assert.match(presshook(installed, ["deploy", "--help"]).said, /--no-secrets/);
  assert.match(presshook(installed, ["help", "init"]).said, /--pages/);
  // The program's own words and status.
  const wrong = presshook(installed, ["frobnicate"]);
  assert.deepEqual([wrong.status, /unrecognized subcommand/.test(wrong.said)], [2, true]);
});

test("where the program for the machine is missing, that is said in words, and `init` works all the same", () => {
  const alone = own("alone");
  install(alone, "presshook");
  const command = path.join(alone, "node_modules", ".bin", "presshook");
  const run = (/** @type {string[]} */ ...args) =>
    spawnSync(command, args, { cwd: alone, encoding: "utf8", env: ENV });
  const serving = run("serve");
  assert.equal(serving.status, 1);
  assert.match(serving.stderr, new RegExp(`@presshook/${here().npm} is not installed.*npm install`, "s"));
  assert.match(run().stdout, /npx presshook init/);
  assert.equal(run("init", "worker").status, 0);
  assert.ok(existsSync(path.join(alone, "worker", "wrangler.toml")));
});

test("`npx presshook serve` receives signed webhooks, and ends as it is told to", async () => {
  const project = own("server");
  mkdirSync(project);
  const hook = await host();
  const port = await freePort();
  const secret = "the secret of the installed server";
  const child = spawn(COMMAND, ["serve"], {
    cwd: project,
    stdio: ["ignore", "pipe", "pipe"],
    env: {
      ...ENV,
      HOST: "127.0.0.1",
      PORT: String(port),
      DATABASE: path.join(project, "presshook.db"),
      BLOGSHOOT_WEBHOOK_SECRET: secret,
      DEPLOY_HOOK_URL: hook.url,
      DEPLOY_SETTLE_SECONDS: "0",
      DEPLOY_MIN_GAP_SECONDS: "0",
    },
  });
  ends.push(() => child.kill("SIGKILL"));
  const ended = new Promise((resolve) => child.on("close", (...how) => resolve(how)));
  let log = "";
  const up = new Promise((resolve) => {
    for (const stream of [child.stdout, child.stderr]) {
      stream.setEncoding("utf8").on("data", (text) => {
        log += text;
        if (log.includes("SERVER_STARTED")) resolve(undefined);
      });
    }
  });
  const lost = ended.then(() => assert.fail(`it ended:\n${log}`));
  await within(20_000, Promise.race([up, lost]), "the server did not start");
  await publish(`http://127.0.0.1:${port}/webhook`, secret);
  await within(20_000, Promise.race([hook.called, lost]), `the deploy hook was not called:\n${log}`);
  child.kill("SIGTERM");
  assert.deepEqual(await within(20_000, ended, "it did not end"), [0, null]);
  assert.match(log, /SERVER_STOPPED/);
});

test("`npx presshook init` makes a Worker that wrangler serves, with a secret of its own", async () => {
  const project = own("worker");
  const hook = await host();
  const { status, said } = presshook(project, ["init"], { CLOUDFLARE_DEPLOY_HOOK: hook.url });
  assert.equal(status, 0, said);
  const { BLOGSHOOT_WEBHOOK_SECRET: secret, ...others } = vars(project);
  assert.match(secret, /^[0-9a-f]{64}$/);
  assert.match(others.ADMIN_TOKEN, /^[0-9a-f]{64}$/);
  assert.deepEqual(Object.keys(others).sort(), ["ADMIN_TOKEN", "CLOUDFLARE_DEPLOY_HOOK"]);
  // No terminal, so whoever records what is said learns no secret.
  for (const value of [secret, ...Object.values(others)]) assert.ok(!said.includes(value), said);
  assert.equal(statSync(path.join(project, ".dev.vars")).mode & 0o777, 0o600);
  assert.equal(readFileSync(path.join(project, ".gitignore"), "utf8"), ".dev.vars\n");

  hasten(project);
  const worker = await served(project, ["dev"]);
  const health = await (await fetch(`${worker.url}/api/health`)).json();
  assert.deepEqual([health.status, health.mode, health.version], ["healthy", "durable", VERSION]);
  await publish(`${worker.url}/api/webhook`, secret);
  await within(30_000, hook.called, `the deploy hook was not called:\n${worker.log()}`);

  // The owner's page and what it shows come with it.
  const page = await fetch(`${worker.url}/deliveries`);
  assert.match(await page.text(), /<form /);
  const owner = { headers: { authorization: `Bearer ${others.ADMIN_TOKEN}` } };
  const { deliveries } = await (await fetch(`${worker.url}/api/deliveries`, owner)).json();
  assert.deepEqual([deliveries.length, deliveries[0].event_id], [1, "evt_1"]);
});

test("a second run keeps what is there, asks only for what is missing, and renews the Worker", () => {
  const project = own("again");
  assert.equal(presshook(project, ["init", "--name", "my-receiver"]).status, 0);
  const settings = path.join(project, "wrangler.toml");
  const changed = readFileSync(settings, "utf8").replace(/\n\[\[migrations\]\]\n.*\n.*\n/, "\n# mine\n");
  writeFileSync(settings, changed);
  assert.match(changed, /^name = "my-receiver"$/m);
  writeFileSync(path.join(project, ".gitignore"), "node_modules\n.dev.vars*");
  const before = vars(project);
  const code = path.join(project, "presshook", "index.js");
  const whole = readFileSync(code, "utf8");
  writeFileSync(code, "// Presshook 0.0.1: the Worker.\n");

  const { status, said } = presshook(project, ["init", "--sender", "ghost"], {
    DEPLOY_HOOK_URL: "https://host.example/hook",
  });
  assert.equal(status, 0, said);
  assert.match(
    said,
    new RegExp(`wrote presshook/: Presshook ${VERSION} in place of 0\\.0\\.1\n  kept wrangler\\.toml`),
  );
  assert.match(said, /lacks the migration v1/);
  assert.match(said, /wrote \.dev\.vars: GHOST_WEBHOOK_SECRET, DEPLOY_HOOK_URL\n/);
  assert.equal(readFileSync(settings, "utf8"), changed);
  assert.equal(readFileSync(code, "utf8"), whole);
  assert.equal(readFileSync(path.join(project, ".gitignore"), "utf8"), "node_modules\n.dev.vars*");
  const { GHOST_WEBHOOK_SECRET: made, DEPLOY_HOOK_URL: hook, ...rest } = vars(project);
  assert.deepEqual(rest, before);
  assert.deepEqual([made.length, hook], [64, "https://host.example/hook"]);

  const third = presshook(project, ["init"]);
  assert.match(third.said, /kept presshook\/.*kept wrangler\.toml.*kept \.dev\.vars/s);
  assert.ok(!third.said.includes("Make a deploy hook"));
});

test("at a terminal it asks for the sender, its secret and the deploy hook, and for nothing twice", async () => {
  const project = own("asked");
  /** @type {{ init: typeof import("../../packages/presshook/lib/init.mjs").init }} */
  const { init } = await import(path.join(installed, "node_modules", "presshook", "lib", "init.mjs"));
  const answers = ["FlareBuilder", " whsec_of the sender's # own ", "https://host.example/hook?token=a"];
  /** @type {string[]} */
  const asked = [];
  const ask = async (/** @type {string} */ question) => (asked.push(question), answers.shift() ?? "");
  await init([project], { ask, environment: {} });
  assert.equal(asked.length, 3);
  assert.match(asked.join("\n"), /Whose.*\n.*FlareBuilder shows you.*\n.*deploy hook/);
  const { ADMIN_TOKEN, ...rest } = vars(project);
  assert.equal(ADMIN_TOKEN.length, 64);
  assert.deepEqual(rest, {
    FLAREBUILDER_WEBHOOK_SECRET: "whsec_of the sender's # own",
    CLOUDFLARE_DEPLOY_HOOK: "https://host.example/hook?token=a",
  });
  await init([project], { ask, environment: {} });
  assert.equal(asked.length, 3, "all is known");
});

test("the secret that is made is one that the receiver takes, whoever the sender is", async () => {
  const project = own("senders");
  /** @type {{ name: string, setting: string, secret: string }[]} */
  const all = JSON.parse(
    readFileSync(path.join(installed, "node_modules", "presshook", "senders.json"), "utf8"),
  );
  assert.ok(all.length > 30);
  const listed = presshook(project, ["sources"]).said;
  for (const { name, setting, secret } of all) {
    assert.ok(listed.includes(setting), name);
    if (secret === "public-key") continue;
    assert.equal(presshook(project, ["init", "--sender", name]).status, 0, name);
  }
  const settings = vars(project);
  const hook = { DEPLOY_HOOK_URL: "http://127.0.0.1:9/hook", CUSTOM_HEADER: "x-custom-signature" };
  const told = presshook(project, ["sources"], { ...settings, ...hook }).said;
  for (const { name, setting, secret } of all.filter((it) => it.secret !== "public-key")) {
    assert.ok(told.includes(`${setting} (set in this environment)`), `${name}: ${secret}`);
  }
});

test("what is another's stays as it is, and what is wrong is said", () => {
  const toml = own("taken-toml");
  mkdirSync(toml);
  writeFileSync(path.join(toml, "wrangler.toml"), 'name = "mine"\n');
  const json = own("taken-json");
  mkdirSync(json);
  writeFileSync(path.join(json, "wrangler.jsonc"), "{}");
  const shared = own("taken-shared");
  mkdirSync(path.join(shared, "presshook"), { recursive: true });
  const rival = own("rival");
  mkdirSync(path.join(rival, "functions", "api"), { recursive: true });
  writeFileSync(path.join(rival, "functions", "api", "health.js"), "export const onRequest = () => {};");
  const empty = own("empty");
  mkdirSync(empty);
  /** @type {[string, string[], RegExp, Record<string, string>?][]} */
  const cases = [
    [toml, ["init"], /wrangler\.toml is another project's.*init presshook.*init --pages/s],
    [json, ["init"], /wrangler\.jsonc is another project's/],
    [shared, ["init"], /presshook is no directory that an earlier run has made/],
    [shared, ["init", "--pages"], /presshook is no directory that an earlier run has made/],
    [rival, ["init", "--pages"], /health\.js answers where Presshook is to answer/],
    [empty, ["init", "--sender", "nobody"], /`nobody` is no sender.*blogshoot/],
    [empty, ["init", "--name", "Not A Name"], /cannot be a Worker's name/],
    [empty, ["init"], /no URL of a deploy hook/, { CLOUDFLARE_DEPLOY_HOOK: "hunter2" }],
    [empty, ["init", "--out", "public"], /do not go together/],
    [empty, ["init", "--frob"], /--frob/],
    [empty, ["init", "--pages", "--out", "."], /All of .*empty is published.*--out empty/s],
    [empty, ["init", "--pages", "nowhere"], /There is no directory .*nowhere/],
    [empty, ["deploy"], /no wrangler\.toml here.*presshook init/],
  ];
  for (const [project, args, reason, env] of cases) {
    const before = tree(project);
    const { status, said } = presshook(project, args, env);
    assert.equal(status, 1, `${args.join(" ")}: ${said}`);
    assert.match(said, reason);
    assert.ok(!said.includes("hunter2") && !said.includes("    at "), said);
    assert.deepEqual(tree(project), before, `${args.join(" ")} left something`);
  }
  assert.equal(readFileSync(path.join(toml, "wrangler.toml"), "utf8"), 'name = "mine"\n');
});

test("`init --pages` adds the Function to a site's repository, and Pages builds it without Rust", async () => {
  const site = own("site");
  cpSync(path.join(ROOT, "examples", "astro", "src"), path.join(site, "src"), { recursive: true });
  mkdirSync(path.join(site, "dist", "api"), { recursive: true });
  writeFileSync(path.join(site, "dist", "index.html"), "<h1>The site</h1>\n");
  writeFileSync(path.join(site, "dist", "api", "posts.json"), "[]\n");
  mkdirSync(path.join(site, "functions", "api"), { recursive: true });
  writeFileSync(
    path.join(site, "functions", "api", "own.js"),
    'export const onRequest = () => new Response("own");\n',
  );
  const before = tree(site);
  const hook = await host();
  const { status, said } = presshook(site, ["init", "--pages"], { CLOUDFLARE_DEPLOY_HOOK: hook.url });
  assert.equal(status, 0, said);
  assert.deepEqual(
    tree(site).filter((it) => !before.includes(it)),
    [
      ".dev.vars",
      ".gitignore",
      "functions/api/health.js",
      "functions/api/webhook/[[path]].js",
      "presshook/index.js",
      "presshook/index_bg.wasm",
    ],
  );
  assert.match(said, /wrangler pages secret put BLOGSHOOT_WEBHOOK_SECRET.*INBOX.*Fail closed/s);
  const { BLOGSHOOT_WEBHOOK_SECRET: secret, INBOX } = vars(site);
  assert.equal(INBOX, "none");

  const pages = await served(site, ["pages", "dev", "dist"], ["--compatibility-date", "2026-04-01"]);
  assert.equal(await (await fetch(`${pages.url}/`)).text(), "<h1>The site</h1>\n");
  assert.equal(await (await fetch(`${pages.url}/api/posts.json`)).text(), "[]\n");
  assert.equal(await (await fetch(`${pages.url}/api/own`)).text(), "own");
  await publish(`${pages.url}/api/webhook`, secret);
  await within(20_000, hook.called, `the deploy hook was not called:\n${pages.log()}`);
  // Again, as after an update.
  assert.match(
    presshook(site, ["init", "--pages"]).said,
    /kept functions\/api\/ and presshook\/.*kept \.dev\.vars/s,
  );
});

test("`init --pages --out` adds the whole Function to a directory of files, with its routes", async () => {
  const site = own("static-site");
  mkdirSync(path.join(site, "public", "api"), { recursive: true });
  writeFileSync(path.join(site, "public", "index.html"), "<h1>The site</h1>\n");
  writeFileSync(path.join(site, "public", "api", "posts.json"), "[]\n");
  const hook = await host();
  const { status, said } = presshook(site, ["init", "--pages", "--out", "public"], {
    DEPLOY_HOOK_URL: hook.url,
  });
  assert.equal(status, 0, said);
  const routes = JSON.parse(readFileSync(path.join(site, "public", "_routes.json"), "utf8"));
  assert.deepEqual(routes.include, ["/api/*", "/deliveries", "/deliveries/*"]);
  assert.deepEqual(routes.exclude, ["/api/posts.json"]);
  const pages = await served(site, ["pages", "dev", "public"], ["--compatibility-date", "2026-04-01"]);
  assert.equal(await (await fetch(`${pages.url}/`)).text(), "<h1>The site</h1>\n");
  await publish(`${pages.url}/api/webhook`, vars(site).BLOGSHOOT_WEBHOOK_SECRET);
  await within(20_000, hook.called, `the deploy hook was not called:\n${pages.log()}`);

  const bound = presshook(own("bound-site"), ["init", "--pages", "--inbox", "my-receiver"]);
  assert.match(bound.said, /script_name = "my-receiver"/);
  assert.deepEqual(Object.keys(vars(own("bound-site"))), ["BLOGSHOOT_WEBHOOK_SECRET"]);
});

test("`npx presshook deploy` gives wrangler the secrets in a file of its owner's, and tells what is left", () => {
  const project = own("deployed");
  assert.equal(presshook(project, ["init"]).status, 0);
  const file = path.join(project, ".dev.vars");
  writeFileSync(file, `${readFileSync(file, "utf8")}EMPTY=\nDOLLAR='a$b'\n`);
  // A wrangler that writes down how it was called.
  const bin = path.join(project, "node_modules", ".bin");
  mkdirSync(bin, { recursive: true });
  const program = path.join(bin, "wrangler");
  writeFileSync(
    program,
    `#!/usr/bin/env node
const fs = require("node:fs");
const args = process.argv.slice(2);
const at = args.indexOf("--secrets-file");
const secrets = at < 0 ? undefined : { file: args[at + 1], mode: fs.statSync(args[at + 1]).mode & 0o777, text: fs.readFileSync(args[at + 1], "utf8") };
fs.appendFileSync("calls.ndjson", JSON.stringify({ args, secrets }) + "\\n");
if (args[0] === "secret") console.log(JSON.stringify([{ name: "BLOGSHOOT_WEBHOOK_SECRET" }]));
else if (process.env.REFUSE) process.exit(7);
else fs.writeFileSync(process.env.WRANGLER_OUTPUT_FILE_PATH, JSON.stringify({ type: "deploy", targets: ["https://presshook.somebody.workers.dev"] }));
`,
  );
  chmodSync(program, 0o755);
  const calls = () =>
    readFileSync(path.join(project, "calls.ndjson"), "utf8")
      .trim()
      .split("\n")
      .map((line) => JSON.parse(line));

  const { status, said } = presshook(project, ["deploy", "--env", "staging"]);
  assert.equal(status, 0, said);
  const [deploy, list] = calls();
  assert.deepEqual(deploy.args.slice(0, 4), ["deploy", "--env", "staging", "--secrets-file"]);
  const { EMPTY, ...secrets } = vars(project);
  assert.deepEqual([EMPTY, secrets.DOLLAR], ["", "a$b"]);
  assert.deepEqual([deploy.secrets.mode, JSON.parse(deploy.secrets.text)], [0o600, secrets]);
  assert.ok(!existsSync(deploy.secrets.file), "the file is gone");
  assert.deepEqual(list.args, ["secret", "list", "--format", "json", "--env", "staging"]);
  assert.match(said, /npx wrangler secret put CLOUDFLARE_DEPLOY_HOOK --env staging/);
  assert.match(said, /https:\/\/presshook\.somebody\.workers\.dev\/api\/webhook/);
  for (const value of Object.values(secrets)) assert.ok(!said.includes(value), "no secret is shown");

  presshook(project, ["deploy", "--no-secrets"]);
  assert.deepEqual(calls().at(-2).args, ["deploy"]);
  const refused = presshook(project, ["deploy"], { REFUSE: "1" });
  assert.equal(refused.status, 1);
  assert.match(refused.said, /`wrangler deploy` ended with 7.*npx wrangler login/s);
  assert.ok(!existsSync(calls().at(-1).secrets.file), "the file is gone then too");
});

test("wrangler takes what was made, without an account", () => {
  const project = own("dry");
  assert.equal(presshook(project, ["init"]).status, 0);
  const env = { ...ENVIRONMENT, CLOUDFLARE_API_TOKEN: "", HOME: directory };
  const own_ = presshook(project, ["deploy", "--dry-run"], env);
  assert.equal(own_.status, 0, own_.said);
  assert.match(own_.said, /index_bg\.wasm.*env\.INBOX \(Inbox\)/s);

  // The archive, as it is.
  const archive = path.join(dist, `presshook-worker-${VERSION}.tar.gz`);
  assert.notEqual(output("tar", ["-xzf", archive, "-C", directory]), undefined);
  const dry = (/** @type {string} */ cwd) =>
    spawnSync("wrangler", ["deploy", "--dry-run", "--outdir", "out"], { cwd, encoding: "utf8", env });
  const plain = dry(own(`presshook-worker-${VERSION}`));
  assert.equal(plain.status, 0, plain.stdout + plain.stderr);
  assert.match(plain.stdout, /index_bg\.wasm.*env\.INBOX \(Inbox\)/s);

  // The example that the button deploys, with the package installed.
  const example = own("example");
  cpSync(path.join(ROOT, "examples", "worker"), example, { recursive: true });
  rmSync(path.join(example, "package.json"));
  install(example, "presshook");
  const button = dry(example);
  assert.equal(button.status, 0, button.stdout + button.stderr);
  assert.match(button.stdout, /index_bg\.wasm.*env\.INBOX \(Inbox\)/s);
});
