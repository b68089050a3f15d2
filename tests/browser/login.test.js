/** Who comes in, who doesn't and is told why, and how a session ends. */

import assert from "node:assert/strict";
import { after, before, test } from "node:test";

import { path } from "./harness/api.js";
import { Site, signIn } from "./harness/site.js";
import { setTheStage } from "./harness/stage.js";

/** What Chromium says of an answer that refuses a page. */
const REFUSED = /status of 4\d\d/;

/** @type {Site} */
let site;
before(async () => {
  site = await Site.start();
  await setTheStage(site.api);
});
after(() => site?.stop());

for (const scripts of [true, false]) {
  test(`who asks for a page logs in and gets it, ${scripts ? "with" : "without"} scripts`, async () => {
    await site.visit({ user: null, scripts }, async ({ page }) => {
      await page.goto("queue?vhost=%2F&name=orders");
      await page.getByLabel("Name").fill("guest");
      await page.getByLabel("Password", { exact: true }).fill("guest");
      await page.getByRole("button", { name: "Log in" }).click();
      await page.waitForURL("**/console/queue?vhost=%2F&name=orders");
      assert.equal(await page.getByRole("heading", { level: 1 }).textContent(), "orders");
    });
  });
}

test("a wrong password and a user without a tag are told so", async () => {
  await site.visit({ user: null }, async ({ page, troubles }) => {
    troubles.expect(REFUSED);
    await signIn(page, "guest", "wrong");
    await page.getByRole("alert").getByText("Wrong name or password").waitFor();
    assert.equal(await page.getByLabel("Name").inputValue(), "guest");
    await signIn(page, "nobody", "wrong");
    await page.getByRole("alert").getByText("Wrong name or password").waitFor();
    await signIn(page, "app", "app");
    await page.getByRole("alert").getByText("none of the tags").waitFor();
  });
});

test("the password can be shown", async () => {
  await site.visit({ user: null }, async ({ page }) => {
    await page.goto("login");
    const password = page.getByLabel("Password", { exact: true });
    assert.equal(await password.getAttribute("type"), "password");
    await page.getByLabel("Show password").check();
    assert.equal(await password.getAttribute("type"), "text");
  });
});

test("scripts and other sites can not reach the session", async () => {
  await site.visit({}, async ({ page, context }) => {
    await page.goto("overview");
    const [cookie] = await context.cookies();
    assert.equal(cookie.httpOnly, true);
    assert.equal(cookie.sameSite, "Strict");
    const policy = (await page.reload())?.headers()["content-security-policy"] ?? "";
    assert.match(policy, /default-src 'self'/);
    assert.doesNotMatch(policy, /unsafe/);
  });
});

test("who logs out is out, whatever the browser remembers", async () => {
  await site.visit({ user: null }, async ({ page, context }) => {
    await signIn(page, "guest", "guest");
    await page.waitForURL("**/console/overview");
    const cookies = await context.cookies();
    await page.locator("summary", { hasText: "guest" }).click();
    await page.getByRole("button", { name: "Log out" }).click();
    await page.waitForURL("**/console/login");
    await context.addCookies(cookies);
    await page.goto("queues");
    await page.waitForURL("**/console/login?to=queues");
  });
});

test("a form from elsewhere is refused", async () => {
  await site.visit({}, async ({ page }) => {
    const form = { vhost: "/", name: "forged", type: "", csrf: "guessed" };
    const answer = await page.request.post("declare-queue", { form });
    assert.equal(answer.status(), 403);
    assert.equal(await site.api.exists(`/queues${path("/", "forged")}`), false);
  });
});

test("a session that nobody uses ends, also under an open page", async (t) => {
  const site = await Site.start("http.session_timeout=1s");
  t.after(() => site.stop());
  await site.visit({ user: null }, async ({ page, troubles }) => {
    troubles.expect(REFUSED);
    await signIn(page, "guest", "guest");
    await page.waitForURL("**/console/overview");
    await page.waitForURL("**/console/login?to=overview");
  });
});

test("after five failures one has to wait", async () => {
  await site.visit({ user: null }, async ({ page, troubles }) => {
    troubles.expect(REFUSED);
    for (let attempt = 0; attempt < 5; attempt += 1) {
      await signIn(page, "guest", "wrong");
      await page.getByRole("alert").getByText("Wrong name or password").waitFor();
    }
    await signIn(page, "guest", "guest");
    await page.getByRole("alert").getByText("Too many attempts").waitFor();
  });
});
