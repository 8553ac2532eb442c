// Checks requests, and what a stand-in answers to them, against the part of a site's published OpenAPI description that
// is kept beside this file; `excerpt.mjs` takes it out.

import { readFileSync } from "node:fs";
import path from "node:path";
import { Ajv } from "ajv";

/**
 * @typedef {object} Operation
 * @property {string} method
 * @property {string} path
 * @property {{ name: string, in: string, required?: boolean, schema?: object, type?: string, "x-multi-segment"?: boolean }[]} parameters
 * @property {object} [body]
 * @property {Record<string, object>} responses
 *
 * @typedef {{ method: string, url: string, body?: string, status?: number, answer?: unknown }} Exchange
 */

/** @param {string} text */
const escaped = (text) => text.replace(/[.*+?^${}()|[\]\\]/g, "\\$&");

/** @param {string} name `github`, `gitea` or `forgejo` */
export function described(name) {
  const file = path.join(import.meta.dirname, `${name}.openapi.json`);
  /** @type {{ operations: Operation[] }} */
  const { operations } = JSON.parse(readFileSync(file, "utf8"));
  // `nullable` is OpenAPI's; formats such as `date-time` are not looked at.
  const ajv = new Ajv({ strict: false, validateFormats: false, coerceTypes: false });
  const ready = operations.map((operation) => {
    const { parameters } = operation;
    const multi = (/** @type {string} */ of) =>
      parameters.some((it) => it.name === of && it["x-multi-segment"]) ||
      (name !== "github" && of === "branch");
    const parts = operation.path.split(/\{(\w+)\}/);
    const pattern = parts.map((part, at) => (at % 2 ? (multi(part) ? "(.+)" : "([^/]+)") : escaped(part)));
    /** @type {Record<string, import("ajv").ValidateFunction>} */
    const answers = {};
    for (const [status, schema] of Object.entries(operation.responses)) answers[status] = ajv.compile(schema);
    const own = { additionalProperties: false, ...operation.body };
    return {
      ...operation,
      pattern: new RegExp(`^${pattern.join("")}$`),
      accepts: operation.body && ajv.compile(own),
      answers,
    };
  });

  /**
   * What is wrong with an exchange; nothing if it is as described.
   *
   * @param {Exchange} exchange
   * @param {string} root the URL of the API
   * @returns {string | undefined}
   */
  return function wrong({ method, url, body = "", status, answer }, root) {
    const { pathname, searchParams } = new URL(url.slice(root.length), "https://described.invalid");
    const operation = ready.find((it) => it.method === method && it.pattern.test(pathname));
    if (!operation) return `nothing like ${method} ${pathname} is described`;
    for (const [key, value] of searchParams) {
      const known = operation.parameters.find((it) => it.in === "query" && it.name === key);
      if (!known) return `the query has no \`${key}\``;
      const type = known.type ?? /** @type {{ type?: string }} */ (known.schema)?.type;
      if (type === "integer" && !/^\d+$/.test(value)) return `\`${key}\` is no number: ${value}`;
    }
    if (!operation.accepts && body !== "") return "it has a body, and none is described";
    if (operation.accepts && !operation.accepts(JSON.parse(body))) {
      return `its body: ${ajv.errorsText(operation.accepts.errors)}`;
    }
    if (status === undefined || status >= 500 || [401, 429].includes(status)) return undefined;
    const answers = operation.answers[String(status)];
    if (!answers) return `an answer of ${status} is not described`;
    return answers(answer) ? undefined : `the answer: ${ajv.errorsText(answers.errors)}`;
  };
}
