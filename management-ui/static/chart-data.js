/** The columns of a chart: what the server sends once, and what comes after. */

/**
 * @typedef {object} Column
 * @property {string} name
 * @property {string} label
 * @property {(number | null)[]} values as many as there are times; null where nothing is known
 *
 * @typedef {object} Columns
 * @property {number} step seconds between two times
 * @property {number[]} times Unix seconds, ascending
 * @property {Column[]} series
 */

/** So many steps may be missing at the end before the columns are to be fetched anew. */
const MISSING_STEPS = 3;

/**
 * Adds a sample. Several within a step are one, of which the last counts. Forgets what is older than the range.
 *
 * @param {Columns} columns
 * @param {number} range seconds
 * @param {number} time
 * @param {Record<string, number | null>} values by the names of series
 * @returns {'updated' | 'added' | 'late' | 'gap'} what became of it. Late ones are left out, and so are those after a gap
 */
export function add(columns, range, time, values) {
  const slot = time - (time % columns.step);
  const newest = columns.times.at(-1) ?? slot - columns.step;
  if (slot < newest) return "late";
  if (slot > newest + MISSING_STEPS * columns.step) return "gap";
  const isNew = slot > newest;
  if (isNew) columns.times.push(slot);
  for (const { name, values: column } of columns.series) {
    column[columns.times.length - 1] = values[name] ?? null;
  }
  forget(columns, slot - range);
  return isNew ? "added" : "updated";
}

/**
 * @param {Columns} columns
 * @param {number} oldest the first time that stays
 */
function forget(columns, oldest) {
  const old = columns.times.filter((time) => time < oldest).length;
  columns.times.splice(0, old);
  for (const { values } of columns.series) values.splice(0, old);
}

/**
 * The rows between two times, as CSV with the names of its columns.
 *
 * @param {Columns} columns
 * @param {number} from
 * @param {number} to
 */
export function csv(columns, from, to) {
  const lines = [["time", ...columns.series.map(({ name }) => name)].join(",")];
  columns.times.forEach((time, at) => {
    if (time < from || time > to) return;
    const values = columns.series.map(({ values }) => values[at] ?? "");
    lines.push([new Date(time * 1000).toISOString(), ...values].join(","));
  });
  return `${lines.join("\r\n")}\r\n`;
}
