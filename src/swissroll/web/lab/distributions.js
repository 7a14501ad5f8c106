/**
 * Distributions that points are drawn from and that are no curve: own points, and those of `swissroll.data.densities`, in the plane, and of
 * `swissroll.data.surfaces`, in space. What needs a curve (the lower bound of the evidence, jumps along it) is not known
 * of them.
 *
 * @typedef {import("./curves.js").Trigonometry} Trigonometry
 * @typedef {import("./curves.js").Generator & {below: (bound: number) => number}} Generator
 * @typedef {object} Distribution
 * @property {number} data_dim D, coordinates of a point.
 * @property {number} variance Variance of its points, averaged over coordinates, in squared data units; exact.
 * @property {(generator: Generator, trigonometry: Trigonometry) => {point: ArrayLike<number>, coordinate: number | null}} draw One
 *   point, and what colours it, from 0 to 1.
 */

import { meanVariance } from "./curves.js";

/** Squares on a side of the checkerboard, and their side in data units. */
const BOARD = 4;
const SQUARE = 0.4;
/** Lower left corners of its black squares. */
const CORNERS = Array.from({ length: BOARD ** 2 }, (_, k) => [Math.floor(k / BOARD), k % BOARD])
  .filter(([across, up]) => (across + up) % 2 === 0)
  .map((place) => place.map((index) => SQUARE * (index - BOARD / 2)));

const PETALS = 5;
/** Angle by which a pinwheel is turned at radius 1, in radians; it is proportional to the radius. */
const TWIST = 2.5;

/** Height of the Swiss roll in space. */
const HEIGHT = 1.4;
/** Radius of the circle in the middle of the torus's tube, and of the tube. */
const TORUS_RADIUS = 0.7;
const TUBE_RADIUS = 0.3;
/** Newton steps of the equation of the tube's angle. */
const KEPLER_STEPS = 20;

/**
 * A mixture of Gaussians in the plane.
 *
 * @typedef {{weight: number, mean: number[], along: number, across: number, angle: number}} Part `along` and `across`:
 *   standard deviations along a direction and across it.
 *
 * @param {(trigonometry: Trigonometry) => Part[]} partsBy Its Gaussians.
 * @returns {Distribution}
 */
function gaussians(partsBy) {
  // The caller's sine and cosine, as the points are to have the same bits everywhere.
  let known = null;
  const draw = (generator, trigonometry) => {
    known ??= partsBy(trigonometry).map((part) => ({ ...part, factor: choleskyFactor(part, trigonometry) }));
    let rest = generator.uniform();
    let k = 0;
    for (; k < known.length - 1 && rest >= known[k].weight; k++) rest -= known[k].weight;

    // x = m + L eps with L L^T = C.
    const { mean, factor } = known[k];
    const [xx, xy, yy] = factor;
    const [first, second] = [generator.normal(), generator.normal()];
    const point = [mean[0] + xx * first, mean[1] + xy * first + yy * second];
    return { point, coordinate: known.length > 1 ? k / (known.length - 1) : null };
  };
  return { data_dim: 2, variance: varianceOf(partsBy(Math)), draw };
}

/** Cholesky's factor of a covariance, lower left: xx, xy, yy. */
function choleskyFactor({ along, across, angle }, { sin, cos }) {
  const [right, up] = [cos(angle), sin(angle)];
  const xx = (along * right) ** 2 + (across * up) ** 2;
  const xy = (along ** 2 - across ** 2) * right * up;
  const yy = (along * up) ** 2 + (across * right) ** 2;

  const first = Math.sqrt(xx);
  return [first, xy / first, Math.sqrt(yy - (xy * xy) / xx)];
}

/** Variance of a mixture, averaged over coordinates: Var x = E Var(x | k) + Var E(x | k). */
function varianceOf(parts) {
  const centre = [0, 1].map((d) => parts.reduce((sum, { weight, mean }) => sum + weight * mean[d], 0));
  return parts.reduce((sum, { weight, mean, along, across }) => {
    const between = (mean[0] - centre[0]) ** 2 + (mean[1] - centre[1]) ** 2;
    // The trace of a covariance is the same however it is turned.
    return sum + (weight * (along ** 2 + across ** 2 + between)) / 2;
  }, 0);
}

/** Gaussians of one shape at even places on a circle about the origin, turned as their places are. */
function onCircle(count, radius, along, across) {
  return ({ sin, cos }) =>
    Array.from({ length: count }, (_, k) => {
      const angle = (2 * Math.PI * k) / count;
      return { weight: 1 / count, mean: [radius * cos(angle), radius * sin(angle)], along, across, angle };
    });
}

/** Uniform on the black squares of a board. @type {Distribution} */
const checkerboard = {
  data_dim: 2,
  // Each coordinate alone is uniform on the board's whole side.
  variance: (BOARD * SQUARE) ** 2 / 12,
  draw: (generator) => {
    const square = Math.floor(CORNERS.length * generator.uniform());
    const point = CORNERS[square].map((low) => low + SQUARE * generator.uniform());
    return { point, coordinate: square / (CORNERS.length - 1) };
  },
};

/** The pinwheel before its twist: Gaussians on a circle, longer along the radius. */
const petals = gaussians(onCircle(PETALS, 0.6, 0.18, 0.05));

