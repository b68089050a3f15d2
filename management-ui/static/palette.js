/** The palette: type part of a name, go to the page about it. */

/**
 * @typedef {object} Found
 * @property {string} kind
 * @property {string} name
 * @property {string | string[] | null} quiet
 * @property {string} to
 */

/** Typing has ended after so long. */
const TYPING_MS = 80;

/** @type {HTMLDialogElement | null} */
let dialog = null;

/** Shows the button that opens it. */
export function startPalette() {
  for (const button of document.querySelectorAll("[data-palette]")) {
    if (button instanceof HTMLElement) {
      button.hidden = false;
      button.addEventListener("click", openPalette);
    }
  }
}

/** Opens it, or closes it when it is open. */
export function openPalette() {
  if (dialog?.open) {
    dialog.close();
    return;
  }
  dialog = build();
  document.body.append(dialog);
  dialog.addEventListener("close", () => dialog?.remove());
  dialog.showModal();
}

function build() {
  const box = document.createElement("dialog");
  box.className = "palette";
  box.setAttribute("aria-label", "Find");
  const input = document.createElement("input");
  input.type = "search";
  input.placeholder = "A queue, an exchange, a connection, a page …";
  input.autocomplete = "off";
  input.spellcheck = false;
  input.setAttribute("role", "combobox");
  input.setAttribute("aria-expanded", "true");
  input.setAttribute("aria-controls", "palette-list");
  input.setAttribute("aria-label", "Find");
  const list = document.createElement("ul");
  list.id = "palette-list";
  list.setAttribute("role", "listbox");
  list.setAttribute("aria-label", "Found");
  box.append(input, list);
  const search = debounce(() => fill(input, list));
  input.addEventListener("input", search);
  input.addEventListener("keydown", (event) => move(event, input, list));
  fill(input, list);
  return box;
}

/**
 * @param {HTMLInputElement} input
 * @param {HTMLElement} list
 */
async function fill(input, list) {
  const text = input.value;
  const objects = text ? await ask(text) : [];
  if (text !== input.value) {
    return;
  }
  const found = [...pages(text), ...objects];
  list.replaceChildren(...found.map(option));
  if (!found.length) {
    const nothing = document.createElement("li");
    nothing.className = "quiet";
    nothing.textContent = "Nothing found";
    list.append(nothing);
  }
  select(input, list, 0);
}

/**
 * @param {string} text
 * @returns {Promise<Found[]>}
 */
async function ask(text) {
  try {
    const answer = await fetch(`find?text=${encodeURIComponent(text)}`);
    return answer.ok ? await answer.json() : [];
  } catch {
    return [];
  }
}

/**
 * The pages of the navigation.
 *
 * @param {string} text
 * @returns {Found[]}
 */
function pages(text) {
  const links = [...document.querySelectorAll(".side a")];
  const wanted = links.filter((link) =>
    link.textContent?.toLowerCase().includes(text.toLowerCase()),
  );
  return wanted.map((link) => ({
    kind: "page",
    name: link.textContent ?? "",
    quiet: null,
    to: link.getAttribute("href") ?? "",
  }));
}

/** @param {Found} found */
function option(found) {
  const item = document.createElement("li");
  item.setAttribute("role", "option");
  const link = document.createElement("a");
  link.href = found.to;
  link.tabIndex = -1;
  const name = document.createElement("span");
  name.textContent = found.name || "(default)";
  const kind = document.createElement("span");
  kind.className = "quiet";
  const quiet = Array.isArray(found.quiet) ? found.quiet.join(", ") : (found.quiet ?? "");
  kind.textContent = quiet && quiet !== "/" ? `${found.kind} · ${quiet}` : found.kind;
  link.append(name, kind);
  item.append(link);
  return item;
}

/**
 * @param {KeyboardEvent} event
 * @param {HTMLInputElement} input
 * @param {HTMLElement} list
 */
function move(event, input, list) {
  const options = [...list.querySelectorAll("[role=option]")];
  const at = options.findIndex((item) => item.getAttribute("aria-selected") === "true");
  if (event.key === "ArrowDown" || event.key === "ArrowUp") {
    event.preventDefault();
    const step = event.key === "ArrowDown" ? 1 : -1;
    select(input, list, (at + step + options.length) % Math.max(options.length, 1));
  } else if (event.key === "Enter") {
    event.preventDefault();
    options[at]?.querySelector("a")?.click();
  } else if (event.key === "Escape") {
    // The field would only be emptied by it.
    event.preventDefault();
    dialog?.close();
  }
}

/**
 * @param {HTMLInputElement} input
 * @param {HTMLElement} list
 * @param {number} wanted
 */
function select(input, list, wanted) {
  [...list.querySelectorAll("[role=option]")].forEach((item, index) => {
    item.id = `palette-${index}`;
    item.setAttribute("aria-selected", String(index === wanted));
    if (index === wanted) {
      input.setAttribute("aria-activedescendant", item.id);
      item.scrollIntoView({ block: "nearest" });
    }
  });
}

/** @param {() => void} action */
function debounce(action) {
  /** @type {number | undefined} */
  let timer;
  return () => {
    clearTimeout(timer);
    timer = window.setTimeout(action, TYPING_MS);
  };
}
