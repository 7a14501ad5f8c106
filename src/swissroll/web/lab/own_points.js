// Own points as the page trains on them: about as large as the built-in data, so that beta, sigma and the pictures mean
// the same. What is drawn or typed keeps its shape; the columns of a table, which may be of unlike scales, are standardised.

import { MAX_POINTS } from "./settings.js";
import { shortName } from "./units.js";

/** Rounding of drawn points, in data units: the text of a script stays short, and no picture shows it. */
const ROUNDING = 1e-4;

/**
 * Points moved to mean 0 and divided by one number, so that the farthest coordinate is 1; their shape stays.
 * @param {{dims: number, values: ArrayLike<number>}} points n points of D coordinates, point after point
 * @param {string} name what they are, in words
 * @returns {{dims: number, values: Float32Array, name: string, scale: number, shift: number[], left: number}}
 *   at most MAX_POINTS of them, evenly chosen; `left`: how many were left out; shift and scale in the data's own units
 */
export function fitPoints({ dims, values }, name) {
  const { kept, left } = chooseEvenly(values, dims);
  const shift = meansOf(kept, dims);
  let scale = 0;
  kept.forEach((value, index) => {
    scale = Math.max(scale, Math.abs(value - shift[index % dims]));
  });
  scale ||= 1;

  const fitted = Float32Array.from(kept, (value, index) => {
    return Math.round((value - shift[index % dims]) / scale / ROUNDING) * ROUNDING;
  });
  return { dims, values: fitted, name, scale, shift, left };
}

/**
 * Rows of a table with each column moved to mean 0 and divided by its standard deviation, as the package does it.
 * @param {{dims: number, values: ArrayLike<number>, columns: string[]}} rows n rows of D numbers, row after row
 * @param {string} name what they are, in words
 * @returns {{dims: number, values: Float32Array, name: string, units: import("./units.js").Units, left: number}}
 *   at most MAX_POINTS of them, evenly chosen; `left`: how many were left out. A column of one value is moved only.
 */
export function standardizeRows({ dims, values, columns }, name) {
  const { kept, left } = chooseEvenly(values, dims);
  const mean = meansOf(kept, dims);
  const squares = meansOf(kept.map((value, index) => (value - mean[index % dims]) ** 2), dims);
  // Rounding gives a column of one value a scale of its own, above 0.
  const isConstant = (dim) => kept.every((value, index) => index % dims !== dim || value === kept[dim]);
  const scale = squares.map((square, dim) => (isConstant(dim) ? 1 : Math.sqrt(square)));
  const log_volume = scale.reduce((sum, value) => sum + Math.log(value), 0);

  const standard = Float32Array.from(kept, (value, index) => (value - mean[index % dims]) / scale[index % dims]);
  return { dims, values: standard, name, units: { columns, mean, scale, log_volume }, left };
}

function chooseEvenly(values, dims) {
  const total = values.length / dims;
  const count = Math.min(total, MAX_POINTS);
  const kept = new Float64Array(count * dims);
  for (let index = 0; index < count; index += 1) {
    const from = Math.floor((index * total) / count);
    for (let dim = 0; dim < dims; dim += 1) kept[index * dims + dim] = values[from * dims + dim];
  }
  return { kept, left: total - count };
}

function meansOf(values, dims) {
  const means = new Array(dims).fill(0);
  values.forEach((value, index) => {
    means[index % dims] += value;
  });
  return means.map((sum) => sum / (values.length / dims));
}

const round = (value) => String(Number(value.toPrecision(3)));

/** What was done to points, as a sentence. */
export function sayFitted({ dims, values, scale, shift, left }) {
  const count = `${(values.length / dims).toLocaleString("en")} points of ${dims} coordinates`;
  const moved = `moved by (${shift.map((value) => round(-value)).join(", ")}) and divided by ${round(scale)}`;
  return `${count}, ${moved}, so that they reach about 1.${sayLeft(left)}`;
}

/** What was done to the rows of a table, as a sentence. */
export function sayStandardized({ dims, values, units, left }) {
  const count = `${(values.length / dims).toLocaleString("en")} rows`;
  const columns = units.columns.map((name, dim) => `${shortName(name)} (mean ${round(units.mean[dim])}, standard deviation ${round(units.scale[dim])})`);
  return `${count}. Inside the model each column has mean 0 and standard deviation 1: ${columns.join(", ")}. Axes, points and nats are in the units of the table.${sayLeft(left)}`;
}

const sayLeft = (left) => (left ? ` ${left.toLocaleString("en")} more were left out, evenly.` : "");
