// Holds idle connections, in a process of its own: `node hold.mjs PORT COUNT`. Says `held N` once that many are there,
// and then for each line that it is sent how many still are.

import { connect } from "node:net";

const [port, count] = process.argv.slice(2).map(Number);
/** How many are being opened at a time: a listener's queue is short. */
const AT_ONCE = 200;

const held = new Set();
let opened = 0;

function open() {
  if (opened >= count) return;
  opened++;
  const socket = connect(port, "127.0.0.1", () => {
    held.add(socket);
    if (held.size === count) console.log(`held ${held.size}`);
    open();
  });
  socket.on("error", (error) => console.error(error.message));
  socket.on("close", () => held.delete(socket));
}

for (let index = 0; index < AT_ONCE; index++) open();
process.stdin.setEncoding("utf8").on("data", () => console.log(`held ${held.size}`));
process.stdin.on("end", () => process.exit());
