// What a Wasm module takes and gives, as JSON: for `build.mjs`, which runs this with the Node.js that comes with the
// packages, as older ones do not know all that is in the module.

import { readFileSync } from "node:fs";

const module = new WebAssembly.Module(readFileSync(process.argv[2]));
const exports = WebAssembly.Module.exports(module);
const imports = WebAssembly.Module.imports(module);
console.log(JSON.stringify({ exports, imports }));
