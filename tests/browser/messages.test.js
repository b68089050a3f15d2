/** Messages that wait, side by side; those that a consumer has, taken back; and those that are published by hand. */

import assert from "node:assert/strict";
import { after, before, test } from "node:test";

import { path } from "./harness/api.js";
import { Site } from "./harness/site.js";
import { Traffic } from "./harness/traffic.js";
import { eventually } from "./harness/waiting.js";
import { address } from "./pages.js";

/** @type {Site} */
let site;
before(async () => {
  site = await Site.start("http.masked_fields=$..password");
});
after(() => site?.stop());

for (const scripts of [true, false]) {
  const how = scripts ? "with" : "without";

  test(`two messages are compared, ${how} scripts`, async () => {
    const queue = `compared ${how}`;
    await site.api.declareQueue(queue);
    for (const order of [1, 2, 3]) {
      await site.api.publish(queue, JSON.stringify({ order, password: `secret ${order}` }));
    }
    await site.visit({ scripts }, async ({ page }) => {
      await page.goto(address("queue-messages", { vhost: "/", name: queue }));
      for (const sequence of [1, 3]) {
        await page.getByLabel(`Select message ${sequence}`, { exact: true }).check();
      }
      await page.getByRole("button", { name: "Compare" }).click();
      await page.getByRole("heading", { name: "Messages 1 and 3" }).waitFor();
      const marked = page.locator("table.lines mark");
      assert.deepEqual(await marked.allTextContents(), ['  "order": 1,', '  "order": 3,']);
      assert.ok(!(await page.content()).includes("secret"), "passwords are masked");
    });
  });

  test(`what a consumer has is returned, ${how} scripts`, async () => {
    const queue = `held ${how}`;
    await site.api.declareQueue(queue);
    for (const number of [1, 2, 3]) {
      await site.api.publish(queue, String(number));
    }
    const slow = ["--queue", queue, "--predeclared", "--producers", "0", "--consumers", "1"];
    const consumer = new Traffic(
      site.broker.amqpUrl(),
      ...slow,
      "--prefetch",
      "3",
      "--consumer-latency",
      "600s",
    );
    try {
      await eventually(
        async () => (await site.api.ready(queue)) === 0,
        "all are with the consumer",
      );
      // Or it would get them again.
      await site.api.put(`/queues${path("/", queue)}/pause`);
      await site.visit({ scripts }, async ({ page }) => {
        await page.goto(address("queue-unacked", { vhost: "/", name: queue }));
        const rows = page.locator("tr[data-key]");
        await rows.nth(2).waitFor();
        for (const row of [0, 1]) {
          await rows.nth(row).getByRole("checkbox").check();
        }
        await page.getByRole("button", { name: "Return to queue" }).click();
        const question = page.locator("form.confirm");
        await question.getByText("may be at work on it").first().waitFor();
        await question.getByRole("button", { name: "Return to queue" }).click();
        await page.getByText("2 deliveries returned to the queue").waitFor();
      });
      await eventually(async () => (await site.api.ready(queue)) === 2, "two are back");
    } finally {
      await consumer.stop();
    }
  });
}

test("a payload comes out of a file, several times a second", async () => {
  const queue = "from a file";
  await site.api.declareQueue(queue);
  await site.visit({}, async ({ page }) => {
    for (const [bytes, encoding] of /** @type {const} */ ([
      ["text, with é\n", "string"],
      ["\xff\x00", "base64"],
    ])) {
      await page.goto(address("queue-publish", { vhost: "/", name: queue }));
      const buffer = Buffer.from(bytes, encoding === "string" ? "utf8" : "latin1");
      const file = page.getByLabel("Payload from a file");
      await file.setInputFiles({ name: "payload", mimeType: "", buffer });
      const form = page.locator("form.publish");
      await form
        .locator(`select[name="payload_encoding"]`)
        .and(page.locator(`:has(option[value="${encoding}"]:checked)`))
        .waitFor();
      await page.getByLabel("Publish it so many times").fill("3");
      await page.getByLabel("Messages a second").fill("10");
      const begun = Date.now();
      await form.getByRole("button", { name: "Publish" }).click();
      await page.getByText("3 messages published and routed").waitFor();
      assert.ok(Date.now() - begun >= 200, "it takes its time");
      const found = await site.api.get(`/queues${path("/", queue)}/browse?encoding=base64`);
      assert.equal(found.items.at(-1).payload, buffer.toString("base64"));
    }
  });
  assert.equal(await site.api.ready(queue), 6);
});

test("a message is published again, edited", async () => {
  const queue = "again";
  await site.api.declareQueue(queue);
  const headers = { attempt: 1, note: "x", deep: { list: [1, "y"] } };
  await site.api.publish(queue, "one\ntwo", { headers, type: "order", delivery_mode: 1 });
  await site.visit({ scripts: false }, async ({ page }) => {
    await page.goto(address("message", { vhost: "/", name: queue, sequence: "1" }));
    await page.getByText("Publish it again, edited").click();
    await page.locator(`textarea[name="payload"]`).fill("one\nthree");
    await page.getByRole("button", { name: "Publish" }).click();
    await page.getByText("Message published and routed").waitFor();
  });
  const found = await site.api.get(`/queues${path("/", queue)}/messages/2`);
  assert.equal(found.payload, "one\nthree");
  assert.deepEqual(found.properties, { headers, type: "order", delivery_mode: 1 });
});
