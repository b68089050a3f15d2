/** Charts, on a page made for the test: whatever pages there are, these are their figures. */

import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { after, before, test } from "node:test";
import { faults } from "./harness/accessibility.js";
import { Site } from "./harness/site.js";
import { eventually } from "./harness/waiting.js";

/** As the server sends it with every page. */
const POLICY = "default-src 'self'; img-src 'self' data:; frame-ancestors 'none'; base-uri 'none'";

/** The last of the samples that are there at first. */
const NOW = 1_795_000_000;
const STEP = 5;

/** @type {Site} */
let site;
/** Where assets are, from a page of the console. @type {string} */
let assets;
before(async () => {
  site = await Site.start();
  const login = await (await fetch(`${site.broker.url}/console/login`)).text();
  assets = `../${login.match(/static\/[0-9a-f]+/)?.[0]}`;
});
after(() => site?.stop());

/** @param {string} name */
function figure(name) {
  return `
    <figure class="chart" data-chart="queue-${name}" data-series-url="series?chart=${name}" data-unit="messages" data-range="600">
      <figcaption>${name}</figcaption>
      <ul class="legend">
        <li data-series="ready" class="series-1">Ready <output aria-live="off">–</output></li>
        <li data-series="unacked" class="series-2">Unacked <output aria-live="off">–</output></li>
      </ul>
      <div class="plot"><p class="chart-empty">No samples yet</p></div>
      <div class="chart-tools"></div>
    </figure>`;
}

function page() {
  return `<!DOCTYPE html>
    <html lang="en"><head><title>Charts</title>
    <meta name="color-scheme" content="light dark">
    <link rel="icon" href="${assets}/favicon.svg">
    <link rel="stylesheet" href="${assets}/console.css">
    <link rel="stylesheet" href="${assets}/vendor/uplot/uPlot.min.css">
    <link rel="stylesheet" href="${assets}/chart.css">
    <script type="module" src="${assets}/chart.js"></script></head>
    <body><main><h1>Charts</h1>${figure("depth")}${figure("other")}</main></body></html>`;
}

/**
 * As many samples as asked for, of which the first ten are unknown.
 *
 * @param {number} count
 */
function columns(count) {
  const numbers = Array.from({ length: count }, (_, at) => at);
  const ready = numbers.map((at) => (at < 10 ? null : at * 100));
  return {
    step: STEP,
    times: numbers.map((at) => NOW - (count - 1 - at) * STEP),
    series: [
      { name: "ready", label: "Ready", values: ready },
      { name: "unacked", label: "Unacked", values: numbers },
    ],
  };
}

/**
 * Looks at the page, whose charts have `count` samples.
 *
 * @param {{ theme?: 'light' | 'dark', count?: number }} how
 * @param {(page: import('playwright-core').Page) => Promise<void>} body
 */
async function look({ theme = "light", count = 121 }, body) {
  await site.visit({ user: null, theme }, async ({ page: tab }) => {
    const headers = { "content-type": "text/html", "content-security-policy": POLICY };
    await tab.route("**/console/charts", (route) => route.fulfill({ headers, body: page() }));
    await tab.route("**/console/series?*", (route) => route.fulfill({ json: columns(count) }));
    await tab.goto("charts");
    await tab.locator("figure[tabindex]").nth(1).waitFor();
    await body(tab);
  });
}

/**
 * What the legend of the first or second chart says.
 *
 * @param {import('playwright-core').Page} tab
 * @param {number} chart
 */
function legend(tab, chart = 0) {
  return tab.locator("figure").nth(chart).locator(".legend output").allTextContents();
}

/**
 * @param {import('playwright-core').Page} tab
 * @param {number} time
 * @param {Record<string, number>} values
 */
function send(tab, time, values) {
  const detail = { chart: "queue-depth", time, values };
  return tab.evaluate((detail) => {
    document.dispatchEvent(new CustomEvent("live:sample", { detail }));
  }, detail);
}

/** @param {import('playwright-core').Page} tab */
function pixels(tab) {
  return tab.evaluate(() => document.querySelector("canvas")?.toDataURL());
}

for (const theme of /** @type {const} */ (["light", "dark"])) {
  test(`charts are drawn under the page's policy, ${theme}`, async () => {
    await look({ theme }, async (tab) => {
      assert.equal(await tab.locator("canvas").count(), 2);
      assert.deepEqual(await faults(tab), []);
    });
  });
}

