/** Moments as people say them, `3 min ago`; exactly, and in the chosen time zone, when one points at them. */

import { preference } from "./preferences.js";

const SPANS = /** @type {const} */ ([
  ["day", 86_400],
  ["hour", 3_600],
  ["minute", 60],
  ["second", 1],
]);
const relative = new Intl.RelativeTimeFormat("en", { numeric: "always", style: "short" });

/** Shows all moments of the page so, and keeps them right. */
export function startTimes() {
  showTimes(document);
  setInterval(() => showTimes(document), 5_000);
  document.addEventListener("preferences:changed", () => showTimes(document));
  document.addEventListener("live:patched", (event) => {
    if (event instanceof CustomEvent) {
      showTimes(event.detail);
    }
  });
}

/** @param {ParentNode} inside */
export function showTimes(inside) {
  for (const element of inside.querySelectorAll("time[data-at]")) {
    const time = /** @type {HTMLElement} */ (element);
    const at = Number(time.dataset.at);
    time.textContent = ago(at);
    time.title = exactly(at);
  }
}

/** @param {number} at milliseconds since the Unix epoch */
function ago(at) {
  const seconds = (at - Date.now()) / 1000;
  const [unit, length] = SPANS.find(([, length]) => Math.abs(seconds) >= length) ?? ["second", 1];
  return relative.format(Math.trunc(seconds / length), unit);
}

/** @param {number} at milliseconds since the Unix epoch */
export function exactly(at) {
  return new Date(at).toLocaleString("en-GB", { ...zone(), timeZoneName: "short" });
}

/** The chosen time zone, for formatting. */
export function zone() {
  return preference("zone") === "utc" ? { timeZone: "UTC" } : {};
}
