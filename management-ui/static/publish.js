/**
 * What was published by hand before: each form keeps its last messages in the browser, and what stands in it
 * until the page is closed.
 */

/** Messages that are kept per form. */
const MAX_PAST = 20;
/** Longer ones are not kept. */
const MAX_CHARACTERS = 100_000;
/** Bytes of a file. */
const MAX_FILE_BYTES = 1 << 20;
/** More than that goes as base64: a form has room for so much. */
const MAX_TEXT_CHARACTERS = 1_400_000;
/** What a form says about itself and not about the message. */
const OWN = ["csrf", "from", "form", "vhost", "exchange"];

/** @typedef {[string, string][]} Fields names and values, in their order */

for (const form of document.querySelectorAll("form[data-history]")) {
  start(/** @type {HTMLFormElement} */ (form));
}
for (const form of document.querySelectorAll("form.publish")) {
  takeFiles(/** @type {HTMLFormElement} */ (form));
}

/**
 * Offers to read a payload from a file.
 *
 * @param {HTMLFormElement} form
 */
function takeFiles(form) {
  const label = /** @type {HTMLElement | null} */ (form.querySelector("[data-payload-file]"));
  const problem = /** @type {HTMLElement | null} */ (form.querySelector("[data-file-problem]"));
  const input = label?.querySelector("input");
  if (!label || !problem || !input) {
    return;
  }
  label.hidden = false;
  input.addEventListener("change", async () => {
    const file = input.files?.[0];
    problem.hidden = !file || file.size <= MAX_FILE_BYTES;
    problem.textContent = "The file has more than 1 MiB: that is too much for this form.";
    if (!file || file.size > MAX_FILE_BYTES) {
      return;
    }
    const { payload, encoding } = payloadOf(new Uint8Array(await file.arrayBuffer()));
    set(form, "payload", 0, payload);
    set(form, "payload_encoding", 0, encoding);
  });
}

/**
 * Bytes as a form has them: text if they survive as such.
 *
 * @param {Uint8Array} bytes
 */
function payloadOf(bytes) {
  try {
    const payload = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes);
    const isKept = !payload.includes("\r");
    if (isKept && encodeURIComponent(payload).length <= MAX_TEXT_CHARACTERS) {
      return { payload, encoding: "string" };
    }
  } catch {
    // It is no text.
  }
  let binary = "";
  for (const byte of bytes) {
    binary += String.fromCharCode(byte);
  }
  return { payload: btoa(binary), encoding: "base64" };
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
