// Draws the latent space: the posteriors' means and widths, the prior, and over a true posterior the encoder's own.

import { Plane, drawAxes, drawCross, drawGrid, drawText, fixed, shadeGrid, widthOf } from "./canvas.js";
import { boundsOf } from "./contours.js";
import { pointsOf } from "./data_view.js";
import { drawMarks } from "./marks.js";
import { COORDINATE_COLOURS, POSTERIOR, PRIOR, REFERENCE, TRUE_POSTERIOR, bucketsOf, channels } from "./palette.js";
import { drawUnderlay } from "./underlay.js";

/** A little more than the prior's third ring. */
export const LEAST_EXTENT = 3.3;
/** Posteriors that get an ellipse: of more points, evenly many. */
const MOST_ELLIPSES = 160;
/** Latents and widths beyond are drawn no farther out. */
const MOST_DRAWN = 1e3;
/** Pixels beyond which a ring is drawn no wider: every dash of it would be made. */
const FAR = 4000;
const SUBSCRIPTS = "₀₁₂₃₄₅₆₇₈₉";
/** Each time that the means leave the picture, it grows by so much: so it does not tremble. */
const GROWTH = 1.25;

/** The name of a latent dimension, counted from 1. */
export const latentName = (dim) => `z${SUBSCRIPTS[dim + 1]}`;

/**
 * Two columns of latents.
 * @param {Float32Array} values n*L
 * @param {number} size L
 * @param {[number, number]} dims which columns
 * @returns {Float32Array} n*2
 */
export function columns(values, size, [first, second]) {
  const count = values.length / size;
  const found = new Float32Array(2 * count);
  for (let k = 0; k < count; k++) {
    found[2 * k] = values[k * size + first];
    found[2 * k + 1] = values[k * size + second];
  }
  return found;
}

/**
 * Half of the side of the drawn latent square: the prior's rings and nearly all means.
 * @param {Float32Array} mu n*2
 */
export function latentExtent(mu) {
  let farthest = 0;
  for (const value of mu) if (Math.abs(value) > farthest) farthest = Math.abs(value);
  let extent = LEAST_EXTENT;
  while (extent < Math.min(1.05 * farthest, MOST_DRAWN)) extent *= GROWTH;
  return extent;
}

// Draws from a standard normal that stay the same from frame to frame, so that what is drawn with them does not flicker.
let noise = new Float32Array(0);

/**
 * One draw from each posterior.
 * @param {Float32Array} mu n*2
 * @param {Float32Array} logvar n*2
 * @returns {Float32Array} n*2
 */
export function aggregateDraws(mu, logvar) {
  if (noise.length < mu.length) {
    let state = 1;
    const uniform = () => {
      state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
      return (state + 0.5) / 2 ** 32;
    };
    noise = Float32Array.from(mu, () => Math.sqrt(-2 * Math.log(uniform())) * Math.cos(2 * Math.PI * uniform()));
  }
  return mu.map((mean, k) => mean + Math.exp(logvar[k] / 2) * noise[k]);
}

const stdOf = (logvar) => Math.min(Math.exp(logvar / 2), MOST_DRAWN);

function drawRing(context, plane, mean, std, radius) {
  const [x, y] = plane.toPixel(mean[0], mean[1]);
  const across = Math.min(radius * std[0] * plane.scaleX, FAR);
  const up = Math.min(radius * std[1] * -plane.scaleY, FAR);
  if (!Number.isFinite(x + y) || Math.abs(x) > 2 * FAR || Math.abs(y) > 2 * FAR) return;
  context.moveTo(x + across, y);
  context.ellipse(x, y, across, up, 0, 0, 2 * Math.PI);
}

function drawPrior(surface, plane, prior, size, dims) {
  const { context } = surface;
  context.strokeStyle = REFERENCE;
  context.lineWidth = 1;
  context.setLineDash([4, 4]);
  context.beginPath();
  const count = prior?.weights?.length ?? 0;
  if (count > 1) {
    const means = columns(prior.means, size, dims);
    const stds = columns(prior.stds, size, dims);
    for (let k = 0; k < count; k++) drawRing(context, plane, means.subarray(2 * k), stds.subarray(2 * k), 1);
  } else for (const radius of [1, 2, 3]) drawRing(context, plane, [0, 0], [1, 1], radius);
  context.stroke();
  context.setLineDash([]);
}

function drawEllipses(surface, plane, mu, logvar, { buckets, colours }) {
  const { context } = surface;
  const every = Math.ceil(mu.length / 2 / MOST_ELLIPSES);
  context.lineWidth = 0.9;
  buckets.forEach((indices, bucket) => {
    context.strokeStyle = colours[bucket];
    context.beginPath();
    for (const k of indices) {
      if (k % every) continue;
      drawRing(context, plane, [mu[2 * k], mu[2 * k + 1]], [stdOf(logvar[2 * k]), stdOf(logvar[2 * k + 1])], 1);
    }
    context.stroke();
  });
}

const heats = new WeakMap();

