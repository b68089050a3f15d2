/**
 * Charts. The server has drawn them; here they are drawn anew, to be read off, zoomed, and kept going by the
 * page's live stream, whose samples arrive as `live:sample` events of the document.
 */

import { add, csv } from "./chart-data.js";
import { draw, redraw, size } from "./chart-plot.js";
import { clock, text } from "./units.js";

/**
 * @typedef {object} Sample
 * @property {string} chart `data-chart` of the figure
 * @property {number} time Unix seconds
 * @property {Record<string, number>} values by the names of series
 */

/** Rows of the table: the last samples. */
const TABLE_ROWS = 20;

const stillness = matchMedia("(prefers-reduced-motion: reduce)");

/** @type {Set<Chart>} */
const charts = new Set();

class Chart {
  /** @type {ReturnType<typeof draw> | null} */
  #plot = null;
  /** @type {import('./chart-data.js').Columns} */
  #columns = { step: 1, times: [], series: [] };
  /** @type {import('./chart-plot.js').Look} */
  #look = { series: [], ink: "" };
  /** What the series are now, be it drawn or not. @type {Record<string, number | null>} */
  #now = {};
  /** When the columns were last fetched, by the samples' clock. */
  #fetchedAt = 0;
  #announcement = element("output", { className: "chart-announcement" });

  /** Seconds that it is about. */
  #range;

  /** @param {HTMLElement} figure */
  constructor(figure) {
    this.figure = figure;
    this.place = /** @type {HTMLElement} */ (figure.querySelector(".plot"));
    this.unit = /** @type {import('./units.js').Unit} */ (figure.dataset.unit);
    this.#range = Number(figure.dataset.range);
  }

