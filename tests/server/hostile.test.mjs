// Clients that are slow, broken or mean any harm: each is answered or dropped, and the others never notice.

import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { SECRET, article, connect, deliver, deliverDuring, sign, signed, trial } from "./connection.mjs";
import { start } from "./server.mjs";

const LIMIT = 100_000;
const SETTINGS = { BLOGSHOOT_WEBHOOK_SECRET: SECRET, MAX_BODY_BYTES: String(LIMIT) };
const HEAD = "POST /webhook HTTP/1.1\nHost: localhost\n";

/** The most that a sender may have to wait, in milliseconds: the most impatient one gives up then. */
const PROMPT = 5_000;
/** How long a head or a body may take to arrive, and some time for this machine, in seconds. */
const HEAD_SECONDS = 20 + 5;
const BODY_SECONDS = 30 + 5;

const server = await start(SETTINGS);

describe("clients that take their time", { concurrency: true }, () => {
  /**
   * Opens connections that write a byte at a time, and waits until the server has closed them all.
   *
   * @param {string} head comes at once
   * @param {string} rest comes a byte at a time
   * @param {number} seconds
   */
  async function trickle(head, rest, seconds) {
    const connections = Array.from({ length: 20 }, () => connect(server));
    const each = connections.map(async (connection) => {
      await connection.write(head);
      const closed = connection.closed(seconds);
      closed.catch(() => {});
      for (const byte of rest) {
        if (connection.isOver()) break;
        await connection.write(byte);
        await sleep(200);
      }
      return closed;
    });
    const longest = await deliverDuring(server, Promise.all(each));
    assert.ok(longest < PROMPT, `a delivery took ${longest} ms`);
    return connections.map((it) => it.text());
  }

  test("a head that trickles is not waited for", async () => {
    await trickle("", `${HEAD}X-Padding: ${"x".repeat(1000)}`, HEAD_SECONDS);
  });

  test("nor is one that stops in the middle", async () => {
    await trickle(`${HEAD}X-Padding: `, "", HEAD_SECONDS);
  });

  test("nor is one that never begins", async () => {
    await trickle("", "", HEAD_SECONDS);
  });

  test("a body that trickles is not waited for", async () => {
    const head = `${HEAD}X-BlogShoot-Signature: ${"0".repeat(64)}\nContent-Length: 1000\n\n`;
    await trickle(head, "x".repeat(999), BODY_SECONDS);
  });

  test("nor is one that never begins, or that stops in the middle", async () => {
    const head = `${HEAD}X-BlogShoot-Signature: ${"0".repeat(64)}\nContent-Length: 50000\n\n`;
    await Promise.all([
      trickle(head, "", BODY_SECONDS),
      trickle(head + "x".repeat(40_000), "", BODY_SECONDS),
    ]);
  });

  test("nor is one in chunks", async () => {
    const head = `${HEAD}X-BlogShoot-Signature: ${"0".repeat(64)}\nTransfer-Encoding: chunked\n\n`;
    await trickle(head, "1\nx\n".repeat(300), BODY_SECONDS);
  });

  test("a next request that never comes is not waited for for ever", async () => {
    const connection = connect(server);
    await connection.write(signed(trial("evt_idle")));
    assert.deepEqual(await connection.answers(), ["HTTP/1.1 200 OK"]);
    await connection.closed(120);
    assert.deepEqual(await connection.answers(), ["HTTP/1.1 200 OK"], "and nothing more");
  });
});

describe("clients that leave early", { concurrency: true }, () => {
  test("who has closed its writing side is answered", async () => {
    const connection = connect(server);
    connection.end(signed(article("evt_half")));
    assert.deepEqual(await connection.answers(), ["HTTP/1.1 200 OK"]);
    assert.equal(await connection.closed(5), "closed");
  });

  test("also when many do so at once, and for what is stored", async () => {
    const connections = Array.from({ length: 50 }, () => connect(server));
    const each = connections.map(async (connection, index) => {
      connection.end(signed(article(`evt_half_${index}`)));
      return connection.answers();
    });
    assert.deepEqual(await Promise.all(each), Array(50).fill(["HTTP/1.1 200 OK"]));
  });

  test("a body that ends too early is not taken for one", async () => {
    const body = trial("evt_cut");
    const connection = connect(server);
    connection.end(signed(body).replace("Content-Length: ", "Content-Length: 1"));
    assert.equal(await connection.closed(5), "closed");
    assert.doesNotMatch(connection.text(), /^HTTP\/1\.1 2/);
    const resent = connect(server);
    await resent.write(signed(body));
    assert.deepEqual(await resent.answers(), ["HTTP/1.1 200 OK"]);
    assert.doesNotMatch(resent.text(), /duplicate/);
    resent.drop();
  });

  test("who resets the connection at once harms nobody", async () => {
    const each = Array.from({ length: 200 }, async (_, index) => {
      const connection = connect(server);
      await connection.write(signed(trial(`evt_reset_${index}`)));
      connection.socket.resetAndDestroy();
    });
    const longest = await deliverDuring(server, Promise.all(each));
    assert.ok(longest < PROMPT, `a delivery took ${longest} ms`);
  });
});