/** The picture of a true posterior, as a share of its highest value; made once. */
function heatOf(posterior) {
  const found = heats.get(posterior);
  if (found) return found;
  let highest = -Infinity;
  for (const value of posterior.log_density) if (value > highest) highest = value;
  const shares = Float32Array.from(posterior.log_density, (value) => Math.exp(value - highest));
  const made = shadeGrid(shares, posterior.size, channels(TRUE_POSTERIOR));
  heats.set(posterior, made);
  return made;
}

/** The encoder's Gaussian at 1 and 2 standard deviations. */
function drawGaussian(surface, plane, mean, std) {
  const { context } = surface;
  for (const [radius, dash] of [
    [1, []],
    [2, [4, 3]],
  ]) {
    context.setLineDash(dash);
    context.beginPath();
    drawRing(context, plane, mean, std, radius);
    context.strokeStyle = surface.theme.panel;
    context.lineWidth = 4;
    context.stroke();
    context.strokeStyle = POSTERIOR;
    context.lineWidth = 2;
    context.stroke();
  }
  context.setLineDash([]);
}

/** The KL as a window says it; nothing where it is not known exactly. */
function sayKl(kl, isNarrow) {
  if (!Number.isFinite(kl)) return "";
  return isNarrow ? `KL ${fixed(kl, 2)}` : `KL(q‖p) ${fixed(kl, 3)} nats`;
}

/** The true posterior and the encoder's Gaussian, enlarged, in a window of their own. */
function drawWindow(surface, box, posterior, mean, std) {
  const { context } = surface;
  context.fillStyle = surface.theme.panel;
  context.fillRect(box.left, box.top, box.width, box.height);

  const [low0, high0, low1, high1] = boundsOf(posterior.extent);
  const plane = new Plane(box, [low0, high0], [low1, high1]);
  plane.clipped(context, () => {
    drawGrid(context, plane, heatOf(posterior), boundsOf(posterior.extent));
    drawGaussian(surface, plane, mean, std);
  });
  context.strokeStyle = surface.theme.quiet;
  context.lineWidth = 1;
  context.strokeRect(box.left + 0.5, box.top + 0.5, box.width - 1, box.height - 1);

  // The words stand in the text's colour; a mark beside each says which is which.
  const keyed = (text, colour, at, solid) => {
    context.fillStyle = colour;
    context.strokeStyle = colour;
    context.lineWidth = 2;
    if (solid) context.fillRect(box.left + 6, at - 4, 9, 9);
    else context.strokeRect(box.left + 7, at - 3, 7, 7);
    drawText(surface, text, box.left + 20, at + 1);
  };
  const line = 1.2 * surface.textSize;
  // On a phone there is room for the letters alone.
  const isNarrow = box.width < 11 * surface.textSize;
  keyed(isNarrow ? "p(z|x)" : "p(z|x) exact", TRUE_POSTERIOR, box.top + 0.8 * line, true);
  keyed(isNarrow ? "q(z|x)" : "q(z|x) encoder", POSTERIOR, box.top + 1.8 * line, false);
  const below = box.top + box.height - 9;
  const kl = sayKl(posterior.kl, isNarrow);
  if (kl) drawText(surface, kl, box.left + 6, below);
  if (box.width < 15 * surface.textSize) return;
  // How wide the window is stands beside the KL, or above it where both would run together.
  const wide = `${fixed(high0 - low0, 2)} wide`;
  const isCrowded = kl !== "" && widthOf(surface, kl) + widthOf(surface, wide) + surface.textSize > box.width - 11;
  const look = { align: "right", colour: surface.theme.quiet };
  drawText(surface, wide, box.left + box.width - 5, isCrowded ? below - line : below, look);
}

function drawDragged(surface, plane, [from, to], dims) {
  const { context } = surface;
  const start = plane.toPixel(from[dims[0]], from[dims[1]]);
  const end = plane.toPixel(to[dims[0]], to[dims[1]]);
  for (const [colour, width] of [
    [surface.theme.panel, 5],
    [surface.theme.ink, 2],
  ]) {
    context.strokeStyle = colour;
    context.lineWidth = width;
    context.beginPath();
    context.moveTo(...start);
    context.lineTo(...end);
    context.stroke();
  }
  drawText(surface, "from", ...start, { align: "right", baseline: "bottom" });
}

/** Where the plane lies, and where a window beside it or in its corner. */
function layOut(surface, hasWindow) {
  const { width, height } = surface;
  const isWide = hasWindow && width > 1.45 * height;
  const side = isWide ? Math.min(height - 16, 0.42 * width) : 0.4 * Math.min(width, height);
  return {
    box: { left: 0, top: 0, width: isWide ? width - side - 16 : width, height },
    window: isWide
      ? { left: width - side - 8, top: (height - side) / 2, width: side, height: side }
      : { left: width - side - 6, top: height - side - 1.8 * surface.textSize, width: side, height: side },
    isWide,
  };
}

