// The scenarios, one after another; SCN-001 is what the others build on. The ids and what each is about follow the list
// of the project webhook-receiver-conformance (README.md says where ours departs from it).

import { CRASHES } from "./scenarios/crashes.mjs";
import { DELIVERIES } from "./scenarios/deliveries.mjs";
import { REFUSALS } from "./scenarios/refusals.mjs";
import { REDACTION } from "./scenarios/redaction.mjs";

/** @type {import("./suite.mjs").Scenario[]} */
export const SCENARIOS = [...DELIVERIES, ...REFUSALS, ...CRASHES, REDACTION];
