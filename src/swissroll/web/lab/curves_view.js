// Draws what is measured of a run against its steps, all on one axis in nats, with the gap of the ELBO as an area.

import { Plane, drawAxes, drawText, fixed, say, ticks } from "./canvas.js";
import { DATA, POSTERIOR, PRIOR, RECONSTRUCTION, REFERENCE, TRUE_POSTERIOR } from "./palette.js";
import { roundSummary } from "./summary.js";

/** Room for the lines' names, right of them, and the height of each, in sizes of the text. */
const NAMES = 10.6;
const NAME_HEIGHT = 1.1;
/** The axis fits what comes after this share of the steps: what is before may leave the picture. */
const SETTLED = 0.25;
const FEW_STEPS = 30;
/** Rows of a curve that decide its range, about. */
const MOST_RANGED = 500;
/** The middle of the values is between these shares of them; as far beyond as it is wide, others count, too. */
const MIDDLE = [0.2, 0.8];
/** Share of all steps between two evidences above which no line joins them. */
const HOLE = 0.25;
/** Pixels beyond which nothing is drawn, whatever the numbers are. */
const FAR = 4000;

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

/**
 * Means of a column over bins of the drawn width, so that no more is drawn than can be seen.
 * @param {ArrayLike<number>} step
 * @param {ArrayLike<number>} values of which some may be no numbers
 * @param {Plane} plane
 * @returns {[number, number][]} pixels
 */
export function thin(step, values, plane) {
  const { left, width } = plane.box;
  const bins = Math.max(2, Math.floor(width / 2));
  const sums = new Float64Array(bins);
  const places = new Float64Array(bins);
  const counts = new Int32Array(bins);
  for (let k = 0; k < values.length; k++) {
    if (!Number.isFinite(values[k])) continue;
    const share = (step[k] - plane.x[0]) / (plane.x[1] - plane.x[0]);
    const bin = Math.min(Math.max(Math.floor(share * bins), 0), bins - 1);
    sums[bin] += values[k];
    places[bin] += step[k];
    counts[bin] += 1;
  }
  const found = [];
  for (let bin = 0; bin < bins; bin++)
    if (counts[bin]) found.push(plane.toPixel(places[bin] / counts[bin], sums[bin] / counts[bin]));
  return found.length ? found : [[left, NaN]];
}

/**
 * Draw a line through pixels.
 * @param {CanvasRenderingContext2D} context
 * @param {[number, number][]} pixels
 * @param {{colour: string, width: number, dash?: number[]}} look
 */
