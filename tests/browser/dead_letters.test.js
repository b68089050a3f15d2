/** A rejected message, from the queue in which it died to its second chance. */

import assert from "node:assert/strict";
import { after, before, test } from "node:test";

import { path } from "./harness/api.js";
import { Site } from "./harness/site.js";
import { ORDERS, setTheStage } from "./harness/stage.js";
import { eventually } from "./harness/waiting.js";

/** @type {Site} */
let site;
before(async () => {
  site = await Site.start();
  await setTheStage(site.api);
});
after(() => site?.stop());

/** Takes every order and rejects it. */
async function rejectAll() {
  const how = { ackmode: "reject_requeue_false", count: ORDERS, encoding: "auto" };
  await site.api.post(`/queues${path("/", "orders")}/get`, how);
}

for (const scripts of [true, false]) {
  test(`dead letters are told apart and retried, ${scripts ? "with" : "without"} scripts`, async () => {
    await rejectAll();
    const dead = ORDERS + 1;
    await eventually(async () => (await site.api.ready("orders.dead")) === dead, "all are dead");
    await site.visit({ scripts }, async ({ page }) => {
      await page.goto("dead-letters");
      const row = page.locator("tr[data-key]", { hasText: "orders.dead" });
      await row.getByText("rejected").waitFor();
      await row.getByText("expired").waitFor();
      await row.getByRole("link", { name: "Open" }).click();

      await page.getByRole("searchbox").fill("json.$.customer.id:42");
      await page.getByRole("button", { name: "Filter", exact: true }).click();
      await page.getByText("1 shown").waitFor();
      await page.getByRole("link", { name: '"order":2' }).click();
      await page.getByText("How it died").waitFor();

      await page.getByRole("link", { name: "Retry…" }).click();
      const question = page.locator("form.confirm");
      await question.getByRole("button", { name: "Retry" }).click();
      await page.waitForURL(/console\/jobs?\b/);
      await eventually(async () => (await site.api.ready("orders")) === 1, "one is back");
      assert.equal(await site.api.ready("orders.dead"), dead - 1);

      await page.goto("jobs");
      await page.locator("tr[data-key]", { hasText: "orders.dead" }).first().waitFor();
      await page.goto("dead-letters");
      await row.getByRole("link", { name: "Retry all…" }).click();
      await page.locator("form.confirm").getByRole("button", { name: "Retry" }).click();
      await eventually(async () => (await site.api.ready("orders.dead")) === 0, "all are back");
    });
    assert.equal(await site.api.ready("orders"), dead);
    await site.api.delete(`/queues${path("/", "orders")}/contents`);
    await setTheStage(site.api);
  });
}
