/** Permissions for one prefix: the three patterns follow what is typed, and typing a pattern gives the prefix up. */

const PATTERNS = ["configure", "write", "read"];

for (const form of document.querySelectorAll("form[data-prefix]")) {
  startPrefix(/** @type {HTMLFormElement} */ (form));
}

/** @param {HTMLFormElement} form */
function startPrefix(form) {
  form.addEventListener("input", (event) => {
    const field = event.target;
    if (!(field instanceof HTMLInputElement)) {
      return;
    }
    if (field.name === "prefix") {
      const pattern = field.value ? `^${escaped(field.value)}.*` : "";
      for (const name of PATTERNS) {
        set(form, name, pattern);
      }
    } else if (PATTERNS.includes(field.name)) {
      set(form, "prefix", "");
    }
  });
}

/**
 * @param {HTMLFormElement} form
 * @param {string} name
 * @param {string} value
 */
function set(form, name, value) {
  const field = form.elements.namedItem(name);
  if (field instanceof HTMLInputElement) {
    field.value = value;
  }
}

/**
 * The broker does the same.
 *
 * @param {string} text
 */
function escaped(text) {
  return text.replace(/[\\.+*?()|[\]{}^$#&~-]/g, "\\$&");
}
