/**
 * The stream of what changes on a page. Patches cells and blocks in place; never touches forms, selection,
 * focus, open menus or the order of rows.
 *
 * Others hear of it by events on `document`: `live:sample` for charts, `live:patched` for an element that has
 * changed.
 */

import { patch } from "./patch.js";

/**
 * @typedef {object} Change
 * @property {Record<string, string>} parts HTML by the name of its place
 * @property {Record<string, Record<string, number>>} samples values by chart and series
 * @property {number} at milliseconds since the Unix epoch
 */

/** @typedef {"live" | "paused" | "reconnecting" | "offline" | "ended"} State */

const TEXTS = {
  live: "Live",
  paused: "Paused",
  reconnecting: "Reconnecting…",
  offline: "Offline",
  ended: "Ended: load again",
};

/** After so long a broker that does not answer is called offline. */
const OFFLINE_AFTER_MS = 10_000;
/** So often a stream is tried again that the browser itself has given up. */
const RETRY_MS = 2_000;

/** @type {EventSource | null} */
let source = null;
let paused = false;
let ended = false;
/** @type {number | undefined} */
let offlineTimer;
/** @type {number | undefined} */
let retryTimer;

/** Opens the stream, if something on the page changes. */
export function startLive() {
  const still = document.querySelector("meta[name=live][content=none]");
  if (still || !document.querySelector("[data-live], [data-table], [data-chart]")) {
    return;
  }
  const button = /** @type {HTMLButtonElement | null} */ (document.querySelector("[data-pause]"));
  if (button) {
    button.hidden = false;
    button.addEventListener("click", () => setPaused(!paused));
  }
  document.addEventListener("visibilitychange", connect);
  window.addEventListener("pagehide", close);
  window.addEventListener("pageshow", connect);
  connect();
}

/** Stops or resumes the stream, as somebody wants it. */
export function togglePause() {
  setPaused(!paused);
}

/** @param {boolean} wanted */
function setPaused(wanted) {
  paused = wanted;
  const button = document.querySelector("[data-pause]");
  button?.setAttribute("aria-pressed", String(paused));
  if (button) {
    button.textContent = paused ? "Resume" : "Pause";
  }
  connect();
}

function close() {
  clearTimeout(retryTimer);
  source?.close();
  source = null;
}

/** Has a stream exactly when one is wanted: a hidden page needs none. */
function connect() {
  if (paused || ended || document.hidden) {
    close();
    clearTimeout(offlineTimer);
    show(ended ? "ended" : "paused");
    return;
  }
  if (source) {
    return;
  }
  const page = location.pathname.split("/").pop();
  source = new EventSource(`live/${page}${location.search}`);
  source.addEventListener("open", () => {
    clearTimeout(offlineTimer);
    offlineTimer = undefined;
    show("live");
  });
  source.addEventListener("change", (event) => apply(JSON.parse(event.data)));
  source.addEventListener("end", (event) => end(JSON.parse(event.data).reason));
  source.addEventListener("error", lost);
}

function lost() {
  show("reconnecting");
  offlineTimer ??= window.setTimeout(() => show("offline"), OFFLINE_AFTER_MS);
  // The browser itself comes back only after a connection that broke, not after an answer that it did not like.
  if (source?.readyState === EventSource.CLOSED) {
    close();
    retryTimer = window.setTimeout(retry, RETRY_MS);
  }
}

/** Comes back, unless the session is gone: then the page says so by asking for the password. */
async function retry() {
  try {
    const answer = await fetch(location.href);
    if (answer.status === 401) {
      location.reload();
      return;
    }
  } catch {
    // Not there yet: the next attempt tells.
  }
  connect();
}

/** @param {string} reason */
function end(reason) {
  close();
  if (reason === "shutdown") {
    lost();
    retryTimer = window.setTimeout(retry, RETRY_MS);
    return;
  }
  if (reason === "not_authorised") {
    location.reload();
    return;
  }
  ended = true;
  show("ended");
}

/** @param {Change} change */
function apply(change) {
  for (const [place, html] of Object.entries(change.parts)) {
    patch(place, html);
  }
  for (const [chart, values] of Object.entries(change.samples)) {
    const detail = { chart, time: change.at / 1000, values };
    document.dispatchEvent(new CustomEvent("live:sample", { detail }));
  }
}

/** @param {State} state */
function show(state) {
  const status = document.getElementById("live-status");
  const text = status?.querySelector(".live-text");
  if (!status || !text || status.dataset.state === state) {
    return;
  }
  status.hidden = false;
  status.dataset.state = state;
  text.textContent = TEXTS[state];
}