describe("bodies that are too long", { concurrency: true }, () => {
  const tooLarge = (/** @type {string} */ text) => {
    assert.match(text, /^HTTP\/1\.1 413 Payload Too Large\r\n/);
    assert.match(text, /\r\n\r\n\{"error":"Payload too large"\}$/);
  };

  test("the announcement is enough", async () => {
    for (const length of [String(LIMIT + 1), "4294967296", "9223372036854775807"]) {
      const connection = connect(server);
      await connection.write(`${HEAD}Content-Length: ${length}\n\n`);
      // Nobody waits for more of it.
      await connection.answers(1, 3);
      tooLarge(connection.text());
      connection.drop();
    }
  });

  test("who asks first is told not to send it", async () => {
    const connection = connect(server);
    await connection.write(`${HEAD}Content-Length: ${LIMIT + 1}\nExpect: 100-continue\n\n`);
    await connection.answers();
    tooLarge(connection.text());
    connection.drop();
  });

  test("who asks first, and may, is told to send it", async () => {
    const body = trial("evt_expected");
    const connection = connect(server);
    const [head, rest] = signed(body, "Expect: 100-continue\n").split("\n\n");
    await connection.write(`${head}\n\n`);
    assert.deepEqual(await connection.answers(), ["HTTP/1.1 100 Continue"]);
    await connection.write(rest);
    assert.deepEqual(await connection.answers(2), ["HTTP/1.1 100 Continue", "HTTP/1.1 200 OK"]);
    connection.drop();
  });

  for (const [how, bytes] of /** @type {[string, number][]} */ ([
    ["a little", LIMIT + 1],
    ["a few megabytes", 5_000_000],
  ])) {
    test(`who sends ${how} too much without listening can read the answer afterwards`, async () => {
      const connection = connect(server);
      // It reads nothing before all is sent, as most HTTP libraries do.
      connection.socket.pause();
      await connection.write(`${HEAD}Content-Length: ${bytes}\n\n`);
      for (let sent = 0; sent < bytes; sent += 50_000) {
        await connection.write(Buffer.alloc(Math.min(50_000, bytes - sent), "x"));
      }
      connection.socket.resume();
      await connection.answers();
      tooLarge(connection.text());
      connection.drop();
    });

    test(`likewise in chunks: ${how}`, async () => {
      const connection = connect(server);
      connection.socket.pause();
      await connection.write(`${HEAD}Transfer-Encoding: chunked\n\n`);
      for (let sent = 0; sent < bytes; sent += 50_000) {
        const length = Math.min(50_000, bytes - sent);
        await connection.write(`${length.toString(16)}\n${"x".repeat(length)}\n`);
      }
      await connection.write("0\n\n");
      connection.socket.resume();
      await connection.answers();
      tooLarge(connection.text());
      connection.drop();
    });
  }

  test("one that just fits is read", async () => {
    const body = trial("evt_fits").padEnd(LIMIT);
    for (const request of [signed(body), chunked(body, 777)]) {
      const connection = connect(server);
      await connection.write(request);
      assert.deepEqual(await connection.answers(), ["HTTP/1.1 200 OK"]);
      connection.drop();
    }
  });

  test("one that never ends is not read for ever", async () => {
    const connection = connect(server);
    await connection.write(`${HEAD}Transfer-Encoding: chunked\n\n`);
    const piece = `1000\n${"x".repeat(0x1000)}\n`;
    const closed = connection.closed(BODY_SECONDS);
    closed.catch(() => {});
    while (!connection.isOver()) {
      await connection.write(piece);
      await sleep(10);
    }
    await closed;
    tooLarge(connection.text());
  });
});

/** @param {string} body @param {number} size */
function chunked(body, size) {
  let request = `${HEAD}X-BlogShoot-Signature: ${sign(body)}\nTransfer-Encoding: chunked\n\n`;
  for (let at = 0; at < body.length; at += size) {
    const piece = body.slice(at, at + size);
    request += `${piece.length.toString(16)}\n${piece}\n`;
  }
  return `${request}0\n\n`;
}

