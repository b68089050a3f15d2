/** How numbers and times are written. The server (`chart/unit.rs`) writes numbers likewise. */

/** @typedef {'messages' | 'count' | 'rate' | 'bytes' | 'byterate' | 'seconds'} Unit */

const BINARY = ['B', 'KiB', 'MiB', 'GiB', 'TiB', 'PiB'];
const DECIMAL = ['', 'k', 'M', 'G', 'T'];

/**
 * To be read: `12,430`, `0.4/s`, `1.2 KiB/s`.
 *
 * @param {Unit} unit
 * @param {number} value
 */
export function text(unit, value) {
  return isBytes(unit) ? short(unit, value) : rounded(value) + suffix(unit);
}

/**
 * Where there is little room: `12.4k`, `1.2 KiB/s`.
 *
 * @param {Unit} unit
 * @param {number} value
 */
export function short(unit, value) {
  const [base, space, prefixes] = isBytes(unit) ? [1024, ' ', BINARY] : [1000, '', DECIMAL];
  let power = 0;
  let scaled = value;
  // What would be rounded to the next prefix has it.
  while (scaled >= base - 0.5 && power + 1 < prefixes.length) {
    scaled /= base;
    power += 1;
  }
  return rounded(scaled) + space + prefixes[power] + suffix(unit);
}

/** @param {Unit} unit */
export function isBytes(unit) {
  return unit === 'bytes' || unit === 'byterate';
}

/**
 * A time of day, in the page's time zone: that of `data-time-zone` of the document, or the reader's.
 *
 * @param {number} time Unix seconds
 * @param {Intl.DateTimeFormatOptions} [parts] to show; to the second by default
 */
export function clock(time, parts = { hour: '2-digit', minute: '2-digit', second: '2-digit' }) {
  const { timeZone } = document.documentElement.dataset;
  const format = new Intl.DateTimeFormat('en-GB', { ...parts, timeZone });
  return format.format(time * 1000);
}

/**
 * Two digits of a fraction below 1, one below 100, none above; no zeros at their end.
 *
 * @param {number} value
 */
function rounded(value) {
  const digits = value < 1 ? 2 : value < 100 ? 1 : 0;
  return value.toLocaleString('en-US', { maximumFractionDigits: digits });
}

/** @param {Unit} unit */
function suffix(unit) {
  if (unit === 'seconds') return ' s';
  return unit === 'rate' || unit === 'byterate' ? '/s' : '';
}
