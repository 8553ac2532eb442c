// Presshook, with what it asks of its inbox and its store counted.

import presshook, { Inbox as Whole } from "../../src/cloudflare/worker.js";
import { counted } from "./counted.mjs";

const { worker, Inbox } = counted(presshook, Whole);

export { Inbox };
export default worker;
