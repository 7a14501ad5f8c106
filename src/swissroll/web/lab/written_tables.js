// Tables of a run for elsewhere, as CSV: its points, its curves, and what was measured of it. Each head has the unit.

import { cellOf } from "./units.js";

/** The shortest decimal number that is the same float32. */
function shortest(value) {
  for (let digits = 1; digits < 9; digits += 1) {
    const text = value.toPrecision(digits);
    if (Math.fround(Number(text)) === value) return String(Number(text));
  }
  return String(value);
}

const NATS = "nats per point";

/**
 * Units of the error, and of the loss, which is the error and beta times a number without a unit.
 * @param {import("./settings.js").Settings} settings
 * @param {boolean} isTable whether columns are standardised
 * @returns {{error: string, loss: string}}
 */
export function unitsOfLoss({ decoder_variance: variance, reduction }, isTable = false) {
  const error = isTable ? "squared standard deviations" : "squared data units";
  const loss = variance === "learned" ? "nats" : error;
  return { error: `${error} per coordinate`, loss: `${loss} per ${reduction === "mean" ? "coordinate" : "point"}` };
}

/** The columns of a history by the package's names, in the order of the table, each with its unit or which of the above. */
const CURVES = {
  step: "",
  loss: "loss",
  mse: "error",
  rate: NATS,
  distortion: NATS,
  held_out_loss: "loss",
  held_out_rate: NATS,
  held_out_distortion: NATS,
};

/** What was measured at a moment: the column's name, its unit, and where it stands. */
const MEASURES = [
  ["step", "", ({ step }) => step],
  ["neg_log_evidence", NATS, ({ evidence }) => evidence.value],
  ["standard_error", NATS, ({ evidence }) => evidence.errors.value],
  ["numerical_error", NATS, ({ evidence }) => evidence.error],
  ["is_exact", "", ({ evidence }) => evidence.exact],
  ["lower_bound", NATS, ({ evidence }) => evidence.lower_bound],
  ["neg_elbo", NATS, ({ evidence }) => evidence.negative_elbo],
  ["distortion", NATS, ({ evidence }) => evidence.distortion],
  ["rate", NATS, ({ evidence }) => evidence.rate],
  ["mutual_information", NATS, ({ evidence }) => evidence.information],
  ["inference_gap", NATS, ({ evidence }) => evidence.gap],
  ["amortisation_gap", NATS, ({ evidence }) => evidence.amortisation],
  ["family_gap", NATS, ({ evidence }) => evidence.family],
  ["gap_asked_by_beta", NATS, ({ evidence }) => evidence.asked],
  ["points", "", ({ evidence }) => evidence.rows],
  ["diagnosis", "", ({ diagnosis }) => diagnosis],
];

const headOf = (name, unit) => (unit ? `${name} (${unit})` : name);

/** A cell: empty where nothing was measured. */
function cell(value) {
  if (value === null || value === undefined || Number.isNaN(value)) return "";
  return String(value);
}

const tableOf = (head, rows) => `${[head, ...rows].map((cells) => cells.join(",")).join("\n")}\n`;

/**
 * @param {Object<string, ArrayLike<number>>} history columns of one length
 * @param {import("./settings.js").Settings} settings which decide the unit of the loss
 * @param {boolean} [isTable]
 * @returns {string} one row for each step that is known; empty cells where nothing was measured
 */
export function curvesCsv(history, settings, isTable = false) {
  const names = Object.keys(CURVES).filter((name) => history[name]);
  const units = unitsOfLoss(settings, isTable);
  const head = names.map((name) => headOf(name, units[CURVES[name]] ?? CURVES[name]));
  const rows = Array.from(history.step ?? [], (_, row) => names.map((name) => cell(history[name][row])));
  return tableOf(head, rows);
}

/**
 * @param {import("./truth_log.js").Measured[]} measured
 * @returns {string} one row for each moment at which the truth was computed
 */
export function measuresCsv(measured) {
  const head = MEASURES.map(([name, unit]) => headOf(name, unit));
  return tableOf(head, measured.map((moment) => MEASURES.map(([, , read]) => cell(read(moment)))));
}

/**
 * @param {{points: Float32Array, coordinate: ?Float32Array, units: ?object}} begin what a run's pictures show
 * @param {number} dims coordinates of a point
 * @returns {string} a table with a head: x1, x2, and where there is one the coordinate t; of a table its columns
 */
export function pointsCsv({ points, coordinate, units }, dims) {
  const rowOf = (row) => Array.from(points.subarray(row * dims, (row + 1) * dims));
  const rows = Array.from({ length: points.length / dims }, (_, row) => rowOf(row));
  if (units) {
    const inQuotes = (name) => (/[",\n\r]/.test(name) ? `"${name.replaceAll('"', '""')}"` : name);
    return tableOf(units.columns.map(inQuotes), rows.map((row) => row.map((value, dim) => cellOf(value, dim, units))));
  }
  const head = Array.from({ length: dims }, (_, dim) => `x${dim + 1}`);
  if (!coordinate) return tableOf(head, rows.map((row) => row.map(shortest)));
  return tableOf([...head, "t"], rows.map((row, place) => [...row, coordinate[place]].map(shortest)));
}

/**
 * @param {Float32Array} values
 * @param {number} dims
 * @param {?import("./units.js").Units} [units] of a table, whose cells are wanted
 * @returns {string[]} each point as numbers with commas between them
 */
export function pointRows(values, dims, units = null) {
  const cell = units ? (value, dim) => cellOf(value, dim, units) : shortest;
  return Array.from({ length: values.length / dims }, (_, row) =>
    Array.from(values.subarray(row * dims, (row + 1) * dims), (value, dim) => cell(value, dim)).join(", "),
  );
}
