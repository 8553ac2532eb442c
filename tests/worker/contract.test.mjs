// Every row of the contract's table, at the built Worker in workerd: exact status, headers and body.

import { SELF, env } from "cloudflare:test";
import { afterEach, describe, expect, it, vi } from "vitest";
import { DIRECT, SECRET, codes, event, logged, sign, signed, worker } from "./presshook.mjs";

afterEach(() => vi.restoreAllMocks());

const JSON_HEADERS = {
  "content-type": "application/json",
  "access-control-allow-origin": "*",
  "cache-control": "no-store",
};
const NOT_FOUND = {
  error: "Not found",
  endpoints: { webhook: "POST /api/webhook", health: "GET /api/health" },
};
const online = (/** @type {string} */ endpoint) => ({
  service: "presshook",
  status: "online",
  endpoint,
  methods: ["POST"],
});
const health = (/** @type {object} */ config, status = "healthy") => ({
  status,
  service: "presshook",
  version: "0.1.0",
  mode: "direct",
  config: {
    hasWebhookSecret: false,
    hasRebuildCommand: false,
    hasDeployHook: false,
    gitAutoPull: false,
    inbox: false,
    rateLimit: false,
    ...config,
  },
});

/** @param {import("./presshook.mjs").Bindings} bindings @param {string} path @param {RequestInit} [init] */
async function ask(bindings, path, init) {
  logged();
  const { response, after } = await worker(bindings).ask(path, init);
  await after;
  const body = await response.text();
  return { status: response.status, headers: Object.fromEntries(response.headers), body };
}

describe("paths and methods", () => {
  /** @type {[string, string, number, object][]} */
  const cases = [
    ["GET", "/api/webhook", 200, online("/api/webhook")],
    ["GET", "/api/webhook/", 200, online("/api/webhook")],
    ["GET", "/webhook", 200, online("/webhook")],
    ["GET", "/api/webhook/blogshoot", 200, online("/api/webhook/blogshoot")],
    ["GET", "/api/webhook/blogshoot/shop", 200, online("/api/webhook/blogshoot/shop")],
    ["GET", "/api/health", 200, health({ hasWebhookSecret: true })],
    ["GET", "/api/health/", 200, health({ hasWebhookSecret: true })],
    ["GET", "/api/health?strict", 200, health({ hasWebhookSecret: true })],
    ["GET", "/health", 200, health({ hasWebhookSecret: true })],
    ["GET", "/", 404, NOT_FOUND],
    ["POST", "/", 404, NOT_FOUND],
    ["GET", "/deliveries", 404, NOT_FOUND],
    ["GET", "/api/deliveries", 404, NOT_FOUND],
    ["GET", "/api/metrics", 404, NOT_FOUND],
    ["POST", "/api/webhook/nobody", 404, NOT_FOUND],
    ["GET", "/api/webhook/nobody", 404, NOT_FOUND],
    ["POST", "/api/webhook/blogshoot/unknown", 404, NOT_FOUND],
    ["GET", "/api/webhook/%62logshoot", 404, NOT_FOUND],
    ["PUT", "/api/webhook", 405, { error: "Method not allowed" }],
    ["PATCH", "/webhook/blogshoot", 405, { error: "Method not allowed" }],
    ["DELETE", "/health", 405, { error: "Method not allowed" }],
    ["POST", "/api/health", 405, { error: "Method not allowed" }],
  ];
  const bindings = { ...DIRECT, BLOGSHOOT_WEBHOOK_SECRET__SHOP: "the shop's own secret" };
  it.each(cases)("%s %s", async (method, path, status, body) => {
    const answer = await ask(bindings, path, { method });
    expect(answer.status).toBe(status);
    expect(JSON.parse(answer.body)).toEqual(body);
    expect(answer.headers).toMatchObject(JSON_HEADERS);
  });

  it("tells the methods that are allowed", async () => {
    expect((await ask(DIRECT, "/webhook", { method: "PUT" })).headers.allow).toBe("GET, HEAD, POST, OPTIONS");
    expect((await ask(DIRECT, "/health", { method: "PUT" })).headers.allow).toBe("GET, HEAD, OPTIONS");
  });

  it.each(["/api/webhook", "/api/health", "/webhook/blogshoot"])(
    "answers HEAD %s like GET, without body",
    async (path) => {
      const head = await ask(DIRECT, path, { method: "HEAD" });
      const get = await ask(DIRECT, path);
      expect(head.status).toBe(200);
      expect(head.body).toBe("");
      expect(head.headers).toMatchObject(JSON_HEADERS);
      expect(get.body).not.toBe("");
    },
  );

  it.each(["/api/webhook", "/api/health", "/webhook/blogshoot"])(
    "answers OPTIONS %s as the BlogShoot server",
    async (path) => {
      const answer = await ask(DIRECT, path, { method: "OPTIONS" });
      expect(answer.status).toBe(200);
      expect(answer.body).toBe("");
      expect(answer.headers).toMatchObject({
        "access-control-allow-origin": "*",
        "access-control-allow-methods": "GET, POST, OPTIONS",
        "access-control-allow-headers": "Content-Type, X-BlogShoot-Signature, X-BlogShoot-Event",
      });
    },
  );
});

