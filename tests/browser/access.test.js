/** Permissions and policies: what was removed comes back, and what counts changes. */

import assert from "node:assert/strict";
import { after, before, test } from "node:test";

import { Site } from "./harness/site.js";
import { eventually } from "./harness/waiting.js";

const PERMISSION = { configure: "^orders", write: "", read: ".*" };

/** @type {Site} */
let site;
before(async () => {
  site = await Site.start();
  await site.api.put("/users/app", { password: "app", tags: "" });
});
after(() => site?.stop());

test("removed permissions are brought back", async () => {
  await site.api.put("/permissions/%2F/app", PERMISSION);
  await site.visit({}, async ({ page }) => {
    await page.goto("permissions");
    await page.getByRole("row", { name: "app" }).getByTitle("configure: ^orders").click();
    await page.locator("tbody input[type=checkbox]").first().check();
    await page.getByRole("button", { name: "Remove" }).first().click();
    await page.locator("dialog").getByRole("button", { name: "Remove" }).click();
    await page.getByText("Permission app removed").waitFor();
    assert.equal(await site.api.exists("/permissions/%2F/app"), false);

    await page.getByRole("button", { name: "Undo" }).click();
    await page.getByText("Permission app given back").waitFor();
    const { configure, write, read } = await site.api.get("/permissions/%2F/app");
    assert.deepEqual({ configure, write, read }, PERMISSION);
    await page.reload();
    assert.equal(await page.getByRole("button", { name: "Undo" }).count(), 0);
  });
});

test("a policy counts before another one", async () => {
  for (const name of ["first", "second"]) {
    await site.api.put(`/policies/%2F/${name}`, { pattern: "q", definition: { expires: 9999 } });
  }
  await site.visit({}, async ({ page, troubles }) => {
    troubles.expect(/status of 400/);
    await page.goto("policies?vhost=%2F");
    const row = page.getByRole("row", { name: "second" });
    await row.getByRole("button", { name: "Counts before the one above" }).click();
    await page.getByText("second has the priority 1").waitFor();
    await eventually(async () => {
      const [first] = await site.api.get("/policies/%2F");
      return first.name === "second";
    }, "the second one counts");
    const again = page.getByRole("row", { name: "second" });
    await again.getByRole("button", { name: "Counts before the one above" }).click();
    await page.getByText("second is the first already").waitFor();
  });
});
