/** Tables: which rows are selected, and moving between them by keys. */

/** Makes all tables of the page work. */
export function startTables() {
  for (const table of document.querySelectorAll("[data-table]")) {
    startSelection(/** @type {HTMLElement} */ (table));
  }
  for (const table of document.querySelectorAll(".scroll > table")) {
    keepHeadInSight(/** @type {HTMLTableElement} */ (table));
  }
}

/**
 * A head stays in sight of whatever scrolls: the page, unless the table is too wide for it.
 *
 * @param {HTMLTableElement} table
 */
function keepHeadInSight(table) {
  const box = /** @type {HTMLElement} */ (table.parentElement);
  const watch = new ResizeObserver(() => {
    box.classList.toggle("fits", box.scrollWidth <= box.clientWidth);
  });
  watch.observe(table);
  watch.observe(box);
}

/** @param {HTMLElement} table */
function startSelection(table) {
  const all = /** @type {HTMLInputElement | null} */ (table.querySelector("[data-select-all]"));
  if (!all) {
    return;
  }
  all.hidden = false;
  all.addEventListener("change", () => {
    for (const box of boxes(table)) {
      box.checked = all.checked;
    }
  });
  table.addEventListener("change", () => showSelection(table, all));
  showSelection(table, all);
}

/**
 * @param {HTMLElement} table
 * @returns {HTMLInputElement[]}
 */
function boxes(table) {
  return [...table.querySelectorAll("tbody input[name=key]")].filter(
    (box) => box instanceof HTMLInputElement,
  );
}

/**
 * The bar with actions is there while something is selected.
 *
 * @param {HTMLElement} table
 * @param {HTMLInputElement} all
 */
function showSelection(table, all) {
  const ticked = boxes(table).filter((box) => box.checked);
  const bar = /** @type {HTMLElement | null} */ (table.querySelector(".bulk"));
  const text = table.querySelector("[data-selected]");
  if (bar && text) {
    bar.hidden = ticked.length === 0;
    text.textContent = `${ticked.length} selected`;
  }
  all.checked = ticked.length > 0 && ticked.length === boxes(table).length;
  all.indeterminate = ticked.length > 0 && !all.checked;
}

/**
 * The row that keys move, `step` rows further.
 *
 * @param {number} step
 */
export function moveRow(step) {
  const rows = /** @type {HTMLElement[]} */ ([
    ...document.querySelectorAll("[data-table] tbody tr[data-key]"),
  ]);
  const at = rows.findIndex((row) => row.classList.contains("current"));
  const next = rows[Math.min(Math.max(at + step, 0), rows.length - 1)];
  if (!next) {
    return;
  }
  rows[at]?.classList.remove("current");
  next.classList.add("current");
  next.scrollIntoView({ block: "nearest" });
  next.querySelector("a")?.focus();
}

/** Ticks the current row, or takes the tick away. */
export function selectRow() {
  const box = /** @type {HTMLInputElement | null} */ (
    document.querySelector("tr.current input[name=key]")
  );
  box?.click();
}

/** Copies the name of the current row. */
export function copyRow() {
  const name = document.querySelector("tr.current a")?.textContent;
  if (name) {
    navigator.clipboard?.writeText(name);
  }
}
