/** Open pages: they show what changes, leave alone what their reader does, and say when they can't. */

import assert from "node:assert/strict";
import { after, before, test } from "node:test";

import { path } from "./harness/api.js";
import { Site, signIn } from "./harness/site.js";
import { Traffic } from "./harness/traffic.js";
import { eventually } from "./harness/waiting.js";

/** Enough rows to scroll. */
const QUEUES = 60;

/** @type {Site} */
let site;
/** @type {Traffic} */
let traffic;
before(async () => {
  site = await Site.start();
  for (let number = 1; number <= QUEUES; number += 1) {
    await site.api.declareQueue(`idle.${number}`);
  }
  traffic = new Traffic(site.broker.amqpUrl(), "--queue", "busy", "--rate", "500");
  await eventually(() => site.api.exists(`/queues${path("/", "busy")}`), "there is traffic");
});
after(async () => {
  await traffic?.stop();
  await site?.stop();
});

/**
 * The row of a table that is about `name`.
 *
 * @param {import("playwright-core").Page} page
 * @param {string} name
 */
function row(page, name) {
  return page.locator("tr[data-key]", { has: page.getByRole("link", { name, exact: true }) });
}

/**
 * Waits until an open page has shown something new, twice.
 *
 * @param {import("playwright-core").Locator} place
 */
async function changesTwice(place) {
  for (let change = 0; change < 2; change += 1) {
    const before = await place.textContent();
    await eventually(async () => (await place.textContent()) !== before, "the page changes");
  }
}

test("a change keeps selection, scroll position and what is being typed", async () => {
  await site.visit({}, async ({ page }) => {
    await page.goto("queues?page_size=100");
    await row(page, "busy").getByRole("checkbox").check();
    await row(page, "idle.7").getByRole("checkbox").check();
    const filter = page.getByRole("searchbox");
    await filter.fill("not finis");
    await row(page, "idle.40").scrollIntoViewIfNeeded();
    const position = () =>
      page.evaluate(() => {
        const { activeElement: focused, scrollingElement } = document;
        const cursor = focused instanceof HTMLInputElement ? focused.selectionStart : undefined;
        return { cursor, scrolled: scrollingElement?.scrollTop };
      });
    const before = await position();
    await changesTwice(row(page, "busy"));
    assert.deepEqual(await position(), before);
    assert.equal(before.cursor, "not finis".length);
    assert.equal(await filter.inputValue(), "not finis");
    assert.equal(await row(page, "busy").getByRole("checkbox").isChecked(), true);
    assert.equal(await row(page, "idle.7").getByRole("checkbox").isChecked(), true);
    assert.equal(await page.locator("tbody input:checked").count(), 2);
  });
});

test("what is new is announced, and moves nothing before somebody asks", async () => {
  await site.visit({}, async ({ page }) => {
    await page.goto("queues?page_size=100");
    const rows = await page.locator("tr[data-key]").count();
    await site.api.declareQueue("brand.new");
    const note = page.getByRole("link", { name: "1 new" });
    await note.waitFor();
    assert.equal(await page.locator("tr[data-key]").count(), rows);
    await note.click();
    await row(page, "brand.new").waitFor();
  });
});

test("a row that has left the page goes on changing", async () => {
  await site.api.declareQueue("leaver");
  await site.visit({}, async ({ page }) => {
    await page.goto("queues?filter=leaver+messages_ready%3A0");
    await site.api.publish("leaver", "hello");
    const leaver = row(page, "leaver");
    await leaver.locator("td[data-title=Ready]", { hasText: "1" }).waitFor();
    await page.getByRole("link", { name: "The order has changed" }).waitFor();
    assert.equal(await page.locator("tr.gone").count(), 0);
    await site.api.delete(`/queues${path("/", "leaver")}`);
    await page.locator("tr.gone", { hasText: "leaver" }).waitFor();
  });
});

test("without streams a page asks every few seconds", async () => {
  for (const prepare of [withoutEventSource, withoutStreams]) {
    await site.visit({}, async ({ page, troubles }) => {
      troubles.expect(/ERR_FAILED/);
      await prepare(page);
      await page.goto("queues?filter=busy");
      const status = page.locator("#live-status");
      await status.getByText("Live, every 5 s").waitFor({ timeout: 30_000 });
      await changesTwice(row(page, "busy"));
      await page.getByRole("button", { name: "Pause", exact: true }).first().click();
      await status.getByText("Paused").waitFor();
    });
  }
});

