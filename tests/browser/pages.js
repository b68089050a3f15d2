/** All pages of the console, and where they are about the things on the stage (`harness/stage.js`). */

import { eventually } from "./harness/waiting.js";

/**
 * @typedef {object} Place
 * @property {string} name for tests and pictures
 * @property {(api: Api) => Promise<string>} address relative to `/console/`
 */

/** @typedef {import("./harness/api.js").Api} Api */

const ORDERS = { vhost: "/", name: "orders" };
const SHOP = { vhost: "/", name: "shop" };

/** @type {Place[]} */
export const PAGES = [
  place("overview"),
  place("queues"),
  place("queue-groups"),
  place("queue", ORDERS),
  place("queue-messages", ORDERS),
  place("message", { vhost: "/", name: "orders.dead", sequence: "1" }),
  {
    name: "message-compare",
    address: async () => `${address("message-compare", ORDERS)}&key=1&key=2`,
  },
  place("queue-tail", ORDERS),
  place("queue-publish", ORDERS),
  place("queue-unacked", ORDERS),
  place("queue-delayed", ORDERS),
  place("queue-consumers", { vhost: "/", name: "busy" }),
  place("queue-bindings", ORDERS),
  place("queue-settings", ORDERS),
  place("exchanges"),
  place("exchange", SHOP),
  place("exchange-publish", SHOP),
  place("exchange-bindings", SHOP),
  place("exchange-route", { ...SHOP, routing_key: "orders.new" }),
  place("bindings"),
  place("dead-letters"),
  place("jobs"),
  place("start-job", { vhost: "/", source: "orders", task: "move" }),
  place("connections"),
  place("connection-groups", { by: "product" }),
  { name: "connection", address: async (api) => aboutFirst(api, "connection") },
  place("channels"),
  { name: "channel", address: async (api) => aboutFirst(api, "channel") },
  place("consumers"),
  place("vhosts"),
  place("vhost", { name: "/" }),
  place("users"),
  place("user", { name: "viewer" }),
  place("permissions"),
  place("limits"),
  place("policies"),
  {
    name: "operator-policies",
    address: async () => address("policies", { of: "operator" }),
  },
  place("definitions"),
  place("node"),
  place("node-disk"),
  place("node-health"),
  place("node-settings"),
];

/**
 * The address of a page.
 *
 * @param {string} page
 * @param {Record<string, string>} query
 */
export function address(page, query = {}) {
  const parameters = new URLSearchParams(query).toString();
  return parameters === "" ? page : `${page}?${parameters}`;
}

/**
 * A page that is always about the same.
 *
 * @param {string} name
 * @param {Record<string, string>} [query]
 * @returns {Place}
 */
function place(name, query) {
  return { name, address: async () => address(name, query) };
}

/**
 * The page of a connection or channel that is open right now; there must be traffic.
 *
 * @param {Api} api
 * @param {"connection" | "channel"} page
 */
async function aboutFirst(api, page) {
  const [first] = await eventually(async () => {
    const found = await api.get(`/${page}s`);
    return found.length > 0 && found;
  }, `there is a ${page}`);
  return address(page, { name: first.name });
}
