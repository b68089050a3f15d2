/** How the numbers and times of charts are written. The server (`chart/unit.rs`, `format.rs`) writes numbers likewise. */

import { zone } from "./time.js";

/** @typedef {'messages' | 'count' | 'rate' | 'bytes' | 'byterate' | 'seconds'} Unit */

const BINARY = ["B", "KiB", "MiB", "GiB", "TiB"];
const DECIMAL = ["", "k", "M", "G", "T"];

/**
 * To be read: `12,430`, `0.4/s`, `1.2 KiB/s`.
 *
 * @param {Unit} unit
 * @param {number} value
 */
export function text(unit, value) {
  if (isBytes(unit)) return short(unit, value);
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

/** @param {Unit} unit */
function suffix(unit) {
  if (unit === "seconds") return " s";
  return unit === "rate" || unit === "byterate" ? "/s" : "";
}
