// Draws the data's space: data, what a model makes of them, what it generates, and the density that it has.

import { Plane, drawAxes, drawCross, drawGrid, drawText, shadeGrid } from "./canvas.js";
import { boundsOf, contour, drawSegments, levelsOfMass } from "./contours.js";
import { drawMarks } from "./marks.js";
import {
  COORDINATE_COLOURS,
  DATA,
  GENERATED,
  GRID,
  POSTERIOR,
  RECONSTRUCTION,
  REFERENCE,
  bucketsOf,
  channels,
} from "./palette.js";
import { FIRST_SIDE, project, reachOf } from "./projection.js";
import { drawUnderlay } from "./underlay.js";
import { restore, shortName } from "./units.js";

/** Shares of all that a model generates which its contours enclose. */
export const MASSES = [0.5, 0.9, 0.99];
/** Residuals that are drawn: of more points, evenly many. */
const MOST_RESIDUALS = 300;
/** Where the lines meet that show which way columns point, as a share of the picture's width. */
const DIRECTIONS_AT = 0.2;
/** Of these lines, in pixels where one is seen from its side. */
const DIRECTION_LENGTH = 34;
const LINES = [
  { width: 1.8, dash: [] },
  { width: 1.2, dash: [] },
  { width: 1.2, dash: [4, 3] },
];

const plain = (count, colour) => ({ buckets: bucketsOf(null, count), colours: [colour] });

/** What does not change from one frame of a run to the next, by the run's begin message. */
const known = new WeakMap();

/**
 * What a run's points are drawn with.
 * @param {{points: Float32Array, coordinate: Float32Array|null, settings: object}} begin
 * @returns {{count: number, dims: number, extent: number, look: object, byCoordinate: object}}
 */
export function pointsOf(begin) {
  const found = known.get(begin);
  if (found) return found;

  const dims = begin.dims ?? begin.data_dim ?? (begin.coordinate ? begin.points.length / begin.coordinate.length : 2);
  const count = begin.points.length / dims;
  const made = {
    count,
    dims,
    extent: reachOf(begin.points, dims),
    one: plain(count, DATA),
    byCoordinate: begin.coordinate
      ? { buckets: bucketsOf(begin.coordinate, count), colours: COORDINATE_COLOURS }
      : plain(count, DATA),
  };
  known.set(begin, made);
  return made;
}

/** Largest error of a density, as a share of its highest value, that is drawn. */
const MOST_ERROR = 0.4;

/** Whether a density is one, and no pattern of the latents that it was found from. */
export function isResolved({ error }) {
  return error <= MOST_ERROR;
}

/** Pictures of densities, by the density: made once, and put down at each frame. */
const shaded = new WeakMap();

function shadedDensity(density) {
  const found = shaded.get(density);
  if (found) return found;

  const { log_density: logDensity, size, extent } = density;
  const levels = levelsOfMass(logDensity, MASSES);
  let highest = -Infinity;
  for (const value of logDensity) if (value > highest) highest = value;
  // The square root shows the thin parts of a density, too; at its highest it is still seen through.
  const shares = Float32Array.from(logDensity, (value) => 0.4 * Math.exp((value - highest) / 2));
  const made = {
    image: shadeGrid(shares, size, channels(GENERATED)),
    lines: levels.map((level) => contour(logDensity, size, extent, level)),
  };
  shaded.set(density, made);
  return made;
}

function drawDensity(surface, plane, density) {
  const { context } = surface;
  const { image, lines } = shadedDensity(density);
  drawGrid(context, plane, image, boundsOf(density.extent));

  context.strokeStyle = GENERATED;
  lines.forEach((segments, k) => {
    context.lineWidth = LINES[k].width;
    context.setLineDash(LINES[k].dash);
    drawSegments(context, plane, segments);
  });
  context.setLineDash([]);
}

