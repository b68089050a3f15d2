/** The broker's HTTP API, as one user: how tests set things up, and see what a page has done. */

import { inTime } from "./waiting.js";

/**
 * Names as parts of a path.
 *
 * @param {string[]} names
 */
export function path(...names) {
  return names.map((name) => `/${encodeURIComponent(name)}`).join("");
}

export class Api {
  #url;
  #headers;

  /**
   * @param {string} url of the broker
   * @param {string} user
   * @param {string} password
   */
  constructor(url, user = "guest", password = "guest") {
    this.#url = `${url}/api`;
    const credentials = Buffer.from(`${user}:${password}`).toString("base64");
    this.#headers = {
      authorization: `Basic ${credentials}`,
      "content-type": "application/json",
    };
  }

  /**
   * The answer's status, and what its body says.
   *
   * @param {string} method
   * @param {string} path follows `/api`
   * @param {unknown} [body] in JSON
   */
  async call(method, path, body) {
    const request = fetch(this.#url + path, {
      method,
      headers: this.#headers,
      body: body === undefined ? null : JSON.stringify(body),
    });
    const answer = await inTime(request, () => `${method} ${path} is answered`);
    const text = await answer.text();
    return { status: answer.status, body: text === "" ? undefined : JSON.parse(text) };
  }

  /** @param {string} path */
  async get(path) {
    return this.#succeed("GET", path);
  }

  /**
   * @param {string} path
   * @param {unknown} body
   */
  async put(path, body = {}) {
    return this.#succeed("PUT", path, body);
  }

  /**
   * @param {string} path
   * @param {unknown} body
   */
  async post(path, body = {}) {
    return this.#succeed("POST", path, body);
  }

  /** @param {string} path */
  async delete(path) {
    return this.#succeed("DELETE", path);
  }

  /**
   * @param {string} method
   * @param {string} path
   * @param {unknown} [body]
   */
  async #succeed(method, path, body) {
    const answer = await this.call(method, path, body);
    if (answer.status >= 300) {
      throw new Error(`${method} ${path}: ${answer.status} ${JSON.stringify(answer.body)}`);
    }
    return answer.body;
  }

  /** @param {string} path */
  async exists(path) {
    return (await this.call("GET", path)).status === 200;
  }

  /**
   * Declares a durable queue of the first vhost.
   *
   * @param {string} name
   * @param {Record<string, unknown>} [args]
   */
  async declareQueue(name, args = {}) {
    await this.put(`/queues${path("/", name)}`, { durable: true, arguments: args });
  }

  /**
   * Publishes a text to a queue of the first vhost.
   *
   * @param {string} queue
   * @param {string} payload
   * @param {Record<string, unknown>} [properties]
   */
  async publish(queue, payload, properties = {}) {
    const message = { routing_key: queue, payload, payload_encoding: "string", properties };
    const answer = await this.post(`/exchanges${path("/", "amq.default")}/publish`, message);
    if (!answer.routed) {
      throw new Error(`no queue '${queue}'`);
    }
  }

  /**
   * How many messages wait in a queue of the first vhost, right now.
   *
   * @param {string} queue
   * @returns {Promise<number>}
   */
  async ready(queue) {
    return (await this.get(`/queues${path("/", queue)}`)).messages_ready;
  }
}
