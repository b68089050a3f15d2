/** Passwords that nobody has to think of: made here, typed into both fields, shown so that they can be kept. */

/** Without letters and digits that look alike. */
const LETTERS = "abcdefghijkmnpqrstuvwxyzABCDEFGHJKLMNPQRSTUVWXYZ23456789";
const LENGTH = 24;

for (const box of document.querySelectorAll("[data-password]")) {
  startPassword(/** @type {HTMLElement} */ (box));
}

/** @param {HTMLElement} box */
function startPassword(box) {
  const offer = /** @type {HTMLElement | null} */ (box.querySelector("[data-generate]"));
  const output = offer?.querySelector("output");
  const typed = /** @type {HTMLInputElement | null} */ (box.querySelector("[value=typed]"));
  const fields = /** @type {NodeListOf<HTMLInputElement>} */ (
    box.querySelectorAll("input[name=password], input[name=again]")
  );
  if (!offer || !output) {
    return;
  }
  offer.hidden = false;
  offer.querySelector("button")?.addEventListener("click", () => {
    const password = generated();
    for (const field of fields) {
      field.value = password;
    }
    output.textContent = password;
    choose(typed);
  });
  for (const field of fields) {
    field.addEventListener("input", () => {
      output.textContent = "";
      choose(typed);
    });
  }
}

/** @param {HTMLInputElement | null} choice */
function choose(choice) {
  if (choice) {
    choice.checked = true;
  }
}

/** Every letter is as likely as any other: numbers that would favour some are thrown away. */
function generated() {
  const most = 256 - (256 % LETTERS.length);
  let password = "";
  while (password.length < LENGTH) {
    for (const byte of crypto.getRandomValues(new Uint8Array(LENGTH))) {
      if (byte < most && password.length < LENGTH) {
        password += LETTERS[byte % LETTERS.length];
      }
    }
  }
  return password;
}
