// `npm run deny`: whether the crates are those that deny.toml allows: their licenses, which there may be and in how many
// versions, and where they come from. `npm run deny -- advisories` asks what is known against them, and needs the network.

import { pathToFileURL } from "node:url";
import { program } from "./setup.mjs";
import { Problem, bold, main, run, say } from "./shell.mjs";
import { DENY, find } from "./tools.mjs";

/** What can be said without asking anybody. */
const OFFLINE = ["licenses", "bans", "sources"];

/** @param {string[]} checks */
export async function deny(checks = OFFLINE) {
  const unknown = checks.find((it) => ![...OFFLINE, "advisories"].includes(it));
  if (unknown !== undefined) {
    throw new Problem(`There is no check \`${unknown}\`: it is ${OFFLINE.join(", ")} or advisories.`);
  }
  await program(DENY, () => say(bold(`${DENY.crate} ${DENY.version}`)));
  await run(String(find(DENY)), ["--locked", "check", ...checks], {
    remedy:
      "deny.toml says what there may be, and why; what is new and may be is added there, with its reason.",
  });
}

if (import.meta.url === pathToFileURL(process.argv[1]).href) {
  const checks = process.argv.slice(2);
  await main(() => deny(checks.length > 0 ? checks : undefined));
}
