/**
 * Forms without loading a page: what is wrong is said beside the form, which keeps what was typed. Questions
 * (`confirm`) come as a dialog over the page.
 */

/** Makes all forms work so, also those that come later. */
export function startForms() {
  document.addEventListener("submit", (event) => {
    const form = event.target;
    if (!(form instanceof HTMLFormElement)) {
      return;
    }
    const method = event.submitter?.getAttribute("formmethod") ?? form.method;
    const action = event.submitter?.getAttribute("formaction");
    if (method === "post" && "form" in form.dataset) {
      event.preventDefault();
      send(form, event.submitter);
    } else if (method === "get" && (action ?? form.getAttribute("action")) === "confirm") {
      event.preventDefault();
      ask(`confirm?${fields(form, event.submitter)}`);
    }
  });
  document.addEventListener("click", (event) => {
    const link = event.target instanceof Element && event.target.closest("a[data-dialog]");
    if (link && !(event.ctrlKey || event.metaKey || event.shiftKey)) {
      event.preventDefault();
      ask(link.getAttribute("href") ?? "");
    }
  });
  document.addEventListener("input", (event) => {
    if (event.target instanceof HTMLInputElement) {
      growPairs(event.target);
    }
  });
}

/**
 * What a form says, with the button that sent it.
 *
 * @param {HTMLFormElement} form
 * @param {HTMLElement | null} submitter
 */
function fields(form, submitter) {
  const data = new FormData(form, submitter);
  const pairs = [...data].map(([name, value]) => [name, String(value)]);
  return new URLSearchParams(pairs);
}

/**
 * @param {HTMLFormElement} form
 * @param {HTMLElement | null} submitter
 */
async function send(form, submitter) {
  const button = submitter instanceof HTMLButtonElement ? submitter : null;
  const body = fields(form, submitter);
  if (button) {
    button.disabled = true;
  }
  try {
    await renew(body);
    const action = submitter?.getAttribute("formaction") ?? form.action;
    const answer = await fetch(action, {
      method: "POST",
      headers: { accept: "application/json" },
      body,
    });
    const done = await read(answer);
    if (done.ok) {
      go(done.location);
      return;
    }
    complain(form, done.reason);
    if (answer.status === 401) {
      const place = form.querySelector("[data-problem]");
      place?.append(". ", loginElsewhere(), ", then send this again.");
    }
  } catch {
    complain(form, "The broker does not answer. Nothing that you typed is lost: try again.");
  }
  if (button) {
    button.disabled = false;
  }
}

/**
 * After a login elsewhere: the form is sent in the session that there is now.
 *
 * @param {URLSearchParams} body
 */
async function renew(body) {
  if (!document.querySelector("[data-login]")) {
    return;
  }
  const answer = await fetch(location.href, { headers: { accept: "text/html" } });
  const page = new DOMParser().parseFromString(await answer.text(), "text/html");
  const { csrf } = page.body.dataset;
  if (csrf) {
    body.set("csrf", csrf);
  }
}

/** The way to a new session, beside what was typed in the old one. */
export function loginElsewhere() {
  const link = document.createElement("a");
  link.href = "login";
  link.target = "_blank";
  link.dataset.login = "";
  link.textContent = "Log in on another page";
  return link;
}

/** Has anybody typed something into a form, and not sent it? */
export function isFilledIn() {
  const fields = [...document.querySelectorAll("form[data-form] :is(input, textarea)")];
  return fields.some((field) => {
    const { value, defaultValue } = /** @type {HTMLInputElement | HTMLTextAreaElement} */ (field);
    return value !== defaultValue;
  });
}

/**
 * @param {Response} answer
 * @returns {Promise<{ok: boolean, location: string, reason: string}>}
 */
async function read(answer) {
  const text = await answer.text();
  try {
    return JSON.parse(text);
  } catch {
    return { ok: false, location: "", reason: text || answer.statusText };
  }
}

/**
 * Goes to a page, also when it is this one.
 *
 * @param {string} address
 */
function go(address) {
  const to = new URL(address, location.href);
  if (to.pathname === location.pathname && to.search === location.search) {
    location.reload();
  } else {
    location.assign(to);
  }
}

/**
 * @param {HTMLFormElement} form
 * @param {string} reason
 */
function complain(form, reason) {
  const place = /** @type {HTMLElement | null} */ (form.querySelector("[data-problem]"));
  if (place) {
    place.textContent = reason;
    place.hidden = false;
    place.scrollIntoView({ block: "nearest" });
  }
}

/**
 * Shows the form of another page as a dialog: a question, or an order.
 *
 * @param {string} address
 */
async function ask(address) {
  const answer = await fetch(address, { headers: { accept: "text/html" } });
  const page = new DOMParser().parseFromString(await answer.text(), "text/html");
  const inside = page.querySelector("form.confirm");
  const dialog = document.createElement("dialog");
  const title = document.createElement("h2");
  title.id = "dialog-title";
  title.textContent = page.querySelector("h1")?.textContent ?? "";
  dialog.setAttribute("aria-labelledby", title.id);
  dialog.append(title, inside ?? refusal(page));
  dialog.addEventListener("close", () => dialog.remove());
  dialog.addEventListener("click", (event) => {
    if (event.target instanceof Element && event.target.closest("[data-close]")) {
      event.preventDefault();
      dialog.close();
    }
  });
  document.body.append(dialog);
  dialog.showModal();
  /** @type {HTMLElement | null} */ (dialog.querySelector("[autofocus]"))?.focus();
}

/**
 * Why there is nothing to confirm.
 *
 * @param {Document} page
 */
function refusal(page) {
  const text = document.createElement("p");
  text.textContent = page.querySelector("main .empty")?.textContent ?? "That did not work";
  const close = document.createElement("button");
  close.textContent = "Close";
  close.dataset.close = "";
  close.autofocus = true;
  const box = document.createElement("div");
  box.append(text, close);
  return box;
}

/**
 * A table of arguments always has one empty row left; a known argument has its type.
 *
 * @param {HTMLInputElement} input
 */
function growPairs(input) {
  const pairs = input.closest("[data-pairs]");
  const pair = input.closest(".pair");
  if (!pairs || !pair) {
    return;
  }
  if (input.list) {
    const known = [...input.list.options].find((option) => option.value === input.value);
    const type = pair.querySelector("select");
    if (known?.dataset.type && type) {
      type.value = known.dataset.type;
    }
  }
  const rows = pairs.querySelectorAll(".pair");
  const last = rows[rows.length - 1];
  if (pair === last && input.value) {
    const fresh = /** @type {Element} */ (last.cloneNode(true));
    for (const field of fresh.querySelectorAll("input")) {
      field.value = "";
    }
    last.after(fresh);
  }
}