describe("accepted", () => {
  it.each(["/api/webhook", "/api/webhook/", "/webhook", "/api/webhook/blogshoot", "/api/webhook?x=1"])(
    "POST %s",
    async (path) => {
      const answer = await ask(DIRECT, path, await signed(event("article.created")));
      expect(answer.status).toBe(200);
      expect(answer.headers).toMatchObject(JSON_HEADERS);
      expect(answer.body).toMatch(
        /^\{"success":true,"event_id":"evt_1","event_type":"article.created","message":"Webhook received and processing","article_id":"art_1","processing_time_ms":\d+\}$/,
      );
    },
  );

  it("answers a test as the sender's Test Connection expects", async () => {
    // The vendor's own curl example.
    const body = '{"event_type":"test","event_id":"test-123","timestamp":"2025-12-07T10:00:00Z"}';
    const answer = await ask(DIRECT, "/api/webhook", await signed(body));
    expect(answer.status).toBe(200);
    expect(answer.body).toBe(
      '{"success":true,"message":"Test webhook received successfully","event_id":"test-123"}',
    );
  });

  it("accepts an unknown event type, and one without an article", async () => {
    const body = '{"event_id":"evt_2","event_type":"article.moved"}';
    const answer = await ask(DIRECT, "/api/webhook", await signed(body));
    expect(answer.status).toBe(200);
    expect(JSON.parse(answer.body)).not.toHaveProperty("article_id");
  });

  it("reads a text wherever it is interrupted, sixteen bytes at once", async () => {
    for (let length = 0; length < 40; length += 1) {
      for (const end of ['"', "\\", "\n", "\u0001", "é漢", '"\\"', ""]) {
        const id = `${"x".repeat(length)}${end}${"y".repeat(40 - length)}`;
        const answer = await ask(DIRECT, "/api/webhook", await signed(event("article.created", id)));
        expect(JSON.parse(answer.body)).toMatchObject({ success: true, event_id: id });
      }
      const broken = `{"event_id":"${"x".repeat(length)}\u0001${"y".repeat(40)}","event_type":"test"}`;
      expect((await ask(DIRECT, "/api/webhook", await signed(broken))).status).toBe(400);
    }
  });

  it("accepts a previous secret, and says in the log that it was that one", async () => {
    const bindings = {
      INBOX: "none",
      BLOGSHOOT_WEBHOOK_SECRET: "new",
      BLOGSHOOT_WEBHOOK_SECRET_PREVIOUS: SECRET,
    };
    const lines = logged();
    const { response } = await worker(bindings).ask("/webhook", await signed(event("test")));
    expect(response.status).toBe(200);
    expect(lines.find((line) => line.code === "SIGNATURE_VERIFIED")).toMatchObject({
      verified_by: "BLOGSHOOT_WEBHOOK_SECRET_PREVIOUS",
    });
  });

  it("is what the default export of the Worker does", async () => {
    logged();
    const answer = await SELF.fetch("https://hook.example/api/webhook", await signed(event("test")));
    expect(answer.status).toBe(200);
  });
});

