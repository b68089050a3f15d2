/** A hundred thousand queues. */

import assert from "node:assert/strict";
import { after, before, test } from "node:test";

import { Site } from "./harness/site.js";

const QUEUES = 100_000;

/** How long the broker may take for the first byte of a list. */
const PATIENCE_MS = 150;

/** How often a page is loaded: the fastest counts, because the machine does other things, too. */
const ATTEMPTS = 5;

/** @type {Site} */
let site;
before(async () => {
  site = await Site.start();
  const queues = Array.from({ length: QUEUES }, (_, number) => {
    return { vhost: "/", name: `q.${number}`, durable: true, auto_delete: false, arguments: {} };
  });
  await site.api.post("/definitions", { queues });
});
after(() => site?.stop());

/**
 * The broker's time for the page at `address`, in milliseconds.
 *
 * @param {import("playwright-core").Page} page
 * @param {string} address
 */
async function serverTime(page, address) {
  await page.goto(address);
  return page.evaluate(() => {
    const [entry] = performance.getEntriesByType("navigation");
    const { requestStart, responseStart } = /** @type {PerformanceNavigationTiming} */ (entry);
    return responseStart - requestStart;
  });
}

for (const [what, address, shown] of [
  ["are listed", "queues", "100,000"],
  ["are sorted", "queues?sort=messages&sort_reverse=true", "100,000"],
  ["are filtered by name", "queues?filter=.999", "1–50 of 111"],
  ["are grouped", "queue-groups", "100,000"],
  ["are grouped one by one", "queue-groups?prefix=q.", "1–50 of 100,000"],
  ["are filtered by number", "queues?filter=messages%3A%3E0", "None of 100,000"],
]) {
  test(`${QUEUES} queues ${what} in ${PATIENCE_MS} ms`, async () => {
    await site.visit({}, async ({ page }) => {
      const times = [];
      for (let attempt = 0; attempt < ATTEMPTS; attempt += 1) {
        times.push(await serverTime(page, address));
      }
      assert.ok(Math.min(...times) < PATIENCE_MS, `${times} ms`);
      await page.getByText(shown).first().waitFor();
    });
  });
}
