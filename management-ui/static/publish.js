/**
 * What was published by hand before: each form keeps its last messages in the browser, and what stands in it
 * until the page is closed.
 */

/** Messages that are kept per form. */
const MAX_PAST = 20;
/** Longer ones are not kept. */
const MAX_CHARACTERS = 100_000;
/** What a form says about itself and not about the message. */
const OWN = ["csrf", "from", "form", "vhost", "exchange"];

/** @typedef {[string, string][]} Fields names and values, in their order */

for (const form of document.querySelectorAll("form[data-history]")) {
  start(/** @type {HTMLFormElement} */ (form));
}

/** @param {HTMLFormElement} form */
function start(form) {
  const key = `publish:${form.dataset.history}`;
  const draft = read(sessionStorage, key)[0];
  if (draft && !form.querySelector("[data-problem]:not([hidden])")) {
    fill(form, draft);
  }
  showPast(form, key);
  form.addEventListener("submit", () => {
    const fields = fieldsOf(form);
    write(sessionStorage, key, [fields]);
    remember(key, fields);
  });
  form.querySelector("[data-past]")?.addEventListener("change", (event) => {
    const chosen = read(localStorage, key)[
      Number(/** @type {HTMLSelectElement} */ (event.target).value)
    ];
    if (chosen) {
      fill(form, chosen);
    }
  });
  form.querySelector("[data-forget]")?.addEventListener("click", () => {
    localStorage.removeItem(key);
    sessionStorage.removeItem(key);
    showPast(form, key);
  });
}

/**
 * @param {HTMLFormElement} form
 * @returns {Fields}
 */
function fieldsOf(form) {
  return [...new FormData(form)]
    .filter(([name]) => !OWN.includes(name))
    .map(([name, value]) => [name, String(value)]);
}

/**
 * Puts a message first among those of its form.
 *
 * @param {string} key
 * @param {Fields} fields
 */
function remember(key, fields) {
  const text = JSON.stringify(fields);
  const others = read(localStorage, key).filter((past) => JSON.stringify(past) !== text);
  if (text.length <= MAX_CHARACTERS) {
    write(localStorage, key, [fields, ...others].slice(0, MAX_PAST));
  }
}

/**
 * @param {HTMLFormElement} form
 * @param {string} key
 */
function showPast(form, key) {
  const box = /** @type {HTMLElement | null} */ (form.querySelector(".history"));
  const select = /** @type {HTMLSelectElement | null} */ (form.querySelector("[data-past]"));
  const past = read(localStorage, key);
  if (!box || !select) {
    return;
  }
  box.hidden = past.length === 0;
  const options = past.map((fields, index) => new Option(summary(fields), String(index)));
  select.replaceChildren(new Option("Choose one", ""), ...options);
}

/** @param {Fields} fields */
function summary(fields) {
  const field = (/** @type {string} */ wanted) =>
    fields.find(([name]) => name === wanted)?.[1] ?? "";
  const payload = field("payload").replace(/\s+/g, " ").slice(0, 60) || "(empty)";
  const key = field("routing_key");
  return key ? `${key}: ${payload}` : payload;
}

/**
 * Fills a form; rows of tables are made as they are needed.
 *
 * @param {HTMLFormElement} form
 * @param {Fields} fields
 */
function fill(form, fields) {
  const names = new Set(fields.map(([name]) => name));
  for (const name of names) {
    const values = fields.filter(([other]) => other === name).map(([, value]) => value);
    values.forEach((value, index) => {
      set(form, name, index, value);
    });
  }
}

/**
 * @param {HTMLFormElement} form
 * @param {string} name
 * @param {number} index
 * @param {string} value
 */
function set(form, name, index, value) {
  const fields = form.querySelectorAll(`[name="${CSS.escape(name)}"]`);
  const field = /** @type {HTMLInputElement | undefined} */ (fields[index]);
  if (!field || field.value === value) {
    return;
  }
  field.value = value;
  // A table grows by a row when its last one is used.
  field.dispatchEvent(new Event("input", { bubbles: true }));
}

/**
 * @param {Storage} storage
 * @param {string} key
 * @returns {Fields[]}
 */
function read(storage, key) {
  try {
    const kept = JSON.parse(storage.getItem(key) ?? "[]");
    return Array.isArray(kept) ? kept : [];
  } catch {
    return [];
  }
}

/**
 * @param {Storage} storage
 * @param {string} key
 * @param {Fields[]} kept
 */
function write(storage, key, kept) {
  try {
    storage.setItem(key, JSON.stringify(kept));
  } catch {
    // Full, or forbidden: then nothing is kept.
  }
}
