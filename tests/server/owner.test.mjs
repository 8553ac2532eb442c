// The owner's page and requests, at the native server: who may, what is answered, and that all of it is as
// docs/openapi.json says. What each command does is tested natively.

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { Ajv2020 } from "ajv/dist/2020.js";
import { standIn } from "../../scripts/stand-in.mjs";
import { SECRET, article, sign } from "./connection.mjs";
import { start } from "./server.mjs";

const TOKEN = "a token of the owner's";
const BEARER = { authorization: `Bearer ${TOKEN}` };

const described = JSON.parse(readFileSync(new URL("../../docs/openapi.json", import.meta.url), "utf8"));
// What belongs to OpenAPI, and formats, are not its business.
const ajv = new Ajv2020({ strict: false, validateFormats: false, allErrors: true });
ajv.addSchema(described, "openapi");

/** The operation of a path, and the path's template. @param {string} method @param {string} path */
function operation(method, path) {
  const bare = path
    .replace(/\?.*$/, "")
    .replace(/(?<=.)\/$/, "")
    .replace(/^\/(metrics|health|webhook)/, "/api/$1");
  const fits = (/** @type {string} */ template) =>
    new RegExp(`^${template.replaceAll(".", "\\.").replace(/\{[^}]+\}/g, "[^/]+")}$`).test(bare);
  // One that names the path whole comes first.
  const templates = Object.keys(described.paths).filter(fits);
  const template = templates.sort((one, other) => one.split("{").length - other.split("{").length)[0];
  return described.paths[template]?.[(method === "HEAD" ? "GET" : method).toLowerCase()];
}

/**
 * Checks an answer against the description.
 *
 * @param {string} method
 * @param {string} path
 * @param {Response} response
 * @param {string} text
 */
function asDescribed(method, path, response, text) {
  const what = `${method} ${path}: ${response.status}`;
  const found = operation(method, path);
  if (!found) return assert.ok([404, 405].includes(response.status), `${what} is not described`);
  if (response.status === 405) return assert.match(response.headers.get("allow") ?? "", /[A-Z]/);
  let answer = found.responses[response.status];
  assert.ok(answer, `${what} is not described`);
  if (answer.$ref) answer = described.components.responses[answer.$ref.split("/").at(-1)];
  const type = (response.headers.get("content-type") ?? "").split(";")[0];
  const content = answer.content?.[type];
  if (method === "HEAD") return assert.equal(text, "", what);
  if (!answer.content) return assert.equal(text, "", what);
  assert.ok(content, `${what}: ${type} is not described`);
  if (type !== "application/json") return;
  const validate = ajv.compile({
    ...content.schema,
    $id: `openapi${Math.random()}`,
    ...rooted(content.schema),
  });
  assert.ok(
    validate(JSON.parse(text)),
    `${what}: ${ajv.errorsText(validate.errors)} in ${text.slice(0, 2000)}`,
  );
}

/** The same schema with references into the whole description. @param {any} schema @returns {any} */
const rooted = (schema) =>
  JSON.parse(JSON.stringify(schema).replaceAll('"#/components', '"openapi#/components'));

/**
 * A server with an owner, and a way to ask it that checks every answer.
 *
 * @param {Record<string, string>} [settings]
 */
async function owned(settings = {}) {
  const server = await start({
    BLOGSHOOT_WEBHOOK_SECRET: SECRET,
    ADMIN_TOKEN: TOKEN,
    DEPLOY_HOOK_URL: "http://127.0.0.1:9/hook",
    DEPLOY_SETTLE_SECONDS: "3600",
    DEPLOY_MAX_WAIT_SECONDS: "7200",
    ...settings,
  });
  /** @param {string} method @param {string} path @param {RequestInit} [init] */
  const ask = async (method, path, init = {}) => {
    const response = await fetch(`${server.url}${path}`, {
      redirect: "manual",
      method,
      headers: BEARER,
      ...init,
    });
    const text = await response.text();
    asDescribed(method, path, response, text);
    const json = () => JSON.parse(text);
    return { status: response.status, headers: response.headers, text, json };
  };
  /** @param {string} id @param {string} [path] */
  const send = async (id, path = "/api/webhook") => {
    const body = article(id);
    return ask("POST", path, { headers: { "x-blogshoot-signature": sign(body) }, body });
  };
  /** Signs in as a browser does: the cookie. */
  const signIn = async () => {
    const headers = { "content-type": "application/x-www-form-urlencoded", origin: server.url };
    const { status, headers: got } = await ask("POST", "/deliveries", {
      headers,
      body: new URLSearchParams({ token: TOKEN }),
    });
    assert.equal(status, 303);
    return (got.get("set-cookie") ?? "").split(";")[0];
  };
  return { server, ask, send, signIn };
}

