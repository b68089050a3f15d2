/** Tables that are longer than a window, and names that are longer than a column. */

import assert from "node:assert/strict";
import { after, before, test } from "node:test";

import { path } from "./harness/api.js";
import { Site } from "./harness/site.js";

const QUEUES = 60;
const LONG_VHOST = "a virtual host with a name that somebody has made very long";
const LONG_USER = "somebody.with.a.long.name@an-identity-provider.example.com";

/** @type {Site} */
let site;

before(async () => {
  site = await Site.start();
  for (let number = 1; number <= QUEUES; number += 1) {
    await site.api.declareQueue(`orders.europe.${number}`);
  }
  await site.api.put(`/vhosts${path(LONG_VHOST)}`);
  await site.api.put(`/users${path(LONG_USER)}`, { password: "x", tags: "management" });
  const everything = { configure: ".*", write: ".*", read: ".*" };
  for (const vhost of ["/", LONG_VHOST]) {
    await site.api.put(`/permissions${path(vhost, LONG_USER)}`, everything);
  }
});
after(() => site?.stop());

test("the head of a table and what can be done to its rows stay in sight", async () => {
  await site.visit({}, async ({ page }) => {
    await page.goto("queues?vhost=%2F&page_size=100");
    const last = page.locator("tbody tr").last();
    await last.getByRole("checkbox").check();
    await last.scrollIntoViewIfNeeded();
    const scrolled = await page.evaluate(() => window.scrollY);
    assert.ok(scrolled > 500, `the page has scrolled by ${scrolled} px`);
    const covered = await page.evaluate(() => {
      const seen = [...document.querySelectorAll("thead th, .bulk button")];
      return seen.filter((element) => {
        const { x, y, width, height } = element.getBoundingClientRect();
        return !element.contains(document.elementFromPoint(x + width / 2, y + height / 2));
      }).length;
    });
    assert.equal(covered, 0);
  });
});

test("selecting a row moves nothing", async () => {
  await site.visit({}, async ({ page }) => {
    await page.goto("queues?vhost=%2F");
    const row = page.locator("tbody tr").nth(5);
    const before = await row.boundingBox();
    await row.getByRole("checkbox").check();
    await page.getByText("1 selected").waitFor();
    assert.deepEqual(await row.boundingBox(), before);
  });
});

for (const width of [360, 1280]) {
  for (const where of ["permissions", "users", "queues", "vhosts"]) {
    test(`long names leave room for others on ${where} at ${width} px`, async () => {
      await site.visit({ width }, async ({ page }) => {
        await page.goto(where);
        const { beside, narrowest } = await page.evaluate(() => {
          const { clientWidth, scrollWidth } = document.documentElement;
          const words = [...document.querySelectorAll("td .pattern, td a.text")];
          const widths = words.map((word) => word.parentElement?.clientWidth ?? 0);
          return { beside: scrollWidth - clientWidth, narrowest: Math.min(...widths) };
        });
        assert.equal(beside, 0);
        assert.ok(narrowest > 60, `a name has ${narrowest} px`);
      });
    });
  }
}
