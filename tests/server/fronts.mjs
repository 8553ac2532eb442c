// nginx and Caddy in front of a server under test: on a free port of loopback, with a certificate of the test's own, as
// an ordinary user, and with all their files in a directory of the test's.

import { spawn, spawnSync } from "node:child_process";
import { readFileSync, writeFileSync } from "node:fs";
import https from "node:https";
import { connect } from "node:net";
import path from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { PROXIES, findProxy, remedy } from "../../scripts/proxies.mjs";
import { freePort, within } from "../../scripts/serve.mjs";
import { Problem } from "../../scripts/shell.mjs";
import { temporary } from "./server.mjs";

/** The names that the certificate is for. */
const NAMES = ["webhook.yourdomain.com", "webhook.example.com"];

/**
 * What is in front, and how it is asked.
 *
 * @typedef {{ port: number, name: string, certificate: string, end: () => Promise<void> }} Front
 * @typedef {{ directory: string, port: number, certificate: string, key: string }} Place
 * @typedef {{ status: number, headers: import("node:http").IncomingHttpHeaders, text: string }} Answer
 */

/**
 * Why nothing can be tested behind a proxy, if so. In CI it is always tested.
 *
 * @param {"nginx" | "caddy"} name
 */
export function lacking(name) {
  const proxy = PROXIES.find((it) => it.name === name);
  if (!proxy || findProxy(proxy)) return undefined;
  if (process.env.CI) throw new Problem(remedy(proxy));
  return remedy(proxy);
}

/**
 * nginx with one or more `server` blocks.
 *
 * @param {(place: Place) => string} servers
 */
export const nginx = (servers) =>
  begin("nginx", (place) => {
    const blocks = servers(place);
    const elsewhere = [...blocks.matchAll(/listen ([^;]+);/g)].filter(
      ([, at]) => !at.startsWith("127.0.0.1:"),
    );
    if (elsewhere.length > 0)
      throw new Problem(`nginx must listen on loopback only: ${elsewhere.join(", ")}`);
    const file = path.join(place.directory, "nginx.conf");
    const kinds = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"];
    const paths = kinds.map((kind) => `${kind}_temp_path ${place.directory}/${kind};`).join("\n");
    writeFileSync(
      file,
      // One process, and so no other user.
      `daemon off; master_process off; pid ${place.directory}/nginx.pid;
       events {}
       http { access_log off; ${paths}\n${blocks}\n}`,
    );
    return ["-p", place.directory, "-e", path.join(place.directory, "error.log"), "-c", file];
  });

/**
 * Caddy with one or more sites.
 *
 * @param {(place: Place) => string} sites
 */
export const caddy = (sites) =>
  begin("caddy", (place) => {
    const file = path.join(place.directory, "Caddyfile");
    // Neither is it asked for orders, nor does it listen on port 80.
    const own = `{\n\tadmin off\n\tauto_https disable_redirects\n\tdefault_bind 127.0.0.1\n}\n`;
    writeFileSync(file, own + sites(place));
    return ["run", "--config", file, "--adapter", "caddyfile"];
  });

/**
 * @param {"nginx" | "caddy"} name
 * @param {(place: Place) => string[]} prepare
 * @returns {Promise<Front>}
 */
async function begin(name, prepare) {
  const proxy = PROXIES.find((it) => it.name === name);
  const program = proxy && findProxy(proxy);
  if (!program) throw new Problem(`${name} is not here`);
  const directory = temporary();
  const port = await freePort();
  const { certificate, key } = selfSigned(directory);
  const child = spawn(program, prepare({ directory, port, certificate, key }), {
    cwd: directory,
    stdio: ["ignore", "pipe", "pipe"],
    env: { PATH: process.env.PATH, HOME: directory, XDG_DATA_HOME: directory, XDG_CONFIG_HOME: directory },
  });
  let said = "";
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding("utf8").on("data", (text) => (said += text));
  }
  const kill = () => child.kill("SIGKILL");
  process.on("exit", kill);
  const ended = new Promise((resolve) => child.on("close", resolve)).finally(() => process.off("exit", kill));
  const early = ended.then((status) => {
    throw new Problem(`${name} ended with ${status}: ${said}`);
  });
  early.catch(() => {});
  await within(20_000, Promise.race([listening(port), early]), `${name} does not listen`);
  return {
    port,
    name: NAMES[0],
    certificate: readFileSync(certificate, "utf8"),
    end: async () => {
      child.kill("SIGTERM");
      await ended;
    },
  };
}

/** @param {string} directory */
function selfSigned(directory) {
  const [certificate, key] = ["certificate.pem", "key.pem"].map((file) => path.join(directory, file));
  const names = NAMES.map((name) => `DNS:${name}`).join(",");
  const curve = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"];
  const about = ["-days", "2", "-subj", `/CN=${NAMES[0]}`, "-addext", `subjectAltName=${names}`];
  const files = ["-keyout", key, "-out", certificate];
  const made = spawnSync("openssl", ["req", "-x509", ...curve, ...about, ...files], { encoding: "utf8" });
  if (made.status !== 0) throw new Problem(`openssl made no certificate: ${made.error ?? made.stderr}`);
  return { certificate, key };
}

/** @param {number} port */
async function listening(port) {
  for (;;) {
    const there = await new Promise((resolve) => {
      const socket = connect(port, "127.0.0.1", () => resolve(true));
      socket.on("error", () => resolve(false)).on("connect", () => socket.destroy());
    });
    if (there) return;
    await sleep(50);
  }
}

/**
 * Asks through what is in front, from an address of loopback.
 *
 * @param {Front} front
 * @param {{ path: string, from: string, name?: string, headers?: Record<string, string | string[]>, body: string,
 *   agent?: https.Agent }} request
 * @returns {Promise<Answer>}
 */
export function ask(front, { path, from, name = front.name, headers = {}, body, agent }) {
  return new Promise((resolve, reject) => {
    const request = https.request(
      {
        ...{ host: "127.0.0.1", port: front.port, servername: name, ca: front.certificate },
        ...{ path, method: "POST", localAddress: from, agent: agent ?? false, timeout: 20_000 },
        headers: { host: name, "content-length": Buffer.byteLength(body), ...headers },
      },
      (response) => {
        let text = "";
        response.setEncoding("utf8").on("data", (piece) => (text += piece));
        response.on("error", reject);
        response.on("end", () =>
          resolve({ status: response.statusCode ?? 0, headers: response.headers, text }),
        );
      },
    );
    request.on("timeout", () => request.destroy(new Problem("no answer within 20 s")));
    request.on("error", reject);
    request.end(body);
  });
}