test("every answer is as docs/openapi.json says", async () => {
  const host = await standIn(() => {});
  const { server, ask, send } = await owned({
    DEPLOY_HOOK_URL: host.url,
    DEPLOY_SETTLE_SECONDS: "0",
    DEPLOY_BUDGET_PER_MONTH: "100",
    GHOST_WEBHOOK_SECRET__NEWS: "the secret of the news",
    FORWARD_URL: host.url,
  });
  assert.equal((await send("evt_1")).status, 200);
  await server.until((entry) => entry.code === "REBUILD_TRIGGERED");
  assert.equal((await send("evt_1")).json().duplicate, true);
  assert.equal((await ask("POST", "/api/webhook", { headers: {}, body: "{}" })).status, 401);
  const [{ id, jobs }] = (await ask("GET", "/api/deliveries")).json().deliveries;
  for (const path of [
    "/api/deliveries?limit=1&source=blogshoot&kind=published&state=done&q=evt",
    `/api/deliveries/${id}`,
    "/api/deliveries/7",
    "/api/deliveries/x",
    "/api/deploys",
    "/api/refusals",
    "/api/overview",
    "/api/setup",
    "/api/changes",
    "/api/metrics",
    "/metrics",
    "/api/export",
    "/api/export?cursor=nonsense",
    "/api/health",
    "/api/health?strict",
    "/api/status",
    "/api/status.svg",
    "/api/webhook",
    "/api/webhook/blogshoot",
    "/api/webhook/blogshoot/none",
    "/deliveries",
    `/deliveries/${id}`,
    "/deliveries/setup",
  ]) {
    const got = await ask("GET", path);
    const head = await ask("HEAD", path);
    assert.equal(head.status, got.status, path);
    assert.equal(head.headers.get("content-type"), got.headers.get("content-type"), path);
    if (path.startsWith("/metrics")) continue;
    const without = await ask("GET", path, { headers: {} });
    const isOwners = operation("GET", path)?.security?.length > 0;
    if (isOwners) assert.equal(without.status, 401, path);
    for (const method of ["PUT", "PATCH"])
      assert.ok([404, 405].includes((await ask(method, path)).status), path);
  }
  for (const [path, status] of /** @type {[string, number][]} */ ([
    [`/api/deliveries/${id}/redeliver`, 200],
    ["/api/deliveries/7/redeliver", 404],
    ["/api/dead/redeliver", 200],
    [`/api/jobs/${jobs[0].id}/release`, 409],
    ["/api/jobs/7/release", 404],
    ["/api/targets/default/deploy", 200],
    ["/api/targets/none/deploy", 404],
    ["/api/connections/blogshoot/test", 200],
    ["/api/connections/blogshoot/none/test", 404],
    ["/api/connections/ghost/test", 404],
  ])) {
    assert.equal((await ask("POST", path)).status, status, path);
  }
  const lines = (await ask("GET", "/api/export")).text;
  assert.equal((await ask("POST", "/api/import", { body: lines })).json().success, true);
  assert.equal((await ask("POST", "/api/import", { body: "{" })).status, 400);
  assert.equal((await ask("DELETE", `/api/deliveries/${id}`)).status, 200);
  await server.stop();
  host.close();
});

test("a browser signs in, acts from the page alone, and signs out", async () => {
  const { server, ask, signIn, send } = await owned();
  const cookie = await signIn();
  assert.match(cookie, /^presshook=v1\.\d+\.[0-9a-f]{64}$/);
  await send("evt_1");
  const own = { cookie, "sec-fetch-site": "same-origin" };
  assert.match((await ask("GET", "/deliveries", { headers: { cookie } })).text, /app\.js/);
  assert.doesNotMatch((await ask("GET", "/deliveries", { headers: {} })).text, /app\.js/);
  const [{ id }] = (await ask("GET", "/api/deliveries", { headers: { cookie } })).json().deliveries;
  const redeliver = `/api/deliveries/${id}/redeliver`;
  assert.equal((await ask("POST", redeliver, { headers: { cookie } })).status, 403);
  assert.equal(
    (await ask("POST", redeliver, { headers: { cookie, "sec-fetch-site": "cross-site" } })).status,
    403,
  );
  assert.equal(
    (await ask("POST", redeliver, { headers: { cookie, origin: "http://evil.example" } })).status,
    403,
  );
  assert.equal((await ask("POST", redeliver, { headers: own })).status, 200);
  assert.equal((await ask("POST", redeliver, { headers: { cookie, origin: server.url } })).status, 200);
  const changed = `${cookie.slice(0, -1)}${cookie.endsWith("0") ? "1" : "0"}`;
  assert.equal((await ask("GET", "/api/overview", { headers: { cookie: changed } })).status, 401);
  const late = cookie.replace(/v1\.\d+/, "v1.9999999999");
  assert.equal((await ask("GET", "/api/overview", { headers: { cookie: late } })).status, 401);
  const left = await ask("POST", "/deliveries/leave", { headers: own });
  assert.match(left.headers.get("set-cookie") ?? "", /^presshook=; .*Max-Age=0/);
  // Whoever changes the token signs everybody out.
  await server.stop();
  const again = await start({ BLOGSHOOT_WEBHOOK_SECRET: SECRET, ADMIN_TOKEN: `${TOKEN}, another` });
  assert.equal((await fetch(`${again.url}/api/overview`, { headers: { cookie } })).status, 401);
  await again.stop();
});

