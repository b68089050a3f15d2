/** Many objects at once: in groups, and as a selection. */

import assert from "node:assert/strict";
import { after, before, test } from "node:test";

import { path } from "./harness/api.js";
import { Site } from "./harness/site.js";
import { Traffic } from "./harness/traffic.js";
import { eventually } from "./harness/waiting.js";

/** @type {Site} */
let site;
/** @type {Traffic} */
let traffic;
before(async () => {
  site = await Site.start();
  for (const name of ["orders.eu.new", "orders.eu.old", "orders.us.new", "target"]) {
    await site.api.declareQueue(name);
  }
  traffic = new Traffic(site.broker.amqpUrl(), "--queue", "busy", "--rate", "50");
  await eventually(() => site.api.exists(`/queues${path("/", "busy")}`), "there is traffic");
});
after(async () => {
  await traffic?.stop();
  await site?.stop();
});

for (const scripts of [true, false]) {
  test(`queues are found by their prefix, ${scripts ? "with" : "without"} scripts`, async () => {
    await site.visit({ scripts }, async ({ page }) => {
      await page.goto("queues");
      await page.getByRole("link", { name: "By prefix" }).click();
      await page.getByRole("link", { name: "orders.", exact: true }).click();
      await page.getByRole("link", { name: "orders.eu.", exact: true }).click();
      const names = page.locator("tbody td[data-title=Name] a");
      assert.deepEqual(await names.allTextContents(), ["orders.eu.new", "orders.eu.old"]);
      await page.getByRole("link", { name: "Show these as a list" }).click();
      assert.equal(await page.locator("tbody tr").count(), 2);
    });
  });
}

test("connections of an application are selected by its group", async () => {
  await site.visit({}, async ({ page }) => {
    await page.goto("connections");
    await page.getByRole("link", { name: "By application" }).click();
    const group = page.locator("tbody tr", { hasText: "ferrymq" }).first();
    await group.getByRole("link").first().click();
    await page.waitForURL(/\/connections\?filter=client_properties/);
    await page.getByLabel("Select all on this page").check();
    await page.getByRole("button", { name: "Close" }).click();
    await page.getByRole("dialog").getByText("This can't be undone").waitFor();
  });
});

test("messages of several queues are moved in one go", async () => {
  for (const queue of ["orders.eu.new", "orders.us.new"]) {
    await site.api.publish(queue, "hello");
  }
  await site.visit({}, async ({ page }) => {
    await page.goto("queues?filter=orders");
    await page.getByLabel("Select orders.eu.new").check();
    await page.getByLabel("Select orders.us.new").check();
    await page.getByRole("button", { name: "Move" }).click();
    const dialog = page.getByRole("dialog");
    await dialog.getByLabel("To the queue").fill("target");
    await dialog.getByRole("button", { name: "Move" }).click();
    await eventually(async () => (await site.api.ready("target")) === 2, "both have come");
  });
});

test("a policy is offered for the queues that are selected", async () => {
  await site.visit({}, async ({ page }) => {
    await page.goto("queues?filter=orders.eu");
    await page.getByLabel("Select all on this page").check();
    await page.getByRole("button", { name: "Set policy" }).click();
    await page.waitForURL("**/console/policies?*");
    const pattern = page.getByLabel("Pattern of names");
    assert.equal(await pattern.inputValue(), "^(orders\\.eu\\.new|orders\\.eu\\.old)$");
    await page.getByText("What it would change").waitFor();
  });
});
