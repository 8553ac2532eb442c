// Takes out of a published OpenAPI description what commits and builds are asked for with, and writes it beside this file, small enough to
// be kept: `node tests/forges/excerpt.mjs NAME DESCRIPTION ORIGIN`, run by hand when a newer description is to be taken.
//
//   github   `generated/api.github.com.json` of the npm package `@octokit/openapi`
//   gitea    `swagger.json` of the crate `gitea-sdk`
//   forgejo  `swagger.v1.json` of the crate `forgejo-api`

import { readFileSync, writeFileSync } from "node:fs";
import path from "node:path";

/** What is asked for, and whether the answer's form is taken too: those of repositories and branches are very long. */
const WANTED = {
  github: [
    ["get", "/repos/{owner}/{repo}", false],
    ["get", "/repos/{owner}/{repo}/git/ref/{ref}", true],
    ["get", "/repos/{owner}/{repo}/git/commits/{commit_sha}", true],
    ["get", "/repos/{owner}/{repo}/git/trees/{tree_sha}", true],
    ["post", "/repos/{owner}/{repo}/git/blobs", true],
    ["post", "/repos/{owner}/{repo}/git/trees", true],
    ["post", "/repos/{owner}/{repo}/git/commits", true],
    ["patch", "/repos/{owner}/{repo}/git/refs/{ref}", true],
    ["post", "/repos/{owner}/{repo}/dispatches", true],
    ["post", "/repos/{owner}/{repo}/actions/workflows/{workflow_id}/dispatches", true],
  ],
  gitea: [
    ["get", "/repos/{owner}/{repo}", false],
    ["get", "/repos/{owner}/{repo}/branches/{branch}", false],
    ["get", "/repos/{owner}/{repo}/git/trees/{sha}", true],
    ["post", "/repos/{owner}/{repo}/contents", true],
  ],
};

/** Members that explain, and describe nothing. */
const WORDS = /^(description|summary|examples?|title|externalDocs|x-(?!multi-segment).*)$/;

const [, , name, file, origin] = process.argv;
const whole = JSON.parse(readFileSync(file, "utf8"));

/**
 * A part of the description, with what it refers to in its place and without words. Names of properties stay, whatever
 * they are.
 *
 * @param {any} part
 * @param {boolean} [names]
 * @returns {any}
 */
function taken(part, names = false) {
  if (Array.isArray(part)) return part.map((it) => taken(it));
  if (part === null || typeof part !== "object") return part;
  if (typeof part.$ref === "string") {
    const steps = part.$ref.slice(2).split("/");
    return taken(steps.reduce((/** @type {any} */ at, /** @type {string} */ step) => at[step], whole));
  }
  const members = Object.entries(part).filter(([key]) => names || !WORDS.test(key));
  return Object.fromEntries(members.map(([key, value]) => [key, taken(value, key === "properties")]));
}

/** The schema of a body, in both versions of OpenAPI. @param {any} it */
const schema = (it) => it?.schema ?? it?.content?.["application/json"]?.schema;

const operations = WANTED[name === "github" ? "github" : "gitea"].map(([method, at, answers]) => {
  const operation = whole.paths[String(at)][String(method)];
  const parameters = (operation.parameters ?? []).map((/** @type {any} */ it) => taken(it));
  const body = parameters.find((/** @type {any} */ it) => it.in === "body")?.schema;
  /** @type {Record<string, unknown>} */
  const responses = {};
  for (const [status, response] of Object.entries(operation.responses)) {
    const wanted = answers && status.startsWith("2");
    responses[status] = (wanted && schema(taken(response))) || {};
  }
  return {
    method: String(method).toUpperCase(),
    path: `${whole.basePath ?? ""}${at}`,
    parameters: parameters.filter((/** @type {any} */ it) => it.in !== "body"),
    body: body ?? taken(schema(operation.requestBody)),
    responses,
  };
});
const excerpt = { origin, version: whole.info.version, license: "MIT", operations };
writeFileSync(
  path.join(import.meta.dirname, `${name}.openapi.json`),
  `${JSON.stringify(excerpt, null, 1)}\n`,
);
