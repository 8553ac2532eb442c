// The owner's page in a real browser, at both edges: what an owner sees and does, and what strangers' texts cannot do.
// What the API answers is tested at each edge by itself.

import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { launch } from "./chromium.mjs";
import { EDGES, TOKEN, hook, publish, told } from "./edges.mjs";
import { fill, sample } from "./sample.mjs";
import { PATIENCE, watched } from "./watched.mjs";

/** What a browser says of an answer that is no 2xx, which these tests ask for. */
const REFUSED = /^Failed to load resource/;
const VIEWS = ["/deliveries", "/deliveries/deploys", "/deliveries/refusals", "/deliveries/setup"];
/** All that a page and its form may weigh. */
const MOST_BYTES = 100_000;
const PHONE = { viewport: { width: 360, height: 740 }, isMobile: true, hasTouch: true };

/** Texts that would be something else if they were ever taken for more than text. */
const HOSTILE = [
  `<img src=x onerror="document.title='taken'"><script>document.title='taken'</script>`,
  `"><svg/onload=alert(1)><a href="javascript:alert(1)">here</a>`,
  "invoice\u202egnp.exe \u2066hidden\u2069 \u0000\u0007",
  `${"unbroken".repeat(200)}`,
  "الترحيب بالعالم — 世界",
];

/** @type {import("playwright-core").Browser} */
let browser;
before(async () => (browser = await launch()));
after(() => browser?.close());

/**
 * Asks again and again until the answer is as wanted.
 *
 * @template T
 * @param {() => Promise<T> | T} ask
 * @param {(answer: T) => unknown} wanted
 * @returns {Promise<T>}
 */
