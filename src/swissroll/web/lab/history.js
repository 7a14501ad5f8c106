/**
 * What happened at each step of a run: columns of one length.
 *
 * @typedef {Record<"step" | "beta" | "loss" | "mse" | "distortion" | "rate" | "held_out_loss" | "held_out_distortion" |
 *   "held_out_rate", number[]>} History Per step: its beta, the loss as it is trained, distortion and rate in nats per
 *   point, of the step's own batch before its update and, every 50 steps, more often at first, and NaN between, of the held-out points after it.
 */

/** Columns of a history. */
const COLUMNS = [
  ...["step", "beta", "loss", "mse", "distortion", "rate"],
  ...["held_out_loss", "held_out_distortion", "held_out_rate"],
];

/** @returns {History} One without rows. */
export function emptyHistory() {
  return Object.fromEntries(COLUMNS.map((name) => [name, []]));
}

/**
 * Add what happened at a step.
 *
 * @param {History} history
 * @param {number[]} row Its numbers, in the order of the columns.
 */
export function addRow(history, row) {
  COLUMNS.forEach((name, i) => history[name].push(row[i]));
}

/**
 * Add rows of a recorded run.
 *
 * @param {History} history
 * @param {Record<string, ArrayLike<number>>} rows Columns of one length, `step` among them; absent ones become NaN.
 */
export function addRows(history, rows) {
  const empty = new Array(rows.step.length).fill(NaN);
  for (const name of COLUMNS) {
    history[name].push(...(rows[name] ?? empty));
  }
}

/**
 * Forget what came after a step.
 *
 * @param {History} history
 * @param {number} step
 */
export function forgetRows(history, step) {
  const kept = history.step.findLastIndex((taken) => taken <= step) + 1;
  for (const column of Object.values(history)) {
    column.length = kept;
  }
}
