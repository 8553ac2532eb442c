/// <reference types="vite/client" />
// What `host.mjs` provides to the tests in workerd.

import "vitest";

declare module "vitest" {
  interface ProvidedContext {
    /** The URL of the host whose deploy hooks behave as their paths say. */
    host: string;
  }
}
