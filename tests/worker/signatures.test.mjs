// The published signature vectors at the built Worker in workerd, where HTTP can carry their method and path.

import { afterEach, expect, it, vi } from "vitest";
import published from "../vectors/signatures.json" with { type: "json" };
import edges from "../vectors/edges.json" with { type: "json" };
import schemes from "../vectors/schemes.json" with { type: "json" };
import { ofSignatures } from "../vectors/requests.mjs";
import { decided } from "./presshook.mjs";

afterEach(() => {
  vi.restoreAllMocks();
  vi.useRealTimers();
});

const vectors = ofSignatures(/** @type {any} */ ([...published, ...edges]), /** @type {any} */ (schemes));

it("has vectors to try", () => {
  expect(vectors.length).toBeGreaterThan(50);
});

it.each(vectors)("decides $name", decided);
