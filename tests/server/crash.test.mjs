// A few crashes of the native server; `npm run test:crash -- server` makes two hundred.

import { test } from "node:test";
import { crash } from "../crash/run.mjs";

test("nothing that was acknowledged is lost, and no call spins", () =>
  crash("server", process.env.CRASHES ?? 12));