describe("the body", () => {
  const MEBIBYTE = 1_048_576;
  /** A test event of exactly so many bytes. */
  const ofLength = (/** @type {number} */ bytes) => {
    const empty = JSON.stringify({ event_id: "evt_1", event_type: "test", padding: "" });
    return empty.replace('""', `"${"x".repeat(bytes - empty.length)}"`);
  };
  /** Without a Content-Length, as a chunked request arrives. */
  const chunked = async (/** @type {string} */ body) => {
    const stream = new ReadableStream({
      start(controller) {
        const bytes = new TextEncoder().encode(body);
        for (let at = 0; at < bytes.length; at += 65_536) controller.enqueue(bytes.subarray(at, at + 65_536));
        controller.close();
      },
    });
    return { method: "POST", headers: { "x-blogshoot-signature": await sign(body) }, body: stream };
  };

  it("may have 1 MiB", async () => {
    expect((await ask(DIRECT, "/webhook", await signed(ofLength(MEBIBYTE)))).status).toBe(200);
    expect((await ask(DIRECT, "/webhook", await chunked(ofLength(MEBIBYTE)))).status).toBe(200);
  });

  it("may not have one byte more, announced or not", async () => {
    const body = ofLength(MEBIBYTE + 1);
    const announced = { ...(await signed(body)) };
    announced.headers = { ...announced.headers, "content-length": String(body.length) };
    for (const init of [announced, await signed(body), await chunked(body)]) {
      const answer = await ask(DIRECT, "/webhook", init);
      expect(answer.status).toBe(413);
      expect(answer.body).toBe('{"error":"Payload too large"}');
    }
  });

  it("is refused by its announced length before it is read", async () => {
    let pulled = false;
    const body = new ReadableStream(
      {
        pull(controller) {
          pulled = true;
          controller.enqueue(new Uint8Array(1));
        },
      },
      { highWaterMark: 0 },
    );
    const headers = { "content-length": "9999999", "x-blogshoot-signature": "0".repeat(64) };
    expect((await ask(DIRECT, "/webhook", { method: "POST", headers, body })).status).toBe(413);
    expect(pulled).toBe(false);
  });

  it("is no longer where an import is sent, unless there is an owner who may", async () => {
    const read = async (/** @type {object} */ further) => {
      let pulled = 0;
      const body = new ReadableStream(
        {
          pull(controller) {
            pulled += 1;
            if (pulled > 10) controller.close();
            else controller.enqueue(new Uint8Array(1000));
          },
        },
        { highWaterMark: 0 },
      );
      const bindings = { ...DIRECT, INBOX: env.INBOX, MAX_BODY_BYTES: "2000", ...further };
      await ask(bindings, "/api/import", { method: "POST", body });
      return pulled;
    };
    expect(await read({})).toBeLessThan(5);
    expect(await read({ ADMIN_TOKEN: "the owner's token, long enough" })).toBe(11);
  });

  it("may be limited by MAX_BODY_BYTES", async () => {
    const bindings = { ...DIRECT, MAX_BODY_BYTES: "100" };
    expect((await ask(bindings, "/webhook", await signed(ofLength(100)))).status).toBe(200);
    expect((await ask(bindings, "/webhook", await signed(ofLength(101)))).status).toBe(413);
  });

  const bytes = (/** @type {number[]} */ ...values) => new Uint8Array(values);
  it.each([
    ["empty", ""],
    ["null", "null"],
    ["an array", "[]"],
    ["a text", '"test"'],
    ["half of one", '{"event_id":"evt_1",'],
    [
      "10,000 levels deep",
      `{"event_id":"e","event_type":"test","x":${"[".repeat(10_000)}${"]".repeat(10_000)}}`,
    ],
    ["10,000 objects deep", '{"event_id":'.repeat(10_000)],
    ["without an id", '{"event_type":"article.created"}'],
    ["without a type", '{"event_id":"evt_1"}'],
    ["invalid UTF-8", bytes(0x7b, 0x22, 0xff, 0xfe, 0x22, 0x3a, 0x31, 0x7d)],
    [
      "invalid UTF-8 in a value",
      new Uint8Array([...new TextEncoder().encode('{"event_id":"'), 0xc3, 0x28, 0x22, 0x7d]),
    ],
  ])("that is %s and signed is an invalid payload", async (_, body) => {
    const answer = await ask(DIRECT, "/webhook", await signed(body));
    expect(answer.status).toBe(400);
    expect(answer.body).toBe('{"error":"Invalid payload"}');
  });

  it("is verified as bytes: invalid UTF-8 does not become another text first", async () => {
    const body = new Uint8Array([
      ...new TextEncoder().encode(event("test").slice(0, -1) + ',"x":"'),
      0xff,
      0x22,
      0x7d,
    ]);
    const replaced = new TextEncoder().encode(new TextDecoder().decode(body));
    const headers = { "x-blogshoot-signature": await sign(replaced) };
    expect((await ask(DIRECT, "/webhook", { method: "POST", headers, body })).status).toBe(401);
  });
});