/** The window, in the corner to the left where it would cover the point that it enlarges. */
function clearOf(window, [x, y]) {
  const isCovered = x > window.left && x < window.left + window.width && y > window.top && y < window.top + window.height;
  return isCovered ? { ...window, left: 6 } : window;
}

/** What colours the posteriors: the data's coordinate, or one colour where they have none. */
function lookOf(begin) {
  const { byCoordinate, count } = pointsOf(begin);
  if (begin.coordinate) return byCoordinate;
  return { buckets: bucketsOf(null, count), colours: [POSTERIOR] };
}

/**
 * Draw a latent plane of two of L latent dimensions, L of 2 or more.
 * @param {import("./canvas.js").Surface} surface that has begun
 * @param {{begin: object, frame: object, truth?: object}} run
 * @param {{shows: (name: string) => boolean, selection?: object, dims: [number, number], bare?: boolean}} options
 * @returns {{plane: Plane, mu: Float32Array}} where it was drawn, and the means in it, n*2
 */
export function drawLatentPlane(surface, run, { shows, selection = {}, dims, bare = false }) {
  const { begin, frame, truth } = run;
  const { context } = surface;
  const size = frame.mu.length / pointsOf(begin).count;
  const mu = columns(frame.mu, size, dims);
  const logvar = columns(frame.logvar, size, dims);
  const look = lookOf(begin);

  const { point, latent, line, draws } = selection;
  const wantsWindow = !bare && shows("posterior");
  const { box, window, isWide } = layOut(surface, wantsWindow);
  const plane = Plane.square(box, latentExtent(mu));

  plane.clipped(context, () => {
    const showsPrior = shows("prior");
    const drawUnder = (under) => {
      if (!bare) drawAxes(under, plane, { x: latentName(dims[0]), y: latentName(dims[1]) });
      if (showsPrior) drawPrior(under, plane, frame.prior, size, dims);
    };
    if (bare) drawUnder(surface);
    else drawUnderlay(surface, [...plane.x, ...plane.y, ...dims, showsPrior && frame.prior], drawUnder);
    if (shows("samples") && frame.samples) {
      const drawn = columns(frame.samples.latents, size, dims);
      const one = { buckets: bucketsOf(null, drawn.length / 2), colours: [PRIOR] };
      drawMarks(context, plane, drawn, { shape: "triangle", size: 2, ...one });
    }
    if (shows("aggregate")) {
      const one = { buckets: bucketsOf(null, mu.length / 2), colours: [POSTERIOR] };
      drawMarks(context, plane, aggregateDraws(mu, logvar), { shape: "square", size: 1.1, ...one });
    }
    if (shows("ellipses")) drawEllipses(surface, plane, mu, logvar, look);
    if (shows("means")) drawMarks(context, plane, mu, { size: bare ? 1.2 : 2, ...look });
  });
  if (bare) return { plane, mu };

  const isChosen = Number.isInteger(point) && 2 * point < mu.length;
  if (isChosen) {
    const mean = [mu[2 * point], mu[2 * point + 1]];
    const std = [stdOf(logvar[2 * point]), stdOf(logvar[2 * point + 1])];
    const isKnown = truth?.posterior?.point === point && truth.posterior.log_density.length === truth.posterior.size ** 2;
    plane.clipped(context, () => {
      if (isKnown && wantsWindow) drawGrid(context, plane, heatOf(truth.posterior), boundsOf(truth.posterior.extent));
      if (draws) {
        const drawn = columns(draws.latents, size, dims);
        const one = { buckets: bucketsOf(null, drawn.length / 2), colours: [POSTERIOR] };
        drawMarks(context, plane, drawn, { shape: "square", size: 1.5, ...one });
      }
      drawGaussian(surface, plane, mean, std);
      const [x, y] = plane.toPixel(...mean);
      drawText(surface, "q(z|x)", x, y - 9 - 2 * std[1] * -plane.scaleY, { align: "center" });
    });
    if (isKnown && wantsWindow) {
      // Beside the plane nothing is covered.
      const place = isWide ? window : clearOf(window, plane.toPixel(...mean));
      drawWindow(surface, place, truth.posterior, mean, std);
    }
  }
  if (isWide && !(isChosen && truth?.posterior?.point === point)) drawHint(surface, window, isChosen);
  if (line) drawDragged(surface, plane, line, dims);
  if (latent) drawCross(surface, ...plane.toPixel(latent[dims[0]], latent[dims[1]]));
  return { plane, mu };
}

function drawHint(surface, window, isChosen) {
  const { context } = surface;
  context.strokeStyle = surface.theme.line;
  context.lineWidth = 1;
  context.setLineDash([3, 4]);
  context.strokeRect(window.left + 0.5, window.top + 0.5, window.width - 1, window.height - 1);
  context.setLineDash([]);
  const words = isChosen ? ["the true posterior", "is being computed"] : ["choose a data point:", "its true posterior", "appears here"];
  words.forEach((text, k) => {
    const look = { align: "center", colour: surface.theme.quiet };
    drawText(surface, text, window.left + window.width / 2, window.top + window.height / 2 + 1.3 * surface.textSize * (k - 1), look);
  });
}
