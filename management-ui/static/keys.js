/** Keys: `?` shows them all. None is taken while somebody types. */

import { togglePause } from "./live.js";
import { openPalette } from "./palette.js";
import { copyRow, moveRow, selectRow } from "./table.js";

/** The second key of `g q` comes within so long. */
const SEQUENCE_MS = 1_500;

/** @type {[string, string, () => void][]} */
const KEYS = [
  ["/", "Filter", focusFilter],
  ["r", "Refresh", () => location.reload()],
  ["p", "Pause or resume what is live", togglePause],
  ["j", "Next row", () => moveRow(1)],
  ["k", "Previous row", () => moveRow(-1)],
  ["x", "Select the row", selectRow],
  ["c", "Copy the name of the row", copyRow],
  ["?", "These keys", showKeys],
];

let goes = false;

/** Listens for keys. */
export function startKeys() {
  document.addEventListener("keydown", (event) => {
    if ((event.ctrlKey || event.metaKey) && event.key.toLowerCase() === "k") {
      event.preventDefault();
      openPalette();
      return;
    }
    if (event.ctrlKey || event.metaKey || event.altKey || isTyping(event.target)) {
      return;
    }
    if (press(event.key)) {
      event.preventDefault();
    }
  });
}

/**
 * @param {string} key
 * @returns {boolean} whether it meant something
 */
function press(key) {
  if (goes) {
    goes = false;
    return go(key);
  }
  if (key === "g") {
    goes = true;
    setTimeout(() => {
      goes = false;
    }, SEQUENCE_MS);
    return true;
  }
  const found = KEYS.find(([name]) => name === key);
  found?.[2]();
  return found !== undefined;
}

/** @param {string} key */
function go(key) {
  const link = document.querySelector(`.side a[data-key-to="${CSS.escape(key)}"]`);
  if (link instanceof HTMLAnchorElement) {
    link.click();
    return true;
  }
  return false;
}

/** @param {EventTarget | null} target */
function isTyping(target) {
  return (
    target instanceof Element &&
    target.closest("input:not([type=checkbox], [type=radio]), textarea, select, dialog") !== null
  );
}

function focusFilter() {
  const input = document.querySelector('[data-focus-key="/"]');
  if (input instanceof HTMLInputElement) {
    input.focus();
    input.select();
  }
}

function showKeys() {
  const dialog = document.createElement("dialog");
  dialog.setAttribute("aria-labelledby", "keys-title");
  const title = document.createElement("h2");
  title.id = "keys-title";
  title.textContent = "Keys";
  const list = document.createElement("dl");
  list.className = "keys";
  const pages = [...document.querySelectorAll(".side a[data-key-to]")].map((link) => [
    `g ${link.getAttribute("data-key-to")}`,
    link.textContent ?? "",
  ]);
  const all = [
    ...KEYS.map(([key, text]) => [key, text]),
    ["Ctrl K", "Find anything"],
    ["Enter", "Open the row"],
    ["Esc", "Close"],
    ...pages,
  ];
  list.append(...all.map(([key, text]) => entry(key, text)));
  const close = document.createElement("button");
  close.textContent = "Close";
  close.autofocus = true;
  close.addEventListener("click", () => dialog.close());
  dialog.append(title, list, close);
  dialog.addEventListener("close", () => dialog.remove());
  document.body.append(dialog);
  dialog.showModal();
}

/**
 * @param {string} key
 * @param {string} text
 */
function entry(key, text) {
  const row = document.createElement("div");
  const term = document.createElement("dt");
  const name = document.createElement("kbd");
  name.textContent = key;
  term.append(name);
  const about = document.createElement("dd");
  about.textContent = text;
  row.append(term, about);
  return row;
}
