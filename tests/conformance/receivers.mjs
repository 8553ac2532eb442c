// Receivers for the suite's own tests: a correct one, small and in memory, and broken ones, each of which gets one thing
// wrong that real receivers get wrong. They play BlogShoot's receiver, with the contract's answers.

import { createHmac, timingSafeEqual } from "node:crypto";
import { createServer } from "node:http";

/** @typedef {import("node:http").IncomingHttpHeaders} Headers */
/** @typedef {{ url: string, headers: Headers, body: Buffer }} Request */

/**
 * A signed payload.
 *
 * @typedef {any} Payload
 */

/**
 * Whether a delivery is new; or the status that it is refused with.
 *
 * @typedef {"new" | "repeat" | number} Verdict
 */

/**
 * What survives a crash.
 *
 * @typedef {{ keys: Set<string>, waiting: string[], deliveries: object[], articles: Map<string, string> }} Disk
 */

/**
 * One life of a receiver, from its start to its end.
 *
 * @typedef {object} Life
 * @property {Disk} disk
 * @property {Set<string>} memory is lost when it ends
 * @property {AbortSignal} over
 * @property {() => void} arm sees to it that what waits is deployed
 */

/**
 * What a receiver does, step by step; the broken ones do one of them otherwise.
 *
 * @typedef {object} Steps
 * @property {(request: { headers: Headers, body: Buffer, secret: string }) => boolean} genuine
 * @property {(payload: Payload, tolerance: number) => boolean} recent
 * @property {(body: Buffer) => Payload | undefined} parse
 * @property {(life: Life, payload: Payload, left?: () => boolean) => Verdict | Promise<Verdict>} accept
 *   `left` tells whether the sender has broken the connection
 * @property {(life: Life, send: (events: string[]) => Promise<boolean>) => Promise<void>} deploy
 * @property {(request: Request, payload: Payload | undefined) => string} line of the log
 * @property {(request: Request, payload: Payload) => object} kept for the owner
 * @property {(headers: Headers) => boolean} owner whether it is the owner who asks
 * @property {(headers: Headers) => object} more of an answer
 */

/** @param {string} key @param {Buffer} body */
const mac = (key, body) => createHmac("sha256", key).update(body).digest("hex");

/** @param {number} milliseconds */
const sleep = (milliseconds) => new Promise((resolve) => setTimeout(resolve, milliseconds));

/** @param {Headers} headers */
const signature = (headers) => headers["x-blogshoot-signature"];

/** What opens the owner's list. */
export const OWNER = "the token of the owner";

/** Quiet time before a deploy, in milliseconds. */
const SETTLE = 50;

/** @type {Steps} */
const CORRECT = {
  genuine({ headers, body, secret }) {
    const given = Buffer.from(String(signature(headers) ?? ""));
    const right = Buffer.from(mac(secret, body));
    return given.length === right.length && timingSafeEqual(given, right);
  },
  recent: (payload, tolerance) => Date.now() - Date.parse(payload.timestamp) <= tolerance * 1000,
  parse(body) {
    try {
      const payload = JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(body));
      return payload?.event_id && payload.event_type ? payload : undefined;
    } catch {
      return undefined;
    }
  },
  accept({ disk }, { event_id: id }) {
    if (disk.keys.has(id)) return "repeat";
    disk.keys.add(id);
    disk.waiting.push(id);
    return "new";
  },
  async deploy({ disk }, send) {
    const events = [...disk.waiting];
    if (await send(events)) disk.waiting = disk.waiting.filter((it) => !events.includes(it));
  },
  line: (_, payload) => JSON.stringify({ code: "WEBHOOK_RECEIVED", event: payload?.event_id }),
  kept: ({ body }, payload) => ({ event: payload.event_id, body: String(body) }),
  owner: (headers) => headers.authorization === `Bearer ${OWNER}`,
  more: () => ({}),
};

/**
 * The broken ones, with the scenarios that must find them out.
 *
 * @type {Record<string, { steps: Partial<Steps>, fails: number[] }>}
 */