export function drawPolyline(context, pixels, { colour, width, dash = [] }) {
  context.strokeStyle = colour;
  context.lineWidth = width;
  context.setLineDash(dash);
  context.beginPath();
  // A dashed line to far beyond the picture would take seconds: every dash of it is made.
  for (const [x, y] of pixels) context.lineTo(x, Math.min(Math.max(y, -FAR), FAR));
  context.stroke();
  context.setLineDash([]);
  // One point makes no line.
  if (pixels.length > 1) return;
  context.fillStyle = colour;
  context.fillRect(pixels[0][0] - 2, pixels[0][1] - 2, 4, 4);
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

/** Fill between two series with slanting lines: told apart without colour, and what lies below is still seen. */
function hatch(surface, plane, pixels, colour, slant) {
  const { context } = surface;
  const { left, top, width, height } = plane.box;
  context.save();
  context.beginPath();
  for (const [x, low] of pixels) context.lineTo(x, low);
  for (const [x, , high] of pixels.toReversed()) context.lineTo(x, high);
  context.closePath();
  context.clip();
  context.globalAlpha = 0.14;
  context.fillStyle = colour;
  context.fillRect(left, top, width, height);
  context.globalAlpha = 1;
  context.strokeStyle = colour;
  context.lineWidth = 1;
  context.beginPath();
  for (let at = left - height; at < left + width + height; at += 7) {
    context.moveTo(at, slant > 0 ? top + height : top);
    context.lineTo(at + height, slant > 0 ? top : top + height);
  }
  context.stroke();
  context.restore();
}

function drawGap(surface, plane, truths) {
  const known = truths.filter(({ evidence }) => Number.isFinite(evidence.amortisation) && Number.isFinite(evidence.family));
  if (known.length < 2) return;
  const between = (low, high) =>
    known.map(({ step, evidence }) => {
      const [x, lower] = plane.toPixel(step, low(evidence));
      return [x, lower, plane.toPixel(step, high(evidence))[1]];
    });
  const aboveFamily = ({ value, family }) => value + family;
  const family = between(({ value }) => value, aboveFamily);
  const encoder = between(aboveFamily, ({ negative_elbo: elbo }) => elbo);
  hatch(surface, plane, family, TRUE_POSTERIOR, -1);
  hatch(surface, plane, encoder, POSTERIOR, 1);
}

/** Evidences in pieces: where many steps went by between two, nobody knows what lies between. */
function unbroken(truths, last) {
  const pieces = [];
  truths.forEach((truth, k) => {
    if (k === 0 || truth.step - truths[k - 1].step > HOLE * last) pieces.push([]);
    pieces.at(-1).push(truth);
  });
  return pieces;
}

/** Put the lines' names beside their ends, in the order of their heights and without overlap. */
function drawNames(surface, plane, names) {
  const { left, top, width, height } = plane.box;
  const lineHeight = NAME_HEIGHT * surface.textSize;
  const ordered = names.filter(({ value }) => Number.isFinite(value)).sort((one, other) => other.value - one.value);
  const lowest = top + height - 8;
  const places = ordered.map(({ value }) => Math.min(Math.max(plane.toPixel(0, value)[1], top + 8), lowest));
  for (let k = 1; k < places.length; k++) places[k] = Math.max(places[k], places[k - 1] + lineHeight);
  for (let k = places.length - 1; k >= 0; k--) {
    const bound = k === places.length - 1 ? lowest : places[k + 1] - lineHeight;
    places[k] = Math.min(places[k], bound);
  }

  const { context } = surface;
  ordered.forEach(({ text, value, size = value, colour, dash = [], slant = 0, decimals = size < 100 ? 2 : 1 }, k) => {
    const x = left + width;
    const y = places[k];
    context.strokeStyle = colour;
    context.lineWidth = slant ? 1.25 : 2;
    context.setLineDash(dash);
    context.beginPath();
    if (slant) {
      for (const shift of [4, 8, 12]) {
        context.moveTo(x + shift, y + 4 * slant);
        context.lineTo(x + shift + 7, y - 4 * slant);
      }
    } else {
      context.moveTo(x + 4, y);
      context.lineTo(x + 18, y);
    }
    context.stroke();
    context.setLineDash([]);
    drawText(surface, `${text} ${fixed(size, decimals)}`, x + 22, y, { font: surface.smallFont });
  });
}

function drawTurns(surface, plane, turns) {
  const { context } = surface;
  const { left, top, width, height } = plane.box;
  turns.forEach(({ step, name, value }, k) => {
    const [x] = plane.toPixel(step, 0);
    if (x < left || x > left + width) return;
    context.strokeStyle = surface.theme.quiet;
    context.lineWidth = 1;
    context.setLineDash([2, 3]);
    context.beginPath();
    context.moveTo(x, top);
    context.lineTo(x, top + height);
    context.stroke();
    context.setLineDash([]);
    const isFar = x > left + width - 80;
    drawText(surface, `${name} ${say(value, 3)}`, isFar ? x - 3 : x + 3, top + (1.8 + (k % 3)) * surface.textSize, {
      align: isFar ? "right" : "left",
      colour: surface.theme.quiet,
      font: surface.smallFont,
    });
  });
}

/**
 * Draw the curves of a run.
 * @param {import("./canvas.js").Surface} surface that has begun
 * @param {{history: object, truths: {step: number, evidence: object}[], turns: object[], at?: number|null}} run
 *   `at`: a step that is looked at
 * @param {(name: string) => boolean} shows
 * @returns {Plane|null} null while there is nothing to draw
 */
export function drawCurves(surface, { history, truths, turns, at = null }, shows) {
  const found = linesOf(history, truths);
  const { step, lines, inNats } = found;
  if (!step.length) return null;

  const { context } = surface;
  const box = { left: 0, top: 0, width: Math.max(60, surface.width - NAMES * surface.textSize), height: surface.height };
  const last = Math.max(step[step.length - 1], 10);
  const plane = new Plane(box, [0, last], rangeOf(found, inNats ? truths : [], shows, turns));
  drawAxes(surface, plane, { x: "step", y: "" });

  const names = [];
  // Beside numbers of now, one of long ago would be taken for one of now.
  const latest = truths.at(-1);
  const end = latest && last - latest.step <= HOLE * last ? roundSummary(latest.evidence) : null;
  plane.clipped(context, () => {
    if (inNats && shows("gap")) for (const together of unbroken(truths, last)) drawGap(surface, plane, together);
    drawTurns(surface, plane, turns);
    for (const line of lines) {
      const { name, colour, width, dash, held } = line;
      const hasHeld = shows("held_out") && held.values.length > 0;
      if (shows("train")) drawPolyline(context, thin(step, line.train, plane), { colour, width: 1, dash: hasHeld ? [1, 2] : dash });
      if (hasHeld) drawPolyline(context, thin(held.step, held.values, plane), { colour, width, dash });
      const value = hasHeld ? (end?.[line.key] ?? held.values.at(-1)) : lastNumber(line.train);
      if (hasHeld || shows("train")) names.push({ text: name, value, colour, dash, decimals: hasHeld ? end?.decimals : undefined });
    }
    for (const together of inNats && shows("exact") ? unbroken(truths, last) : []) {
      const evidence = together.map((truth) => plane.toPixel(truth.step, truth.evidence.value));
      drawPolyline(context, evidence, { colour: TRUE_POSTERIOR, width: 2.5 });
      const bound = together
        .filter((truth) => Number.isFinite(truth.evidence.lower_bound))
        .map((truth) => plane.toPixel(truth.step, truth.evidence.lower_bound));
      if (bound.length) drawPolyline(context, bound, { colour: REFERENCE, width: 1.5, dash: [2, 3] });
    }
    if (at !== null) drawAt(surface, plane, at);
  });
  // Over the curves, which begin where it stands.
  const unit = inNats ? "nats per point" : "loss (no nats: beta is 0)";
  drawText(surface, unit, 4, 0.6 * surface.textSize, { colour: surface.theme.quiet, font: surface.smallFont });
  if (inNats && shows("exact") && end) {
    const { decimals } = end;
    const text = end.exact === false ? "−log p, bound" : "−log p(x)";
    names.push({ text, value: end.value, colour: TRUE_POSTERIOR, decimals });
    names.push({ text: "lower bound", value: end.lower_bound ?? NaN, colour: REFERENCE, dash: [2, 3], decimals });
  }
  if (inNats && shows("gap") && end && end.family !== null) {
    const { value, family, gap, asked, decimals } = end;
    names.push({ text: "family gap", size: family, value: value + family / 2, colour: TRUE_POSTERIOR, slant: -1, decimals });
    // Where the encoder is after something else than the ELBO, not all of its part is amortisation.
    const encoder = asked === null ? "amortisation" : "encoder's";
    const middle = value + (family + gap) / 2;
    names.push({ text: encoder, size: gap - family, value: middle, colour: POSTERIOR, slant: 1, decimals });
  }
  drawNames(surface, plane, names);
  return plane;
}

function drawAt(surface, plane, at) {
  const { context } = surface;
  const [x] = plane.toPixel(at, 0);
  context.strokeStyle = surface.theme.ink;
  context.lineWidth = 1.5;
  context.beginPath();
  context.moveTo(x, plane.box.top);
  context.lineTo(x, plane.box.top + plane.box.height);
  context.stroke();
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
