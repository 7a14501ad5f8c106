// The units of a table: the page computes with standardised columns, and shows numbers in the units of the table.

import { fixed, say } from "./canvas.js";

/**
 * @typedef {object} Units
 * @property {string[]} columns Names.
 * @property {number[]} mean Of each column.
 * @property {number[]} scale Standard deviation of each column.
 * @property {number} log_volume Sum of log scale: log p(x) in the table's units is that of standardised columns less it.
 */

/** Digits below a column's standard deviation that are told. */
const DIGITS_OF_DEVIATION = 2;
/** Digits that float32 keeps of a standard deviation. */
const EXACT_DIGITS = 6;
const MAX_DECIMALS = 20;
const LONGEST_NAME = 18;
/** Standard deviations beyond which digits without end would cover the picture. */
const FAR = 1e6;

/** The name of a column, cut where it is long. @param {string} name */
export function shortName(name) {
  return name.length > LONGEST_NAME ? `${name.slice(0, LONGEST_NAME - 1)}\u2026` : name;
}

/**
 * A coordinate in the units of its column.
 * @param {number} value standardised
 * @param {number} dim
 * @param {Units | null | undefined} units
 */
export function restore(value, dim, units) {
  return units ? units.mean[dim] + units.scale[dim] * value : value;
}

/**
 * A point as a sentence says it, each coordinate to a hundredth of its column's standard deviation.
 * @param {ArrayLike<number>} point standardised
 * @param {Units | null | undefined} units
 * @param {number} [decimals] of a point without units
 */
export function sayPoint(point, units, decimals = 2) {
  const words = Array.from(point, (value, dim) => {
    if (!units) return fixed(value, decimals);
    const shown = restore(value, dim, units);
    if (!(Math.abs(value) < FAR)) return say(shown);
    return shown.toFixed(decimalsOf(units.scale[dim], DIGITS_OF_DEVIATION + 1)).replace("-", "\u2212");
  });
  return `(${words.join(", ")})`;
}

/**
 * A coordinate of a row as a table has it: what float32 keeps of it, without zeros at its end.
 * @param {number} value standardised
 * @param {number} dim
 * @param {Units} units
 */
export function cellOf(value, dim, units) {
  return String(Number(restore(value, dim, units).toFixed(decimalsOf(units.scale[dim], EXACT_DIGITS))));
}

function decimalsOf(scale, digits) {
  return Math.min(Math.max(digits - 1 - Math.floor(Math.log10(scale)), 0), MAX_DECIMALS);
}
