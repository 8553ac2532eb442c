// A host whose deploy hook behaves as its path says, on loopback: the tests in workerd call it over real sockets.
// `/calls/NAME` tells what has arrived for `/hook/BEHAVIOR/NAME`.

import { createServer } from "node:http";

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
      if (behavior === "hangs") return;
      if (behavior === "closes") return void response.destroy();
      if (behavior === "streams") return void response.writeHead(200).write("the body never ends");
      // `500-500-200` answers one after the other.
      const statuses = behavior.split("-");
      response.writeHead(Number(statuses[Math.min(earlier.length, statuses.length - 1)]), {
        location: "https://example.com/elsewhere",
      });
      response.end("{}");
    });
  });
  await new Promise((resolve) => server.listen(0, "127.0.0.1", () => resolve(undefined)));
  const address = server.address();
  project.provide("host", `http://127.0.0.1:${typeof address === "object" && address ? address.port : 0}`);
  return () => {
    server.closeAllConnections();
    server.close();
  };
}
