// Marks for clouds of points. Each shape is sampled once and then stamped, pixel by pixel: a browser that draws without a
// graphics processor takes ten times as long over a path of thousands of circles.

import { channels } from "./palette.js";

/** Places within a pixel, along each axis, at which the middle of a mark may lie. */
const PHASES = 4;
/** Samples of a pixel, along each axis, of how much of it a mark covers. */
const SAMPLES = 4;
/** CSS pixels around a picture in which marks may begin: twice what the widest one reaches. */
const MARGIN = 8;
/** Half of the width of a line, in CSS pixels. */
const HALF_LINE = 0.5;
/** How far the widest mark reaches, in its sizes. */
const WIDEST = 1.4;

/** Whether a place is in a mark around the origin, in CSS pixels. */
const SHAPES = {
  dot: (x, y, size) => Math.hypot(x, y) <= size,
  ring: (x, y, size) => Math.abs(Math.hypot(x, y) - size) <= HALF_LINE,
  triangle: (x, y, size) => y <= WIDEST * size && Math.abs(x) <= (y + WIDEST * size) / 2,
  square: (x, y, size) => Math.max(Math.abs(x), Math.abs(y)) <= size,
  plus: (x, y, size) => {
    const [thin, long] = [Math.abs(x), Math.abs(y)].sort((a, b) => a - b);
    return thin <= HALF_LINE && long <= 1.3 * size;
  },
};

/**
 * The pixels that a mark covers, for a picture of one width.
 * @typedef {{reach: number, phases: {offsets: Int32Array, coverage: Uint8Array}[]}} Stamp
 *   `phases`: for each place of the mark's middle within its pixel, where other pixels lie from that one, and how much of
 *   each is covered, up to 255; `reach`: how far away they are at most
 */

/** @type {Map<string, Stamp>} */
const stamps = new Map();

function stampOf(shape, size, ratio, width) {
  const key = `${shape} ${size} ${ratio} ${width}`;
  if (!stamps.has(key)) stamps.set(key, makeStamp(SHAPES[shape], size, ratio, width));
  return stamps.get(key);
}

function makeStamp(contains, size, ratio, width) {
  const reach = Math.ceil(ratio * (WIDEST * size + HALF_LINE));
  const phases = Array.from({ length: PHASES ** 2 }, (_, phase) => {
    const middle = [place(phase % PHASES, PHASES), place(Math.floor(phase / PHASES), PHASES)];
    const offsets = [];
    const coverage = [];
    for (let y = -reach; y <= reach; y++) {
      for (let x = -reach; x <= reach; x++) {
        const covered = coverOf((u, v) => contains(u / ratio, v / ratio, size), x - middle[0], y - middle[1]);
        if (covered === 0) continue;
        offsets.push(y * width + x);
        coverage.push(covered);
      }
    }
    return { offsets: Int32Array.from(offsets), coverage: Uint8Array.from(coverage) };
  });
  return { reach, phases };
}

/** How much of the pixel at a corner is covered, up to 255. */
function coverOf(contains, x, y) {
  let hits = 0;
  for (let sample = 0; sample < SAMPLES ** 2; sample++)
    if (contains(x + place(sample % SAMPLES, SAMPLES), y + place(Math.floor(sample / SAMPLES), SAMPLES))) hits += 1;
  return Math.round((255 * hits) / SAMPLES ** 2);
}

/** The middle of one of so many equal parts of a pixel. */
const place = (part, parts) => (part + 0.5) / parts;

/** Pixels over those of a canvas, with a margin around them so that no mark reaches beyond. */
class Layer {
  /** @param {HTMLCanvasElement} target */
  constructor({ width, height }, margin) {
    this.margin = margin;
    this.canvas = document.createElement("canvas");
    this.canvas.width = width + 2 * margin;
    this.canvas.height = height + 2 * margin;
    this.context = this.canvas.getContext("2d");
    this.image = this.context.createImageData(this.canvas.width, this.canvas.height);
    this.pixels = new Int32Array(this.image.data.buffer);
    /** What is on it, and in which rows. */
    this.contents = [];
    this.rows = [0, 0];
  }

  fits({ width, height }, margin) {
    return this.canvas.width === width + 2 * margin && this.canvas.height === height + 2 * margin;
  }

  holds(contents) {
    return contents.every((part, k) => part === this.contents[k]);
  }

