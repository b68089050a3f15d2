/** axe-core: what people with other senses or devices would stumble over. */

import axe from "axe-core";

/** Which findings count. */
const GRAVE = ["serious", "critical"];

/**
 * The serious and critical faults of what `page` shows, a line each. The page's policy
 * forbids foreign scripts, so its context must bypass it.
 *
 * @param {import('playwright-core').Page} page
 */
export async function faults(page) {
  await page.evaluate(axe.source);
  const { violations } = await page.evaluate(() => {
    const loaded = /** @type {typeof axe} */ (Reflect.get(window, "axe"));
    return loaded.run();
  });
  return violations.filter(({ impact }) => GRAVE.includes(impact ?? "")).flatMap(describe);
}

/** @param {import('axe-core').Result} fault */
function describe({ id, help, nodes }) {
  return nodes.map((node) => `${id}: ${help}: ${node.target} ${node.failureSummary}`);
}
