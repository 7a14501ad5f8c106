// What of a run's history and its exact measurements is drawn against the steps, as numbers, and the range that shows them.

import { ticks } from "./canvas.js";
import { DATA, PRIOR, RECONSTRUCTION } from "./palette.js";

/** The axis fits what comes after this share of the steps: what is before may leave the picture. */
const SETTLED = 0.25;
const FEW_STEPS = 30;
/** Rows of a curve that decide its range, about. */
const MOST_RANGED = 500;
/** The middle of the values is between these shares of them; as far beyond as it is wide, others count, too. */
const MIDDLE = [0.2, 0.8];
/** Share of all steps between two evidences above which no line joins them. */
const HOLE = 0.25;

/** Whether numbers of a step may stand beside those of now: of long ago, they would be taken for those of now. */
export const isRecent = (step, now) => now - step <= HOLE * now;

/**
 * What is drawn of a run, by what it is called. Held-out lines go through the exact measurements, which are of the same
 * points as the evidence, so that no line crosses one that it cannot; where there is none, through those of the history.
 * @param {Record<string, ArrayLike<number>>} history
 * @param {{step: number, evidence: object}[]} [truths]
 */
export function linesOf(history, truths = []) {
  const { step = [] } = history;
  const column = (name) => history[name] ?? [];
  const sum = (first, second) => Array.from(first, (value, k) => value + second[k]);
  const pieces = unbroken(truths, step[step.length - 1]);
  const held = (name, values) => measuredAt(pieces, name, step, values);
  const inNats = hasNumber(column("distortion"));
  if (!inNats) {
    return {
      step,
      inNats,
      lines: [
        {
          name: "loss",
          colour: DATA,
          width: 2,
          train: column("loss"),
          held: measuredAt([], "loss", step, column("held_out_loss")),
        },
      ],
    };
  }

  const elbo = hasNumber(column("held_out_distortion")) ? sum(column("held_out_distortion"), column("held_out_rate")) : [];
  return {
    step,
    inNats,
    lines: [
      {
        name: "distortion",
        key: "distortion",
        colour: RECONSTRUCTION,
        width: 1.5,
        train: column("distortion"),
        held: held("distortion", column("held_out_distortion")),
      },
      {
        name: "rate",
        key: "rate",
        colour: PRIOR,
        width: 1.5,
        dash: [7, 3],
        train: column("rate"),
        held: held("rate", column("held_out_rate")),
      },
      {
        name: "−ELBO",
        key: "negative_elbo",
        colour: DATA,
        width: 2.5,
        train: sum(column("distortion"), column("rate")),
        held: held("negative_elbo", elbo),
      },
    ],
  };
}

/** One number along a run: of the exact measurements where they reach, elsewhere of the history's rows. */
function measuredAt(pieces, name, step, values) {
  const rows = [];
  for (let k = 0; k < values.length; k++)
    if (Number.isFinite(values[k])) rows.push([step[k], values[k]]);
  const covers = (piece, at) => at >= piece[0].step && at <= piece.at(-1).step;
  const kept = rows.filter(([at]) => !pieces.some((piece) => covers(piece, at)));
  const exact = pieces.flat().map(({ step: at, evidence }) => [at, evidence[name]]);
  const found = [...kept, ...exact].sort(([one], [other]) => one - other);
  return { step: found.map(([at]) => at), values: found.map(([, value]) => value) };
}

function hasNumber(values) {
  for (let k = values.length - 1; k >= 0; k--) if (Number.isFinite(values[k])) return true;
  return false;
}

/** Evidences in pieces: where many steps went by between two, nobody knows what lies between. */
export function unbroken(truths, last) {
  const pieces = [];
  truths.forEach((truth, k) => {
    if (k === 0 || truth.step - truths[k - 1].step > HOLE * last) pieces.push([]);
    pieces.at(-1).push(truth);
  });
  return pieces;
}

/**
 * The range of the y-axis: what the curves do since a knob was turned last, but for a few values that would squash the
 * rest, and where they are now. It lies between round numbers, so that it stands still for a while.
 * @param {{step: number[], lines: object[]}} found as {@link linesOf} finds it
 * @param {{step: number, evidence: object}[]} truths
 * @param {(name: string) => boolean} shows
 * @param {{step: number}[]} turns
 * @returns {[number, number]}
 */
export function rangeOf({ step, lines }, truths, shows, turns = []) {
  const last = step[step.length - 1];
  const turned = turns.reduce((latest, turn) => Math.max(latest, turn.step), 0);
  const settled = step.length > FEW_STEPS ? SETTLED * last : 0;
  const from = last - turned > FEW_STEPS ? Math.max(settled, turned + 1) : settled;

  const values = [];
  const ends = [];
  const every = Math.max(1, Math.floor(step.length / MOST_RANGED));
  for (const line of lines) {
    const isHeld = shows("held_out") && line.held.values.length > 0;
    const [steps, column] = isHeld ? [line.held.step, line.held.values] : [step, line.train];
    ends.push(lastNumber(column));
    // Held-out rows are few: none of them is passed over.
    const stride = isHeld ? 1 : every;
    for (let k = column.length - 1; k >= 0 && steps[k] >= from; k -= stride) values.push(column[k]);
  }
  if (shows("exact")) {
    for (const { step: at, evidence } of truths) if (at >= from) values.push(evidence.value, evidence.lower_bound);
  }

  const ordered = Float64Array.from(values.filter(Number.isFinite)).sort();
  if (!ordered.length) return [0, 1];
  const quantile = (share) => ordered[Math.round(share * (ordered.length - 1))];
  const [lower, upper] = MIDDLE.map(quantile);
  const known = ends.filter(Number.isFinite);
  const low = Math.min(...known, Math.max(ordered[0], 2 * lower - upper));
  const high = Math.max(...known, Math.min(ordered.at(-1), 2 * upper - lower));
  if (!(high > low)) return [low - 1, high + 1];
  const round = ticks(low, high, 5);
  const unit = round.length > 1 ? round[1] - round[0] : high - low;
  return [Math.floor(low / unit - 0.15) * unit, Math.ceil(high / unit + 0.15) * unit];
}

/**
 * The last number of a column in which some rows have none.
 * @param {ArrayLike<number>} values
 * @param {number} [count] rows that are looked at, from the first one
 */
export function lastNumber(values, count = values.length) {
  for (let k = count - 1; k >= 0; k--) if (Number.isFinite(values[k])) return values[k];
  return NaN;
}

/**
 * Rows of a history up to a step: those that a snapshot of that step has behind it.
 * @param {{step?: ArrayLike<number>}} history
 * @param {number | null} at null for all
 * @returns {number}
 */
export function rowsUntil({ step = [] }, at) {
  if (at === null) return step.length;
  let low = 0;
  let high = step.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (step[middle] <= at) low = middle + 1;
    else high = middle;
  }
  return low;
}
