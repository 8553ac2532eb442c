// The whole of a Pages project's Function, `_worker.js`. It has no inbox of its own: Pages makes no Durable Objects, so
// it uses the Worker's, or none.

import { receive } from "../receiver.js";

export default { fetch: receive };
