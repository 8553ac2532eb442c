// The local settings, `.dev.vars`: read by wrangler, by `npm start` and by `npm run send`.

import path from "node:path";
import { add, fresh, read } from "../packages/presshook/lib/vars.mjs";
import { ROOT, say } from "./shell.mjs";

export { DEPLOY_HOOKS } from "../packages/presshook/lib/deploy.mjs";

const FILE = path.join(ROOT, ".dev.vars");
const SECRET = "BLOGSHOOT_WEBHOOK_SECRET";

/** The names and values in `.dev.vars`; none if there is no such file. */
export const localSettings = () => read(FILE);

/** Sees to it that there is a secret to sign with, and returns it. */
export function localSecret() {
  const words = "Settings for `npm start` and `wrangler dev` on this machine; never committed.";
  if (add(FILE, { [SECRET]: fresh() }, words).length > 0) {
    say(`A fresh ${SECRET} was written to .dev.vars`);
  }
  return localSettings()[SECRET];
}