test("what a browser is to know of the page and its data is in the headers", async () => {
  const { server, ask } = await owned();
  const form = await ask("GET", "/deliveries", { headers: {} });
  const policy = form.headers.get("content-security-policy") ?? "";
  for (const part of [
    "default-src 'none'",
    "frame-ancestors 'none'",
    "base-uri 'none'",
    "form-action 'self'",
  ]) {
    assert.ok(policy.includes(part), policy);
  }
  assert.ok(!policy.includes("unsafe"), policy);
  assert.equal(form.headers.get("cache-control"), "no-store");
  assert.equal(form.headers.get("access-control-allow-origin"), null);
  const script = await ask("GET", "/deliveries/app.js", { headers: {} });
  assert.equal(script.status, 200);
  const tag = script.headers.get("etag") ?? "";
  const known = await ask("GET", "/deliveries/app.js", { headers: { "if-none-match": tag } });
  assert.deepEqual([known.status, known.text], [304, ""]);
  const data = await ask("GET", "/api/overview");
  assert.equal(data.headers.get("cache-control"), "no-store");
  assert.equal(data.headers.get("x-content-type-options"), "nosniff");
  assert.equal(data.headers.get("access-control-allow-origin"), null);
  await server.stop();
});

test("wrong tokens are counted with failed signatures, and the form says to wait", async () => {
  const { server, ask } = await owned();
  const headers = { "content-type": "application/x-www-form-urlencoded" };
  let said = "";
  for (let attempt = 1; attempt <= 100; attempt++) {
    const { status, text } = await ask("POST", "/deliveries", { headers, body: `token=guess-${attempt}` });
    assert.equal(status, 401, `${attempt}`);
    said = text;
  }
  assert.match(said, /<p role="alert">That is not the token/);
  const limited = await ask("POST", "/deliveries", { headers, body: "token=guess" });
  assert.deepEqual([limited.status, limited.headers.get("retry-after")], [429, "60"]);
  assert.match(limited.text, /Too many attempts/);
  assert.equal(
    (await ask("GET", "/api/overview", { headers: { authorization: "Bearer guess" } })).status,
    429,
  );
  // Whoever has it is not shut out.
  assert.equal((await ask("GET", "/api/overview")).status, 200);
  assert.ok(!server.output().includes("guess-"), "what was entered is not in the log");
  await server.stop();
});

test("a mark is another whenever something stored has changed, and only then", async () => {
  const { server, ask, send } = await owned();
  const mark = async () => (await ask("GET", "/api/changes")).json().mark;
  // The server begins to count for this hour when it starts, or when somebody looks.
  await ask("GET", "/api/overview");
  const first = await mark();
  await ask("GET", "/api/deliveries");
  await ask("GET", "/api/setup");
  assert.equal(await mark(), first);
  await send("evt_1");
  const second = await mark();
  assert.notEqual(second, first);
  // Counting what has come is a change by itself, once.
  await ask("GET", "/api/overview");
  const third = await mark();
  await ask("GET", "/api/overview");
  assert.equal(await mark(), third);
  await server.stop();
});

test("a test goes the whole way of a delivery, and causes nothing", async () => {
  const { server, ask } = await owned({ GHOST_WEBHOOK_SECRET__NEWS: "the secret of the news" });
  const answer = await ask("POST", "/api/connections/ghost/news/test");
  assert.deepEqual([answer.status, answer.json().message], [200, "Test webhook received successfully"]);
  const [delivery] = (await ask("GET", "/api/deliveries")).json().deliveries;
  assert.equal(delivery.event_id, answer.json().event_id);
  assert.deepEqual(
    [delivery.connection, delivery.kind, delivery.outcome, delivery.jobs],
    ["ghost/news", "test", "ignored", []],
  );
  assert.equal(delivery.verified_by, "GHOST_WEBHOOK_SECRET__NEWS");
  const shown = (await ask("GET", `/api/deliveries/${delivery.id}`)).json();
  assert.match(shown.why_not, /it is a test/);
  assert.ok(!JSON.stringify(shown).includes("the secret of the news"));
  await server.stop();
});

test("nothing of the owner's exists without ADMIN_TOKEN", async () => {
  const server = await start({ BLOGSHOOT_WEBHOOK_SECRET: SECRET });
  for (const [path, item] of Object.entries(described.paths)) {
    for (const method of Object.keys(item).filter((it) => ["get", "post", "delete"].includes(it))) {
      const { tags } = item[method];
      if (!tags.some((/** @type {string} */ it) => ["owner", "page"].includes(it))) continue;
      const url = server.url + path.replace("{view}", "setup").replace(/\{[^}]+\}/g, "1");
      const response = await fetch(url, {
        method,
        headers: { ...BEARER, cookie: "presshook=v1.9999999999.00" },
      });
      assert.equal(response.status, 404, `${method} ${path}`);
    }
  }
  assert.equal((await fetch(`${server.url}/deliveries/app.js`)).status, 404);
  await server.stop();
});
