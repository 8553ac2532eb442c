// The JavaScript Worker that keeps what comes, with what it asks of its object and its store counted.

import { counted } from "./counted.mjs";
import javascript, { Inbox as Whole } from "./durable.mjs";

const { worker, Inbox } = counted(javascript, Whole);

export { Inbox };
export default worker;
