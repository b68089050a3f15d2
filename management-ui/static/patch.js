/** Puts new HTML where it belongs, and leaves alone what has not changed. */

/**
 * @param {string} place `NAME` of an element's `data-live`, `row:TABLE:KEY`, or `keys:TABLE`
 * @param {string} html
 */
export function patch(place, html) {
  const [kind, table, ...rest] = place.split(":");
  if (kind === "row") {
    patchRow(table, rest.join(":"), html);
  } else if (kind === "keys") {
    noteOrder(table, JSON.parse(html));
  } else {
    const element = document.querySelector(`[data-live="${CSS.escape(place)}"]`);
    if (element) {
      patchBlock(element, html);
    }
  }
}

/**
 * @param {Element} element
 * @param {string} html
 */
function patchBlock(element, html) {
  const fresh = document.createElement("template");
  fresh.innerHTML = html;
  if (morph(element, fresh.content)) {
    announce(element);
  }
}

/**
 * @param {string} table
 * @param {string} key
 * @param {string} html
 */
function patchRow(table, key, html) {
  const row = document.querySelector(`#${CSS.escape(table)} tr[data-key="${CSS.escape(key)}"]`);
  if (!row) {
    return;
  }
  const fresh = document.createElement("template");
  fresh.innerHTML = `<table><tbody>${html}</tbody></table>`;
  const cells = fresh.content.querySelectorAll("td");
  const old = row.querySelectorAll("td");
  old.forEach((cell, index) => {
    const now = cells[index];
    // Boxes keep their ticks, small charts their drawing.
    const still = cell.classList.contains("tick") || cell.classList.contains("spark");
    if (now && !still && cell.innerHTML !== now.innerHTML) {
      cell.innerHTML = now.innerHTML;
      flash(cell);
    }
  });
  announce(row);
}

/**
 * Tells of rows that came or went; the order stays as it is until somebody wants another.
 *
 * @param {string} table
 * @param {{order: string[], gone: string[]}} keys of the rows that a new page would have, in their order, and of those that
 *   there are no more
 */
function noteOrder(table, { order, gone }) {
  const section = document.getElementById(table);
  const note = /** @type {HTMLElement | null | undefined} */ (
    section?.querySelector("[data-order]")
  );
  const link = note?.querySelector("a");
  if (!section || !note || !link) {
    return;
  }
  const rows = /** @type {HTMLElement[]} */ ([...section.querySelectorAll("tbody tr[data-key]")]);
  const shown = rows.map((row) => row.dataset.key ?? "");
  const known = new Set(shown);
  const fresh = order.filter((key) => !known.has(key)).length;
  for (const row of rows) {
    row.classList.toggle("gone", gone.includes(row.dataset.key ?? ""));
  }
  const moved = order.some((key, index) => key !== shown[index]);
  note.hidden = !moved && order.length === shown.length;
  link.textContent = fresh ? `${fresh} new: refresh` : "The order has changed: refresh";
}

/**
 * Makes `element` look like `fresh` with as few changes as possible, so that focus, selection and open menus
 * stay.
 *
 * @param {Element} element
 * @param {DocumentFragment | Element} fresh
 * @returns {boolean} whether anything changed
 */
function morph(element, fresh) {
  const old = [...element.childNodes];
  const now = [...fresh.childNodes];
  let changed = false;
  now.forEach((node, index) => {
    const before = old[index];
    if (!before) {
      element.append(node);
      changed = true;
    } else if (before.nodeName !== node.nodeName) {
      before.replaceWith(node);
      changed = true;
    } else if (before instanceof Element && node instanceof Element) {
      changed = morphElement(before, node) || changed;
    } else if (before.nodeValue !== node.nodeValue) {
      before.nodeValue = node.nodeValue;
      changed = true;
    }
  });
  for (const extra of old.slice(now.length)) {
    extra.remove();
    changed = true;
  }
  return changed;
}

/**
 * @param {Element} before
 * @param {Element} now
 */
function morphElement(before, now) {
  if (before.matches("input, select, textarea, [data-still]")) {
    return false;
  }
  let changed = false;
  for (const name of before.getAttributeNames()) {
    if (!now.hasAttribute(name) && name !== "open") {
      before.removeAttribute(name);
      changed = true;
    }
  }
  for (const name of now.getAttributeNames()) {
    const value = now.getAttribute(name) ?? "";
    if (before.getAttribute(name) !== value) {
      before.setAttribute(name, value);
      changed = true;
    }
  }
  return morph(before, now) || changed;
}

/** @param {Element} cell */
function flash(cell) {
  cell.classList.remove("changed");
  requestAnimationFrame(() => cell.classList.add("changed"));
}

/** @param {Element} element */
function announce(element) {
  document.dispatchEvent(new CustomEvent("live:patched", { detail: element }));
}