export const BROKEN = {
  "never deploys": { steps: { deploy: async () => {} }, fails: [1] },
  "shows the owner's list to everybody": { steps: { owner: () => true }, fails: [1] },
  "remembers nothing": {
    steps: {
      accept({ disk }, { event_id: id }) {
        disk.waiting.push(id);
        return "new";
      },
    },
    fails: [2, 3, 5, 13, 14, 15],
  },
  "says that it is a repeat, and deploys all the same": {
    steps: {
      accept(life, payload) {
        const verdict = CORRECT.accept(life, payload);
        if (verdict === "repeat") life.disk.waiting.push("an event without a name");
        return verdict;
      },
    },
    fails: [2, 5, 13, 14, 15],
  },
  "checks, then acts": {
    steps: {
      async accept(life, payload) {
        if (life.disk.keys.has(payload.event_id)) return "repeat";
        await sleep(150);
        life.disk.keys.add(payload.event_id);
        life.disk.waiting.push(payload.event_id);
        return "new";
      },
    },
    fails: [3, 5],
  },
  "wants the creation first": {
    steps: {
      accept(life, payload) {
        const { id } = payload.article;
        if (payload.event_type === "article.updated" && !life.disk.articles.has(id)) return 409;
        life.disk.articles.set(id, payload.timestamp);
        return CORRECT.accept(life, payload);
      },
    },
    fails: [4],
  },
  "drops what is older than the last": {
    steps: {
      accept(life, payload) {
        const { id } = payload.article;
        const last = life.disk.articles.get(id) ?? "";
        if (payload.timestamp < last) return "new";
        life.disk.articles.set(id, payload.timestamp);
        return CORRECT.accept(life, payload);
      },
    },
    fails: [4],
  },
  "drops the work when the sender leaves": {
    steps: {
      async accept(life, payload, left) {
        const { keys } = life.disk;
        if (keys.has(payload.event_id)) return "repeat";
        keys.add(payload.event_id);
        await sleep(150);
        if (!left?.()) life.disk.waiting.push(payload.event_id);
        return "new";
      },
    },
    fails: [5, 14],
  },
  "takes a late retry for a replay": {
    steps: { recent: (payload) => CORRECT.recent(payload, 10) },
    fails: [6, 10],
  },
  "accepts what is not signed": {
    steps: { genuine: (request) => !signature(request.headers) || CORRECT.genuine(request) },
    fails: [7],
  },
  "stumbles over a signature of another length": {
    steps: {
      genuine: ({ headers, body, secret }) =>
        Boolean(signature(headers)) &&
        timingSafeEqual(Buffer.from(String(signature(headers))), Buffer.from(mac(secret, body))),
    },
    fails: [8],
  },
  "accepts an empty key": {
    steps: {
      genuine: (request) => CORRECT.genuine(request) || CORRECT.genuine({ ...request, secret: "" }),
    },
    fails: [9],
  },
  "never looks at the time": { steps: { recent: () => true }, fails: [10] },
  "signs what it has parsed": {
    steps: {
      genuine(request) {
        const again = JSON.stringify(CORRECT.parse(request.body));
        return (
          CORRECT.genuine(request) ||
          (Boolean(again) && CORRECT.genuine({ ...request, body: Buffer.from(again) }))
        );
      },
    },
    fails: [11],
  },
  "lets a body that is no JSON end the request": {
    steps: { parse: (body) => JSON.parse(String(body)) ?? undefined },
    fails: [12],
  },
  "is choosy about the content type": {
    steps: {
      genuine: (request) =>
        CORRECT.genuine(request) && request.headers["content-type"] === "application/json",
    },
    fails: [12],
  },
  "remembers in memory alone": {
    steps: {
      accept({ disk, memory }, { event_id: id }) {
        if (memory.has(id)) return "repeat";
        memory.add(id);
        disk.waiting.push(id);
        return "new";
      },
    },
    fails: [13, 15],
  },
  "answers before it has stored": {
    steps: {
      accept(life, payload) {
        const { memory, over, arm } = life;
        if (memory.has(payload.event_id)) return "repeat";
        memory.add(payload.event_id);
        setTimeout(() => {
          if (over.aborted) return;
          CORRECT.accept(life, payload);
          arm();
        }, 20);
        return life.disk.keys.has(payload.event_id) ? "repeat" : "new";
      },
    },
    fails: [15],
  },
  "counts a call as made before it is answered": {
    steps: {
      async deploy({ disk }, send) {
        await send(disk.waiting.splice(0));
      },
    },
    fails: [15],
  },
  "logs the headers": {
    steps: { line: ({ headers }, payload) => JSON.stringify({ event: payload?.event_id, headers }) },
    fails: [16],
  },
  "logs the article": { steps: { line: ({ body }) => String(body) }, fails: [16] },
  "logs the URL": { steps: { line: ({ url }, payload) => `${payload?.event_id} ${url}` }, fails: [16] },
  "keeps the headers": {
    steps: { kept: ({ headers }, payload) => ({ event: payload.event_id, headers }) },
    fails: [16],
  },
  "answers with the signature it was given": {
    steps: { more: (headers) => ({ given: signature(headers) }) },
    fails: [16],
  },
};