function drawMesh(surface, plane, mesh, dims, side) {
  const { context } = surface;
  const points = project(mesh.points, dims, side);
  const isLine = points.length / 2 === mesh.size;
  const place = (k) => plane.toPixel(points[2 * k], points[2 * k + 1]);
  const polyline = (first, every) => {
    context.moveTo(...place(first));
    for (let k = 1; k < mesh.size; k++) context.lineTo(...place(first + k * every));
  };

  context.strokeStyle = GRID;
  context.lineWidth = isLine ? 2 : 0.8;
  context.beginPath();
  if (isLine) polyline(0, 1);
  else
    for (let k = 0; k < mesh.size; k++) {
      polyline(k * mesh.size, 1);
      polyline(k, mesh.size);
    }
  context.stroke();
}

function drawResiduals(surface, plane, from, to) {
  const { context } = surface;
  context.strokeStyle = REFERENCE;
  context.lineWidth = 0.8;
  context.beginPath();
  const every = 2 * Math.ceil(from.length / 2 / MOST_RESIDUALS);
  for (let k = 0; k < from.length; k += every) {
    context.moveTo(from[k] * plane.scaleX + plane.shiftX, from[k + 1] * plane.scaleY + plane.shiftY);
    context.lineTo(to[k] * plane.scaleX + plane.shiftX, to[k + 1] * plane.scaleY + plane.shiftY);
  }
  context.stroke();
}

function drawLine(surface, plane, points) {
  const { context } = surface;
  for (const [colour, width] of [
    [surface.theme.panel, 5],
    [surface.theme.ink, 2],
  ]) {
    context.strokeStyle = colour;
    context.lineWidth = width;
    context.beginPath();
    for (let k = 0; k < points.length; k += 2) context.lineTo(...plane.toPixel(points[k], points[k + 1]));
    context.stroke();
  }
  drawText(surface, "from", ...plane.toPixel(points[0], points[1]), { align: "right", baseline: "bottom" });
}

function drawChosenPoint(surface, plane, points, reconstructions, index, draws) {
  const { context } = surface;
  if (draws) drawMarks(context, plane, draws, { shape: "square", size: 1.8, ...plain(draws.length / 2, POSTERIOR) });

  const at = plane.toPixel(points[2 * index], points[2 * index + 1]);
  const to = reconstructions && plane.toPixel(reconstructions[2 * index], reconstructions[2 * index + 1]);
  context.strokeStyle = surface.theme.ink;
  context.lineWidth = 2;
  context.beginPath();
  context.arc(...at, 7, 0, 2 * Math.PI);
  if (to) {
    context.moveTo(...at);
    context.lineTo(...to);
  }
  context.stroke();
  drawText(surface, "x", at[0] - 11, at[1], { align: "right" });
}

/**
 * Show which way the columns of a table point: three lines in a corner, each with its name.
 * @param {import("./canvas.js").Surface} surface that has begun
 * @param {Plane} plane of the picture
 * @param {{turn: number, tilt: number}} side that points are seen from
 * @param {string[]} names three
 */
export function drawDirections(surface, plane, side, names) {
  const { context, theme } = surface;
  const { left, top, width, height } = plane.box;
  const at = [left + DIRECTIONS_AT * width, top + height - DIRECTION_LENGTH - 10];
  const ends = project(Float32Array.of(1, 0, 0, 0, 1, 0, 0, 0, 1), 3, side);
  for (const [column, name] of names.entries()) {
    const across = ends[2 * column];
    const up = ends[2 * column + 1];
    const place = (length) => [at[0] + length * across, at[1] - length * up];
    context.strokeStyle = theme.quiet;
    context.lineWidth = 1;
    context.beginPath();
    context.moveTo(...at);
    context.lineTo(...place(DIRECTION_LENGTH));
    context.stroke();

    let align = "center";
    if (Math.abs(across) > 0.2) align = across < 0 ? "right" : "left";
    drawText(surface, name, ...place(1.2 * DIRECTION_LENGTH), { align, colour: theme.quiet });
  }
}

