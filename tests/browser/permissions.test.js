/** What somebody may not do is not offered. */

import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";

import { Site } from "./harness/site.js";
import { setTheStage } from "./harness/stage.js";
import { Traffic } from "./harness/traffic.js";
import { PAGES } from "./pages.js";

/** Buttons that everybody has: they change nothing in the broker. */
const HARMLESS = "form[action=theme], form[action=logout]";

/** A form through and through, to which only buttons lead that are not offered. */
const BEHIND_BUTTONS = "start-job";

/**
 * Checks that no page offers anything to `user`.
 *
 * @param {string} user
 * @param {string[]} settings of the broker
 */
function nothingIsOffered(user, ...settings) {
  /** @type {Site} */
  let site;
  /** @type {Traffic} */
  let traffic;
  before(async () => {
    site = await Site.start(...settings);
    await setTheStage(site.api);
    traffic = new Traffic(site.broker.amqpUrl(), "--queue", "busy", "--rate", "50");
  });
  after(async () => {
    await traffic?.stop();
    await site?.stop();
  });

  for (const { name, address } of PAGES.filter(({ name }) => name !== BEHIND_BUTTONS)) {
    test(`${name} offers nothing`, async () => {
      await site.visit({ user }, async ({ page, troubles }) => {
        troubles.expect(/status of 403/);
        await page.goto(await address(site.api));
        assert.deepEqual(await offers(page), []);
      });
    });
  }
}

/**
 * What the page would send to change something.
 *
 * @param {import("playwright-core").Page} page
 */
function offers(page) {
  const forms = page.locator("form[method=post], form[action=confirm]");
  const grave = forms.and(page.locator(`:not(${HARMLESS})`));
  return grave.locator("button").allTextContents();
}

describe("to a user without permissions", () => nothingIsOffered("viewer"));
describe("in a read-only console", () => nothingIsOffered("guest", "http.read_only=true"));
