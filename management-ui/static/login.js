/** Shows the password while its box is ticked. */

for (const box of document.querySelectorAll("input[data-shows]")) {
  const input = /** @type {HTMLInputElement} */ (box);
  const password = /** @type {HTMLInputElement} */ (
    document.getElementById(input.dataset.shows ?? "")
  );
  const label = /** @type {HTMLElement} */ (input.parentElement);
  label.hidden = false;
  input.addEventListener("change", () => {
    password.type = input.checked ? "text" : "password";
  });
}