test("the legend tells what is under the crosshair of all charts", async () => {
  await look({}, async (tab) => {
    assert.deepEqual(await legend(tab), ["12,000", "120"]);
    const plot = await tab.locator(".u-over").first().boundingBox();
    assert(plot);
    await tab.mouse.move(plot.x + plot.width / 2, plot.y + 20);
    await eventually(async () => (await legend(tab, 0))[1] === "60", "the middle");
    await eventually(async () => (await legend(tab, 1))[1] === "60", "the middle");
    await tab.mouse.move(0, 0);
    await eventually(async () => (await legend(tab, 1))[1] === "120", "the last");
  });
});

test("arrow keys move the crosshair and tell where it is", async () => {
  await look({}, async (tab) => {
    const chart = tab.locator("figure").first();
    await chart.focus();
    for (const key of ["ArrowLeft", "ArrowLeft", "ArrowLeft", "ArrowRight"]) {
      await tab.keyboard.press(key);
    }
    await eventually(async () => (await legend(tab, 1))[1] === "119", "one before the last");
    const said = chart.locator(".chart-announcement");
    assert.match((await said.textContent()) ?? "", /^\d\d:\d\d:\d\d: Ready 11,900, Unacked 119$/);
    await tab.keyboard.press("Home");
    assert.match((await said.textContent()) ?? "", /Ready unknown, Unacked 0$/);
    await tab.keyboard.press("Escape");
    await eventually(async () => (await legend(tab, 1))[1] === "120", "the last");
  });
});

test("live samples are added, and what is older than the range goes", async () => {
  await look({}, async (tab) => {
    await send(tab, NOW + 5, { ready: 7, unacked: 8 });
    assert.deepEqual(await legend(tab, 0), ["7", "8"]);
    assert.deepEqual(await legend(tab, 1), ["12,000", "120"]);
    await send(tab, NOW + 6, { ready: 9, unacked: 10 });
    const table = tab.locator("details").first();
    await table.getByText("Table").click();
    const rows = table.locator("tbody tr");
    await eventually(async () => (await rows.count()) === 20, "the last 20 samples");
    assert.match((await rows.nth(0).textContent()) ?? "", /910$/);
    assert.match((await rows.nth(1).textContent()) ?? "", /12,000120$/);
    const download = tab.waitForEvent("download");
    await tab.getByRole("button", { name: "CSV" }).first().click();
    const lines = (await readFile(await (await download).path(), "utf8")).split("\r\n");
    assert.equal(lines[0], "time,ready,unacked");
    assert.equal(lines[1], `${new Date((NOW - 595) * 1000).toISOString()},,1`);
    assert.equal(lines.length, 123);
  });
});

test("after a gap the samples are fetched anew", async () => {
  await look({}, async (tab) => {
    const fetched = tab.waitForRequest("**/console/series?chart=depth");
    await send(tab, NOW + 60, { ready: 7, unacked: 8 });
    await fetched;
  });
});

test("who has zoomed in stays there until a double click", async () => {
  await look({}, async (tab) => {
    const plot = await tab.locator(".u-over").first().boundingBox();
    assert(plot);
    const y = plot.y + 50;
    const whole = await pixels(tab);
    await tab.mouse.move(plot.x + plot.width * 0.25, y);
    await tab.mouse.down();
    await tab.mouse.move(plot.x + plot.width * 0.5, y, { steps: 5 });
    await tab.mouse.up();
    await eventually(async () => (await pixels(tab)) !== whole, "a closer look");
    const close = await pixels(tab);
    await send(tab, NOW + 5, { ready: 900_000, unacked: 8 });
    await tab.evaluate(() => new Promise((drawn) => requestAnimationFrame(drawn)));
    assert.equal(await pixels(tab), close);
    await tab.mouse.dblclick(plot.x + plot.width / 2, y);
    await eventually(async () => (await pixels(tab)) !== close, "all of it");
  });
});

test("another theme gives other colours", async () => {
  await look({}, async (tab) => {
    const light = await pixels(tab);
    await tab.emulateMedia({ colorScheme: "dark" });
    await eventually(async () => (await pixels(tab)) !== light, "other colours");
  });
});

test("a chart begins with its first sample", async () => {
  await look({ count: 0 }, async (tab) => {
    assert.equal(await tab.getByText("No samples yet").count(), 2);
    await send(tab, NOW, { ready: 1, unacked: 0 });
    await send(tab, NOW + 5, { ready: 2, unacked: 0 });
    assert.equal(await tab.locator("canvas").count(), 1);
    assert.deepEqual(await legend(tab), ["2", "0"]);
  });
});
