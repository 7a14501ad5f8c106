// Which colour stands for which thing: those of the report, so that a picture here is read as one there.

export const DATA = "#0072B2";
export const RECONSTRUCTION = "#D55E00";
export const POSTERIOR = RECONSTRUCTION;
export const GENERATED = "#009E73";
export const PRIOR = GENERATED;
export const GRID = "#CC79A7";
export const TRUE_POSTERIOR = "#7A5FD0";
export const REFERENCE = "#808080";

const COORDINATE_STOPS = [
  "#2261DD",
  "#6655DE",
  "#8F4BD2",
  "#B142B9",
  "#CB3C97",
  "#DE3B6E",
  "#E7453B",
  "#DA6505",
  "#C67F09",
];

/** Colours of the coordinate t are drawn in so many steps: one path each. */
export const COORDINATE_BUCKETS = 24;

/**
 * Red, green and blue of a colour.
 * @param {string} colour as "#rrggbb" or "rgb(r g b)"
 * @returns {number[]} three numbers in [0, 255]
 */
export function channels(colour) {
  if (colour.startsWith("rgb(")) return colour.slice(4, -1).split(" ").map(Number);
  return [1, 3, 5].map((at) => parseInt(colour.slice(at, at + 2), 16));
}

/**
 * The colour of a coordinate.
 * @param {number} t in [0, 1]
 * @returns {string} for a canvas
 */
export function coordinateColour(t) {
  const place = Math.min(Math.max(t, 0), 1) * (COORDINATE_STOPS.length - 1);
  const first = Math.min(Math.floor(place), COORDINATE_STOPS.length - 2);
  const above = channels(COORDINATE_STOPS[first + 1]);
  const mixed = channels(COORDINATE_STOPS[first]).map((value, k) => value + (place - first) * (above[k] - value));
  return `rgb(${mixed.map(Math.round).join(" ")})`;
}

/** One colour for each bucket of the coordinate. */
export const COORDINATE_COLOURS = Array.from({ length: COORDINATE_BUCKETS }, (_, k) =>
  coordinateColour((k + 0.5) / COORDINATE_BUCKETS),
);

/**
 * Which points have which colour of the coordinate.
 * @param {Float32Array|null} coordinate in [0, 1], length n; null puts all points into one bucket
 * @param {number} count n
 * @returns {Int32Array[]} indices by bucket: COORDINATE_BUCKETS of them, or one
 */
export function bucketsOf(coordinate, count) {
  if (!coordinate) return [firstNumbers(count)];

  const found = Array.from({ length: COORDINATE_BUCKETS }, () => []);
  for (let k = 0; k < count; k++) {
    const bucket = Math.floor(coordinate[k] * COORDINATE_BUCKETS);
    found[Math.min(Math.max(bucket, 0), COORDINATE_BUCKETS - 1)].push(k);
  }
  return found.map((indices) => Int32Array.from(indices));
}

let numbers = new Int32Array(0);

/** The numbers 0, 1 and so on below a count. */
function firstNumbers(count) {
  if (numbers.length < count) numbers = Int32Array.from({ length: 2 * count }, (_, k) => k);
  return numbers.subarray(0, count);
}

/**
 * The page's own colours as they are now, light or dark.
 * @returns {{ink: string, quiet: string, panel: string, line: string}}
 */
export function theme() {
  const style = getComputedStyle(document.documentElement);
  const read = (name, otherwise) => style.getPropertyValue(name).trim() || otherwise;
  return {
    ink: read("--ink", "#222222"),
    quiet: read("--quiet", "#5b6169"),
    panel: read("--panel", "#ffffff"),
    line: read("--line", "#d4d7dc"),
  };
}
