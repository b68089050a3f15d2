/** A broker and a browser: what most tests are about. */

import { chromium } from "playwright-core";

import { Api } from "./api.js";
import { Broker } from "./broker.js";
import { Troubles } from "./troubles.js";
import { PATIENCE_MS } from "./waiting.js";

/** Chromium as Debian has it, quiet and without its sandbox, which root can't have. */
const CHROMIUM = {
  executablePath: "/usr/bin/chromium",
  args: [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
  ],
};

/**
 * How somebody looks at the console.
 *
 * @typedef {object} Visitor
 * @property {string | null} [user] who is signed in; `guest` unless said otherwise, null: nobody
 * @property {string} [password] the name, unless said otherwise
 * @property {'light' | 'dark'} [theme]
 * @property {number} [width] of the window, in pixels
 * @property {boolean} [scripts] whether JavaScript runs
 * @property {boolean} [policy] whether the pages' Content-Security-Policy holds
 */

/**
 * One tab, and what watches over it.
 *
 * @typedef {object} Tab
 * @property {import('playwright-core').Page} page
 * @property {import('playwright-core').BrowserContext} context
 * @property {Troubles} troubles
 */

export class Site {
  #browser;
  /** Cookies of who has signed in before. @type {Map<string, Promise<State>>} */
  #sessions = new Map();

  /**
   * @param {Broker} broker
   * @param {import('playwright-core').Browser} browser
   */
  constructor(broker, browser) {
    this.broker = broker;
    this.#browser = browser;
    this.api = new Api(broker.url);
  }

  /**
   * A new broker, and a browser that has seen nothing.
   *
   * @param {string[]} settings of the broker
   */
  static async start(...settings) {
    const broker = await Broker.start(...settings);
    try {
      return new Site(broker, await chromium.launch(CHROMIUM));
    } catch (error) {
      await broker.remove();
      throw error;
    }
  }

  async stop() {
    await this.#browser.close();
    await this.broker.remove();
  }

  /**
   * Has `body` look at the console in a browser's profile of its own. Fails if anything went wrong in the tab that
   * `body` did not expect.
   *
   * @param {Visitor} visitor
   * @param {(tab: Tab) => Promise<void>} body
   */
  async visit(visitor, body) {
    const {
      user = "guest",
      theme = "light",
      width = 1280,
      scripts = true,
      policy = true,
    } = visitor;
    const password = visitor.password ?? user;
    const session = user === null ? undefined : await this.#session(user, password ?? "");
    const context = await this.#browser.newContext({
      bypassCSP: !policy,
      baseURL: `${this.broker.url}/console/`,
      colorScheme: theme,
      javaScriptEnabled: scripts,
      reducedMotion: "reduce",
      viewport: { width, height: 800 },
      ...(session && { storageState: session }),
    });
    try {
      await this.#watch(context, body);
    } finally {
      await context.close();
    }
  }

  /**
   * @param {import('playwright-core').BrowserContext} context
   * @param {(tab: Tab) => Promise<void>} body
   */
  async #watch(context, body) {
    context.setDefaultTimeout(PATIENCE_MS);
    const troubles = new Troubles(context, this.broker.url);
    await body({ page: await context.newPage(), context, troubles });
    troubles.check();
  }

  /**
   * The cookies of a user who has signed in, by the form and once for all visits.
   *
   * @param {string} user
   * @param {string} password
   */
  #session(user, password) {
    let session = this.#sessions.get(user);
    if (!session) {
      session = this.#signIn(user, password);
      this.#sessions.set(user, session);
    }
    return session;
  }

  /**
   * @param {string} user
   * @param {string} password
   * @returns {Promise<State>}
   */
  async #signIn(user, password) {
    /** @type {State | undefined} */
    let state;
    await this.visit({ user: null }, async ({ page, context }) => {
      await signIn(page, user, password);
      await page.waitForURL("**/console/overview");
      state = await context.storageState();
    });
    return /** @type {State} */ (state);
  }
}

/**
 * Fills in the form for signing in, and sends it.
 *
 * @param {import('playwright-core').Page} page
 * @param {string} user
 * @param {string} password
 */
export async function signIn(page, user, password) {
  await page.goto("login");
  await page.getByLabel("Name").fill(user);
  await page.getByLabel("Password", { exact: true }).fill(password);
  await page.getByRole("button", { name: "Log in" }).click();
}

/** @typedef {Awaited<ReturnType<import('playwright-core').BrowserContext['storageState']>>} State */