/** Axes in the units of a table, where the points are of one; the picture is of standardised columns. */
function drawDataAxes(surface, plane, dims, units, side) {
  const names = units?.columns.map(shortName) ?? ["x₁", "x₂", "x₃"];
  if (dims > 2) {
    drawAxes(surface, plane, { x: "drag to turn", y: units ? "" : names[2], numbersX: [], numbersY: [] });
    if (units) drawDirections(surface, plane, side, names);
    return;
  }
  const [x, y] = [plane.x, plane.y].map((ends, dim) => ends.map((value) => restore(value, dim, units)));
  drawAxes(surface, new Plane(plane.box, x, y), { x: names[0], y: names[1] });
}

/**
 * Draw a run's data space.
 * @param {import("./canvas.js").Surface} surface that has begun
 * @param {{begin: object, frame?: object, truth?: object}} run
 * @param {{shows: (name: string) => boolean, selection?: object, side?: object, bare?: boolean, extent?: number}} options
 *   what is shown, by the names of the toggles; what is selected and decoded; the side that 3-D points are seen from;
 *   `bare` leaves out axes and cursor, for thumbnails
 * @returns {{plane: Plane, points: Float32Array}} where it was drawn, and the data in the plane, n*2
 */
export function drawData(surface, run, { shows, selection = {}, side = FIRST_SIDE, bare = false, extent }) {
  const { begin, frame, truth } = run;
  const { context } = surface;
  const { dims, extent: reach, one, byCoordinate, count } = pointsOf(begin);
  const box = { left: 0, top: 0, width: surface.width, height: surface.height };
  const plane = Plane.square(box, extent ?? reach);
  const data = project(begin.points, dims, side);
  const reconstructions = frame?.reconstructions && project(frame.reconstructions, dims, side);

  const density = shows("density") && dims === 2 && truth?.density && isResolved(truth.density) ? truth.density : null;
  const drawUnder = (under) => {
    if (!bare) drawDataAxes(under, plane, dims, begin.units, side);
    if (density) drawDensity(under, plane, density);
  };
  if (bare) drawUnder(surface);
  else drawUnderlay(surface, [begin, density, side.turn, side.tilt, ...plane.x, ...plane.y], drawUnder);
  if (shows("mesh") && frame?.mesh?.points) drawMesh(surface, plane, frame.mesh, dims, side);
  if (shows("residuals") && reconstructions) drawResiduals(surface, plane, data, reconstructions);
  if (shows("data")) {
    const size = bare ? 1.2 : 2;
    drawMarks(context, plane, data, { size, isStill: true, ...(shows("coordinate") ? byCoordinate : one) });
  }
  if (shows("reconstructions") && reconstructions)
    drawMarks(context, plane, reconstructions, { shape: "ring", size: 2.2, ...plain(count, RECONSTRUCTION) });
  if (shows("samples") && frame?.samples) {
    const drawn = project(frame.samples.means, dims, side);
    drawMarks(context, plane, drawn, { shape: "triangle", size: bare ? 1.2 : 2, ...plain(drawn.length / 2, GENERATED) });
  }
  if (shows("noise") && frame?.samples?.noisy) {
    const drawn = project(frame.samples.noisy, dims, side);
    drawMarks(context, plane, drawn, { shape: "plus", size: 2.2, ...plain(drawn.length / 2, GENERATED) });
  }
  if (bare) return { plane, points: data };

  const { point, latent, line, decoded, draws } = selection;
  if (Number.isInteger(point) && point < count)
    drawChosenPoint(surface, plane, data, reconstructions, point, draws && project(draws.means, dims, side));
  if (line && decoded?.line) drawLine(surface, plane, project(decoded.line, dims, side));
  if (latent && decoded?.mean) drawCross(surface, ...plane.toPixel(...project(decoded.mean, dims, side)));
  return { plane, points: data };
}
