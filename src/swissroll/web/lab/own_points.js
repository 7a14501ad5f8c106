// Own points as the page trains on them: about as large as the built-in data, so that beta, sigma and the pictures mean
// the same. What is drawn or typed keeps its shape; the columns of a table, which may be of unlike scales, are standardised.

import { CsvError } from "./csv.js";
import { MAX_POINTS } from "./settings.js";
import { shortName } from "./units.js";

/** Rounding of drawn points, in data units: the text of a script stays short, and no picture shows it. */
const ROUNDING = 1e-4;
/** Share of a table's rows that is never trained on, as the package has it. */
const HELD_OUT = 0.1;
/** Fewest rows of a table of which some are held out: a tenth of fewer is too few for the diagnosis's two-sample test. */
const MIN_ROWS_TO_SPLIT = 200;

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
 * Rows of a table, a tenth of them held out, with each column moved to mean 0 and divided by its standard deviation over
 * the others, as the package does it.
 * @param {{dims: number, values: ArrayLike<number>, columns: string[]}} rows n rows of D numbers, row after row
 * @param {string} name what they are, in words
 * @param {number} seed decides which rows are held out
 * @returns {{dims: number, values: Float32Array, held_out: Float32Array | undefined, name: string,
 *   units: import("./units.js").Units, left: number}} at most MAX_POINTS rows, evenly chosen; `left`: how many were left
 *   out. Without `held_out` the table is too small to be split.
 * @throws {CsvError} where a column has one value in all rows that are trained on
 */
export function standardizeRows({ dims, values, columns }, name, seed) {
  const { kept, left } = chooseEvenly(values, dims);
  const apart = chooseHeldOut(kept.length / dims, seed);
  const ofRows = (isApart) => kept.filter((_, index) => apart.has(Math.floor(index / dims)) === isApart);
  const trained = ofRows(false);
  columns.forEach((column, dim) => {
    if (trained.some((value, index) => index % dims === dim && value !== trained[dim])) return;
    const rows = apart.size ? "all training rows; only held-out rows differ" : "all rows, which has no density";
    throw new CsvError(`${shortName(column)} is ${trained[dim]} in ${rows}. Choose another column.`);
  });

  const mean = meansOf(trained, dims);
  const scale = meansOf(trained.map((value, index) => (value - mean[index % dims]) ** 2), dims).map(Math.sqrt);
  const log_volume = scale.reduce((sum, value) => sum + Math.log(value), 0);
  const standard = (rows) => Float32Array.from(rows, (value, index) => (value - mean[index % dims]) / scale[index % dims]);
  const held_out = apart.size ? standard(ofRows(true)) : undefined;
  return { dims, values: standard(trained), held_out, name, units: { columns, mean, scale, log_volume }, left };
}

/** Which rows are held out, counted from 0: of one seed and number of rows always the same. */
function chooseHeldOut(count, seed) {
  const apart = new Set();
  if (count < MIN_ROWS_TO_SPLIT) return apart;
  const draw = randomNumbers(seed);
  while (apart.size < Math.round(HELD_OUT * count)) apart.add(Math.floor(draw() * count));
  return apart;
}

/** Numbers from 0 to 1, by Mulberry32: the engine's generators are in its worker. */
function randomNumbers(seed) {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
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

/** Where nothing is held out. */
const MEASURED_AGAIN = "None is held out: the model is measured on the points that it trains on.";

/** What was done to points, as a sentence. */
export function sayFitted({ dims, values, scale, shift, left }) {
  const count = `${(values.length / dims).toLocaleString("en")} points of ${dims} coordinates`;
  const moved = `moved by (${shift.map((value) => round(-value)).join(", ")}) and divided by ${round(scale)}`;
  return `${count}, ${moved}, so that they reach about 1. ${MEASURED_AGAIN}${sayLeft(left)}`;
}

/** What was done to the rows of a table, as a sentence. */
export function sayStandardized({ dims, values, held_out: apart, units, left }) {
  const count = `${(values.length / dims).toLocaleString("en")} rows`;
  const measured = apart ? `The model is measured on ${apart.length / dims} more, which are held out.` : MEASURED_AGAIN;
  const columns = units.columns.map((name, dim) => `${shortName(name)} (mean ${round(units.mean[dim])}, standard deviation ${round(units.scale[dim])})`);
  return `${count}. Inside the model each column has mean 0 and standard deviation 1: ${columns.join(", ")}. Axes, points and nats are in the units of the table. ${measured}${sayLeft(left)}`;
}

const sayLeft = (left) => (left ? ` ${left.toLocaleString("en")} more were left out, evenly.` : "");
