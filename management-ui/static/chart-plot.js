/** The drawing of a chart, by uPlot. */

import { clock, isBytes, short } from "./units.js";
import uPlot from "./vendor/uplot/uPlot.min.js";

/**
 * Colours as the theme has them now; read anew for each drawing.
 *
 * @typedef {object} Look
 * @property {string[]} series
 * @property {string} ink of text
 */

/** The crosshair is that of all charts with this key. */
const CROSSHAIR = "console";
const FONT = "12px system-ui, sans-serif";
const AXIS_PIXELS = 72;

/**
 * Draws `columns` where `place` is, as large as it is.
 *
 * @param {HTMLElement} place
 * @param {import('./units.js').Unit} unit
 * @param {import('./chart-data.js').Columns} columns
 * @param {number} range seconds that the plot is about, up to the newest sample
 * @param {Look} look
 * @param {(at: number | null | undefined) => void} point is told at which sample the crosshair is
 */
export function draw(place, unit, columns, range, look, point) {
  /** @type {uPlot.Options} */
  const options = {
    ...size(place),
    legend: { show: false },
    cursor: { y: false, drag: { x: true, y: false }, sync: { key: CROSSHAIR } },
    scales: {
      x: { range: (plot, from, to) => (isWhole(plot, from, to) ? whole(plot, range) : [from, to]) },
      y: { range: (_, __, most) => [0, most > 0 ? most * 1.1 : 1] },
    },
    axes: [axis(look, { values: times, space: 80 }), axis(look, values(unit))],
    series: [{}, ...columns.series.map((_, at) => line(look, at))],
    // The last moment's label stands half beyond the plot.
    padding: [8, 28, 0, 0],
    hooks: { setCursor: [(plot) => point(plot.cursor.idx)] },
  };
  place.replaceChildren();
  return new uPlot(options, data(columns), place);
}

/**
 * Draws what has been added. Who has zoomed in stays there.
 *
 * @param {uPlot} plot
 * @param {import('./chart-data.js').Columns} columns
 */
export function redraw(plot, columns) {
  const { min = 0, max = 0 } = plot.scales.x;
  const follows = isWhole(plot, min, max);
  plot.setData(data(columns), follows);
  if (!follows) plot.redraw();
}

/**
 * What is seen by who has not zoomed in.
 *
 * @param {uPlot} plot
 * @param {number} range seconds
 * @returns {uPlot.Range.MinMax}
 */
function whole(plot, range) {
  const [times] = plot.data;
  const newest = times[times.length - 1];
  return [Math.min(times[0], newest - range), newest];
}

/**
 * Is all that there is between two times?
 *
 * @param {uPlot} plot
 * @param {number} from
 * @param {number} to
 */
function isWhole(plot, from, to) {
  const [times] = plot.data;
  return from <= times[0] && to >= times[times.length - 1];
}

/** @param {HTMLElement} place */
export function size(place) {
  return { width: place.clientWidth, height: place.clientHeight };
}

/**
 * @param {import('./chart-data.js').Columns} columns
 * @returns {uPlot.AlignedData}
 */
function data({ times, series }) {
  // uPlot keeps what it gets, and compares it with what comes next.
  return [[...times], ...series.map(({ values }) => [...values])];
}

/**
 * A thin line with a light fill.
 *
 * @param {Look} look
 * @param {number} at
 * @returns {uPlot.Series}
 */
function line(look, at) {
  return {
    width: 1.5,
    stroke: () => look.series[at],
    fill: () => faint(look.series[at], 10),
    points: { filter: alone, size: 4 },
  };
}

/**
 * Samples between gaps: no line would show them.
 *
 * @param {uPlot} plot
 * @param {number} series
 */
function alone(plot, series) {
  const values = plot.data[series];
  return [...values.keys()].filter(
    (at) => values[at] != null && values[at - 1] == null && values[at + 1] == null,
  );
}

/**
 * @param {Look} look
 * @param {uPlot.Axis} own
 * @returns {uPlot.Axis}
 */
function axis(look, own) {
  const lines = { stroke: () => faint(look.ink, 15), width: 1 };
  return { stroke: () => look.ink, font: FONT, grid: lines, ticks: lines, ...own };
}

/**
 * @param {import('./units.js').Unit} unit
 * @returns {uPlot.Axis}
 */
function values(unit) {
  return {
    size: AXIS_PIXELS,
    incrs: increments(unit),
    values: (_, splits) => splits.map((value) => short(unit, value)),
  };
}

/**
 * How far apart an axis has its lines: powers of two for bytes, whole numbers for what is counted.
 *
 * @param {import('./units.js').Unit} unit
 */
function increments(unit) {
  if (isBytes(unit)) return Array.from({ length: 52 }, (_, power) => 2 ** power);
  const least = unit === "rate" || unit === "time" ? -2 : 0;
  const powers = Array.from({ length: 15 }, (_, at) => at + least);
  return powers.flatMap((power) => [1, 2, 5].map((step) => Number(`${step}e${power}`)));
}

/**
 * @param {uPlot} _plot
 * @param {number[]} splits
 * @param {number} _axis
 * @param {number} _space
 * @param {number} increment
 */
function times(_plot, splits, _axis, _space, increment) {
  const minutes = /** @type {const} */ ({ hour: "2-digit", minute: "2-digit" });
  return splits.map((time) => clock(time, increment < 60 ? undefined : minutes));
}

/**
 * @param {string} colour
 * @param {number} percent
 */
function faint(colour, percent) {
  return `color-mix(in srgb, ${colour} ${percent}%, transparent)`;
}
