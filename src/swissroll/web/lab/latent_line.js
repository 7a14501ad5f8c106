// Draws a latent space of one dimension: a line across, on which every posterior lies at the height of its point's t.

import { Plane, drawAxes, drawText, fixed, say, widthOf } from "./canvas.js";
import { pointsOf } from "./data_view.js";
import { drawMarks } from "./marks.js";
import { latentExtent, aggregateDraws } from "./latent_view.js";
import { POSTERIOR, PRIOR, REFERENCE, TRUE_POSTERIOR, bucketsOf } from "./palette.js";

/** Share of the height that the posteriors take; the densities take the rest. */
const POSTERIORS = 0.6;
const BINS = 60;
const AXIS_NAME = "density";

/** The density of N(mean, std^2). */
function normal(z, mean, std) {
  return Math.exp(-0.5 * ((z - mean) / std) ** 2) / (std * Math.sqrt(2 * Math.PI));
}

function priorDensity(prior, z) {
  if (!prior?.weights?.length) return normal(z, 0, 1);
  let sum = 0;
  for (let k = 0; k < prior.weights.length; k++) sum += prior.weights[k] * normal(z, prior.means[k], prior.stds[k]);
  return sum;
}

function drawCurve(context, plane, density, { colour, width = 1.5, dash = [], filled = false }) {
  const { left, width: across } = plane.box;
  context.beginPath();
  for (let pixel = 0; pixel <= across; pixel++) {
    const [z] = plane.fromPixel(left + pixel, 0);
    const [x, y] = plane.toPixel(z, density(z));
    context.lineTo(x, Math.max(y, plane.box.top));
  }
  context.strokeStyle = colour;
  context.lineWidth = width;
  context.setLineDash(dash);
  context.stroke();
  context.setLineDash([]);
  if (!filled) return;
  const [right, base] = plane.toPixel(plane.x[1], 0);
  context.lineTo(right, base);
  context.lineTo(left, base);
  context.globalAlpha = 0.3;
  context.fillStyle = colour;
  context.fill();
  context.globalAlpha = 1;
}

/** A true posterior between its grid points; 0 outside of its window. */
function posteriorDensity({ log_density: logDensity, size, extent }) {
  const [low, high] = typeof extent === "number" ? [-extent, extent] : extent;
  return (z) => {
    const place = ((z - low) / (high - low)) * (size - 1);
    const cell = Math.floor(place);
    if (cell < 0 || cell >= size - 1) return 0;
    const share = place - cell;
    return (1 - share) * Math.exp(logDensity[cell]) + share * Math.exp(logDensity[cell + 1]);
  };
}

function drawHistogram(context, plane, values) {
  const counts = new Float32Array(BINS);
  const [low, high] = plane.x;
  for (let k = 0; k < values.length; k += 2) {
    const bin = Math.floor(((values[k] - low) / (high - low)) * BINS);
    if (bin >= 0 && bin < BINS) counts[bin] += 1;
  }
  const unit = BINS / ((high - low) * (values.length / 2));
  context.strokeStyle = POSTERIOR;
  context.lineWidth = 1.5;
  context.beginPath();
  for (let bin = 0; bin < BINS; bin++) {
    const from = low + ((high - low) * bin) / BINS;
    const to = low + ((high - low) * (bin + 1)) / BINS;
    context.lineTo(...plane.toPixel(from, counts[bin] * unit));
    context.lineTo(...plane.toPixel(to, counts[bin] * unit));
  }
  context.stroke();
}

function drawBars(surface, plane, places, logvar, { buckets, colours }) {
  const { context } = surface;
  context.lineWidth = 0.7;
  buckets.forEach((indices, bucket) => {
    context.strokeStyle = colours[bucket];
    context.beginPath();
    for (const k of indices) {
      const std = Math.min(Math.exp(logvar[k] / 2), 1e3);
      context.moveTo(...plane.toPixel(places[2 * k] - std, places[2 * k + 1]));
      context.lineTo(...plane.toPixel(places[2 * k] + std, places[2 * k + 1]));
    }
    context.stroke();
  });
}

/**
 * Draw a latent space of one dimension.
 * @param {import("./canvas.js").Surface} surface that has begun
 * @param {{begin: object, frame: object, truth?: object}} run
 * @param {{shows: (name: string) => boolean, selection?: object, bare?: boolean}} options
 * @returns {{plane: Plane, mu: Float32Array}} as {@link drawLatentPlane} returns
 */
