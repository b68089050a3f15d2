/**
 * What goes wrong in a tab without anybody asking: errors in the console, exceptions, failed
 * requests, requests to anywhere but the broker.
 */

export class Troubles {
  #home;
  /** @type {string[]} */
  #found = [];
  /** @type {RegExp[]} */
  #expected = [];

  /**
   * @param {import('playwright-core').BrowserContext} context whose tabs are watched
   * @param {string} home the only place that they may ask
   */
  constructor(context, home) {
    this.#home = home;
    context.on("console", (message) => this.#noteMessage(message));
    context.on("weberror", ({ error }) => this.#found.push(`exception: ${error().stack}`));
    context.on("request", (request) => this.#noteRequest(request.url()));
    context.on("requestfailed", (request) => this.#noteFailure(request));
  }

  /**
   * From now on troubles which match are part of the test.
   *
   * @param {RegExp} pattern
   */
  expect(pattern) {
    this.#expected.push(pattern);
  }

  /** Fails if there was any. */
  check() {
    const found = this.#found.filter((trouble) => !this.#expected.some((one) => one.test(trouble)));
    if (found.length > 0) {
      throw new Error(`troubles in the browser:\n  ${found.join("\n  ")}`);
    }
  }

  /** @param {import('playwright-core').ConsoleMessage} message */
  #noteMessage(message) {
    if (message.type() === "error" || message.type() === "warning") {
      this.#found.push(`console: ${message.text()} (${message.location().url})`);
    }
  }

  /** @param {string} url */
  #noteRequest(url) {
    const { protocol, origin } = new URL(url);
    if (protocol !== "data:" && origin !== this.#home) {
      this.#found.push(`request to elsewhere: ${url}`);
    }
  }

  /**
   * A request that the page itself gave up is none: a stream of events ends so when its page is left.
   *
   * @param {import('playwright-core').Request} request
   */
  #noteFailure(request) {
    const why = request.failure()?.errorText;
    if (why !== "net::ERR_ABORTED") {
      this.#found.push(`request failed: ${request.url()}: ${why}`);
    }
  }
}
