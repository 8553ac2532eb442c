// The Worker as `wrangler dev` serves it from a file of settings, over HTTP: what only a real connection shows.
// Run by `node --test`; the other files here run inside workerd.

import assert from "node:assert/strict";
import { createHmac } from "node:crypto";
import { spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import path from "node:path";
import { after, before, test } from "node:test";
import { freePort, serve, within } from "../../scripts/serve.mjs";
import { ROOT } from "../../scripts/shell.mjs";
import { standIn } from "../../scripts/stand-in.mjs";

const SECRET = "the secret of the served test";
const directory = mkdtempSync(path.join(tmpdir(), "presshook-"));
/** @type {import("../../scripts/stand-in.mjs").Call[]} */
const calls = [];
let called = () => {};
let log = "";
/** @type {{ url: string, end: () => void }} */
let worker;
/** @type {{ url: string, close: () => void }} */
let hook;

before(async () => {
  hook = await standIn((call) => {
    calls.push(call);
    called();
  });
  // Every setting here must reach the Worker, listed in wrangler.toml or not.
  const settings = path.join(directory, "settings.env");
  const lines = [
    `BLOGSHOOT_WEBHOOK_SECRET="${SECRET}"`,
    `DEPLOY_HOOK_URL=${hook.url}`,
    "DEPLOY_ON=published",
    "DEPLOY_SETTLE_SECONDS=1",
    "DEPLOY_MIN_GAP_SECONDS=0",
    "MAX_BODY_BYTES=2000",
    "LOG_LEVEL=debug",
    "ADMIN_TOKEN=sixteen characters",
    // One connection more than the nameless URL tries, which is told when the settings are read.
    ...["A", "B", "C", "D"].map((name) => `BLOGSHOOT_WEBHOOK_SECRET__${name}=another secret, ${name}`),
  ];
  writeFileSync(settings, `${lines.join("\n")}\n`);
  const served = serve(await freePort(), ["--env-file", settings, "--persist-to", directory], (text) => {
    log += text;
  });
  await served.ready.catch((error) => assert.fail(`${error.message}\n${log}`));
  worker = served;
});

after(() => {
  worker?.end();
  hook?.close();
  rmSync(directory, { recursive: true, force: true });
});

/** @param {string} body */
const sign = (body) => createHmac("sha256", SECRET).update(body).digest("hex");

/**
 * A request written to the connection as it stands, and everything that comes back.
 *
 * @param {string} request
 * @returns {Promise<string>}
 */
function raw(request) {
  const { port } = new URL(worker.url);
  return new Promise((resolve, reject) => {
    let answer = "";
    const socket = connect(Number(port), "127.0.0.1", () => socket.write(request.replaceAll("\n", "\r\n")));
    socket.setEncoding("utf8").setTimeout(10_000, () => socket.destroy());
    socket.on("data", (text) => (answer += text));
    socket.on("close", () => resolve(answer));
    socket.on("error", reject);
  });
}

const HEAD = "Host: localhost\nConnection: close\n";

test("a signed article calls the deploy hook, and the log has the words that owners look for", async () => {
  const body = '{"event_id":"evt_9","event_type":"article.created","timestamp":"2026-01-31T08:00:00Z"}';
  const arrived = new Promise((resolve) => (called = () => resolve(undefined)));
  const response = await fetch(`${worker.url}/api/webhook`, {
    method: "POST",
    headers: { "X-BlogShoot-Signature": sign(body), "X-BlogShoot-Delivery-ID": "dlv_1" },
    body,
  });
  assert.equal(response.status, 200);
  await within(10_000, arrived, "the deploy hook was not called");
  assert.equal(calls.length, 1);
  assert.match(
    calls[0].body,
    /^\{"source":"blogshoot-webhook","event_id":"evt_9","event_ids":\["evt_9"\],"event_count":1,"timestamp":"[^"]+Z"\}$/,
  );
  const complete = async () => {
    while (!log.includes("PROCESSING_COMPLETE")) await new Promise((resolve) => setTimeout(resolve, 50));
  };
  await within(10_000, complete(), `the log is not complete:\n${log}`);
  for (const code of ["WEBHOOK_RECEIVED", "SIGNATURE_VERIFIED", "REBUILD_TRIGGERED", "PROCESSING_COMPLETE"]) {
    assert.ok(log.includes(`"code":"${code}"`), code);
  }
  assert.ok(log.includes('"delivery":"dlv_1"'));
  assert.ok(!log.includes(SECRET) && !log.includes("/deploy-hook"), "no secret and no hook URL in the log");
});

test("every setting of the file reaches the Worker", async () => {
  const health = await (await fetch(`${worker.url}/api/health`)).json();
  assert.deepEqual([health.status, health.mode], ["healthy", "durable"]);
  assert.deepEqual([health.config.hasWebhookSecret, health.config.hasDeployHook], [true, true]);
  const body = JSON.stringify({
    event_id: "evt_10",
    event_type: "article.updated",
    padding: "x".repeat(1800),
  });
  const post = (/** @type {string} */ text) =>
    fetch(`${worker.url}/webhook`, {
      method: "POST",
      headers: { "x-blogshoot-signature": sign(text) },
      body: text,
    });
  assert.equal((await post(body)).status, 200, "DEPLOY_ON=published: accepted, without a deploy");
  assert.equal((await post(`${body}${" ".repeat(200)}`)).status, 413, "MAX_BODY_BYTES=2000");
  assert.equal(calls.length, 1);
});

test("HEAD has the headers of GET and no body", async () => {
  const answer = await raw(`HEAD /api/webhook HTTP/1.1\n${HEAD}\n`);
  assert.match(answer, /^HTTP\/1\.1 200 /);
  assert.match(answer, /content-type: application\/json/i);
  assert.match(answer, /\r\n\r\n$/);
});

test("a signature header given twice is refused", async () => {
  const body = '{"event_id":"evt_11","event_type":"test"}';
  const header = `X-BlogShoot-Signature: ${sign(body)}\n`;
  const length = `Content-Length: ${body.length}\n`;
  const once = await raw(`POST /webhook HTTP/1.1\n${HEAD}${length}${header}\n${body}`);
  const twice = await raw(`POST /webhook HTTP/1.1\n${HEAD}${length}${header}${header}\n${body}`);
  assert.match(once, /^HTTP\/1\.1 200 /);
  assert.match(twice, /^HTTP\/1\.1 401 /);
  assert.match(twice, /\{"error":"Invalid signature"\}$/m);
});

test("a chunked body is counted while it is read", async () => {
  const post = (/** @type {string} */ body) => {
    const chunk = `${body.length.toString(16)}\n${body}\n0\n\n`;
    return raw(
      `POST /webhook HTTP/1.1\n${HEAD}X-BlogShoot-Signature: ${sign(body)}\nTransfer-Encoding: chunked\n\n${chunk}`,
    );
  };
  const body = (/** @type {number} */ length) =>
    JSON.stringify({ event_id: "evt_12", event_type: "test", padding: "" }).padEnd(length);
  assert.match(await post(body(2000)), /^HTTP\/1\.1 200 /);
  assert.match(await post(body(2001)), /^HTTP\/1\.1 413 /);
});

/** The command's output, from an owner's environment. @param {string[]} args */
function run(...args) {
  const env = { ...process.env, ADMIN_TOKEN: "sixteen characters", BLOGSHOOT_WEBHOOK_SECRET: SECRET };
  const { status, stdout, stderr } = spawnSync(
    "cargo",
    ["run", "--locked", "--quiet", "--bin", "presshook", "--", ...args, "--url", worker.url],
    { cwd: ROOT, encoding: "utf8", env },
  );
  assert.equal(status, 0, `${stderr}${stdout}`);
  return stdout;
}

test("what is stored is exported and imported by the command", async () => {
  const file = path.join(directory, "backup.ndjson");
  const rows = Number(/^(\d+) rows written/.exec(run("export", "--file", file))?.[1]);
  const lines = readFileSync(file, "utf8").trim().split("\n");
  assert.equal(lines.length, rows);
  assert.ok(lines.some((line) => line.includes('"table":"deliveries"') && line.includes("evt_9")));
  const { id } = JSON.parse(lines.find((line) => line.includes("evt_9")) ?? "");
  const owner = { headers: { authorization: "Bearer sixteen characters" } };
  const deleted = await fetch(`${worker.url}/api/deliveries/${id}`, { ...owner, method: "DELETE" });
  assert.equal(deleted.status, 200);
  assert.equal((await fetch(`${worker.url}/api/deliveries/${id}`, owner)).status, 404);
  assert.equal(run("import", file), `${rows} rows imported\n`);
  const back = await (await fetch(`${worker.url}/api/deliveries/${id}`, owner)).json();
  assert.deepEqual([back.event_id, JSON.parse(back.payload).event_id], ["evt_9", "evt_9"]);
});

test("doctor finds it well, and report tells of a delivery without what was in it", async () => {
  /** @type {{ findings: { level: string, code: string }[] }} */
  const { findings } = JSON.parse(run("doctor", "--json"));
  for (const code of ["token", "forged", "signed", "inbox", "stuck", "webhook-url"]) {
    assert.ok(
      findings.some((it) => it.code === code && it.level === "ok"),
      `${code}: ${JSON.stringify(findings)}`,
    );
  }
  const owner = { headers: { authorization: "Bearer sixteen characters" } };
  const { deliveries } = await (await fetch(`${worker.url}/api/deliveries`, owner)).json();
  const { id } = deliveries.find((/** @type {any} */ it) => it.event_id === "evt_9");
  const report = run("report", String(id));
  assert.ok(report.includes("evt_9") && report.includes("## Jobs"), report);
  assert.ok(!report.includes(SECRET) && !report.includes(hook.url), report);
});

test("the settings were read once, for all of these requests", () => {
  assert.equal(log.split("tries 4 connections").length - 1, 1, log);
  assert.ok(!log.includes("sixteen characters") && !log.includes("another secret"));
  assert.ok(!log.includes('"level":"error"'), log);
});
