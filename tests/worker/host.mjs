// A host whose deploy hook behaves as its path says, on loopback: the tests in workerd call it over real sockets.
// `/calls/NAME` tells what has arrived for `/hook/BEHAVIOR/NAME`. Beside it a stand-in of GitHub, with one repository.

import { createServer } from "node:http";
import { listening } from "../../scripts/serve.mjs";
import { github } from "../forges/github.mjs";
import { listen, withFiles } from "../forges/stand-in.mjs";

/** @param {import("vitest/node").TestProject} project */
export default async function setup(project) {
  /** @type {Map<string, { method?: string, contentType?: string, body: string }[]>} */
  const calls = new Map();
  const server = createServer((request, response) => {
    const [, place, behavior, name] = (request.url ?? "").split("/");
    if (place === "calls") {
      response.end(JSON.stringify(calls.get(behavior) ?? []));
      return;
    }
    let body = "";
    request.setEncoding("utf8").on("data", (piece) => (body += piece));
    request.on("end", () => {
      const earlier = calls.get(name) ?? [];
      calls.set(name, [
        ...earlier,
        { method: request.method, contentType: request.headers["content-type"], body },
      ]);
      // `500-closes-200` does one after the other, and the last for ever.
      const steps = decodeURIComponent(behavior).split("-");
      const step = steps[Math.min(earlier.length, steps.length - 1)];
      if (step === "hangs") return;
      if (step === "closes") return void response.destroy();
      if (step === "explains") {
        // At length, in pieces, and with headers that matter to some and one that does to nobody.
        const headers = {
          "content-type": "text/plain",
          link: '<u>; rel="next"',
          etag: '"e"',
          "set-cookie": "a=b",
        };
        response.writeHead(422, headers).write("why ".repeat(1000));
        return void response.end("why ".repeat(20_000));
      }
      if (step === "streams") return void response.writeHead(200).write("the body never ends");
      const [status, retryAfter] = step.split("=");
      // `slow=300` answers that many milliseconds later, so that calls would overlap if they could.
      if (status === "slow") return void setTimeout(() => response.end("{}"), Number(retryAfter));
      // `429=120` asks to be left alone that long, or until a date.
      response.writeHead(Number(status), {
        location: "https://example.com/elsewhere",
        ...(retryAfter && { "retry-after": retryAfter }),
      });
      response.end("{}");
    });
  });
  project.provide("host", `http://127.0.0.1:${await listening(server)}`);
  const forge = await listen(github, withFiles({ "README.md": "# A site\n" }));
  project.provide("github", forge.url);
  return () => {
    forge.close();
    server.closeAllConnections();
    server.close();
  };
}
