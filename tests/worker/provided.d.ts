/// <reference types="vite/client" />
// What `host.mjs` provides to the tests in workerd, and what wrangler.toml binds.

import "vitest";

declare module "vitest" {
  interface ProvidedContext {
    /** The URL of the host whose deploy hooks behave as their paths say. */
    host: string;
    /** The URL of a stand-in of GitHub's API, which has the repository `ada/site`. */
    github: string;
  }
}

declare global {
  namespace Cloudflare {
    interface Env {
      INBOX: {
        getByName(name: string): {
          ask(
            method: string,
            target: string,
            body?: Uint8Array,
            payload?: Uint8Array,
          ): Promise<[number, string]>;
        };
      };
      ARCHIVE: {
        put(name: string, bytes: Uint8Array, options?: object): Promise<unknown>;
        get(name: string): Promise<{
          httpMetadata?: { contentType?: string };
          text(): Promise<string>;
        } | null>;
        list(): Promise<{ objects: { key: string }[] }>;
        delete(names: string[]): Promise<void>;
      };
      /** Sends to anybody. */
      EMAIL: { send(message: unknown): Promise<unknown> };
      /** Sends to `ann@example.com` alone. */
      EMAIL_TO_ANN: { send(message: unknown): Promise<unknown> };
      ANALYTICS: {
        writeDataPoint(point: { indexes?: string[]; blobs?: string[]; doubles?: number[] }): void;
      };
      RATE_LIMIT: { limit(options: { key: string }): Promise<{ success: boolean }> };
    }
  }
}
