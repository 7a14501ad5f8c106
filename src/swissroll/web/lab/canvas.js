// A canvas in device pixels, planes that map data units to it, and marks: what all panels draw with.

import { theme } from "./palette.js";

const FAMILY = "system-ui, sans-serif";
/** Sizes of text, as shares of the page's: it is larger on a phone, and in a lecture. */
const TEXT = 0.9;
const SMALL_TEXT = 0.83;
/** With reduced motion, pictures change no faster than once in so many milliseconds. */
const CALM_INTERVAL = 400;

/** The page's colours and size of text; read once for each animation frame, as reading them takes time. */
const page = { readAt: null, theme: null, textSize: 13 };

function readPage() {
  const now = document.timeline.currentTime;
  if (page.theme && page.readAt === now) return page;
  page.readAt = now;
  page.theme = theme();
  page.textSize = parseFloat(getComputedStyle(document.documentElement).fontSize) || 13;
  return page;
}

/** A canvas whose drawing units are CSS pixels, and which is as large as its host. */
export class Surface {
  /** @param {HTMLCanvasElement} canvas */
  constructor(canvas) {
    this.canvas = canvas;
    this.context = canvas.getContext("2d");
    this.width = 0;
    this.height = 0;
    this.isMeasured = false;
    // To ask for its size would lay out the page anew, after each text that another panel has changed.
    new ResizeObserver(() => {
      this.isMeasured = false;
    }).observe(canvas);
  }

  /** Take the canvas's present size and clear it. */
  begin() {
    const ratio = globalThis.devicePixelRatio || 1;
    if (!this.isMeasured) {
      this.width = this.canvas.clientWidth;
      this.height = this.canvas.clientHeight;
      this.isMeasured = true;
    }
    const across = Math.round(this.width * ratio);
    const down = Math.round(this.height * ratio);
    if (this.canvas.width !== across || this.canvas.height !== down) {
      this.canvas.width = across;
      this.canvas.height = down;
    }
    this.context.setTransform(ratio, 0, 0, ratio, 0, 0);
    this.context.clearRect(0, 0, this.width, this.height);
    const { theme, textSize } = readPage();
    this.theme = theme;
    this.textSize = textSize;
    this.font = `${TEXT * textSize}px ${FAMILY}`;
    this.smallFont = `${SMALL_TEXT * textSize}px ${FAMILY}`;
    return this.width > 0 && this.height > 0;
  }
}

/**
 * Draw at the next animation frame, once however often it is asked for, and only while the canvas is there to be seen.
 * @param {HTMLCanvasElement} canvas
 * @param {() => void} draw
 * @param {number} [every] least milliseconds between two pictures
 * @returns {(now?: boolean) => void} to be called when something changed; `now` does not wait for its turn
 */
export function drawWhenChanged(canvas, draw, every = 0) {
  const calm = matchMedia("(prefers-reduced-motion: reduce)");
  let waiting = false;
  let hidden = false;
  let drawnAt = -Infinity;

  const paint = (now) => {
    if (now - drawnAt < (calm.matches ? CALM_INTERVAL : every)) {
      requestAnimationFrame(paint);
      return;
    }
    waiting = false;
    if (hidden) return;
    drawnAt = now;
    draw();
  };
  const invalidate = (now = false) => {
    if (now && !calm.matches) drawnAt = -Infinity;
    if (waiting) return;
    waiting = true;
    requestAnimationFrame(paint);
  };

  // What is a little outside of the window is drawn, too: it is scrolled to, or printed.
  const near = { rootMargin: "3000px" };
  new IntersectionObserver((entries) => {
    hidden = !entries[entries.length - 1].isIntersecting;
    if (!hidden) invalidate();
  }, near).observe(canvas);
  addEventListener("beforeprint", draw);
  new ResizeObserver(() => invalidate(true)).observe(canvas);
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => invalidate(true));
  return invalidate;
}

/** A rectangle of the canvas that shows a rectangle of data units. */
export class Plane {
  /**
   * @param {{left: number, top: number, width: number, height: number}} box in CSS pixels
   * @param {[number, number]} x what the left and the right edge stand for
   * @param {[number, number]} y what the lower and the upper edge stand for
   */
  constructor(box, x, y) {
    this.box = box;
    this.x = x;
    this.y = y;
    this.scaleX = box.width / (x[1] - x[0]);
    this.scaleY = -box.height / (y[1] - y[0]);
    this.shiftX = box.left - x[0] * this.scaleX;
    this.shiftY = box.top - y[1] * this.scaleY;
  }

