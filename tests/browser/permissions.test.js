/** What somebody may not do is not offered. */

import assert from "node:assert/strict";
import { after, before, test } from "node:test";

import { Site } from "./harness/site.js";
import { setTheStage } from "./harness/stage.js";
import { Traffic } from "./harness/traffic.js";
import { PAGES } from "./pages.js";

/** Buttons that everybody has: they change nothing in the broker. */
const HARMLESS = "form[action=theme], form[action=logout]";

/** @type {Site} */
let site;
/** @type {Traffic} */
let traffic;
before(async () => {
  site = await Site.start("http.read_only=true");
  await setTheStage(site.api);
  traffic = new Traffic(site.broker.amqpUrl(), "--queue", "busy", "--rate", "50");
});
after(async () => {
  await traffic?.stop();
  await site?.stop();
});

/**
 * What the page would send to change something.
 *
 * @param {import("playwright-core").Page} page
 */
function offers(page) {
  const forms = page.locator("form[method=post], form[action=confirm]");
  return forms
    .and(page.locator(`:not(${HARMLESS})`))
    .locator("button")
    .allTextContents();
}

for (const { name, address } of PAGES) {
  test(`${name} offers nothing in a read-only console`, async () => {
    await site.visit({}, async ({ page }) => {
      await page.goto(await address(site.api));
      assert.deepEqual(await offers(page), []);
    });
  });
}
