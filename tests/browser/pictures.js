/**
 * Makes the pictures of `docs/console.md`: `FERRYMQ_BIN=target/release/ferrymq npm --prefix tests/browser run pictures`.
 */

import { mkdir } from "node:fs/promises";
import { setTimeout } from "node:timers/promises";
import { fileURLToPath } from "node:url";

import { Site } from "./harness/site.js";
import { setTheStage } from "./harness/stage.js";
import { Traffic } from "./harness/traffic.js";
import { address } from "./pages.js";

const FOLDER = fileURLToPath(new URL("../../docs/console/", import.meta.url));
/** Charts have something to show after so long. */
const TRAFFIC_MS = 60_000;

/** @type {[string, string][]} */
const PICTURES = [
  ["overview", "overview"],
  ["queues", "queues"],
  ["queue", address("queue", { vhost: "/", name: "orders" })],
  ["messages", address("queue-messages", { vhost: "/", name: "orders" })],
  ["dead-letters", "dead-letters"],
  ["route", address("exchange-route", { vhost: "/", name: "shop", routing_key: "orders.new" })],
];

const site = await Site.start();
try {
  await setTheStage(site.api);
  const traffic = new Traffic(site.broker.amqpUrl(), "--queue", "busy", "--rate", "200");
  await setTimeout(TRAFFIC_MS);
  await mkdir(FOLDER, { recursive: true });
  await site.visit({}, async ({ page }) => {
    for (const [name, where] of PICTURES) {
      await page.goto(where);
      await page.waitForLoadState("networkidle").catch(() => {});
      await page.screenshot({ path: `${FOLDER}${name}.png` });
    }
  });
  await traffic.stop();
} finally {
  await site.stop();
}