/** Petals that are turned about the origin by an angle that grows with the radius. @type {Distribution} */
const pinwheel = {
  data_dim: 2,
  // A twist keeps every radius, and five petals balance one another.
  variance: petals.variance,
  draw: (generator, { sin, cos }) => {
    const { point, coordinate } = petals.draw(generator, { sin, cos });
    const [x, y] = point;
    const angle = TWIST * Math.sqrt(x * x + y * y);
    return { point: [x * cos(angle) - y * sin(angle), x * sin(angle) + y * cos(angle)], coordinate };
  },
};

/** The roll in the first and the last coordinate, and a uniform height between them. @type {Distribution} */
const swissRoll3d = {
  data_dim: 3,
  variance: (2 * rollVariance() + HEIGHT ** 2 / 12) / 3,
  draw: (generator, { sin, cos }) => {
    const u = generator.uniform();
    const t = 1.5 * Math.PI * (1 + 2 * u);
    const height = HEIGHT * (generator.uniform() - 0.5);
    return { point: [(t * cos(t)) / 15, height, (t * sin(t)) / 15], coordinate: u };
  },
};

/** Variance of the roll in the plane, averaged over its coordinates: E |x|^2 is that of t^2 / 225, in closed form. */
function rollVariance() {
  const [low, high] = [1.5 * Math.PI, 4.5 * Math.PI];
  const range = high - low;
  const square = (high ** 3 - low ** 3) / (3 * range) / 225;

  // The integrals of t cos t and t sin t.
  const meanX = (high * Math.sin(high) + Math.cos(high) - low * Math.sin(low) - Math.cos(low)) / range / 15;
  const meanY = (Math.sin(high) - high * Math.cos(high) - Math.sin(low) + low * Math.cos(low)) / range / 15;
  return (square - meanX ** 2 - meanY ** 2) / 2;
}

/** The surface of a ring, uniform by area. @type {Distribution} */
const torus = {
  data_dim: 3,
  // E |x|^2 = R^2 + 2 r^2 for points that are uniform by area.
  variance: (TORUS_RADIUS ** 2 + 2 * TUBE_RADIUS ** 2) / 3,
  draw: (generator, { sin, cos }) => {
    const u = generator.uniform();
    const target = 2 * Math.PI * generator.uniform();
    const ratio = TUBE_RADIUS / TORUS_RADIUS;

    // Area grows with the distance from the axis: the tube's angle a solves Kepler's equation, a + (r / R) sin a = 2 pi u.
    let angle = target;
    for (let k = 0; k < KEPLER_STEPS; k++) {
      angle -= (angle + ratio * sin(angle) - target) / (1 + ratio * cos(angle));
    }
    const around = 2 * Math.PI * u;
    const fromAxis = TORUS_RADIUS + TUBE_RADIUS * cos(angle);
    return { point: [fromAxis * cos(around), fromAxis * sin(around), TUBE_RADIUS * sin(angle)], coordinate: u };
  },
};

/**
 * Own points, each as often as the others.
 *
 * @param {{dims: number, values: Float32Array}} points n * D.
 * @returns {Distribution}
 */
export function ownPoints({ dims, values }) {
  const draw = (generator) => {
    const row = generator.below(values.length / dims) * dims;
    return { point: values.subarray(row, row + dims), coordinate: null };
  };
  return { data_dim: dims, variance: meanVariance(values, dims), draw };
}

/** @type {Record<string, Distribution>} By the name that `Config.dataset` has for them. */
export const DISTRIBUTIONS = {
  gaussian: gaussians(() => [{ weight: 1, mean: [0, 0], along: 0.6, across: 0.2, angle: Math.PI / 6 }]),
  three_gaussians: gaussians(() => [
    { weight: 0.5, mean: [-0.5, -0.3], along: 0.25, across: 0.08, angle: Math.PI / 3 },
    { weight: 0.3, mean: [0.45, -0.35], along: 0.12, across: 0.12, angle: 0 },
    { weight: 0.2, mean: [0.1, 0.55], along: 0.35, across: 0.06, angle: -Math.PI / 12 },
  ]),
  eight_gaussians: gaussians(onCircle(8, 0.63, 0.05, 0.05)),
  checkerboard,
  pinwheel,
  swiss_roll_3d: swissRoll3d,
  torus,
};

/**
 * Draw points of a distribution.
 *
 * @param {Distribution} distribution
 * @param {number} count Number of points.
 * @param {number} noise Standard deviation of Gaussian noise added to every coordinate, in data units.
 * @param {Generator} generator Source of randomness: first all points, then all noise.
 * @param {Trigonometry} trigonometry
 * @returns {{points: Float32Array, coordinate: Float32Array | null}} count * D, and what colours each, from 0 to 1.
 */
export function samplePoints(distribution, count, noise, generator, trigonometry) {
  const dims = distribution.data_dim;
  const points = new Float32Array(count * dims);
  const coordinates = new Float32Array(count);
  let isColoured = true;
  for (let i = 0; i < count; i++) {
    const { point, coordinate } = distribution.draw(generator, trigonometry);
    points.set(point, i * dims);
    coordinates[i] = coordinate ?? 0;
    isColoured &&= coordinate !== null;
  }

  if (noise > 0) {
    for (let i = 0; i < points.length; i++) {
      points[i] += noise * generator.normal();
    }
  }
  return { points, coordinate: isColoured ? coordinates : null };
}
