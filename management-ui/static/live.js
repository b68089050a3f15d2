/**
 * What changes on a page, as a stream; where no stream gets through, it is asked for every so often. Patches cells and
 * blocks in place; never touches forms, selection, focus, open menus or the order of rows.
 *
 * Others hear of it by events on `document`: `live:sample` for charts, `live:patched` for an element that has
 * changed.
 */

import { isFilledIn, loginElsewhere } from "./form.js";
import { patch } from "./patch.js";

/**
 * @typedef {object} Change
 * @property {Record<string, string>} parts HTML by the name of its place
 * @property {Record<string, Record<string, number>>} samples values by chart and series
 * @property {number} at milliseconds since the Unix epoch
 */

/** @typedef {"live" | "polling" | "paused" | "reconnecting" | "offline" | "ended"} State */

const TEXTS = {
  live: "Live",
  polling: "Live, every 5 s",
  paused: "Paused",
  reconnecting: "Reconnecting…",
  offline: "Offline",
  ended: "Ended",
};

/** After so long a broker that does not answer is called offline. */
const OFFLINE_AFTER_MS = 10_000;
/** After so long a stream is tried again. */
const RETRY_MS = 2_000;

/** So many streams may fail to open, while the broker answers, before changes are asked for without one. */
const MAX_FAILURES = 3;
/** A stream that has not opened after so long has failed: something on the way holds it back. */
const OPEN_WITHIN_MS = 10_000;
/** So often changes are asked for where no stream gets through. */
const POLL_MS = 5_000;
/** Longer addresses may not get through. */
const MAX_SHOWN_LENGTH = 6_000;

/** @type {EventSource | null} */
let source = null;
/** Does no stream get through? */
let polls = !window.EventSource;
let failures = 0;
let paused = false;
let ended = false;
/** @type {number | undefined} */
let offlineTimer;
/** @type {number | undefined} */
let retryTimer;
/** @type {number | undefined} */
let openTimer;
/** @type {number | undefined} */
let pollTimer;

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
  clearTimeout(openTimer);
  clearTimeout(pollTimer);
  pollTimer = undefined;
  source?.close();
  source = null;
}

/** Has a stream exactly when one is wanted: a hidden page needs none. */
function connect() {
  if (paused || ended || document.hidden) {
    close();
    clearTimeout(offlineTimer);
    show(ended ? "ended" : "paused");
  } else if (polls) {
    pollTimer ??= window.setTimeout(poll);
  } else if (!source) {
    open();
  }
}

function open() {
  source = new EventSource(address());
  openTimer = window.setTimeout(lost, OPEN_WITHIN_MS);
  source.addEventListener("open", () => {
    failures = 0;
    reached("live");
  });
  source.addEventListener("change", (event) => apply(JSON.parse(event.data)));
  source.addEventListener("end", (event) => end(JSON.parse(event.data).reason));
  source.addEventListener("error", lost);
}

/** Where the changes of this page are, for the rows that it shows. */
function address() {
  const page = location.pathname.split("/").pop();
  /** @type {Record<string, unknown[]>} */
  const shown = {};
  for (const row of document.querySelectorAll("[data-table] tr[data-key]")) {
    const { table = "" } = /** @type {HTMLElement} */ (row.closest("[data-table]")).dataset;
    shown[table] ??= [];
    shown[table].push(JSON.parse(/** @type {HTMLElement} */ (row).dataset.key ?? "[]"));
  }
  const parameters = new URLSearchParams(location.search);
  const text = new URLSearchParams({ shown: JSON.stringify(shown) });
  if (text.toString().length <= MAX_SHOWN_LENGTH) {
    parameters.set("shown", JSON.stringify(shown));
  }
  return `live/${page}?${parameters}`;
}

/** @param {State} state */
function reached(state) {
  clearTimeout(openTimer);
  clearTimeout(offlineTimer);
  offlineTimer = undefined;
  show(state);
}

function unreached() {
  show("reconnecting");
  offlineTimer ??= window.setTimeout(() => show("offline"), OFFLINE_AFTER_MS);
}

/** Asks for everything that may have changed, and goes on to while no stream gets through. */
async function poll() {
  const mine = pollTimer;
  const answered = await ask();
  if (mine !== pollTimer) {
    return;
  }
  if (answered) {
    reached("polling");
  } else {
    unreached();
  }
  pollTimer = window.setTimeout(poll, POLL_MS);
}

/**
 * Brings the page up to date without a stream. When the session is gone the page says so by asking for the password.
 *
 * @returns {Promise<boolean>} whether that worked
 */
async function ask() {
  try {
    const answer = await fetch(address(), { headers: { accept: "application/json" } });
    if (answer.ok) {
      apply(await answer.json());
    } else if (answer.status === 401 || answer.status === 403) {
      leave();
    } else if (answer.status === 404) {
      end("gone");
    }
    return answer.ok;
  } catch {
    return false;
  }
}

function lost() {
  close();
  unreached();
  retryTimer = window.setTimeout(retry, RETRY_MS);
}

/** Comes back; streams that fail while everything else gets through are given up. */
async function retry() {
  if (await ask()) {
    failures += 1;
    polls = failures >= MAX_FAILURES;
  }
  connect();
}

/** @param {string} reason */
function end(reason) {
  close();
  if (reason === "shutdown") {
    lost();
    return;
  }
  if (reason === "not_authorised") {
    leave();
    return;
  }
  const again = document.createElement("a");
  again.href = location.href;
  again.textContent = "Load again";
  finish("What this page shows is no longer there, or no longer yours to see. ", again);
}

/** Without a session the page asks for the password, unless something that was typed would be lost. */
function leave() {
  if (!isFilledIn()) {
    location.reload();
    return;
  }
  finish("The session has ended. ", loginElsewhere(), "; what you have typed can be sent then.");
}

/**
 * What stands on the page may no longer be true: that must not be overlooked.
 *
 * @param {(string | Node)[]} why
 */
function finish(...why) {
  ended = true;
  close();
  clearTimeout(offlineTimer);
  show("ended");
  const notice = document.createElement("p");
  notice.className = "problem";
  notice.setAttribute("role", "alert");
  notice.append(...why);
  document.getElementById("main")?.prepend(notice);
  document.querySelector("[data-pause]")?.remove();
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