/**
 * A receiver on a port of loopback.
 *
 * @param {{ port: number, secret: string, hook: string, tolerance: number, steps?: Partial<Steps> }} options
 */
export async function receiver({ port, secret, hook, tolerance, steps: own = {} }) {
  const steps = { ...CORRECT, ...own };
  /** @type {Disk} */
  const disk = { keys: new Set(), waiting: [], deliveries: [], articles: new Map() };
  let log = "";
  let end = () => {};

  async function begin() {
    const ending = new AbortController();
    const over = ending.signal;
    let armed = false;
    const arm = async () => {
      if (armed) return;
      armed = true;
      await sleep(SETTLE);
      // Never two calls at once: what comes during one is for the next.
      if (!over.aborted && disk.waiting.length > 0) await steps.deploy(life, send);
      armed = false;
      if (!over.aborted && disk.waiting.length > 0) arm();
    };
    /** @type {Life} */
    const life = { disk, memory: new Set(), over, arm };

    /** @param {string[]} events */
    const send = async (events) => {
      const body = {
        source: "blogshoot-webhook",
        event_id: events.at(-1),
        event_ids: events,
        event_count: events.length,
        timestamp: new Date().toISOString(),
      };
      try {
        const response = await fetch(hook, { method: "POST", body: JSON.stringify(body), signal: over });
        return response.ok && !over.aborted;
      } catch {
        return false;
      }
    };

    const server = createServer(async (request, response) => {
      /** @type {(status: number, body: object) => void} */
      const answer = (status, body) => {
        response.writeHead(status, { "content-type": "application/json" });
        response.end(JSON.stringify(body));
      };
      const { pathname } = new URL(request.url ?? "", "http://localhost");
      if (pathname === "/api/health") return answer(200, { status: "healthy", service: "presshook" });
      if (pathname === "/api/deliveries") {
        const owner = steps.owner(request.headers);
        return owner ? answer(200, disk.deliveries) : answer(401, { error: "Unauthorized" });
      }
      if (pathname !== "/api/webhook") return answer(404, { error: "Not found" });
      const pieces = [];
      try {
        for await (const piece of request) pieces.push(piece);
        const body = Buffer.concat(pieces);
        const [status, told] = await receive(request, body, () => response.destroyed);
        answer(status, { ...told, ...steps.more(request.headers) });
      } catch {
        if (!response.headersSent) answer(500, { error: "Internal server error" });
      }
    });

    /**
     * @param {import("node:http").IncomingMessage} request
     * @param {Buffer} body
     * @param {() => boolean} left
     * @returns {Promise<[number, object]>}
     */
    async function receive({ url = "", headers, headersDistinct }, body, left) {
      const once = headersDistinct["x-blogshoot-signature"]?.length !== 2;
      if (!once || !steps.genuine({ headers, body, secret })) return [401, { error: "Invalid signature" }];
      const payload = steps.parse(body);
      log += `${steps.line({ url, headers, body }, payload)}\n`;
      if (!payload) return [400, { error: "Invalid payload" }];
      if (!steps.recent(payload, tolerance)) return [401, { error: "Invalid signature" }];
      const verdict = await steps.accept(life, payload, left);
      if (typeof verdict === "number") return [verdict, { error: "Conflict" }];
      if (verdict === "new") disk.deliveries.push(steps.kept({ url, headers, body }, payload));
      arm();
      const { event_id, event_type, article } = payload;
      const told = { success: true, event_id, event_type, article_id: article?.id };
      return [200, verdict === "repeat" ? { ...told, duplicate: true } : told];
    }

    await new Promise((resolve) => server.listen(port, "127.0.0.1", () => resolve(undefined)));
    if (disk.waiting.length > 0) arm();
    end = () => {
      ending.abort();
      server.close();
      server.closeAllConnections();
    };
  }

  await begin();
  return {
    url: `http://127.0.0.1:${port}`,
    /** Ends it as a crash would, and starts it on what it has stored. */
    async restart() {
      end();
      await begin();
    },
    log: () => log,
    storage: () => [Buffer.from(JSON.stringify(disk.deliveries))],
    close: () => end(),
  };
}
