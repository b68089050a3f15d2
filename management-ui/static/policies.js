/** What a policy would change, while it is typed: the page itself says it, and that part of it is taken over. */

/** So long nobody types before the broker is asked. */
const PAUSE_MS = 300;

for (const form of document.querySelectorAll("form[data-preview-of]")) {
  startPreview(/** @type {HTMLFormElement} */ (form));
}

/** @param {HTMLFormElement} form */
function startPreview(form) {
  /** @type {number | undefined} */
  let timer;
  /** @type {AbortController | undefined} */
  let asking;
  form.addEventListener("input", () => {
    clearTimeout(timer);
    asking?.abort();
    timer = setTimeout(() => {
      asking = new AbortController();
      show(form, asking.signal);
    }, PAUSE_MS);
  });
}

/**
 * @param {HTMLFormElement} form
 * @param {AbortSignal} signal gives up when something else was typed
 */
async function show(form, signal) {
  const place = document.getElementById(form.dataset.previewOf ?? "");
  const pairs = [...new FormData(form)].map(([name, value]) => [name, String(value)]);
  const address = `policies?${new URLSearchParams(pairs)}`;
  try {
    const answer = await fetch(address, { headers: { accept: "text/html" }, signal });
    const page = new DOMParser().parseFromString(await answer.text(), "text/html");
    const found = page.getElementById(place?.id ?? "");
    if (found && place && !signal.aborted) {
      place.replaceChildren(...found.childNodes);
    }
  } catch {
    // The next key that is pressed asks again.
  }
}
