// All parts of the benchmark, in the order in which they are measured and told.

import { part as builds } from "./parts/builds.mjs";
import { part as cold } from "./parts/cold.mjs";
import { part as cost } from "./parts/cost.mjs";
import { part as deliveries } from "./parts/deliveries.mjs";
import { part as durable } from "./parts/durable.mjs";
import { part as found } from "./parts/found.mjs";
import { part as path } from "./parts/path.mjs";
import { part as serverDurable } from "./parts/server-durable.mjs";
import { part as serverMemory } from "./parts/server-memory.mjs";
import { part as serverPosts } from "./parts/server-posts.mjs";
import { part as serverStart } from "./parts/server-start.mjs";
import { part as size } from "./parts/size.mjs";
import { part as warm } from "./parts/warm.mjs";

/** @type {import("./run.mjs").Part<any>[]} */
export const PARTS = [
  ...[warm, found, cold, durable, cost, builds, size, path, deliveries],
  ...[serverPosts, serverDurable, serverMemory, serverStart],
];
