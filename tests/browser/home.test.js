/** The first page, which everybody may see. */

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { faults } from './harness/accessibility.js';
import { Site } from './harness/site.js';

/** @type {Site} */
let site;
before(async () => {
  site = await Site.start();
});
after(() => site.stop());

for (const theme of /** @type {const} */ (['light', 'dark'])) {
  test(`the first page, ${theme}`, async () => {
    await site.visit({ user: null, theme }, async ({ page }) => {
      await page.goto('/');
      assert.deepEqual(await faults(page), []);
    });
  });
}
