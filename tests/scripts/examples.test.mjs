// The ways to run the server, Dockerfile and examples/server: each names only settings that there are, has what its
// documentation promises, and is accepted by the program that reads it, where that is installed.

import assert from "node:assert/strict";
import { execFileSync, spawnSync } from "node:child_process";
import { chmodSync, cpSync, readFileSync, readdirSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import path from "node:path";
import test from "node:test";
import { parseEnv } from "node:util";
import { parse, parseAllDocuments } from "yaml";
import { remedy, settings } from "../../scripts/server.mjs";
import { ROOT, output } from "../../scripts/shell.mjs";
import { inDirectory } from "./directory.mjs";

const HERE = "examples/server";
/** @param {string} file */
const read = (file) => readFileSync(path.join(ROOT, file), "utf8");

/** The rows of the table of settings: name and default. */
const TABLE = [...read("src/settings/table.rs").matchAll(/setting\(\s*"([^"]+)",\s*"([^"]*)"/g)];
const KNOWN = TABLE.map(
  ([, name]) =>
    new RegExp(`^${name.replace("<SOURCE>", "[A-Z][A-Z_]*").replace(/(__<NAME>)?$/, "(__[A-Z_]+)?")}$`),
);
const PORT = Number(TABLE.find(([, name]) => name === "PORT")?.[2]);

/**
 * @param {string} file
 * @param {Iterable<string>} names
 */
function known(file, names) {
  const all = [...names];
  assert.ok(all.length > 0, `${file} names settings`);
  for (const name of all) {
    assert.ok(
      KNOWN.some((it) => it.test(name)),
      `${file} names ${name}, which is no setting`,
    );
  }
}

/** @param {string} text of a Dockerfile, its instructions */
const instructions = (text) =>
  text
    .replaceAll(/^#.*\n/gm, "")
    .replaceAll("\\\n", " ")
    .split("\n")
    .filter(Boolean);

/**
 * Runs a checker, which has to be content and silent about trouble.
 *
 * @param {string} program
 * @param {string[]} args
 */
function content(program, args) {
  const { status, stdout, stderr } = spawnSync(program, args, { encoding: "utf8" });
  assert.equal(status, 0, `${program} ${args.join(" ")}\n${stdout}${stderr}`);
  return `${stdout}${stderr}`;
}

/** @param {string} program */
const missing = (program, args = ["--version"]) =>
  spawnSync(program, args).error ? `${program} is not installed` : false;

test("every example is documented", () => {
  const docs = read("docs/server.md");
  for (const file of readdirSync(path.join(ROOT, HERE))) {
    assert.ok(docs.includes(`(../${HERE}/${file})`), `docs/server.md does not link ${file}`);
  }
});

for (const file of ["docs/server.md", "docs/migrate.md"]) {
  test(`${file} sets settings that there are`, () => {
    const names = read(file).match(/(?<![A-Za-z_$])[A-Z][A-Z_]+(?==)/g) ?? [];
    known(
      file,
      names.filter((name) => name !== "NAME"),
    );
  });
}

test("the image is built with the pinned Rust, from what is let into the build", () => {
  const channel = /channel = "(.+)"/.exec(read("rust-toolchain.toml"))?.[1];
  assert.match(read("Dockerfile"), new RegExp(`^FROM rust:${channel}-slim-bookworm AS build$`, "m"));

  const allowed = read(".dockerignore")
    .split("\n")
    .filter((line) => line.startsWith("!"))
    .map((line) => line.slice(1));
  const lets = (/** @type {string} */ file) => allowed.some((it) => file === it || file.startsWith(`${it}/`));
  const files = execFileSync("git", ["ls-files", "src"], { cwd: ROOT, encoding: "utf8" }).trim().split("\n");
  for (const file of files.filter((it) => it.endsWith(".rs"))) {
    for (const [, included] of read(file).matchAll(/include_(?:str|bytes)!\(\s*"([^"]+)"/g)) {
      const named = path.join(path.dirname(file), included);
      assert.ok(lets(named), `${file} includes ${named}, which .dockerignore keeps out`);
    }
  }
  // Cargo wants to see what the manifest names.
  inDirectory((directory) => {
    for (const file of allowed) {
      cpSync(path.join(ROOT, file), path.join(directory, file), { recursive: true });
    }
    const args = ["metadata", "--no-deps", "--format-version", "1", "--offline", "--locked"];
    const { status, stderr } = spawnSync("cargo", args, { cwd: directory, encoding: "utf8" });
    assert.equal(status, 0, stderr);
  });
});

for (const file of ["Dockerfile", `${HERE}/node.Dockerfile`, `${HERE}/hugo.Dockerfile`]) {
  test(`${file} runs as somebody who is not root, and keeps what is stored`, () => {
    const lines = instructions(read(file));
    const last = (/** @type {string} */ word) => lines.findLast((line) => line.startsWith(`${word} `));
    assert.doesNotMatch(last("USER") ?? "USER root", /^USER (root|0)\b/);
    const variables = lines.flatMap((line) =>
      line.startsWith("ENV ") ? [...line.matchAll(/([A-Z_]+)=/g)].map(([, name]) => name) : [],
    );
    known(file, variables);
    // The other image has it from this one.
    const base = file.includes("hugo") ? instructions(read("Dockerfile")) : lines;
    for (const line of [
      "VOLUME /data",
      `EXPOSE ${PORT}`,
      'ENTRYPOINT ["tini", "--", "presshook"]',
      'CMD ["serve"]',
    ]) {
      assert.ok(base.includes(line), `${file}: ${line}`);
    }
    assert.ok(
      base.some((line) => line.startsWith("HEALTHCHECK ") && line.endsWith('["presshook", "health"]')),
    );
    assert.ok(base.some((line) => line.startsWith("ENV DATABASE=/data/presshook.db")));
  });
}

test("Compose runs the image as the server runs", () => {
  const { services, volumes, networks } = parse(read(`${HERE}/compose.yaml`));
  const service = services.presshook;
  known("compose.yaml", Object.keys(service.environment));
  assert.equal(path.resolve(ROOT, HERE, service.build), ROOT);
  assert.equal(service.env_file, "presshook.env");
  assert.deepEqual(service.ports, [`127.0.0.1:${PORT}:${PORT}`]);
  assert.deepEqual(service.volumes, ["data:/data"]);
  assert.ok("data" in volumes);
  assert.equal(service.environment.TRUSTED_PROXIES, networks.web.ipam.config[0].gateway);
});

test("Kubernetes runs one server, which keeps what it stores", () => {
  const documents = parseAllDocuments(read(`${HERE}/kubernetes.yaml`)).map((it) => {
    assert.deepEqual(it.errors, []);
    return it.toJS();
  });
  const of = (/** @type {string} */ kind) => documents.find((it) => it.kind === kind);
  const { spec } = of("Deployment");
  assert.equal(spec.replicas, 1);
  assert.equal(spec.strategy.type, "Recreate");
  const pod = spec.template.spec;
  assert.ok(pod.securityContext.runAsNonRoot);
  const [container] = pod.containers;
  known(
    "kubernetes.yaml",
    container.env.map((/** @type {{ name: string }} */ it) => it.name),
  );
  known("kubernetes.yaml", Object.keys(of("Secret").stringData));
  assert.equal(container.envFrom[0].secretRef.name, of("Secret").metadata.name);
  assert.equal(container.ports[0].containerPort, PORT);
  for (const probe of ["livenessProbe", "readinessProbe", "startupProbe"]) {
    assert.deepEqual(container[probe].httpGet, { path: "/health", port: "http" });
  }
  const claim = pod.volumes.find((/** @type {any} */ it) => it.persistentVolumeClaim).persistentVolumeClaim;
  assert.equal(claim.claimName, of("PersistentVolumeClaim").metadata.name);
  assert.deepEqual(of("Service").spec.selector, spec.selector.matchLabels);
  assert.equal(of("Ingress").spec.rules[0].http.paths[0].backend.service.name, of("Service").metadata.name);
});

test("the settings file names settings, those that are commented out too", () => {
  const text = read(`${HERE}/presshook.env`).replaceAll(/^#(?=[A-Z_]+=)/gm, "");
  known("presshook.env", Object.keys(parseEnv(text)));
});

test("PM2 runs one server, and gives it settings", () => {
  const { apps } = createRequire(import.meta.url)(path.join(ROOT, HERE, "ecosystem.config.cjs"));
  assert.equal(apps.length, 1);
  const [app] = apps;
  known("ecosystem.config.cjs", Object.keys(app.env));
  known(
    "ecosystem.config.cjs",
    read(`${HERE}/ecosystem.config.cjs`).match(/(?<=\/\/ )[A-Z_]+(?=: ")/g) ?? [],
  );
  assert.equal(app.interpreter, "none");
  assert.equal(app.instances, 1);
  assert.equal(app.env.PORT, PORT);
});

test("the unit names settings", () => {
  const unit = read(`${HERE}/presshook.service`);
  const lines = unit.match(/(?<=^Environment=).+/gm) ?? [];
  const names = lines.flatMap((line) => [...line.matchAll(/([A-Za-z_]+)=/g)].map(([, name]) => name));
  const others = ["XDG_CACHE_HOME", "npm_config_cache"];
  known(
    "presshook.service",
    names.filter((name) => !others.includes(name)),
  );
});

test("the unit is one that systemd accepts", { skip: missing("systemd-analyze") }, () => {
  inDirectory((directory) => {
    // systemd looks whether the program is there.
    const program = path.join(directory, "presshook");
    writeFileSync(program, "#!/bin/sh\n");
    chmodSync(program, 0o755);
    const unit = path.join(directory, "presshook.service");
    const text = read(`${HERE}/presshook.service`);
    assert.ok(text.includes("\nExecStart=/usr/local/bin/presshook serve\n"));
    writeFileSync(unit, text.replace("/usr/local/bin/presshook", program));
    assert.equal(content("systemd-analyze", ["verify", unit]), "");
    // Of ten, where ten is no protection at all; the first that can look at a file alone is version 250.
    const version = Number(/systemd (\d+)/.exec(output("systemd-analyze", ["--version"]) ?? "")?.[1]);
    if (version >= 250) content("systemd-analyze", ["security", "--offline=true", "--threshold=20", unit]);
  });
});

/** The server block of the BlogShoot page, as it stands there. */
const BLOGSHOOT = `server {
  listen 443 ssl;
  server_name webhook.yourdomain.com;
  ssl_certificate /etc/letsencrypt/live/webhook.yourdomain.com/fullchain.pem;
  ssl_certificate_key /etc/letsencrypt/live/webhook.yourdomain.com/privkey.pem;
  location /webhook {
    proxy_pass http://localhost:3100/webhook;
    proxy_set_header Host $host;
    proxy_set_header X-Real-IP $remote_addr;
  }
}`;

for (const [name, text] of [
  ["the example's", read(`${HERE}/nginx.conf`)],
  ["the BlogShoot page's", BLOGSHOOT],
]) {
  test(
    `nginx accepts ${name} server block`,
    { skip: missing("nginx", ["-v"]) || missing("openssl", ["version"]) },
    () => {
      inDirectory((directory) => {
        const [key, chain] = ["privkey.pem", "fullchain.pem"].map((file) => path.join(directory, file));
        const subject = ["-subj", "/CN=webhook.example.com", "-days", "1", "-keyout", key, "-out", chain];
        content("openssl", ["req", "-x509", "-newkey", "rsa:2048", "-nodes", ...subject]);
        const block = text.replaceAll(/\/etc\/letsencrypt\/live\/[^/]+/g, directory);
        const file = path.join(directory, "nginx.conf");
        const elsewhere = `pid ${directory}/pid; error_log ${directory}/error.log;`;
        writeFileSync(file, `${elsewhere} events {} http { access_log off; ${block} }`);
        content("nginx", ["-t", "-q", "-p", directory, "-c", file]);
      });
    },
  );
}

test("the example's nginx tells the server the address that it saw itself", () => {
  const block = read(`${HERE}/nginx.conf`);
  assert.match(block, /proxy_set_header X-Forwarded-For \$remote_addr;/);
  assert.match(block, new RegExp(`proxy_pass http://127\\.0\\.0\\.1:${PORT};`));
});

test("Caddy accepts the Caddyfile", { skip: missing("caddy", ["version"]) }, () => {
  const file = path.join(ROOT, HERE, "Caddyfile");
  const said = content("caddy", ["validate", "--adapter", "caddyfile", "--config", file]);
  assert.doesNotMatch(said, /"level":"(warn|error)"/);
  assert.ok(read(`${HERE}/Caddyfile`).includes(`reverse_proxy 127.0.0.1:${PORT} {`));
});

test("`npm run server` reads .env, and the environment above it", () => {
  inDirectory((directory) => {
    const file = path.join(directory, ".env");
    writeFileSync(file, "BLOGSHOOT_WEBHOOK_SECRET=of the file\nPORT=1\n");
    assert.deepEqual(settings({ PORT: "2" }, file), { BLOGSHOOT_WEBHOOK_SECRET: "of the file", PORT: "2" });
    assert.deepEqual(settings({ PORT: "2" }, path.join(directory, "none")), { PORT: "2" });
  });
  assert.match(remedy("fresh"), /BLOGSHOOT_WEBHOOK_SECRET=fresh/);
});
