// `presshook doctor`, `tail` and `report` against the server itself, which is started anew meanwhile; and what doctor says
// of certificates.

import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { readFileSync } from "node:fs";
import { createServer } from "node:https";
import path from "node:path";
import { test } from "node:test";
import { listening, within } from "../../scripts/serve.mjs";
import { ROOT } from "../../scripts/shell.mjs";
import { PROGRAM, compile, start, temporary } from "./server.mjs";

const SECRET = "8f14e45fceea167a5a36dedd4bea2543";
const OWNER = "c81e728d9d4c2f636f067f89cc14862c";
const SETTINGS = {
  BLOGSHOOT_WEBHOOK_SECRET: SECRET,
  ADMIN_TOKEN: OWNER,
  REBUILD_COMMAND: "true",
  DEPLOY_SETTLE_SECONDS: "0",
  DEPLOY_MIN_GAP_SECONDS: "0",
  DEPLOY_BUDGET_PER_MONTH: "500",
};
const PATIENCE = 30_000;

/**
 * The command at work, in an environment of its own.
 *
 * @param {string[]} args
 * @param {Record<string, string>} env
 */
function run(args, env) {
  const child = spawn(PROGRAM, args, {
    env: { HOME: temporary(), ...env },
    stdio: ["ignore", "pipe", "pipe"],
  });
  const said = { out: "", error: "" };
  let look = () => {};
  child.stdout.setEncoding("utf8").on("data", (text) => ((said.out += text), look()));
  child.stderr.setEncoding("utf8").on("data", (text) => ((said.error += text), look()));
  const ended = new Promise((resolve) => child.on("close", (status) => resolve(status)));
  /** Waits until what it has said is as wanted. @param {() => boolean} holds @param {string} what */
  const until = async (holds, what) => {
    const held = new Promise((resolve) => {
      look = () => holds() && resolve(undefined);
      look();
    });
    await within(PATIENCE, held, what).catch((error) =>
      assert.fail(`${error.message}; it has said:\n${said.out}${said.error}`),
    );
  };
  const whole = async () => ({ status: await within(PATIENCE, ended, `no end: ${args}`), ...said });
  return { child, said, until, whole };
}

/** Its findings, and the status. @param {string[]} args @param {Record<string, string>} env */
async function doctor(args, env) {
  const { status, out, error } = await run(["doctor", "--json", ...args], env).whole();
  assert.ok(out, error);
  /** @type {{ level: string, code: string, what: string }[]} */
  const findings = JSON.parse(out).findings;
  return { status, findings, out };
}

/** @param {string} url @param {string} event */
const send = (url, event) =>
  run(["send", "blogshoot", event, "--url", `${url}/webhook`], { BLOGSHOOT_WEBHOOK_SECRET: SECRET }).whole();

test("doctor finds a server well that is, and says what is wrong with one that is not", async () => {
  const server = await start(SETTINGS);
  const env = { ADMIN_TOKEN: OWNER, BLOGSHOOT_WEBHOOK_SECRET: SECRET };
  const well = await doctor(["--url", server.url], env);
  const bad = well.findings.filter((it) => it.level === "error" || it.level === "warning");
  assert.deepEqual([well.status, bad], [0, []]);
  const codes = ["token", "signed", "forged", "budget", "follows", "queue", "stuck", "clock", "version"];
  for (const code of codes) {
    assert.ok(
      well.findings.some((it) => it.code === code && it.level === "ok"),
      `${code}: ${well.out}`,
    );
  }
  const headers = { authorization: `Bearer ${OWNER}` };
  const list = async () => (await fetch(`${server.url}/api/deliveries`, { headers })).json();
  const { deliveries } = await list();
  assert.deepEqual(
    deliveries.map((/** @type {any} */ it) => [it.kind, it.outcome, it.jobs?.length ?? 0]),
    [["test", "ignored", 0]],
    "a test event is all that it left, and it built nothing",
  );
  const other = await doctor(["--url", server.url], {
    ADMIN_TOKEN: "another token of another one",
    BLOGSHOOT_WEBHOOK_SECRET: OWNER,
  });
  const errors = other.findings.filter((it) => it.level === "error").map((it) => it.code);
  assert.deepEqual([other.status, errors], [1, ["token", "signed"]]);
  assert.ok(!other.out.includes(SECRET) && !other.out.includes(OWNER));
  await server.stop();
});

