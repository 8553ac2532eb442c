// Deliveries kept in a directory of the server's machine and in a bucket: what lies there, who may read it, and what an
// owner is told where it cannot be kept.

import assert from "node:assert/strict";
import { createServer } from "node:http";
import { readFileSync, readdirSync, rmSync, statSync, writeFileSync } from "node:fs";
import path from "node:path";
import { after, test } from "node:test";
import { listening } from "../../scripts/serve.mjs";
import { article, publish } from "./article.mjs";
import { SECRET } from "./connection.mjs";
import { start, temporary } from "./server.mjs";

/** @typedef {import("./server.mjs").Server} Server */

/** @type {(() => unknown)[]} */
const leftovers = [];
after(() => Promise.all(leftovers.map((clear) => clear())));

/** @param {Record<string, string>} settings */
async function serve(settings) {
  const server = await start({ BLOGSHOOT_WEBHOOK_SECRET: SECRET, ...settings });
  leftovers.push(() => server.kill());
  return server;
}

/** The files below a directory, hidden ones too, each its path from there. @param {string} directory */
const files = (directory) =>
  readdirSync(directory, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => path.relative(directory, path.join(entry.parentPath, entry.name)))
    .sort();

const NAME = /^\d{4}\/\d\d\/\d\d\/\d{8}T\d{9}Z-blogshoot-[0-9a-f]{32}\.json$/;

test("each delivery is a file of its own that only the server's user reads", async () => {
  const directory = path.join(temporary(), "archive", "of mine");
  const server = await serve({ ARCHIVE_DIR: directory });
  const bodies = ["evt_1", "../../evt/2"].map((id) => article(id));
  for (const body of bodies) await publish(server, body);
  let done = 0;
  await server.until((entry) => entry.code === "ACTION_DONE" && entry.job === "archive" && ++done === 2);
  const found = files(directory);
  assert.equal(found.length, 2);
  const kept = found.map((name) => {
    assert.match(name, NAME);
    const file = path.join(directory, name);
    assert.equal(statSync(file).mode & 0o777, 0o600);
    for (let above = path.dirname(file); above.startsWith(directory); above = path.dirname(above)) {
      assert.equal(statSync(above).mode & 0o777, 0o700, above);
    }
    const text = readFileSync(file, "utf8");
    assert.ok(text.endsWith("}\n") && text.indexOf("\n") === text.length - 1, "one line");
    return JSON.parse(text);
  });
  assert.deepEqual(new Set(kept.map((it) => it.payload)), new Set(bodies));
  for (const it of kept) {
    assert.equal(it.connection, "blogshoot");
    assert.equal(it.headers["content-type"], "application/json");
    assert.equal(it.events[0].kind, "published");
    assert.ok(it.payload.includes(it.event_id));
  }
});

test("where it cannot be kept its owner reads why, and it is kept once it can be", async () => {
  const place = temporary();
  const directory = path.join(place, "archive");
  writeFileSync(directory, "in the way");
  const server = await serve({ ARCHIVE_DIR: directory });
  await publish(server, article("evt_1"));
  const failed = await server.until((entry) => entry.code === "JOB_RETRY");
  assert.match(failed.reason, /the archive `.*archive`: a file is where a directory should be/);
  rmSync(directory);
  await server.until((entry) => entry.code === "ACTION_DONE" && entry.job === "archive");
  assert.equal(files(directory).length, 1);
});

test("a bucket's server is sent the same file, signed", async () => {
  /** @type {{ method?: string, url: string, body: string }[]} */
  const calls = [];
  const bucket = createServer((request, response) => {
    let body = "";
    request.setEncoding("utf8").on("data", (piece) => (body += piece));
    request.on("end", () => {
      calls.push({ method: request.method, url: request.url ?? "", body });
      response.end();
    });
  });
  const port = await listening(bucket);
  leftovers.push(() => bucket.close());
  const directory = path.join(temporary(), "archive");
  const server = await serve({
    ARCHIVE_DIR: directory,
    ARCHIVE_S3_BUCKET: "presshook-archive",
    ARCHIVE_S3_ENDPOINT: `http://127.0.0.1:${port}`,
    ARCHIVE_S3_ACCESS_KEY_ID: "an-id",
    ARCHIVE_S3_SECRET_ACCESS_KEY: "a-secret-of-the-bucket",
  });
  await publish(server, article("evt_1"));
  for (const job of ["archive", "archive-s3"]) {
    await server.until((entry) => entry.code === "ACTION_DONE" && entry.job === job);
  }
  const [name] = files(directory);
  const [{ method, url, body }, ...others] = calls;
  assert.equal(others.length, 0);
  assert.equal(method, "PUT");
  assert.equal(url.split("?")[0], `/presshook-archive/${name}`);
  assert.match(
    url,
    /X-Amz-Credential=an-id%2F\d{8}%2Fus-east-1%2Fs3%2Faws4_request&.*X-Amz-Signature=[0-9a-f]{64}$/,
  );
  assert.equal(body, readFileSync(path.join(directory, name), "utf8"));
  assert.ok(!server.output().includes("a-secret-of-the-bucket") && !server.output().includes("X-Amz"));
});
