// A Pages Function among others, in a project's `functions` directory: the same receiver, called as Pages calls those.

import { receive } from "../receiver.js";

/** @param {{ request: Request, env: unknown, waitUntil: (promise: Promise<unknown>) => void }} context */
export const onRequest = (context) => receive(context.request, context.env, context);