test("tail shows what comes, and goes on when the server was started anew", async () => {
  const directory = temporary();
  const first = await start(SETTINGS, { directory });
  const tail = run(["tail", "--url", first.url, "--interval", "0.2", "--json"], { ADMIN_TOKEN: OWNER });
  await tail.until(() => tail.said.error.includes("Ctrl-C"), "it does not begin");
  // A delivery from before it had looked would not be told.
  const looked = run(["tail", "--url", first.url, "--since", "1h", "--interval", "0.2"], {
    ADMIN_TOKEN: OWNER,
  });
  assert.equal((await send(first.url, "article.created")).status, 0);
  await looked.until(
    () => /article\.created .* live after \d+ s/.test(looked.said.out.replace(/\n/g, " ")),
    "no line",
  );
  looked.child.kill("SIGTERM");
  assert.equal((await looked.whole()).status, 0);

  await first.stop();
  await tail.until(
    () => tail.said.error.includes("nothing answers there; it is tried again"),
    "no word of it",
  );
  const second = await start(SETTINGS, { directory, port: first.port });
  await tail.until(() => tail.said.error.includes("it answers again"), "it does not go on");
  assert.equal((await send(second.url, "article.updated")).status, 0);
  await tail.until(() => /"article\.updated".*"outcome":"live"/.test(tail.said.out), "no line of it");
  tail.child.kill("SIGINT");
  const { status, out } = await tail.whole();
  assert.equal(status, 0);
  /** @type {any[]} */
  const lines = out
    .trim()
    .split("\n")
    .map((line) => JSON.parse(line));
  const arrived = lines.filter((it) => it.change === "arrived").map((it) => it.delivery.event_type);
  assert.equal(arrived.filter((it) => it === "article.updated").length, 1, out);
  await second.stop();
});

test("report tells of a delivery without what was in it", async () => {
  const server = await start(SETTINGS);
  assert.equal((await send(server.url, "article.created")).status, 0);
  const headers = { authorization: `Bearer ${OWNER}` };
  const { deliveries } = await (await fetch(`${server.url}/api/deliveries`, { headers })).json();
  const [{ id, title, event_id }] = deliveries;
  const { status, out } = await run(["report", String(id), "--url", server.url], {
    ADMIN_TOKEN: OWNER,
  }).whole();
  assert.equal(status, 0);
  for (const word of [title, SECRET, OWNER, "foreign-trade", "images.example.com", String(server.port)])
    assert.ok(!out.includes(word), `${word} is in it:\n${out}`);
  for (const word of [event_id, "article.created", "BLOGSHOOT_WEBHOOK_SECRET", "## Jobs", "Left out"])
    assert.ok(out.includes(word), `${word} is not in it:\n${out}`);
  const whole = await run(["report", String(id), "--url", server.url, "--with-content"], {
    ADMIN_TOKEN: OWNER,
  }).whole();
  assert.ok(whole.out.includes(title) && !whole.out.includes(SECRET), whole.out);
  await server.stop();
});

/** @param {string} name */
const pem = (name) => readFileSync(path.join(ROOT, "tests", "vectors", "tls", `${name}.pem`));

test("doctor says what is wrong with a certificate", async () => {
  await compile();
  /** @type {[string, boolean, RegExp][]} */
  const cases = [
    ["good", false, /nobody known has signed it/],
    ["expired", true, /it has expired/],
    ["other", true, /it is for another name/],
    ["good", true, /what answers there \(200 OK\) is not Presshook/],
  ];
  for (const [name, trusted, words] of cases) {
    const server = createServer({ key: pem("key"), cert: pem(name) }, (_, response) => response.end("hello"));
    const port = await listening(server);
    const authority = path.join(ROOT, "tests", "vectors", "tls", trusted ? "ca.pem" : "other.pem");
    const { status, findings } = await doctor(["--url", `https://localhost:${port}`], {
      SSL_CERT_FILE: authority,
    });
    server.close();
    const [finding] = findings.filter((it) => it.level === "error");
    assert.equal(status, 1);
    // Elsewhere the system decides, which knows no such file.
    const wanted = process.platform === "linux" ? words : /its certificate is not good/;
    assert.match(finding.what, wanted, name);
  }
  // And what speaks no TLS at all.
  const plain = await start(SETTINGS);
  const { findings } = await doctor(["--url", plain.url.replace("http:", "https:")], {});
  assert.match(findings[0].what, /does not speak TLS/);
  await plain.stop();
});
