/** How pages look: pictures of them, and what must not stick out. */

import assert from "node:assert/strict";
import { join } from "node:path";

import { ROOT } from "./broker.js";

/** Where the pictures of a run are. */
const PICTURES = join(ROOT, "target/console-screenshots");

/**
 * Takes a picture of the whole page.
 *
 * @param {import('playwright-core').Page} page
 * @param {string} name
 */
export async function takePicture(page, name) {
  await page.screenshot({ path: join(PICTURES, `${name}.png`), fullPage: true });
}

/**
 * Fails if the page must be scrolled sideways; what is too wide scrolls in its own box.
 *
 * @param {import('playwright-core').Page} page
 */
export async function assertFitsItsWindow(page) {
  const { excess, culprits } = await page.evaluate(() => {
    const { scrollWidth, clientWidth } = document.documentElement;
    const sticksOut = (/** @type {Element} */ element) =>
      element.getBoundingClientRect().right > clientWidth;
    const scrolls = (/** @type {Element} */ element) =>
      getComputedStyle(element).overflowX !== "visible";
    const all = [...document.querySelectorAll("body *")];
    const boxes = all.filter(scrolls);
    const free = all.filter((element) => !boxes.some((box) => box.contains(element)));
    const culprits = free
      .filter(sticksOut)
      .slice(0, 5)
      .map((element) => element.outerHTML.slice(0, 90));
    return { excess: scrollWidth - clientWidth, culprits };
  });
  assert.equal(excess, 0, `${excess} px stick out:\n${culprits.join("\n")}`);
}
