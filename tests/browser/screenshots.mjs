// `npm run screenshots`: the pictures of the owner's page in `docs/images`, of a server that has two days of a bakery's
// publishing in it.

import { mkdirSync, statSync } from "node:fs";
import path from "node:path";
import { Problem, ROOT, main, say } from "../../scripts/shell.mjs";
import { start } from "../server/server.mjs";
import { launch } from "./chromium.mjs";
import { TOKEN } from "./edges.mjs";
import { fill, sample } from "./sample.mjs";
import { watched } from "./watched.mjs";

const DIRECTORY = path.join(ROOT, "docs", "images");
const MOST_BYTES = 150_000;
/** Never called: nothing is due before the pictures are made. */
const HOOK = "https://api.netlify.com/build_hooks/65f1c0ffee0000000000";
const SETTINGS = {
  ADMIN_TOKEN: TOKEN,
  GHOST_WEBHOOK_SECRET: "the secret of the pictures, for Ghost",
  BLOGSHOOT_WEBHOOK_SECRET__RECIPES: "the secret of the pictures, for BlogShoot",
  DEPLOY_HOOK_URL__WWW: HOOK,
  DEPLOY_HOOK_URL__STAGING: `${HOOK}1`,
  DEPLOY_BUDGET_PER_MONTH: "300",
};
const DESKTOP = { viewport: { width: 1200, height: 860 }, colorScheme: "light" };
const PHONE = { viewport: { width: 390, height: 1180 }, colorScheme: "dark", isMobile: true, hasTouch: true };

/** Each picture: its window, and how to come to what it shows. @type {Record<string, [object, string, string?]>} */
const PICTURES = {
  deliveries: [DESKTOP, "/deliveries"],
  delivery: [DESKTOP, "/deliveries", "A sourdough starter in seven days"],
  phone: [PHONE, "/deliveries"],
};

async function screenshots() {
  const server = await start(SETTINGS);
  const browser = await launch();
  try {
    const now = Date.now();
    const [last] = new Date(now).toISOString().split("T");
    const budget = { table: "budgets", name: "default", period_start: Date.parse(`${last.slice(0, 7)}-01`) };
    const targets = ["www", "staging"];
    await fill(server.url, TOKEN, [
      ...sample(now, targets),
      { ...budget, calls: 188, last_call_at: now - 60_000, told_at: null },
    ]);
    mkdirSync(DIRECTORY, { recursive: true });
    for (const [name, [window, place, title]] of Object.entries(PICTURES)) {
      const options = {
        ...window,
        locale: "en-US",
        timezoneId: "Europe/Zurich",
        reducedMotion: "reduce",
        bypassCSP: true,
      };
      const { page, show, close } = await watched(browser, server.url, /** @type {any} */ (options));
      await show(place);
      if (title) {
        await page.getByRole("link", { name: title }).first().click();
        await page.getByRole("heading", { level: 1, name: title }).waitFor();
        await page.locator("pre").waitFor();
      }
      // The system's own font is another on each machine.
      await page.addStyleTag({ content: 'body { font-family: "Liberation Sans", Arial, sans-serif }' });
      const file = path.join(DIRECTORY, `${name}.png`);
      await page.screenshot({ path: file });
      await close();
      const { size } = statSync(file);
      if (size > MOST_BYTES) throw new Problem(`${file} has ${size} bytes, more than ${MOST_BYTES}.`);
      say(`${path.relative(ROOT, file)}: ${size} bytes`);
    }
  } finally {
    await browser.close();
    await server.stop();
  }
}

await main(screenshots);
