/** A small shop on a broker: something to see on every page. */

import { path } from "./api.js";
import { eventually } from "./waiting.js";

/** Names that a console must get through HTML, URLs and scripts unharmed. */
export const ODD_NAMES = [
  "a/b",
  "a b",
  "%2f",
  "..",
  "<script>alert(1)</script>",
  `"quoted" & 'quoted'`,
  "a+b?c=d&e#f",
  "🦀 ferry ⛴",
  "é".repeat(127).concat("x"),
];

/**
 * Declares queues with odd names. By a document: not all of them can stand in a path.
 *
 * @param {import('./api.js').Api} api
 */
export async function declareOddQueues(api) {
  const queues = ODD_NAMES.map((name) => {
    return { vhost: "/", name, durable: true, auto_delete: false, arguments: {} };
  });
  await api.post("/definitions", { queues });
}

/** How many messages wait in `orders`. */
export const ORDERS = 3;

/**
 * Orders come in by the exchange `shop`; those that nobody takes in time end in `orders.dead`. `viewer` may
 * open the console and do nothing there, `app` may use AMQP only.
 *
 * @param {import('./api.js').Api} api
 */
export async function setTheStage(api) {
  await declareTheShop(api);
  await addPeople(api);
  for (let number = 1; number <= ORDERS; number += 1) {
    await api.publish("orders", JSON.stringify({ order: number, customer: { id: 40 + number } }), {
      headers: { "x-attempt": number },
      content_type: "application/json",
      delivery_mode: 2,
    });
  }
  await api.publish("orders", '{"order":0}', { expiration: "1" });
  await eventually(async () => (await api.ready("orders.dead")) === 1, "an order is dead");
}

/** @param {import('./api.js').Api} api */
async function declareTheShop(api) {
  await api.put(`/exchanges${path("/", "shop")}`, { type: "topic", durable: true });
  await api.put(`/exchanges${path("/", "shop.dead")}`, { type: "fanout", durable: true });
  await api.declareQueue("orders", { "x-dead-letter-exchange": "shop.dead" });
  await api.declareQueue("orders.dead");
  await api.post(`/bindings${path("/")}/e${path("shop")}/q${path("orders")}`, {
    routing_key: "orders.*",
  });
  await api.post(`/bindings${path("/")}/e${path("shop.dead")}/q${path("orders.dead")}`);
  await api.put(`/policies${path("/", "orders")}`, {
    pattern: "^orders",
    definition: { "max-length": 100_000 },
    priority: 1,
    "apply-to": "queues",
  });
}

/** @param {import('./api.js').Api} api */
async function addPeople(api) {
  await api.put(`/vhosts${path("other")}`, { description: "for trying things out" });
  await api.put(`/users${path("viewer")}`, { password: "viewer", tags: "management" });
  await api.put(`/permissions${path("/", "viewer")}`, { configure: "", write: "", read: "" });
  await api.put(`/users${path("app")}`, { password: "app", tags: "" });
  await api.put(`/permissions${path("/", "app")}`, { configure: "^app", write: ".*", read: ".*" });
}
