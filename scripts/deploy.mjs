// `npm run deploy`: `wrangler deploy` of what a checkout compiles, then what is still to be done. Arguments go to
// wrangler.

import { pathToFileURL } from "node:url";
import { deploy } from "../packages/presshook/lib/deploy.mjs";
import { build } from "./build.mjs";
import { setup } from "./setup.mjs";
import { main, output, run } from "./shell.mjs";

async function script() {
  await setup();
  await build();
  await deploy(process.argv.slice(2), {
    run: (args, options) => run("wrangler", args, options),
    output: (args) => output("wrangler", args),
  });
}

if (import.meta.url === pathToFileURL(process.argv[1]).href) await main(script);
