/**
 * What somebody can do without help who has never seen the console, each in under five clicks from the
 * overview.
 */

import assert from "node:assert/strict";
import { after, before, test } from "node:test";

import { path } from "./harness/api.js";
import { Site } from "./harness/site.js";
import { setTheStage } from "./harness/stage.js";
import { Traffic } from "./harness/traffic.js";
import { eventually } from "./harness/waiting.js";

/** A task has to be done in fewer. */
const TOO_MANY_CLICKS = 5;

/** @type {Site} */
let site;
/** A program that consumes, and one that publishes orders which nobody takes. @type {Traffic[]} */
let clients = [];
before(async () => {
  site = await Site.start();
  await setTheStage(site.api);
  const app = ["--queue", "app.work", "--rate", "10", "--consumers", "2"];
  const shop = ["--queue", "orders", "--predeclared", "--rate", "10", "--consumers", "0"];
  clients = [
    new Traffic(site.broker.amqpUrl("app"), ...app),
    new Traffic(site.broker.amqpUrl(), ...shop),
  ];
  await eventually(async () => (await site.api.get("/consumers")).length > 1, "app consumes");
});
after(async () => {
  await Promise.all(clients.map((client) => client.stop()));
  await site?.stop();
});

/** Somebody who uses a pointer, and counts. */
class Pointer {
  clicks = 0;

  /** @param {import("playwright-core").Locator} target */
  async click(target) {
    this.clicks += 1;
    await target.click();
  }
}

/**
 * @param {string} what
 * @param {(page: import("playwright-core").Page, pointer: Pointer) => Promise<void>} body
 */
function task(what, body) {
  test(what, async (t) => {
    await site.visit({}, async ({ page }) => {
      const pointer = new Pointer();
      await page.goto("overview");
      await body(page, pointer);
      t.diagnostic(`${pointer.clicks} clicks`);
      assert.ok(pointer.clicks < TOO_MANY_CLICKS, `${pointer.clicks} clicks`);
    });
  });
}

/**
 * The row of a table that holds `text`.
 *
 * @param {import("playwright-core").Page} page
 * @param {string} text
 */
function row(page, text) {
  return page.locator("tr[data-key]", { hasText: text });
}

/**
 * An entry of the navigation.
 *
 * @param {import("playwright-core").Page} page
 * @param {string} name
 */
function entry(page, name) {
  return page.getByRole("navigation", { name: "Pages" }).getByRole("link", { name, exact: true });
}

task("find the queue that is growing, and why", async (page, pointer) => {
  const attention = page.locator(".attention");
  await attention.getByText(/grows? without a consumer/).waitFor();
  await pointer.click(attention.getByRole("link", { name: "orders", exact: true }));
  await page.getByRole("heading", { level: 1, name: "orders" }).waitFor();
});

task("see the last failed message", async (page, pointer) => {
  await pointer.click(entry(page, "Dead letters"));
  await pointer.click(row(page, "orders.dead").getByRole("link", { name: "Open" }));
  await pointer.click(row(page, '"order":0').getByRole("link"));
  await page.getByText("How it died").waitFor();
  await page.getByText("expired").first().waitFor();
});

task("retry it", async (page, pointer) => {
  await pointer.click(entry(page, "Dead letters"));
  await pointer.click(row(page, "orders.dead").getByRole("link", { name: "Retry all" }));
  await pointer.click(page.locator("form.confirm").getByRole("button", { name: "Retry" }));
  await eventually(async () => (await site.api.ready("orders.dead")) === 0, "it has left");
});

task("find who is connected as app", async (page, pointer) => {
  await pointer.click(entry(page, "Connections"));
  await page.getByRole("searchbox").fill("user:app");
  await pointer.click(page.getByRole("button", { name: "Filter", exact: true }));
  await page.waitForURL("**/connections?*filter=user%3Aapp*");
  const users = await page.locator("td[data-title=User]").allTextContents();
  assert.ok(users.length > 0);
  assert.ok(users.every((user) => user === "app"));
});

task("cut one consumer", async (page, pointer) => {
  const before = (await site.api.get("/consumers")).length;
  await pointer.click(entry(page, "Consumers"));
  await pointer.click(page.locator("tbody").getByRole("checkbox").first());
  await pointer.click(page.getByRole("button", { name: "Cancel", exact: true }));
  await pointer.click(page.locator("form.confirm").getByRole("button", { name: "Cancel" }));
  const now = async () => (await site.api.get("/consumers")).length;
  await eventually(async () => (await now()) === before - 1, "one consumer is gone");
});

task("add a user limited to one prefix", async (page, pointer) => {
  await pointer.click(entry(page, "Users"));
  await pointer.click(page.locator("summary", { hasText: "Add a user" }));
  const form = page.locator("form[data-form=add-user]");
  await form.getByLabel("Name", { exact: true }).fill("billing");
  await form.getByRole("textbox", { name: "Password" }).fill("a long one");
  await form.getByLabel("Once more").fill("a long one");
  await form.getByRole("combobox", { name: "Virtual host" }).selectOption("/");
  await form.getByLabel("Only names that begin with").fill("billing.");
  await pointer.click(form.getByRole("button", { name: "Add" }));
  const permissions = `/permissions${path("/", "billing")}`;
  await eventually(() => site.api.exists(permissions), "the user may do something");
  const { configure, write, read } = await site.api.get(permissions);
  for (const pattern of [configure, write, read]) {
    assert.ok(new RegExp(pattern).test("billing.new"), pattern);
    assert.ok(!new RegExp(pattern).test("orders"), pattern);
  }
});