  /** Fetches the columns and draws them. If that fails, the server's drawing stays. */
  async start() {
    if (!(await this.#fetch())) return;
    charts.add(this);
    this.#addTools();
    this.#drawAnew();
    new ResizeObserver(() => this.#plot?.setSize(size(this.place))).observe(this.place);
    this.figure.tabIndex = 0;
    this.figure.setAttribute("aria-keyshortcuts", "ArrowLeft ArrowRight Home End Escape");
    this.figure.addEventListener("keydown", (event) => this.#press(event));
  }

  /** @param {Sample} sample */
  take({ time, values }) {
    this.#now = { ...this.#now, ...values };
    const done = add(this.#columns, this.#range, time, values);
    if (done === "gap") this.#catchUp(time);
    else if (!this.#plot) this.#drawAnew();
    // Who wants little motion gets it step by step.
    else if (done === "added" || !stillness.matches) redraw(this.#plot, this.#columns);
    this.#point(this.#plot?.cursor.idx);
  }

  /** Another theme: other colours. */
  recolour() {
    this.#readLook();
    this.#plot?.redraw(false);
  }

  async #fetch() {
    const answer = await fetch(this.figure.dataset.seriesUrl ?? "").catch(() => null);
    if (!answer?.ok) return false;
    this.#columns = await answer.json();
    this.#now = Object.fromEntries(
      this.#columns.series.map(({ name, values }) => [name, values.at(-1) ?? null]),
    );
    return true;
  }

  /**
   * The stream had a gap, as when the page was hidden: what was missed is at the server.
   *
   * @param {number} time
   */
  async #catchUp(time) {
    // The server's newest sample may itself be some steps old: not for every one of ours.
    if (time - this.#fetchedAt < 10 * this.#columns.step) return;
    this.#fetchedAt = time;
    if (!(await this.#fetch())) return;
    if (this.#plot) redraw(this.#plot, this.#columns);
    else this.#drawAnew();
  }

  #drawAnew() {
    if (this.#columns.times.length === 0) return;
    this.#readLook();
    this.place.setAttribute("aria-hidden", "true");
    const point = (/** @type {number | null | undefined} */ at) => this.#point(at);
    this.#plot = draw(this.place, this.unit, this.#columns, this.#range, this.#look, point);
  }

  #readLook() {
    const swatches = this.#columns.series.map(({ name }) => {
      const entry = this.figure.querySelector(`.legend [data-series="${name}"]`);
      return entry ? getComputedStyle(entry, "::before").backgroundColor : "gray";
    });
    // The drawing holds the object itself.
    Object.assign(this.#look, { series: swatches, ink: getComputedStyle(this.place).color });
  }

  /**
   * Shows in the legend what was at a sample, or what is now.
   *
   * @param {number | null | undefined} at
   */
  #point(at) {
    for (const { name, values } of this.#columns.series) {
      const output = this.figure.querySelector(`.legend [data-series="${name}"] output`);
      const value = at == null ? this.#now[name] : values[at];
      if (output) output.textContent = value == null ? "–" : text(this.unit, value);
    }
  }

  /** @param {KeyboardEvent} event */
  #press(event) {
    if (event.target !== this.figure || !this.#plot) return;
    const last = this.#columns.times.length - 1;
    const at = this.#plot.cursor.idx;
    /** @type {Record<string, number>} */
    const moves = {
      ArrowLeft: (at ?? last + 1) - 1,
      ArrowRight: (at ?? last - 1) + 1,
      Home: 0,
      End: last,
      Escape: -1,
    };
    const to = moves[event.key];
    if (to === undefined) return;
    event.preventDefault();
    const next = event.key === "Escape" ? null : Math.max(0, Math.min(last, to));
    const time = next === null ? null : this.#columns.times[next];
    for (const chart of charts) chart.#moveTo(time);
    this.#announcement.textContent = next === null ? "" : this.#describe(next);
  }

  /**
   * Moves the crosshair, which all charts share.
   *
   * @param {number | null} time null: away
   */
  #moveTo(time) {
    const left = time === null ? -1 : (this.#plot?.valToPos(time, "x") ?? -1);
    this.#plot?.setCursor({ left, top: Math.min(left, 0) });
  }

  /** @param {number} at */
  #describe(at) {
    const parts = this.#columns.series.map(({ label, values }) => {
      const value = values[at];
      return `${label} ${value == null ? "unknown" : text(this.unit, value)}`;
    });
    return `${clock(this.#columns.times[at])}: ${parts.join(", ")}`;
  }

  #addTools() {
    const table = element("details", { className: "chart-table" });
    table.append(element("summary", { textContent: "Table" }));
    table.addEventListener("toggle", () => this.#fillTable(table));
    const save = element("button", { type: "button", textContent: "CSV" });
    save.title = "Download what is shown";
    save.addEventListener("click", () => this.#save());
    this.figure.querySelector(".chart-tools")?.append(table, save);
    this.figure.append(this.#announcement);
  }

  /** @param {HTMLDetailsElement} details */
  #fillTable(details) {
    details.querySelector("table")?.remove();
    if (!details.open) return;
    const { times, series } = this.#columns;
    const table = element("table");
    table.createCaption().textContent = this.#title();
    const head = table.createTHead().insertRow();
    for (const title of ["Time", ...series.map(({ label }) => label)]) {
      head.append(element("th", { scope: "col", textContent: title }));
    }
    const body = table.createTBody();
    for (let at = times.length - 1; at >= Math.max(0, times.length - TABLE_ROWS); at--) {
      const row = body.insertRow();
      row.append(element("th", { scope: "row", textContent: clock(times[at]) }));
      for (const { values } of series) {
        const value = values[at];
        row.insertCell().textContent = value == null ? "–" : text(this.unit, value);
      }
    }
    details.append(table);
  }

  #save() {
    const { min = 0, max = Number.POSITIVE_INFINITY } = this.#plot?.scales.x ?? {};
    const content = csv(this.#columns, min, max);
    const href = URL.createObjectURL(new Blob([content], { type: "text/csv" }));
    element("a", { href, download: `${this.figure.dataset.chart}.csv` }).click();
    URL.revokeObjectURL(href);
  }

  #title() {
    return this.figure.querySelector("figcaption")?.textContent ?? "";
  }
}

/**
 * @template {keyof HTMLElementTagNameMap} Name
 * @param {Name} name
 * @param {Partial<HTMLElementTagNameMap[Name]>} [properties]
 * @returns {HTMLElementTagNameMap[Name]}
 */
function element(name, properties = {}) {
  return Object.assign(document.createElement(name), properties);
}

function recolour() {
  for (const chart of charts) chart.recolour();
}

document.addEventListener("live:sample", (event) => {
  const { detail } = /** @type {CustomEvent<Sample>} */ (event);
  for (const chart of charts) {
    if (chart.figure.dataset.chart === detail.chart) chart.take(detail);
  }
});
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", recolour);
new MutationObserver(recolour).observe(document.documentElement, {
  attributeFilter: ["class", "data-theme", "style"],
});
for (const figure of document.querySelectorAll("figure.chart")) {
  if (figure instanceof HTMLElement) new Chart(figure).start();
}