describe("what is not quite HTTP", { concurrency: true }, () => {
  const body = trial("evt_odd");
  const head = `${HEAD}X-BlogShoot-Signature: ${sign(body)}\n`;
  const length = `Content-Length: ${body.length}\n`;
  const pieces = `Transfer-Encoding: chunked\n\n${body.length.toString(16)}\n${body}\n0\n\n`;
  const another = "GET /health HTTP/1.1\nHost: localhost\n\n";

  for (const [what, request] of Object.entries({
    "random bytes": Buffer.from(Array.from({ length: 4000 }, (_, index) => (index * 7919) % 251)),
    zeros: Buffer.alloc(4000),
    "the beginning of TLS": Buffer.from("160301020001000001fc0303", "hex"),
    SSH: "SSH-2.0-OpenSSH_9.9\n",
    "HTTP/2": "PRI * HTTP/2.0\n\nSM\n\n",
    "HTTP/0.9": "GET /health\n\n",
    "HTTP/3.0": `POST /webhook HTTP/3.0\n${length}\n${body}`,
    "no method": " /webhook HTTP/1.1\n\n",
    "a path with a space": "GET /web hook HTTP/1.1\nHost: localhost\n\n",
    "a header without a colon": `${head}Nonsense\n${length}\n${body}`,
    "a header's name with a space": `${head}X Y: z\n${length}\n${body}`,
    "a space before the colon": `${HEAD}Content-Length : ${body.length}\n\n${body}`,
    "a zero byte in a header": `${head}X-Y: a\0b\n${length}\n${body}`,
    "two lengths": `${head}${length}Content-Length: ${body.length + 1}\n\n${body}`,
    "a list of lengths": `${head}Content-Length: ${body.length}, ${body.length + 1}\n\n${body}`,
    "a negative length": `${head}Content-Length: -1\n\n${body}`,
    "a length with a sign": `${head}Content-Length: +${body.length}\n\n${body}`,
    "a length that is no number": `${head}Content-Length: many\n\n${body}`,
    "a length beyond all bounds": `${head}Content-Length: 99999999999999999999\n\n${body}`,
    "a coding that is not known": `${head}Transfer-Encoding: gzip\n\n${body}`,
    "a coding that only looks like chunked": `${head}${pieces.replace("chunked", "xchunked")}`,
    "chunked twice": `${head}${pieces.replace("chunked", "chunked, identity")}`,
    "a chunk's length that is no number": `${head}Transfer-Encoding: chunked\n\nzz\n${body}\n0\n\n`,
    "a chunk's length beyond all bounds": `${head}Transfer-Encoding: chunked\n\nfffffffffffffffff\n${body}\n0\n\n`,
  })) {
    test(`${what}: refused, and the connection closed`, async () => {
      const connection = connect(server);
      await connection.write(request);
      const how = await connection.closed(HEAD_SECONDS);
      const answers = await connection.answers();
      assert.ok(answers.length <= 1, answers.join("; "));
      assert.match(answers[0] ?? "HTTP/1.1 400", /^HTTP\/1\.[01] (400|401|411|413|501|505)/, how);
    });
  }

  test("a length beside chunks is no way to smuggle a request", async () => {
    for (const more of [
      `${length}${pieces}${another}`,
      `Content-Length: 5\n${pieces}${another}`,
      `${pieces.replace("\n\n", "\nContent-Length: 5\n\n")}${another}`,
    ]) {
      const connection = connect(server);
      await connection.write(`${head}${more}`);
      // The chunks are the body, and what comes behind them is not looked at: RFC 9112, section 6.3.
      await connection.closed(5);
      assert.deepEqual(await connection.answers(), ["HTTP/1.1 200 OK"]);
      assert.match(connection.text(), /"event_id":"evt_odd"/);
    }
  });

  for (const [what, request, statuses] of /** @type {[string, string, RegExp][]} */ ([
    ["10,000 headers", `${head}${"X-Y: z\n".repeat(10_000)}${length}\n${body}`, /431/],
    ["a header of a megabyte", `${head}X-Y: ${"z".repeat(1_000_000)}\n${length}\n${body}`, /431/],
    ["a header's name of a megabyte", `${head}${"X".repeat(1_000_000)}: y\n${length}\n${body}`, /400|431/],
    ["a path of a megabyte", `GET /${"x".repeat(1_000_000)} HTTP/1.1\nHost: localhost\n\n`, /414|431/],
    ["a method of a megabyte", `${"X".repeat(1_000_000)} / HTTP/1.1\nHost: localhost\n\n`, /400|431/],
  ])) {
    test(`${what}: refused, and the connection closed`, async () => {
      const connection = connect(server);
      await connection.write(request);
      await connection.closed(HEAD_SECONDS);
      const [answer] = await connection.answers();
      // Who goes on writing to a closed connection may lose the answer.
      if (answer) assert.match(answer, statuses);
    });
  }

  test("a hundred headers are nothing unusual behind several proxies", async () => {
    const more = Array.from({ length: 90 }, (_, index) => `X-Forwarded-${index}: some value\n`).join("");
    const connection = connect(server);
    await connection.write(signed(trial("evt_many"), more));
    assert.deepEqual(await connection.answers(), ["HTTP/1.1 200 OK"]);
    connection.drop();
  });

  test("requests sent all at once are answered one after the other", async () => {
    const connection = connect(server);
    const requests = ["evt_a", "evt_b", "evt_c"].map((id) => signed(trial(id)));
    await connection.write(`${requests.join("")}GET /nowhere HTTP/1.1\nHost: localhost\n\n`);
    const answers = await connection.answers(4);
    assert.deepEqual(answers, [...Array(3).fill("HTTP/1.1 200 OK"), "HTTP/1.1 404 Not Found"]);
    const ids = [...connection.text().matchAll(/"event_id":"(evt_.)"/g)].map(([, id]) => id);
    assert.deepEqual(ids, ["evt_a", "evt_b", "evt_c"]);
    connection.drop();
  });

  test("who sends thousands of requests and reads no answer is not served on", async () => {
    const connection = connect(server);
    connection.socket.pause();
    const many = "GET /health HTTP/1.1\nHost: localhost\n\n".repeat(1000);
    let written = 0;
    const flood = (async () => {
      while (written < 1000 && !connection.isOver()) {
        const done = connection.write(many).then(() => true);
        if (!(await Promise.race([done, sleep(2_000)]))) return;
        written++;
      }
    })();
    const longest = await deliverDuring(server, flood);
    assert.ok(longest < PROMPT, `a delivery took ${longest} ms`);
    assert.ok(written < 1000, "it is read no faster than it reads");
    connection.drop();
  });

  test("HTTP/1.0 is answered in kind", async () => {
    const old = (/** @type {string} */ id, more = "") =>
      signed(trial(id), more).replace("HTTP/1.1", "HTTP/1.0");
    const closing = connect(server);
    await closing.write(old("evt_old"));
    assert.equal(await closing.closed(5), "closed");
    assert.match((await closing.answers()).join(), /^HTTP\/1\.0 200 OK$/);
    const keeping = connect(server);
    await keeping.write(old("evt_older", "Connection: keep-alive\n"));
    await keeping.answers();
    await keeping.write(old("evt_oldest", "Connection: keep-alive\n"));
    assert.deepEqual(await keeping.answers(2), Array(2).fill("HTTP/1.0 200 OK"));
    keeping.drop();
  });

  test("answers are those of the contract", async () => {
    for (const [request, status, text] of /** @type {[string, string, string][]} */ ([
      [`${HEAD}${length}\n${body}`, "401 Unauthorized", '{"error":"Invalid signature"}'],
      [signed("[]"), "400 Bad Request", '{"error":"Invalid payload"}'],
      [
        "PUT /webhook HTTP/1.1\nHost: localhost\n\n",
        "405 Method Not Allowed",
        '{"error":"Method not allowed"}',
      ],
      [
        signed(body).replace("/webhook", "/webhook/ghost"),
        "500 Internal Server Error",
        '{"error":"Webhook not configured"}',
      ],
    ])) {
      const connection = connect(server);
      await connection.write(request);
      assert.deepEqual(await connection.answers(), [`HTTP/1.1 ${status}`]);
      assert.equal(connection.text().split("\r\n\r\n")[1], text);
      connection.drop();
    }
  });
});

test("after all of this it is well, and has logged no defect", async () => {
  await deliver(server);
  const defects = server.log.filter((entry) => entry.level === "error");
  // `/webhook/ghost` has no secret, which is the owner's to know.
  assert.deepEqual(new Set(defects.map((entry) => entry.code)), new Set(["WEBHOOK_REJECTED"]));
  assert.doesNotMatch(server.output(), /panicked/);
  assert.deepEqual(await server.stop(), { status: 0, signal: null });
});
