/** A queue's life by keys alone: no pointer is ever used. */

import assert from "node:assert/strict";
import { after, before, test } from "node:test";

import { path } from "./harness/api.js";
import { Site } from "./harness/site.js";
import { eventually } from "./harness/waiting.js";

/** No page has more places to stop at. */
const MOST_STOPS = 120;

const QUEUE = "by.keys";

/** @type {Site} */
let site;
before(async () => {
  site = await Site.start();
  await site.api.declareQueue("another");
});
after(() => site?.stop());

/** Somebody without a pointer. */
class Typist {
  #page;

  /** @param {import("playwright-core").Page} page */
  constructor(page) {
    this.#page = page;
  }

  /**
   * Goes from field to field until the one that is meant has the focus.
   *
   * @param {import("playwright-core").Locator} target
   */
  async tabTo(target) {
    await target.waitFor();
    for (let stop = 0; stop < MOST_STOPS; stop += 1) {
      if (await target.evaluate((element) => element === document.activeElement)) {
        return;
      }
      await this.#page.keyboard.press("Tab");
    }
    assert.fail(`no way to ${target} by Tab`);
  }

  /** @param {import("playwright-core").Locator} target */
  async open(target) {
    await this.tabTo(target);
    await this.#page.keyboard.press("Enter");
  }

  /**
   * @param {import("playwright-core").Locator} field
   * @param {string} text
   */
  async type(field, text) {
    await this.tabTo(field);
    await this.#page.keyboard.insertText(text);
  }

  /** Presses one key after the other. @param {string[]} keys */
  async press(...keys) {
    for (const key of keys) {
      await this.#page.keyboard.press(key);
    }
  }
}

test("declare, bind, publish, browse, tail, purge and delete by keys", async () => {
  await site.visit({}, async ({ page }) => {
    const typist = new Typist(page);
    const about = page.getByRole("navigation", { name: "About this queue" });
    const question = page.getByRole("dialog");

    await page.goto("overview");
    await typist.press("g", "q");
    await page.waitForURL("**/console/queues*");
    await typist.open(page.locator("summary", { hasText: "Declare a queue" }));
    const declaring = page.locator("#declare-queue");
    await typist.type(declaring.getByLabel("Name", { exact: true }).first(), QUEUE);
    await typist.open(declaring.getByRole("button", { name: "Declare" }));
    await page.getByRole("status").getByText(QUEUE).waitFor();
    assert.ok(await site.api.exists(`/queues${path("/", QUEUE)}`));

    await typist.press("Control+k");
    await page.getByRole("combobox", { name: "Find" }).waitFor();
    await page.keyboard.insertText(QUEUE);
    await page.getByRole("option", { name: QUEUE }).first().waitFor();
    await typist.press("Enter");
    await page.getByRole("heading", { level: 1, name: QUEUE }).waitFor();

    await typist.open(about.getByRole("link", { name: "Bindings" }));
    const binding = page.locator("form[action=bind]");
    await typist.type(binding.getByLabel("Exchange"), "amq.topic");
    await typist.type(binding.getByLabel("Routing key"), "keys.#");
    await typist.open(binding.getByRole("button", { name: "Bind" }));
    await page.getByRole("cell", { name: "keys.#" }).waitFor();

    await typist.open(about.getByRole("link", { name: "Publish" }));
    await typist.type(page.getByLabel("Payload", { exact: true }), "typed, not clicked");
    await typist.open(page.getByRole("button", { name: "Publish", exact: true }));
    await eventually(async () => (await site.api.ready(QUEUE)) === 1, "it is published");

    await typist.open(about.getByRole("link", { name: "Messages" }));
    await typist.open(page.getByRole("link", { name: "typed, not clicked" }));
    await page.locator("pre", { hasText: "typed, not clicked" }).waitFor();

    await typist.open(about.getByRole("link", { name: "Live" }));
    await page.locator("[data-tail-state]", { hasText: "Live" }).waitFor();
    await site.api.publish(QUEUE, "seen as it came");
    await page.locator("[data-tail-rows]").getByText("seen as it came").waitFor();

    await typist.open(page.getByRole("button", { name: "Purge" }));
    await question.getByRole("textbox").waitFor();
    await page.keyboard.insertText(QUEUE);
    await typist.press("Enter");
    await eventually(async () => (await site.api.ready(QUEUE)) === 0, "it is purged");

    await page.getByRole("dialog").waitFor({ state: "detached" });
    await typist.open(page.getByRole("button", { name: "Delete" }));
    await question.getByRole("button", { name: "Delete" }).waitFor();
    await typist.press("Enter");
    await page.waitForURL("**/console/queues*");
    assert.equal(await site.api.exists(`/queues${path("/", QUEUE)}`), false);
  });
});

test("rows are reached, opened and selected by keys", async () => {
  await site.visit({}, async ({ page }) => {
    const typist = new Typist(page);
    await page.goto("queues");
    await typist.press("/");
    await page.keyboard.insertText("another");
    await typist.press("Enter");
    await page.waitForURL("**/queues?*filter=another*");
    await typist.press("j", "x");
    await page.getByText("1 selected").waitFor();
    await typist.press("Enter");
    await page.getByRole("heading", { level: 1, name: "another" }).waitFor();
  });
});

test("Escape closes the palette, whatever stands in it", async () => {
  await site.visit({}, async ({ page }) => {
    await page.goto("overview");
    await page.keyboard.press("Control+k");
    await page.getByRole("combobox", { name: "Find" }).fill("queues");
    await page.keyboard.press("Escape");
    await page.getByRole("dialog").waitFor({ state: "detached" });
  });
});

test("? shows the keys", async () => {
  await site.visit({}, async ({ page }) => {
    await page.goto("overview");
    await page.keyboard.press("?");
    await page.getByRole("dialog", { name: "Keys" }).waitFor();
    await page.keyboard.press("Escape");
    await page.getByRole("dialog").waitFor({ state: "detached" });
  });
});