describe("rejected", () => {
  const body = event("article.created");
  /** @param {HeadersInit} headers @param {import("./presshook.mjs").Bindings} [bindings] @param {string} [path] */
  const post = async (headers, bindings = DIRECT, path = "/api/webhook") => {
    const answer = await ask(bindings, path, { method: "POST", headers, body });
    return [answer.status, answer.body];
  };
  const INVALID = [401, '{"error":"Invalid signature"}'];
  const UNCONFIGURED = [500, '{"error":"Webhook not configured"}'];

  it("without a secret, whatever is sent", async () => {
    const good = { "x-blogshoot-signature": await sign(body) };
    expect(await post(good, {})).toEqual(UNCONFIGURED);
    expect(await post({}, {}, "/api/webhook/blogshoot")).toEqual(UNCONFIGURED);
    for (const wrong of ["", " ", `${SECRET}\n`, ` ${SECRET}`]) {
      expect(await post(good, { INBOX: "none", BLOGSHOOT_WEBHOOK_SECRET: wrong })).toEqual(UNCONFIGURED);
    }
    expect(
      await post({ "x-blogshoot-signature": await sign(body, "x") }, { BLOGSHOOT_WEBHOOK_SECRET: "" }),
    ).toEqual(UNCONFIGURED);
  });

  it("with a signature that is missing, malformed, wrong or given twice", async () => {
    const good = await sign(body);
    const twice = new Headers({ "x-blogshoot-signature": good });
    twice.append("x-blogshoot-signature", good);
    /** @type {HeadersInit[]} */
    const bad = [
      {},
      { "x-webhook-signature": `sha256=${good}` },
      { "x-blogshoot-signature": "" },
      { "x-blogshoot-signature": `sha256=${good}` },
      { "x-blogshoot-signature": good.toUpperCase() },
      { "x-blogshoot-signature": good.slice(1) },
      { "x-blogshoot-signature": `${good}0` },
      { "x-blogshoot-signature": "z".repeat(64) },
      { "x-blogshoot-signature": await sign(`${body} `) },
      { "x-blogshoot-signature": await sign(body, "another secret") },
      { "x-blogshoot-signature": "é".repeat(32) },
      twice,
    ];
    for (const headers of bad) {
      expect(await post(headers)).toEqual(INVALID);
    }
    expect(await post({ "x-blogshoot-signature": good })).toEqual([200, expect.any(String)]);
  });

  it("and the log says why, in words, never with the right signature", async () => {
    const good = await sign(body);
    const cases = [
      [{}, "no `x-blogshoot-signature` header"],
      [{ "x-blogshoot-signature": `sha256=${good}` }, "begins with `sha256=`"],
      [{ "x-blogshoot-signature": good.slice(2) }, "62 characters"],
      [{ "x-blogshoot-signature": await sign(body, `${SECRET}\n`) }, "ends in a line break"],
      [{ "x-blogshoot-signature": await sign(body, "other") }, "`BLOGSHOOT_WEBHOOK_SECRET` is not the one"],
    ];
    for (const [headers, reason] of cases) {
      vi.restoreAllMocks();
      const lines = logged();
      const init = /** @type {RequestInit} */ ({ method: "POST", headers, body });
      await worker(DIRECT).ask("/api/webhook/blogshoot", init);
      const failed = lines.find((line) => line.code === "SIGNATURE_FAILED");
      expect(failed).toMatchObject({ level: "warn", source: "blogshoot", status: 401 });
      expect(failed.reason).toContain(reason);
      expect(JSON.stringify(lines)).not.toContain(good.slice(0, 32));
      expect(JSON.stringify(lines)).not.toContain(SECRET);
    }
  });
});

describe("settings", () => {
  it("that are wrong show in health with 200, and in the log by name, once for the isolate", async () => {
    const bindings = { ...DIRECT, CLOUDFLARE_DEPLOY_HOOK: "not a URL" };
    const lines = logged();
    const asked = await Promise.all([1, 2, 3].map(() => worker(bindings).ask("/api/health")));
    const { response } = asked[0];
    expect(response.status).toBe(200);
    expect(await response.json()).toEqual(health({ hasWebhookSecret: true }, "misconfigured"));
    expect(lines).toEqual([
      {
        level: "error",
        code: "SETTINGS_INVALID",
        setting: "CLOUDFLARE_DEPLOY_HOOK",
        reason: "`CLOUDFLARE_DEPLOY_HOOK` cannot be used: it must be a whole URL that begins with `https://`",
      },
    ]);
  });

  it("are read once for the isolate, not for each request", async () => {
    let reads = 0;
    const bindings = new Proxy(DIRECT, {
      get(target, name) {
        reads += 1;
        return Reflect.get(target, name);
      },
    });
    await ask(bindings, "/webhook", await signed(event("test")));
    const first = reads;
    expect(first).toBeGreaterThan(0);
    await ask(bindings, "/webhook", await signed(event("test")));
    expect(reads).toBe(first);
  });

  it("may be numbers and switches, and other bindings are no settings", async () => {
    const bindings = { ...DIRECT, MAX_BODY_BYTES: 60, ASSETS: { fetch() {} }, LIST: [1] };
    expect((await ask(bindings, "/webhook", await signed(event("test")))).status).toBe(413);
  });

  it("choose what is logged", async () => {
    const lines = logged();
    const asked = await worker({ ...DIRECT, LOG_LEVEL: "warn" }).ask("/webhook", await signed(event("test")));
    await asked.after;
    expect(codes(lines)).toEqual(["NOTHING_TO_TRIGGER"]);
  });
});