  /**
   * A plane with equal units, in which [-extent, extent] fits both ways.
   * @param {{left: number, top: number, width: number, height: number}} box
   * @param {number} extent
   */
  static square(box, extent) {
    const unit = Math.min(box.width, box.height) / (2 * extent);
    const across = box.width / (2 * unit);
    const up = box.height / (2 * unit);
    return new Plane(box, [-across, across], [-up, up]);
  }

  toPixel(x, y) {
    return [x * this.scaleX + this.shiftX, y * this.scaleY + this.shiftY];
  }

  fromPixel(across, down) {
    return [(across - this.shiftX) / this.scaleX, (down - this.shiftY) / this.scaleY];
  }

  /** Draw inside the box alone. */
  clipped(context, draw) {
    const { left, top, width, height } = this.box;
    context.save();
    context.beginPath();
    context.rect(left, top, width, height);
    context.clip();
    draw();
    context.restore();
  }
}

/**
 * A cross in a ring, which marks the place under the cursor; with a rim of the ground's colour it is seen over anything.
 * @param {Surface} surface
 * @param {number} x in CSS pixels
 * @param {number} y in CSS pixels
 */
export function drawCross(surface, x, y) {
  const { context } = surface;
  for (const [colour, width] of [
    [surface.theme.panel, 4],
    [surface.theme.ink, 1.75],
  ]) {
    context.strokeStyle = colour;
    context.lineWidth = width;
    context.beginPath();
    context.arc(x, y, 6, 0, 2 * Math.PI);
    for (const [across, down] of [
      [1, 0],
      [-1, 0],
      [0, 1],
      [0, -1],
    ]) {
      context.moveTo(x + 6 * across, y + 6 * down);
      context.lineTo(x + 11 * across, y + 11 * down);
    }
    context.stroke();
  }
}

/**
 * Text with a rim of the ground's colour, so that it can be read over marks.
 * @param {Surface} surface
 * @param {string} text
 * @param {number} x
 * @param {number} y
 * @param {{align?: CanvasTextAlign, baseline?: CanvasTextBaseline, colour?: string, font?: string}} look
 */
export function drawText(surface, text, x, y, { align = "left", baseline = "middle", colour, font = surface.font } = {}) {
  const { context } = surface;
  context.font = font;
  context.textAlign = align;
  context.textBaseline = baseline;
  context.lineJoin = "round";
  context.lineWidth = 3;
  context.strokeStyle = surface.theme.panel;
  context.strokeText(text, x, y);
  context.fillStyle = colour ?? surface.theme.ink;
  context.fillText(text, x, y);
}

/**
 * How wide a text is when it is drawn, in CSS pixels.
 * @param {Surface} surface
 * @param {string} text
 * @param {string} [font]
 */
export function widthOf({ context, font }, text, ofFont = font) {
  context.font = ofFont;
  return context.measureText(text).width;
}

/**
 * Round numbers in a range: multiples of 1, 2 or 5 times a power of ten.
 * @param {number} low
 * @param {number} high
 * @param {number} most of them, about
 * @returns {number[]}
 */
export function ticks(low, high, most = 5) {
  const range = high - low;
  if (!(range > 0) || !Number.isFinite(range)) return [];
  const rough = range / most;
  const power = 10 ** Math.floor(Math.log10(rough));
  const multiple = [1, 2, 5, 10].find((factor) => factor * power >= rough);
  const every = multiple * power;
  const first = Math.ceil(low / every - 1e-9);
  const last = Math.floor(high / every + 1e-9);
  return Array.from({ length: Math.max(0, last - first + 1) }, (_, k) => (first + k) * every);
}

/** Digits that tell neighbouring ticks from one another: more than usual where they lie far from 0. */
function digitsToTell(values) {
  if (values.length < 2) return 3;
  const largest = Math.max(...values.map(Math.abs));
  return Math.max(3, Math.floor(Math.log10(largest)) - Math.floor(Math.log10(values[1] - values[0]) + 1e-9) + 1);
}

/**
 * A number as a tick or a read-out says it, with a true minus sign.
 * @param {number} value
 * @param {number} digits that count
 */
export function say(value, digits = 3) {
  if (value === null || value === undefined || Number.isNaN(value)) return "not defined";
  if (!Number.isFinite(value)) return value > 0 ? "infinite" : "−infinite";
  const size = Math.abs(value);
  const isPlain = size === 0 || (size >= 1e-3 && size < 1e5);
  const text = isPlain ? String(Number(value.toPrecision(digits))) : value.toExponential(digits - 1).replace("e+", "e");
  return text.replaceAll("-", "−");
}

/**
 * A number in three digits, also where the last ones are 0: for numbers that change many times a second.
 * @param {number} value
 */