  /** Press marks onto empty pixels. */
  fill(contents, ratio, plane, points, { shape, size, buckets, colours }) {
    const { pixels, margin } = this;
    const { width, height } = this.canvas;
    const before = this.rows;
    pixels.fill(0, before[0] * width, before[1] * width);
    this.contents = contents;

    const { reach, phases } = stampOf(shape, size, ratio, width);
    let top = height;
    let bottom = 0;
    buckets.forEach((indices, bucket) => {
      const colour = packed(colours[bucket]);
      for (const k of indices) {
        const x = ratio * (points[2 * k] * plane.scaleX + plane.shiftX) + margin;
        const y = ratio * (points[2 * k + 1] * plane.scaleY + plane.shiftY) + margin;
        // Also left out: places that are not numbers.
        if (!(x >= reach && y >= reach && x < width - reach && y < height - reach)) continue;

        const column = Math.floor(x);
        const row = Math.floor(y);
        const phase = Math.floor((y - row) * PHASES) * PHASES + Math.floor((x - column) * PHASES);
        press(pixels, row * width + column, phases[phase], colour);
        top = Math.min(top, row - reach);
        bottom = Math.max(bottom, row + reach + 1);
      }
    });
    this.rows = [Math.min(top, bottom), bottom];
    // Rows with marks now, or before.
    const first = Math.min(before[0], this.rows[0]);
    this.context.putImageData(this.image, 0, 0, 0, first, width, Math.max(before[1], bottom) - first);
  }

  /** Put it over its canvas. */
  putOnto(context) {
    const { margin } = this;
    const { width, height } = context.canvas;
    const top = Math.max(this.rows[0], margin);
    const bottom = Math.min(this.rows[1], margin + height);
    if (bottom <= top) return;
    context.save();
    context.setTransform(1, 0, 0, 1, 0, 0);
    context.drawImage(this.canvas, margin, top, width, bottom - top, 0, top - margin, width, bottom - top);
    context.restore();
  }
}

/** The layers of each canvas: of marks that move, and of those that stand still. */
const layers = { moving: new WeakMap(), still: new WeakMap() };

/**
 * Draw marks of one shape.
 * @param {CanvasRenderingContext2D} context whose units are CSS pixels, from the canvas's corner
 * @param {import("./canvas.js").Plane} plane
 * @param {Float32Array} points n*2 in data units
 * @param {{shape?: "dot"|"ring"|"triangle"|"square"|"plus", size?: number, buckets: ArrayLike<number>[],
 *   colours: string[], isStill?: boolean}} look which points have which colour, as {@link bucketsOf} says; `isStill`:
 *   the same points come again and again, so what was drawn of them is kept
 */
export function drawMarks(context, plane, points, { shape = "dot", size = 2, buckets, colours, isStill = false }) {
  const target = context.canvas;
  if (!target.width || !target.height) return;

  const ratio = context.getTransform().a;
  const margin = Math.ceil(ratio * MARGIN);
  const known = isStill ? layers.still : layers.moving;
  if (!known.get(target)?.fits(target, margin)) known.set(target, new Layer(target, margin));
  const layer = known.get(target);

  const contents = [points, buckets, colours, shape, size, ratio, plane.scaleX, plane.scaleY, plane.shiftX, plane.shiftY];
  if (!isStill || !layer.holds(contents)) layer.fill(contents, ratio, plane, points, { shape, size, buckets, colours });
  layer.putOnto(context);
}

/** A colour as its pixel lies in memory, without its opacity. */
function packed(colour) {
  const [red, green, blue] = channels(colour);
  return red | (green << 8) | (blue << 16);
}

/** Press a stamp onto pixels: those that are empty take its colour, others mix. */
function press(pixels, at, { offsets, coverage }, colour) {
  for (let k = 0; k < offsets.length; k++) {
    const below = pixels[at + offsets[k]];
    const covered = coverage[k];
    pixels[at + offsets[k]] = below === 0 || covered === 255 ? (covered << 24) | colour : mix(below, covered, colour);
  }
}

/** A colour that covers a share of what lies below; shares are counted in 256ths. */
function mix(below, covered, colour) {
  const opacity = covered + Math.round(((below >>> 24) * (255 - covered)) / 255);
  const share = Math.round((covered << 8) / opacity);
  const mixChannel = (under, over) => under + (((over - under) * share) >> 8);
  const red = mixChannel(below & 255, colour & 255);
  const green = mixChannel((below >> 8) & 255, (colour >> 8) & 255);
  const blue = mixChannel((below >> 16) & 255, (colour >> 16) & 255);
  return (opacity << 24) | (blue << 16) | (green << 8) | red;
}
