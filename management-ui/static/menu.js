/** Menus close when one looks elsewhere; choices take effect at once. */

/** Makes menus, choices and the folded navigation work. */
export function startMenus() {
  document.addEventListener("click", closeOthers);
  document.addEventListener("keydown", closeOnEscape);
  document.addEventListener("change", (event) => {
    const select = event.target;
    if (select instanceof HTMLSelectElement && "choose" in select.dataset) {
      select.form?.requestSubmit();
    }
  });
  for (const button of document.querySelectorAll("[data-toggle]")) {
    startToggle(/** @type {HTMLButtonElement} */ (button));
  }
}

/** @param {HTMLButtonElement} button */
function startToggle(button) {
  const target = document.getElementById(button.dataset.toggle ?? "");
  const narrow = matchMedia("(max-width: 60rem)");
  const fit = () => {
    button.hidden = !narrow.matches;
  };
  narrow.addEventListener("change", fit);
  fit();
  button.addEventListener("click", () => {
    const open = target?.classList.toggle("open") ?? false;
    button.setAttribute("aria-expanded", String(open));
  });
}

/** @returns {HTMLDetailsElement[]} */
function openMenus() {
  const menus = /** @type {NodeListOf<HTMLDetailsElement>} */ (
    document.querySelectorAll("details.menu")
  );
  return [...menus].filter((menu) => menu.open);
}

/** @param {MouseEvent} event */
function closeOthers(event) {
  for (const menu of openMenus()) {
    if (!(event.target instanceof Node && menu.contains(event.target))) {
      menu.open = false;
    }
  }
}

/** @param {KeyboardEvent} event */
function closeOnEscape(event) {
  if (event.key !== "Escape") {
    return;
  }
  for (const menu of openMenus()) {
    menu.open = false;
    menu.querySelector("summary")?.focus();
  }
}