async function until(ask, wanted) {
  const limit = Date.now() + PATIENCE;
  for (;;) {
    const answer = await ask();
    if (wanted(answer)) return answer;
    if (Date.now() > limit)
      assert.fail(`it never came to be: ${wanted}\n${JSON.stringify(answer).slice(0, 2000)}`);
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
}

for (const [name, begin] of Object.entries(EDGES)) {
  describe(`the owner's page of ${name}`, () => {
    /** @type {import("./edges.mjs").Hook} */
    let host;
    /** @type {import("./edges.mjs").Edge} */
    let edge;
    before(async () => {
      host = await hook();
      edge = await begin(host.url);
    });
    after(async () => {
      await edge?.end();
      host?.close();
    });

    /** @param {Parameters<typeof watched>[2]} [options] */
    const open = (options) => watched(browser, edge.url, options);
    const newest = async () => (await told(edge, "/api/deliveries?limit=1")).deliveries[0];
    /** Until all that has come in is done. */
    const quiet = () =>
      until(
        () => told(edge, "/api/deliveries?limit=100"),
        ({ deliveries }) =>
          deliveries.every((/** @type {any} */ it) => !["waiting", "sending"].includes(it.outcome)),
      );

    test("is a form until one has signed in, and then what was asked for", async () => {
      const { page, context, text, accessible, fits, close } = await open({ signedIn: false });
      await page.goto("/deliveries/setup");
      const field = page.getByLabel("Admin token");
      assert.equal(await field.getAttribute("autocomplete"), "current-password");
      await accessible();
      await field.fill("not the token");
      await page.getByRole("button", { name: "Sign in" }).click();
      await text("That is not the token");
      assert.equal(new URL(page.url()).pathname, "/deliveries/setup");
      await accessible();
      await fits();
      await page.getByLabel("Admin token").fill(TOKEN);
      await page.keyboard.press("Enter");
      await page.getByRole("heading", { level: 1, name: "Setup" }).waitFor();
      const [cookie] = await context.cookies();
      const { httpOnly, sameSite } = cookie;
      assert.deepEqual({ httpOnly, sameSite }, { httpOnly: true, sameSite: "Strict" });
      assert.ok(!cookie.value.includes(TOKEN));
      await page.getByRole("button", { name: "Sign out" }).click();
      await page.getByLabel("Admin token").waitFor();
      assert.deepEqual(await context.cookies(), []);
      await close(REFUSED);
    });

    test("signs in without JavaScript too", async () => {
      const { page, close } = await open({ signedIn: false, javaScriptEnabled: false });
      await page.goto("/deliveries");
      await page.getByLabel("Admin token").fill(TOKEN);
      await page.getByRole("button", { name: "Sign in" }).click();
      await page.locator(".noscript", { hasText: "needs JavaScript" }).waitFor();
      await close();
    });

    test("shows what is left to set up as long as nothing has come in", async () => {
      const { page, text, show, accessible, fits, close } = await open({
        permissions: ["clipboard-read", "clipboard-write"],
      });
      await show("/deliveries");
      await page.getByRole("heading", { level: 1, name: "Nothing has arrived yet" }).waitFor();
      await text("The sender knows the address");
      const address = `${edge.url}/api/webhook/blogshoot`;
      await page.getByRole("button", { name: "Copy the address for BlogShoot" }).click();
      await text("Copied.");
      assert.equal(await page.evaluate(() => navigator.clipboard.readText()), address);
      await accessible();
      await fits();
      await page.getByRole("button", { name: "Send a test of BlogShoot" }).click();
      await text("A signed test of BlogShoot was sent");
      await page.getByRole("heading", { level: 2, name: "Deliveries" }).waitFor();
      await page.locator(".row").first().waitFor();
      assert.equal(await page.locator(".row").count(), 1);
      assert.equal((await newest()).kind, "test");
      await close();
    });

    test("shows a delivery and what becomes of it, without being loaded anew", async () => {
      const { page, show, close } = await open();
      await show("/deliveries");
      await page.evaluate(() => Reflect.set(globalThis, "loaded", "once"));
      await publish(edge, { title: "Five winter soups" });
      const row = page.locator(".row", { hasText: "Five winter soups" });
      await row.waitFor();
      assert.match((await page.locator("#heard").textContent()) ?? "", /Five winter soups/);
      await row.getByText("Done", { exact: true }).waitFor();
      assert.equal(await page.evaluate(() => Reflect.get(globalThis, "loaded")), "once");
      assert.equal(host.calls.length, 1);
      await close();
    });

    test("tells of one delivery in full, by its own address", async () => {
      const { id } = await newest();
      const { page, text, show, accessible, fits, close } = await open();
      await show(`/deliveries/${id}`);
      await page.getByRole("heading", { level: 1, name: "Five winter soups" }).waitFor();
      await text(/BlogShoot told that this was published/);
      await text("Build asked for");
      await text("Why:");
      await page.locator("pre", { hasText: '"title": "Five winter soups"' }).waitFor();
      assert.match(await page.title(), /Five winter soups/);
      await accessible();
      await fits();
      await close();
    });

    test("does again what a delivery causes", async () => {
      await quiet();
      const { id } = await newest();
      const before = host.calls.length;
      const { page, text, show, close } = await open();
      await show(`/deliveries/${id}`);
      await page.getByRole("button", { name: "Redeliver" }).click();
      await text(/Done again: \d+ jobs?/);
      await until(
        () => host.calls.length,
        (calls) => calls === before + 1,
      );
      await close();
    });

    test("deploys now once that is confirmed", async () => {
      await quiet();
      const before = host.calls.length;
      const { page, text, show, accessible, close } = await open();
      await show("/deliveries");
      const button = page.getByRole("button", { name: /^Deploy now/ }).first();
      await button.click();
      const dialog = page.getByRole("dialog", { name: /^Deploy .+ now\?$/ });
      await dialog.waitFor();
      await accessible();
      await page.keyboard.press("Escape");
      await dialog.waitFor({ state: "detached" });
      assert.equal(host.calls.length, before);
      await button.click();
      await dialog.getByRole("button", { name: "Deploy now" }).click();
      await text(/^A build of .+ is asked for\.$/);
      await until(
        () => host.calls.length,
        (calls) => calls === before + 1,
      );
      await close();
    });

    test("keeps strangers' texts texts", async () => {
      for (const [index, title] of HOSTILE.entries()) {
        await publish(edge, {
          title,
          id: title.slice(0, 400),
          excerpt: title,
          url: "javascript:alert(1)",
          number: index,
        });
      }
      await quiet();
      const { page, show, fits, close } = await open(PHONE);
      await show("/deliveries");
      await page
        .locator(".row")
        .nth(HOSTILE.length - 1)
        .waitFor();
      await fits();
      const { deliveries } = await told(edge, `/api/deliveries?limit=${HOSTILE.length}`);
      for (const { id } of deliveries) {
        await show(`/deliveries/${id}`);
        await page.locator("pre").waitFor();
        await fits();
        const found = await page.evaluate(() => ({
          elements: document.querySelectorAll(
            "main img, main script, main iframe, main [onload], main [onerror]",
          ).length,
          links: [...document.querySelectorAll("a")].filter((it) => !/^https?:$/.test(it.protocol)).length,
          turned: /[\u202a-\u202e\u2066-\u2069]/.test(document.body.innerText),
          title: document.title,
        }));
        assert.deepEqual(
          { ...found, title: found.title !== "taken" },
          { elements: 0, links: 0, turned: false, title: true },
        );
      }
      await close();
    });

    test("finds by search, sender, news and state, each with an address", async () => {
      await publish(edge, { title: "A field guide to rye", type: "article.updated" });
      await quiet();
      const { page, show, focused, close } = await open();
      await show("/deliveries");
      const rows = page.locator(".row");
      await page.keyboard.press("/");
      assert.match(await focused(), /^input Search/);
      await page.keyboard.type("FIELD guide");
      await until(
        () => rows.count(),
        (count) => count === 1,
      );
      assert.equal(new URL(page.url()).search, "?q=FIELD+guide");
      await page.keyboard.press("Escape");
      await until(
        () => rows.count(),
        (count) => count > 1,
      );
      assert.equal(new URL(page.url()).search, "");
      await page.getByLabel("What happened").selectOption("Test");
      await until(
        () => rows.allTextContents(),
        (all) => all.length === 1 && /test/i.test(all[0]),
      );
      await page.getByLabel("State").selectOption("Failed");
      await page.getByText("No delivery is like that.").waitFor();
      assert.equal(new URL(page.url()).search, "?kind=test&state=failed");
      await page.goBack();
      await until(
        () => rows.count(),
        (count) => count === 1,
      );
      assert.equal(await page.getByLabel("State").inputValue(), "");
      await page.goForward();
      await page.getByText("No delivery is like that.").waitFor();
      await page.reload();
      await page.getByText("No delivery is like that.").waitFor();
      assert.equal(await page.getByLabel("What happened").inputValue(), "test");
      await page.getByRole("link", { name: "Show all" }).click();
      await until(
        () => rows.count(),
        (count) => count > 1,
      );
      await page.getByLabel("Sender").selectOption("BlogShoot");
      await until(
        () => rows.count(),
        (count) => count > 1,
      );
      await close();
    });

    test("goes back and forward without losing one's place", async () => {
      const { page, show, focused, close } = await open({ viewport: { width: 1200, height: 500 } });
      await show("/deliveries");
      const link = page.getByRole("link", { name: "Five winter soups" });
      await link.scrollIntoViewIfNeeded();
      const place = await page.evaluate(() => scrollY);
      await link.click();
      await page.getByRole("heading", { level: 1, name: "Five winter soups" }).waitFor();
      await page.goBack();
      await link.waitFor();
      await until(
        () => page.evaluate(() => scrollY),
        (now) => Math.abs(now - place) < 5,
      );
      await until(focused, (it) => it === "a Five winter soups");
      await page.goForward();
      await page.getByRole("heading", { level: 1, name: "Five winter soups" }).waitFor();
      await page.keyboard.press("Escape");
      await link.waitFor();
      await close();
    });

    test("moves nothing that is being read, and loads older rows by and by", async () => {
      const before = (await told(edge, "/api/deliveries?limit=100")).deliveries.length;
      for (let number = 1; before + number <= 62; number += 1) {
        await publish(edge, { title: `Loaf number ${number}`, id: `loaf_${number}` });
      }
      await quiet();
      const { page, show, close } = await open();
      await show("/deliveries");
      const rows = page.locator(".row");
      await until(
        () => rows.count(),
        (count) => count === 50,
      );
      await rows.nth(20).scrollIntoViewIfNeeded();
      await page.evaluate(() => scrollBy(0, 200));
      const where = () => rows.nth(20).evaluate((it) => it.getBoundingClientRect().top);
      const place = await where();
      await publish(edge, { title: "Hot from the oven" });
      const arrived = page.getByRole("button", { name: "1 new" });
      await arrived.waitFor();
      assert.equal(await page.locator(".row", { hasText: "Hot from the oven" }).count(), 0);
      assert.ok(Math.abs((await where()) - place) < 2, "what is read stays where it is");
      await arrived.click();
      await page.locator(".row", { hasText: "Hot from the oven" }).waitFor();
      await until(
        () => rows.first().evaluate((it) => it.getBoundingClientRect().top),
        (top) => top >= 0 && top < 800,
      );
      await page.getByRole("button", { name: "Load older" }).click();
      await until(
        () => rows.count(),
        (count) => count === 63,
      );
      await page.getByText("That is all.").waitFor();
      await quiet();
      await close();
    });

    test("says what failed, and has it tried again", async () => {
      host.answer = 410;
      await publish(edge, { title: "A loaf that burnt" });
      const { page, text, show, accessible, fits, close } = await open();
      await show("/deliveries");
      await page
        .locator(".row", { hasText: "A loaf that burnt" })
        .getByText("Failed", { exact: true })
        .waitFor();
      await page.getByRole("heading", { level: 1, name: /failed/ }).waitFor();
      await accessible();
      await fits();
      await page.locator(".row a", { hasText: "A loaf that burnt" }).click();
      await text(/Nothing is lost: mend the reason/);
      await accessible();
      host.answer = 200;
      await show("/deliveries");
      await page.getByRole("button", { name: "Try again what failed" }).click();
      await text(/tried again, at once/);
      await page
        .locator(".row", { hasText: "A loaf that burnt" })
        .getByText("Done", { exact: true })
        .waitFor();
      await close();
    });

    test("deletes once that is confirmed", async () => {
      await quiet();
      const { id } = await newest();
      const { page, text, show, close } = await open();
      await show(`/deliveries/${id}`);
      await page.getByRole("button", { name: "Delete" }).click();
      await page.getByRole("button", { name: "Cancel" }).click();
      assert.equal((await newest()).id, id);
      await page.getByRole("button", { name: "Delete" }).click();
      await page.getByRole("button", { name: "Delete it" }).click();
      await text("The delivery is deleted.");
      await page.getByRole("heading", { level: 2, name: "Deliveries" }).waitFor();
      assert.equal(await page.locator(`a[href="/deliveries/${id}"]`).count(), 0);
      await show(`/deliveries/${id}`);
      await page.getByRole("heading", { level: 1, name: "This delivery is not there" }).waitFor();
      await close(REFUSED);
    });

    test("is open to everybody: each view, light and dark, wide and narrow", async () => {
      const { id } = await newest();
      for (const options of [{}, PHONE]) {
        const { show, accessible, fits, close } = await open(options);
        for (const place of [...VIEWS, `/deliveries/${id}`, "/deliveries?q=nothing+is+like+that"]) {
          await show(place);
          await accessible();
          await fits();
        }
        await close();
      }
    });

    test("is used by the keyboard alone", async () => {
      const { page, show, focused, close } = await open();
      await show("/deliveries");
      /** @type {string[]} */
      const walked = [];
      const walk = async (/** @type {RegExp} */ goal) => {
        for (let steps = 0; steps < 40; steps += 1) {
          await page.keyboard.press("Tab");
          walked.push(await focused());
          const seen = await page.evaluate(() => {
            const it = /** @type {Element} */ (document.activeElement);
            return getComputedStyle(it.closest(".row") ?? it).outlineStyle !== "none";
          });
          assert.ok(seen, `the focus is seen at ${walked.at(-1)}`);
          if (goal.test(walked.at(-1) ?? "")) return;
        }
        assert.fail(`not reached: ${goal}\n${walked.join("\n")}`);
      };
      await walk(/^a Skip to content/);
      await walk(/^a Setup/);
      await walk(/^button Sign out/);
      await walk(/^button Deploy now/);
      await walk(/^input Search/);
      await walk(/^select State/);
      await walk(/^a Hot from the oven|^a Loaf number/);
      const [, title] = /^a (.+)/.exec(walked.at(-1) ?? "") ?? [];
      await page.keyboard.press("Enter");
      await page.getByRole("heading", { level: 1, name: title }).waitFor();
      await until(focused, (it) => it.startsWith("h1"));
      await walk(/^button Redeliver/);
      await walk(/^button Delete/);
      await page.keyboard.press("Enter");
      await page.getByRole("dialog").waitFor();
      await page.keyboard.press("Escape");
      await until(focused, (it) => it === "button Delete");
      await page.keyboard.press("Escape");
      await page.getByRole("heading", { level: 2, name: "Deliveries" }).waitFor();
      await close();
    });

    test("says when the receiver does not answer, and goes on by itself", async () => {
      const { page, context, show, close } = await open();
      await show("/deliveries");
      await context.setOffline(true);
      await page.getByText("The receiver cannot be reached").waitFor();
      await context.setOffline(false);
      await page.locator(".trouble").waitFor({ state: "detached" });
      await close(REFUSED);
    });

    test("is shown the form when its cookie is gone", async () => {
      const { page, context, show, close } = await open();
      await show("/deliveries/deploys");
      await context.clearCookies();
      await page.getByLabel("Admin token").waitFor();
      assert.equal(new URL(page.url()).pathname, "/deliveries/deploys");
      await close(REFUSED);
    });

    test("weighs little, and asks nowhere else", async () => {
      const { page, show, bytes, close } = await open();
      await show("/deliveries");
      await page.locator(".row").first().waitFor();
      const form = await (await fetch(`${edge.url}/deliveries`)).text();
      const all = [...bytes.values()].reduce((sum, it) => sum + it, form.length);
      assert.ok(bytes.size > 10 && all < MOST_BYTES, `${all} bytes in ${bytes.size} files`);
      await close();
    });

    test("tells of two days of builds, of those that failed and of those that nobody knows of", async () => {
      await fill(edge.url, TOKEN, sample(Date.now() - 5000, ["default"]));
      const { page, text, show, accessible, fits, close } = await open(PHONE);
      await show("/deliveries/deploys");
      await page
        .getByRole("img", { name: /^From publish to live, the last \d+ deploys: usually \d+ s/ })
        .waitFor();
      const deploys = page.locator(".deploys > li");
      await deploys.getByText("Building", { exact: true }).first().waitFor();
      await text("3 deliveries · live after");
      await accessible();
      await fits();
      await page.getByRole("button", { name: "Load older" }).click();
      await until(
        () => deploys.count(),
        (count) => count > 30,
      );
      await deploys.getByText("Unknown", { exact: true }).first().waitFor();
      await page.getByRole("link", { name: "A sourdough starter in seven days" }).first().click();
      await text(/together with 2 other deliveries, live 58 s after it came in/);
      await page.getByRole("listitem").filter({ hasText: "Built" }).first().waitFor();
      await accessible();
      await show("/deliveries?state=unknown");
      await page.getByRole("link", { name: /The miller from Aadorf/ }).click();
      await text(/whether it is live could not be found out/);
      await show("/deliveries?q=gift+boxes");
      await page.getByRole("link", { name: "Gift boxes are back" }).last().click();
      await text(/failed: the build ended with error.+A later deploy has carried it\./);
      await show("/deliveries/refusals");
      await text(/verifies with a newline added/);
      await accessible();
      await fits();
      await close();
    });

    test("lets nobody guess the token for long", async () => {
      const { page, text, close } = await open({ signedIn: false });
      const guess = (/** @type {number} */ number) =>
        fetch(`${edge.url}/deliveries`, {
          method: "POST",
          body: new URLSearchParams({ token: `a guess ${number}` }),
        });
      // Before it is tried: each few seconds one more guess is allowed again.
      await page.goto("/deliveries");
      await page.getByLabel("Admin token").fill("a further guess");
      for (let number = 0; number < 200; number += 1) {
        const { status } = await guess(number);
        if (status === 429) break;
        assert.equal(status, 401);
      }
      await page.getByRole("button", { name: "Sign in" }).click();
      await text("Too many attempts. Wait a minute");
      await close(REFUSED);
    });
  });
}
