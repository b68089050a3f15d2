/** How the numbers and times of charts are written. The server (`chart/unit.rs`, `format.rs`) writes numbers likewise. */

import { zone } from "./time.js";

/** @typedef {'messages' | 'count' | 'rate' | 'bytes' | 'byterate' | 'time' | 'processors'} Unit */

const BINARY = ["B", "KiB", "MiB", "GiB", "TiB"];
const DECIMAL = ["", "k", "M", "G", "T"];
const TIMES = ["µs", "ms", "s"];

/**
 * To be read: `12,430`, `0.4/s`, `1.2 KiB/s`.
 *
 * @param {Unit} unit
 * @param {number} value
 */
export function text(unit, value) {
  if (isBytes(unit) || unit === "time" || unit === "processors") return short(unit, value);
  const isFraction = unit !== "messages" && unit !== "count" && value < 9.95;
  if (isFraction && value > 0 && value < 0.1) return `< 0.1${suffix(unit)}`;
  const digits = isFraction && value > 0 ? 1 : 0;
  return fixed(value, digits) + suffix(unit);
}

/**
 * Where there is little room: `12.4k`, `1.2 KiB/s`.
 *
 * @param {Unit} unit
 * @param {number} value
 */
export function short(unit, value) {
  if (isBytes(unit)) {
    const [number, power] = scaled(value, 1024, 1024, BINARY.length);
    return `${number.toFixed(power > 0 && number < 100 ? 1 : 0)} ${BINARY[power]}${suffix(unit)}`;
  }
  if (unit === "time") return time(value);
  if (unit === "processors") {
    const percent = value / 10;
    return `${fixed(percent, percent < 9.95 ? 1 : 0).replace(/\.0$/, "")} %`;
  }
  // What would be rounded to the next prefix has it.
  const [number, power] = scaled(value, 999.5, 1000, DECIMAL.length);
  const digits = number < 99.95 ? 1 : 0;
  return number.toFixed(digits).replace(/\.0$/, "") + DECIMAL[power] + suffix(unit);
}

/** @param {Unit} unit */
export function isBytes(unit) {
  return unit === "bytes" || unit === "byterate";
}

/**
 * A time of day, in the page's time zone.
 *
 * @param {number} time Unix seconds
 * @param {Intl.DateTimeFormatOptions} [parts] to show; to the second by default
 */
export function clock(time, parts = { hour: "2-digit", minute: "2-digit", second: "2-digit" }) {
  return new Intl.DateTimeFormat("en-GB", { ...parts, ...zone() }).format(time * 1000);
}

/**
 * `value` divided by `base` as often as it is at least `most`, and how often that was.
 *
 * @param {number} value
 * @param {number} most
 * @param {number} base
 * @param {number} prefixes how many there are
 * @returns {[number, number]}
 */
function scaled(value, most, base, prefixes) {
  let power = 0;
  let number = value;
  while (number >= most && power + 1 < prefixes) {
    number /= base;
    power += 1;
  }
  return [number, power];
}

/**
 * @param {number} value
 * @param {number} digits
 */
function fixed(value, digits) {
  const exactly = { minimumFractionDigits: digits, maximumFractionDigits: digits };
  return value.toLocaleString("en-US", exactly);
}

/**
 * `250 µs`, `4 ms`, `1.5 s`.
 *
 * @param {number} milliseconds
 */
function time(milliseconds) {
  const [number, power] = scaled(milliseconds * 1000, 1000, 1000, TIMES.length);
  return `${number.toFixed(number < 10 ? 1 : 0).replace(/\.0$/, "")} ${TIMES[power]}`;
}

/** @param {Unit} unit */
function suffix(unit) {
  return unit === "rate" || unit === "byterate" ? "/s" : "";
}
