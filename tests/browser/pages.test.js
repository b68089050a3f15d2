/** Every page, as everybody sees it: with scripts and without, wide and narrow, light and dark. */

import assert from "node:assert/strict";
import { after, before, test } from "node:test";

import { faults } from "./harness/accessibility.js";
import { assertFitsItsWindow, takePicture } from "./harness/looks.js";
import { Site } from "./harness/site.js";
import { declareOddQueues, setTheStage } from "./harness/stage.js";
import { Traffic } from "./harness/traffic.js";
import { PAGES } from "./pages.js";

/** Of windows, in pixels. */
const WIDTHS = [1280, 360];
const HEIGHT = 800;
const THEMES = /** @type {const} */ (["light", "dark"]);

/** @type {Site} */
let site;
/** @type {Traffic} */
let traffic;
before(async () => {
  site = await Site.start();
  await setTheStage(site.api);
  await declareOddQueues(site.api);
  traffic = new Traffic(site.broker.amqpUrl(), "--queue", "busy", "--rate", "50");
});
after(async () => {
  await traffic?.stop();
  await site?.stop();
});

/**
 * Pages that only ask something have nothing that could be got by other means.
 *
 * @param {string} name
 */
function isForm(name) {
  return name === "start-job";
}

for (const { name, address } of PAGES) {
  for (const scripts of [true, false]) {
    test(`${name} ${scripts ? "with" : "without"} scripts`, async () => {
      await site.visit({ scripts, width: WIDTHS[0] }, async ({ page }) => {
        const place = await address(site.api);
        for (const width of WIDTHS) {
          await page.setViewportSize({ width, height: HEIGHT });
          const answer = await page.goto(place);
          assert.equal(answer?.status(), 200);
          await assertFitsItsWindow(page);
          assert.equal(await page.locator("h1").count(), 1);
          assert.equal(await page.locator("details.copy-as").count(), isForm(name) ? 0 : 1);
        }
      });
    });
  }

  test(`${name} is accessible`, async () => {
    await site.visit({ theme: THEMES[0], policy: false }, async ({ page }) => {
      await page.goto(await address(site.api));
      for (const theme of THEMES) {
        await page.emulateMedia({ colorScheme: theme, reducedMotion: "reduce" });
        await takePicture(page, `${name}-${theme}`);
        assert.deepEqual(await faults(page), [], theme);
      }
    });
  });
}
