// A page of the browser under watch: what it says on its console, what its policy forbids, and where it asks are all wrong
// unless a test expects them. With it what several tests look at: accessibility, width, and the focus.

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { TOKEN } from "./edges.mjs";

const AXE = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");

/** How long the page may take for anything, in milliseconds: machines that test are busy. */
export const PATIENCE = 60_000;

/** @typedef {Awaited<ReturnType<typeof watched>>} Watched */

/**
 * @param {import("playwright-core").Browser} browser
 * @param {string} url of the edge
 * @param {import("playwright-core").BrowserContextOptions & { signedIn?: boolean }} [options]
 */
export async function watched(browser, url, { signedIn = true, ...options } = {}) {
  const context = await browser.newContext({
    viewport: { width: 1200, height: 800 },
    ...options,
    baseURL: url,
  });
  context.setDefaultTimeout(PATIENCE);
  await context.addInitScript(() => {
    document.addEventListener("securitypolicyviolation", ({ violatedDirective, blockedURI }) =>
      console.error(`forbidden by the policy: ${violatedDirective} ${blockedURI}`),
    );
  });
  const page = await context.newPage();
  /** @type {string[]} */
  const wrong = [];
  /** Bytes of what the page is made of, by its address. @type {Map<string, number>} */
  const bytes = new Map();
  page.on("pageerror", (error) => wrong.push(String(error.stack)));
  page.on("console", (message) => {
    if (["error", "warning"].includes(message.type())) wrong.push(message.text());
  });
  page.on("request", (request) => {
    const asked = new URL(request.url());
    if (asked.origin !== url && asked.protocol !== "data:") wrong.push(`asks elsewhere: ${asked}`);
  });
  page.on("response", async (response) => {
    const { pathname } = new URL(response.url());
    if (!/^\/deliveries/.test(pathname) || response.status() !== 200) return;
    bytes.set(pathname, (await response.body().catch(() => Buffer.alloc(0))).length);
  });
  if (signedIn) {
    const answer = await context.request.post("/deliveries", {
      form: { token: TOKEN },
      headers: { origin: url },
      maxRedirects: 0,
    });
    assert.equal(answer.status(), 303);
  }

  return {
    context,
    page,
    bytes,
    /** Ends it; nothing was wrong but what is expected. @param {RegExp} [expected] */
    async close(expected) {
      await context.close();
      assert.deepEqual(
        wrong.filter((it) => !expected?.test(it)),
        [],
      );
    },
    /** Shows a view, and waits until it has what it shows. @param {string} place */
    async show(place) {
      await page.goto(place);
      await page.locator("main h1").first().waitFor();
      await page.waitForFunction(() => !document.querySelector("main")?.textContent?.includes("Loading …"));
    },
    /** Waits until a text is in the page. @param {string | RegExp} text */
    text: (text) => page.getByText(text).first().waitFor(),
    /** Nothing is wider than the window. */
    async fits() {
      const wide = await page.evaluate(() => {
        const { scrollWidth } = document.documentElement;
        const out = [...document.querySelectorAll("main *")].filter(
          (it) => it.getBoundingClientRect().right > innerWidth + 1,
        );
        return scrollWidth > innerWidth ? out.map((it) => it.outerHTML.slice(0, 120)) : [];
      });
      assert.deepEqual(wide, [], `${page.url()} is wider than the window`);
    },
    /** Nobody is kept out, in the light nor in the dark. */
    async accessible() {
      for (const colorScheme of /** @type {const} */ (["light", "dark"])) {
        await page.emulateMedia({ colorScheme, reducedMotion: "reduce" });
        await page.evaluate(AXE);
        const { violations } = await page.evaluate(() => Reflect.get(globalThis, "axe").run());
        const told = violations.map((/** @type {any} */ { id, nodes }) => ({
          id,
          nodes: nodes.map((/** @type {any} */ it) => `${it.html.slice(0, 160)} ${it.failureSummary}`),
        }));
        assert.deepEqual(told, [], `${page.url()} in the ${colorScheme}`);
      }
    },
    /** What has the focus, by its role and name. */
    focused: () =>
      page.evaluate(() => {
        const it = document.activeElement;
        const label = it?.getAttribute("aria-label") ?? it?.closest("label")?.textContent ?? it?.textContent;
        return `${it?.tagName.toLowerCase()} ${label?.trim().replace(/\s+/g, " ").slice(0, 60)}`;
      }),
  };
}
