import { cloudflareTest } from "@cloudflare/vitest-plugin";
import { defineConfig } from "vitest/config";

export default defineConfig({
  root: new URL("../..", import.meta.url).pathname,
  plugins: [
    cloudflareTest({
      wrangler: { configPath: "./wrangler.toml" },
      // In place of whatever is in .dev.vars.
      miniflare: {
        bindings: { BLOGSHOOT_WEBHOOK_SECRET: "the secret of the tests" },
        // Handed to an inbox by the tests that want it.
        r2Buckets: ["ARCHIVE"],
        analyticsEngineDatasets: { ANALYTICS: { dataset: "presshook" } },
        email: {
          send_email: [{ name: "EMAIL" }, { name: "EMAIL_TO_ANN", destination_address: "ann@example.com" }],
        },
      },
    }),
  ],
  test: {
    include: ["tests/worker/*.test.mjs"],
    exclude: ["served", "conformance", "latency", "pages"].map((name) => `tests/worker/${name}.test.mjs`),
    silent: "passed-only",
    globalSetup: "tests/worker/host.mjs",
    // A host that hangs is given up after 25 seconds.
    testTimeout: 40_000,
    // These break the module on purpose, and what it had begun may fail by itself then.
    onUnhandledError: (error) =>
      !String(Reflect.get(error, "VITEST_TEST_PATH")).endsWith("/defects.test.mjs"),
  },
});
