/** Names of all kinds come through HTML, addresses and scripts unharmed. */

import assert from "node:assert/strict";
import { after, before, test } from "node:test";

import { Site } from "./harness/site.js";
import { declareOddQueues, ODD_NAMES } from "./harness/stage.js";

/** @type {Site} */
let site;
before(async () => {
  site = await Site.start();
});
after(() => site?.stop());

for (const scripts of [true, false]) {
  for (const name of ODD_NAMES) {
    const how = scripts ? "with" : "without";
    test(`a queue called ${name.slice(0, 30)} is found and deleted, ${how} scripts`, async () => {
      await declareOddQueues(site.api);
      await site.api.publish(name, "something to lose");
      await site.visit({ scripts }, async ({ page }) => {
        await page.goto("queues");
        await page.getByRole("link", { name, exact: true }).click();
        assert.equal(await page.getByRole("heading", { level: 1 }).textContent(), name);
        await page.getByRole("button", { name: "Delete" }).click();
        const question = page.locator("form.confirm");
        await question.getByRole("textbox").fill(name);
        await question.getByRole("button", { name: "Delete" }).click();
        await page.waitForURL("**/console/queues*");
        assert.equal(await page.getByRole("link", { name, exact: true }).count(), 0);
      });
    });
  }
}