export function drawLatentLine(surface, run, { shows, selection = {}, bare = false }) {
  const { begin, frame, truth } = run;
  const { context } = surface;
  const { count, byCoordinate } = pointsOf(begin);
  const look = begin.coordinate ? byCoordinate : { buckets: bucketsOf(null, count), colours: [POSTERIOR] };

  // Without a coordinate the points are laid out in their own order.
  const places = new Float32Array(2 * count);
  for (let k = 0; k < count; k++) {
    places[2 * k] = frame.mu[k];
    places[2 * k + 1] = begin.coordinate ? begin.coordinate[k] : k / count;
  }
  const means = frame.mu.subarray(0, count);
  const extent = latentExtent(means);
  const { width, height } = surface;
  const upper = { left: 0, top: 14, width, height: POSTERIORS * height - 18 };
  const plane = new Plane(upper, [-extent, extent], [-0.02, 1.02]);

  const { point, latent, line } = selection;
  const isChosen = Number.isInteger(point) && point < count;
  const std = isChosen ? Math.min(Math.exp(frame.logvar[point] / 2), 1e3) : 1;
  const highest = isChosen && shows("posterior") ? Math.max(0.5, 1.15 * normal(0, 0, std)) : 0.6;
  const lower = { left: 0, top: POSTERIORS * height, width, height: (1 - POSTERIORS) * height - 18 };
  const densities = new Plane(lower, [-extent, extent], [0, highest]);

  if (!bare) {
    drawAxes(surface, new Plane({ left: 0, top: 0, width, height }, [-extent, extent], [0, 1]), { x: "z₁", y: begin.coordinate_name, numbersY: [] });
    drawText(surface, AXIS_NAME, 4, lower.top + 8, { colour: surface.theme.quiet });
  }
  if (shows("ellipses")) drawBars(surface, plane, places, frame.logvar, look);
  if (shows("means")) drawMarks(context, plane, places, { size: bare ? 1.2 : 2, ...look });
  if (shows("prior")) {
    const colour = frame.prior?.weights?.length > 1 ? PRIOR : REFERENCE;
    drawCurve(context, densities, (z) => priorDensity(frame.prior, z), { colour, dash: [5, 4] });
  }
  if (shows("aggregate")) {
    const doubled = Float32Array.from({ length: 2 * count }, (_, k) => frame.logvar[k >> 1]);
    const drawn = aggregateDraws(Float32Array.from({ length: 2 * count }, (_, k) => frame.mu[k >> 1]), doubled);
    drawHistogram(context, densities, drawn);
  }

  if (isChosen && !bare) {
    const isKnown = truth?.posterior?.point === point;
    if (shows("posterior") && isKnown)
      drawCurve(context, densities, posteriorDensity(truth.posterior), { colour: TRUE_POSTERIOR, width: 2, filled: true });
    if (shows("posterior"))
      drawCurve(context, densities, (z) => normal(z, frame.mu[point], std), { colour: POSTERIOR, width: 2, dash: [6, 3] });

    const [x, y] = plane.toPixel(places[2 * point], places[2 * point + 1]);
    context.strokeStyle = surface.theme.ink;
    context.lineWidth = 2;
    context.beginPath();
    context.arc(x, y, 7, 0, 2 * Math.PI);
    context.stroke();
    drawKey(surface, lower.top + 8, isKnown ? truth.posterior.kl : NaN);
  }
  if (line && !bare) drawSpan(surface, plane, line);
  if (latent && !bare) drawCursor(surface, plane, latent[0]);
  return { plane, mu: places };
}

/** What is filled and what is dashed, at the right; the KL below it where both would reach the words at the left. */
function drawKey(surface, top, kl) {
  const words = ["filled: p(z|x) exact; dashed: q(z|x)"];
  if (Number.isFinite(kl)) words.push(`KL(q‖p) ${fixed(kl, 3)} nats`);
  const joined = words.join(", ");
  const room = surface.width - widthOf(surface, AXIS_NAME) - 2 * surface.textSize;
  const lines = widthOf(surface, joined) < room ? [joined] : words;
  lines.forEach((text, k) => drawText(surface, text, surface.width - 6, top + 1.2 * k * surface.textSize, { align: "right" }));
}

function drawSpan(surface, plane, [from, to]) {
  const { context } = surface;
  const [start] = plane.toPixel(from[0], 0);
  const [end] = plane.toPixel(to[0], 0);
  context.fillStyle = surface.theme.ink;
  context.globalAlpha = 0.12;
  context.fillRect(Math.min(start, end), 0, Math.abs(end - start), surface.height);
  context.globalAlpha = 1;
}

function drawCursor(surface, plane, z) {
  const { context } = surface;
  const [x] = plane.toPixel(z, 0);
  context.strokeStyle = surface.theme.ink;
  context.lineWidth = 1.75;
  context.beginPath();
  context.moveTo(x, 0);
  context.lineTo(x, surface.height);
  context.stroke();
  drawText(surface, `z ${say(z, 3)}`, x + 6, 10);
}
