/** What one browser likes: times of which zone, rows how dense. Kept in the browser only. */

/** What there is to choose, each with its usual value. */
const USUAL = /** @type {const} */ ({ zone: "local", density: "usual" });

/** @typedef {keyof typeof USUAL} Preference */

/** Before the name of each in the browser's storage. */
const PREFIX = "ferrymq-";

/**
 * @param {Preference} name
 * @returns {string}
 */
export function preference(name) {
  return localStorage.getItem(PREFIX + name) ?? USUAL[name];
}

/** Shows the choices, and obeys those that were made. */
export function startPreferences() {
  obey();
  for (const box of document.querySelectorAll("[data-preferences]")) {
    /** @type {HTMLElement} */ (box).hidden = false;
    box.addEventListener("click", (event) => {
      const button = event.target;
      if (button instanceof HTMLButtonElement && button.dataset.prefer) {
        localStorage.setItem(PREFIX + button.dataset.prefer, button.value);
        obey();
      }
    });
  }
}

function obey() {
  document.documentElement.classList.toggle("compact", preference("density") === "compact");
  const buttons = /** @type {NodeListOf<HTMLButtonElement>} */ (
    document.querySelectorAll("[data-prefer]")
  );
  for (const button of buttons) {
    const name = /** @type {Preference} */ (button.dataset.prefer);
    button.setAttribute("aria-pressed", String(preference(name) === button.value));
  }
  document.dispatchEvent(new CustomEvent("preferences:changed"));
}
