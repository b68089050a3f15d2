/** Copies texts of the page, and tells them where the browser has reached the broker. */

/** So long a button says that it has copied. */
const TOLD_MS = 1_500;

/** Makes all elements with `data-copy`, the id of what they copy, do so. */
export function startCopying() {
  for (const place of document.querySelectorAll("[data-origin]")) {
    place.textContent = location.origin;
  }
  if (!navigator.clipboard) {
    return;
  }
  for (const button of document.querySelectorAll("button[data-copy]")) {
    /** @type {HTMLButtonElement} */ (button).hidden = false;
  }
  document.addEventListener("click", (event) => {
    const button = event.target instanceof Element && event.target.closest("[data-copy]");
    if (button instanceof HTMLButtonElement) {
      copy(button);
    }
  });
}

/** @param {HTMLButtonElement} button */
async function copy(button) {
  const text = document.getElementById(button.dataset.copy ?? "")?.textContent ?? "";
  const label = button.textContent;
  try {
    await navigator.clipboard.writeText(text);
    button.textContent = "Copied";
  } catch {
    button.textContent = "Not allowed";
  }
  setTimeout(() => {
    button.textContent = label;
  }, TOLD_MS);
}