/** @param {import("playwright-core").Page} page */
async function withoutEventSource(page) {
  await page.addInitScript("delete window.EventSource");
}

/** @param {import("playwright-core").Page} page */
async function withoutStreams(page) {
  await page.route("**/console/live/*", (route) =>
    route.request().headers().accept === "text/event-stream" ? route.abort() : route.continue(),
  );
}

test("a page can be paused", async () => {
  await site.visit({}, async ({ page }) => {
    await page.goto("queue?vhost=%2F&name=busy");
    const status = page.locator("#live-status");
    await status.getByText("Live").waitFor();
    await page.getByRole("button", { name: "Pause", exact: true }).first().click();
    await status.getByText("Paused").waitFor();
    await page.getByRole("button", { name: "Resume", exact: true }).first().click();
    await status.getByText("Live").waitFor();
  });
});

test("two browsers see what each other does", async () => {
  await site.api.declareQueue("shared");
  await site.visit({}, async ({ page: one }) => {
    await one.goto("queue?vhost=%2F&name=shared");
    await site.visit({}, async ({ page: other }) => {
      await other.goto("queues?filter=shared");
      await site.api.publish("shared", "hello");
      await other.locator("td[data-title=Ready]", { hasText: "1" }).waitFor();
      await one.getByRole("button", { name: "Delete" }).click();
      await one.getByLabel("Type").fill("shared");
      await one.getByRole("dialog").getByRole("button", { name: "Delete" }).click();
      await one.waitForURL("**/console/queues*");
      await other.locator("tr.gone", { hasText: "shared" }).waitFor();
    });
  });
});

test("a page about what is gone says so", async () => {
  await site.api.declareQueue("doomed");
  await site.visit({}, async ({ page }) => {
    await page.goto("queue?vhost=%2F&name=doomed");
    await page.locator("#live-status").getByText("Live").waitFor();
    await site.api.delete(`/queues${path("/", "doomed")}`);
    const notice = page.getByRole("alert").filter({ hasText: "no longer there" });
    await notice.getByRole("link", { name: "Load again" }).waitFor();
  });
});

test("a page says that the broker is gone, and comes back with it", async (t) => {
  const site = await Site.start();
  t.after(() => site.stop());
  await site.api.declareQueue("kept");
  await site.visit({}, async ({ page, troubles }) => {
    troubles.expect(/ERR_CONNECTION_REFUSED|ERR_INCOMPLETE_CHUNKED|status of 401/);
    await page.goto("queue?vhost=%2F&name=kept");
    const status = page.locator("#live-status");
    await status.getByText("Live").waitFor();
    await site.broker.kill();
    await status.getByText("Reconnecting").waitFor();
    await site.broker.startAgain();
    await page.waitForURL("**/console/login?to=*");
    await signIn(page, "guest", "guest");
    await status.getByText("Live").waitFor();
  });
});

test("what was typed outlives a session, and is sent in the next one", async (t) => {
  const site = await Site.start();
  t.after(() => site.stop());
  await site.visit({}, async ({ page, context, troubles }) => {
    troubles.expect(/ERR_CONNECTION_REFUSED|ERR_INCOMPLETE_CHUNKED|status of 401/);
    await page.goto("exchanges");
    await page.locator("#live-status").getByText("Live").waitFor();
    await page.getByText("Declare an exchange").click();
    await page.getByRole("textbox", { name: "Name" }).fill("half.typed");
    await site.broker.stop();
    await site.broker.startAgain();
    await page.getByRole("alert").filter({ hasText: "session has ended" }).waitFor();
    const other = context.waitForEvent("page");
    await page.getByRole("link", { name: "Log in on another page" }).click();
    await signIn(await other, "guest", "guest");
    await (await other).waitForURL("**/console/overview");
    await page.getByRole("button", { name: "Declare", exact: true }).click();
    await eventually(
      () => site.api.exists(`/exchanges${path("/", "half.typed")}`),
      "the exchange is declared",
    );
  });
});
