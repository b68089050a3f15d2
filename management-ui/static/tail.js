/**
 * Copies of messages as they are routed into a queue. The latest stands first; what is beyond the last row is forgotten,
 * and the stream ends with the page.
 */

/**
 * @typedef {object} Message
 * @property {number} timestamp milliseconds since the Unix epoch
 * @property {string} exchange
 * @property {string} routing_key
 * @property {Record<string, unknown>} properties
 * @property {number} payload_bytes
 * @property {string} payload
 * @property {string} payload_encoding `string` or `base64`
 * @property {number} dropped messages that were left out before this one
 */

/** Rows at most. */
const MAX_ROWS = 200;
/** Characters of a payload in its row. */
const PREVIEW_CHARS = 160;
/** @type {Intl.DateTimeFormatOptions} */
const CLOCK = { hour: "2-digit", minute: "2-digit", second: "2-digit", fractionalSecondDigits: 3 };
/** A stream that the broker refused is tried again after this long. */
const RETRY_MS = 3_000;

const REASONS = new Map([
  ["gone", "Ended: the queue was deleted"],
  ["not_authorised", "Ended: you may no longer see this"],
  ["shutdown", "The broker stops…"],
]);

const section = /** @type {HTMLElement | null} */ (document.querySelector("[data-tail]"));
const rows = section?.querySelector("[data-tail-rows]");
const empty = /** @type {HTMLElement | null | undefined} */ (
  section?.querySelector("[data-tail-empty]")
);
const state = section?.querySelector("[data-tail-state]");
const count = section?.querySelector("[data-tail-count]");
const pause = section?.querySelector("[data-tail-pause]");

/** @type {EventSource | null} */
let source = null;
let paused = false;
let shown = 0;
let dropped = 0;

if (section) {
  section.hidden = false;
  pause?.addEventListener("click", () => setPaused(!paused));
  section.querySelector("[data-tail-clear]")?.addEventListener("click", clear);
  window.addEventListener("pagehide", close);
  window.addEventListener("pageshow", (event) => event.persisted && !paused && open());
  open();
}

function open() {
  close();
  source = new EventSource(section?.dataset.tail ?? "");
  source.addEventListener("open", () => say("Live", "good"));
  source.addEventListener("message", (event) => add(JSON.parse(event.data)));
  source.addEventListener("end", (event) => end(JSON.parse(event.data).reason));
  source.addEventListener("error", lost);
}

function close() {
  source?.close();
  source = null;
}

function lost() {
  say("Reconnecting…", "bad");
  // The browser comes back by itself, but not after an answer that was no stream.
  if (source?.readyState === EventSource.CLOSED) {
    close();
    setTimeout(() => paused || source || open(), RETRY_MS);
  }
}

/** @param {string} reason */
function end(reason) {
  say(REASONS.get(reason) ?? "Ended", "bad");
  if (reason !== "shutdown") {
    close();
  }
}

/** @param {boolean} wanted */
function setPaused(wanted) {
  paused = wanted;
  if (pause) {
    pause.textContent = paused ? "Resume" : "Pause";
    pause.setAttribute("aria-pressed", String(paused));
  }
  if (paused) {
    close();
    say("Paused", "quiet");
  } else {
    open();
  }
}

function clear() {
  rows?.replaceChildren();
  shown = 0;
  dropped = 0;
  showCount();
}

/** @param {Message} message */
function add(message) {
  rows?.prepend(row(message));
  while (rows?.lastElementChild && rows.childElementCount > MAX_ROWS) {
    rows.lastElementChild.remove();
  }
  shown += 1;
  dropped += message.dropped;
  showCount();
}

/** @param {Message} message */
function row(message) {
  const time = new Date(message.timestamp);
  const summary = document.createElement("summary");
  const key = message.exchange
    ? `${message.exchange} → ${message.routing_key}`
    : message.routing_key;
  summary.append(
    part("tail-time quiet", time.toLocaleTimeString("en-GB", CLOCK)),
    part("tail-key", key),
    part("tail-size quiet", `${message.payload_bytes.toLocaleString("en")} B`),
    part("tail-preview mono", preview(message)),
  );
  const details = document.createElement("details");
  details.append(summary);
  // Most are never opened.
  details.addEventListener("toggle", () => details.append(whole(message)), { once: true });
  return details;
}

/** @param {Message} message */
function preview(message) {
  const text = message.payload_encoding === "string" ? message.payload : "binary";
  return text.slice(0, PREVIEW_CHARS);
}

/** @param {Message} message */
function whole(message) {
  const box = document.createElement("div");
  const payload = document.createElement("pre");
  payload.textContent = readable(message);
  const properties = document.createElement("pre");
  properties.textContent = JSON.stringify(message.properties, null, 2);
  box.append(part("tail-title", "Payload"), payload, part("tail-title", "Properties"), properties);
  return box;
}

/** @param {Message} message */
function readable(message) {
  try {
    return JSON.stringify(JSON.parse(message.payload), null, 2);
  } catch {
    return message.payload;
  }
}

/**
 * @param {string} name
 * @param {string} text
 */
function part(name, text) {
  const element = document.createElement("span");
  element.className = name;
  element.textContent = text;
  return element;
}

/**
 * @param {string} text
 * @param {string} kind
 */
function say(text, kind) {
  if (state) {
    const dot = part("dot", "");
    dot.ariaHidden = "true";
    state.className = `state ${kind}`;
    state.replaceChildren(dot, text);
  }
}

function showCount() {
  if (empty) {
    empty.hidden = shown > 0;
  }
  if (count) {
    const seen = `${shown.toLocaleString("en")} shown`;
    count.textContent = dropped ? `${seen}, ${dropped.toLocaleString("en")} dropped` : seen;
  }
}
