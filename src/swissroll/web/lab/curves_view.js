// Draws what is measured of a run against its steps, all on one axis in nats, with the gap of the ELBO as an area.

import { Plane, drawAxes, drawText, fixed, say, steady } from "./canvas.js";
import { isRecent, lastNumber, linesOf, rangeOf, unbroken } from "./curve_lines.js";
import { DATA, POSTERIOR, PRIOR, RECONSTRUCTION, REFERENCE, TRUE_POSTERIOR } from "./palette.js";
import { roundSummary } from "./summary.js";

/** Room for the lines' names, right of them, and the height of each, in sizes of the text. */
const NAMES = 10.6;
const NAME_HEIGHT = 1.1;
/** Pixels beyond which nothing is drawn, whatever the numbers are. */
const FAR = 4000;

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
  ordered.forEach(({ text, value, size = value, colour, dash = [], slant = 0, decimals = size < 100 ? 2 : 1, says }, k) => {
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
    drawText(surface, `${text} ${says ?? fixed(size, decimals)}`, x + 22, y, { font: surface.smallFont });
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
  const latest = truths.at(-1);
  const end = latest && isRecent(latest.step, last) ? roundSummary(latest.evidence) : null;
  plane.clipped(context, () => {
    if (inNats && shows("gap")) for (const together of unbroken(truths, last)) drawGap(surface, plane, together);
    drawTurns(surface, plane, turns);
    for (const line of lines) {
      const { name, colour, width, dash, held } = line;
      const hasHeld = shows("held_out") && held.values.length > 0;
      if (shows("train")) drawPolyline(context, thin(step, line.train, plane), { colour, width: 1, dash: hasHeld ? [1, 2] : dash });
      if (hasHeld) drawPolyline(context, thin(held.step, held.values, plane), { colour, width, dash });
      const value = hasHeld ? (end?.[line.key] ?? held.values.at(-1)) : lastNumber(line.train);
      if (hasHeld || shows("train")) {
        // A plain autoencoder's loss has no size that decimals would suit.
        const says = inNats ? undefined : steady(value);
        names.push({ text: name, value, colour, dash, decimals: hasHeld ? end?.decimals : undefined, says });
      }
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