export function steady(value) {
  const isPlain = Number.isFinite(value) && Math.abs(value) >= 1e-3 && Math.abs(value) < 1e3;
  return isPlain ? value.toPrecision(3).replace("-", "−") : say(value);
}

/**
 * A number with a fixed number of decimals, for read-outs that must not jump.
 * @param {number} value
 * @param {number} decimals fewer where that would be more than six digits
 */
export function fixed(value, decimals = 2) {
  const size = Math.abs(value);
  // Of a run that breaks, digits without end would cover the picture.
  if (!(size < 1e6)) return say(value);
  const whole = size < 10 ? 1 : Math.floor(Math.log10(size)) + 1;
  return value.toFixed(Math.min(decimals, 6 - whole)).replace("-", "−");
}

/**
 * Quiet axes through a plane's lower and left edge: few ticks, and the names of both.
 * @param {Surface} surface
 * @param {Plane} plane
 * @param {{x: string, y: string, numbersX?: number[], numbersY?: number[]}} names
 */
export function drawAxes(surface, plane, { x, y, numbersX, numbersY }) {
  const { context } = surface;
  const { left, top, width, height } = plane.box;
  const bottom = top + height;
  const shownX = numbersX ?? ticks(plane.x[0], plane.x[1], width / 80);
  const shownY = numbersY ?? ticks(plane.y[0], plane.y[1], height / 60);

  context.strokeStyle = surface.theme.line;
  context.lineWidth = 1;
  context.beginPath();
  for (const value of shownX) {
    const at = Math.round(plane.toPixel(value, 0)[0]) + 0.5;
    context.moveTo(at, top);
    context.lineTo(at, bottom);
  }
  for (const value of shownY) {
    const at = Math.round(plane.toPixel(0, value)[1]) + 0.5;
    context.moveTo(left, at);
    context.lineTo(left + width, at);
  }
  context.stroke();

  const look = { colour: surface.theme.quiet, font: surface.smallFont };
  const [digitsX, digitsY] = [shownX, shownY].map(digitsToTell);
  const nameRoom = (1 + 0.9 * x.length) * surface.textSize;
  for (const value of shownX) {
    const at = plane.toPixel(value, 0)[0];
    if (at < left + surface.textSize || at > left + width - nameRoom) continue;
    drawText(surface, say(value, digitsX), at, bottom - 0.55 * surface.textSize, { ...look, align: "center" });
  }
  for (const value of shownY) {
    const at = plane.toPixel(0, value)[1];
    if (at < top + 1.3 * surface.textSize || at > bottom - 1.4 * surface.textSize) continue;
    drawText(surface, say(value, digitsY), left + 4, at, look);
  }
  const edge = 0.6 * surface.textSize;
  drawText(surface, x, left + width - 4, bottom - edge, { ...look, align: "right" });
  drawText(surface, y, left + 4, top + edge, look);
}

/**
 * A picture of numbers on a grid: one colour that grows from nothing to opaque.
 * @param {Float32Array|Float64Array} values size*size shares in [0, 1], the first axis slowest
 * @param {number} size
 * @param {number[]} colour its three channels
 * @param {HTMLCanvasElement} [canvas] to be used again
 * @returns {HTMLCanvasElement} with the first axis to the right and the second one up
 */
export function shadeGrid(values, size, colour, canvas = document.createElement("canvas")) {
  canvas.width = size;
  canvas.height = size;
  const context = canvas.getContext("2d");
  const image = context.createImageData(size, size);
  for (let i = 0; i < size; i++) {
    for (let j = 0; j < size; j++) {
      const at = 4 * ((size - 1 - j) * size + i);
      image.data[at] = colour[0];
      image.data[at + 1] = colour[1];
      image.data[at + 2] = colour[2];
      image.data[at + 3] = Math.round(255 * values[i * size + j]);
    }
  }
  context.putImageData(image, 0, 0);
  return canvas;
}

/**
 * Put such a picture where its grid lies: grid points are the centres of its pixels.
 * @param {CanvasRenderingContext2D} context
 * @param {Plane} plane
 * @param {HTMLCanvasElement} image
 * @param {number[]} bounds of the grid points: low and high of the first axis, low and high of the second
 */
export function drawGrid(context, plane, image, [low0, high0, low1, high1]) {
  const half0 = (high0 - low0) / (image.width - 1) / 2;
  const half1 = (high1 - low1) / (image.height - 1) / 2;
  const [left, top] = plane.toPixel(low0 - half0, high1 + half1);
  const [right, bottom] = plane.toPixel(high0 + half0, low1 - half1);
  context.imageSmoothingEnabled = true;
  context.drawImage(image, left, top, right - left, bottom - top);
}
