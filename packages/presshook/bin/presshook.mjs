#!/usr/bin/env node
// `npx presshook`.

import { presshook } from "../lib/main.mjs";
import { main } from "../lib/words.mjs";

await main(() => presshook(process.argv.slice(2)));
