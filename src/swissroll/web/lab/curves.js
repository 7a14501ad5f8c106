/**
 * Curves that points are drawn from, each with its own coordinate t: those of `swissroll.data.curves`.
 *
 * A curve has one piece (the roll, the helix) or several (two moons); t runs through the pieces one after the other,
 * each taking an equal share of its range, so that one number names a point and t is uniform whatever the shape.
 *
 * Sine and cosine come from the caller: those of the kernel give the same bits on every device, those of `Math` need
 * not.
 *
 * @typedef {{sin: (angle: number) => number, cos: (angle: number) => number}} Trigonometry
 * @typedef {{uniform: () => number, normal: () => number}} Generator Draws from [0, 1) and from N(0, 1).
 * @typedef {object} Curve
 * @property {string} name How a config names it.
 * @property {number} data_dim D, coordinates of a point.
 * @property {number} start Smallest t.
 * @property {number} stop Largest t.
 * @property {number} pieces Number of pieces; each takes an equal share of [start, stop).
 * @property {boolean} closed Whether each piece ends where it starts.
 * @property {(u: number) => number} coordinate Maps u, uniform on [0, 1), to t on [start, stop).
 * @property {(t: number, trigonometry: Trigonometry) => number[]} position Maps t to a point of D coordinates.
 */

/** Even points along a curve whose mean square is its variance. */
const VARIANCE_POINTS = 2 ** 14;

/** An Archimedean spiral of one and a half turns, of radius t / 15; t is the angle. */
function swissRoll(t, { sin, cos }) {
  return [(t * cos(t)) / 15, (t * sin(t)) / 15];
}

/** Two half circles of radius 2/3 that reach into one another; the whole part of t is the moon. */
function moons(t, { sin, cos }) {
  const [lower, share] = splitPiece(t, 2);

  // The lower moon is the upper one turned by half a circle about (1/2, 1/4).
  const turn = 1 - 2 * lower;
  return [(turn * (cos(Math.PI * share) - 0.5)) / 1.5, (turn * (sin(Math.PI * share) - 0.25)) / 1.5];
}

/** Circles of radius 0.8 and 0.4 about the origin, as many points on each; the whole part of t is the circle. */
function circles(t, { sin, cos }) {
  const [inner, turns] = splitPiece(t, 2);
  const angle = 2 * Math.PI * turns;
  const radius = 0.8 - 0.4 * inner;
  return [radius * cos(angle), radius * sin(angle)];
}

/** Three Archimedean arms of three quarters of a turn; the whole part of t is the arm. */
function spirals(t, { sin, cos }) {
  const [arm, share] = splitPiece(t, 3);
  const angle = ((2 * Math.PI) / 3) * arm + 1.5 * Math.PI * share;
  const radius = 0.15 + 0.85 * share;
  return [radius * cos(angle), radius * sin(angle)];
}

/** Circles of radius 0.9, 0.6 and 0.3 about the origin, as many points on each; the whole part of t is the ring. */
function rings(t, { sin, cos }) {
  const [ring, turns] = splitPiece(t, 3);
  const angle = 2 * Math.PI * turns;
  const radius = 0.9 - 0.3 * ring;
  return [radius * cos(angle), radius * sin(angle)];
}

/** An S of two arcs of radius 1/2.4, each of three quarters of a turn, that meet at t = 0; t is the angle. */
function sCurve(t, { sin, cos }) {
  return [sin(t) / 2.4, (Math.sign(t) * (cos(t) - 1)) / 2.4];
}

/** Two periods of a sine of height 0.55; t runs along the first axis. */
function sine(t, { sin }) {
  return [0.9 * t, 0.55 * sin(2 * Math.PI * t)];
}

/** Three turns of radius 0.6 that climb from -0.9 to 0.9; t is the angle. */
function helix(t, { sin, cos }) {
  return [0.6 * cos(t), 0.6 * sin(t), (0.3 / Math.PI) * t];
}

/** Whole part of t, at most pieces - 1, and the rest, in [0, 1]. */
function splitPiece(t, pieces) {
  const piece = Math.min(Math.max(Math.floor(t), 0), pieces - 1);
  return [piece, t - piece];
}

/** A plane curve of several pieces with t in [0, pieces): its whole part is the piece. */
function ofPieces(name, pieces, position, closed = false) {
  return {
    name,
    data_dim: 2,
    start: 0,
    stop: pieces,
    pieces,
    closed,
    coordinate: (u) => pieces * u,
    position,
  };
}

/** A curve of one open piece, whose coordinate runs from -reach to reach. */
function ofOnePiece(name, data_dim, reach, position) {
  return {
    name,
    data_dim,
    start: -reach,
    stop: reach,
    pieces: 1,
    closed: false,
    coordinate: (u) => reach * (2 * u - 1),
    position,
  };
}

/** @type {Record<string, Curve>} The built-in curves, by the name that `Config.dataset` has for them. */
export const CURVES = {
  swiss_roll: {
    name: "swiss_roll",
    data_dim: 2,
    start: 1.5 * Math.PI,
    stop: 4.5 * Math.PI,
    pieces: 1,
    closed: false,
    coordinate: (u) => 1.5 * Math.PI * (1 + 2 * u),
    position: swissRoll,
  },
  moons: ofPieces("moons", 2, moons),
  circles: ofPieces("circles", 2, circles, true),
  spirals: ofPieces("spirals", 3, spirals),
  rings: ofPieces("rings", 3, rings, true),
  s_curve: ofOnePiece("s_curve", 2, 1.5 * Math.PI, sCurve),
  sine: ofOnePiece("sine", 2, 1, sine),
  helix: ofOnePiece("helix", 3, 3 * Math.PI, helix),
};

/**
 * Draw points of a curve.
 *
 * @param {Curve} curve
 * @param {number} count Number of points.
 * @param {number} noise Standard deviation of Gaussian noise added to every coordinate, in data units.
 * @param {Generator} generator Source of randomness: first all t, then all noise.
 * @param {Trigonometry} trigonometry
 * @returns {{points: Float32Array, coordinate: Float32Array}} Points, count * D, and how far along the curve each is,
 *   from 0 to 1, for its colour.
 */
export function sampleCurve(curve, count, noise, generator, trigonometry) {
  const dims = curve.data_dim;
  const points = new Float32Array(count * dims);
  const coordinate = new Float32Array(count);
  for (let i = 0; i < count; i++) {
    coordinate[i] = generator.uniform();
    points.set(curve.position(curve.coordinate(coordinate[i]), trigonometry), i * dims);
  }

  if (noise > 0) {
    for (let i = 0; i < points.length; i++) {
      points[i] += noise * generator.normal();
    }
  }
  return { points, coordinate };
}

/**
 * Evenly spread points of a curve: the middles of equal parts of its coordinate's range.
 *
 * @param {Curve} curve
 * @param {number} count
 * @param {Trigonometry} trigonometry
 * @returns {{points: Float64Array, coordinate: Float32Array}} Points, count * D, and their share of the way.
 */
export function evenPoints(curve, count, trigonometry) {
  const points = new Float64Array(count * curve.data_dim);
  const coordinate = new Float32Array(count);
  for (let i = 0; i < count; i++) {
    const u = (i + 0.5) / count;
    coordinate[i] = u;
    points.set(curve.position(curve.start + (curve.stop - curve.start) * u, trigonometry), i * curve.data_dim);
  }
  return { points, coordinate };
}

/**
 * Variance of noisy points of a curve, averaged over coordinates, in squared data units: what a decoder reaches that
 * ignores its latents.
 *
 * @param {Curve} curve
 * @param {number} noise
 * @param {Trigonometry} trigonometry
 * @returns {number}
 */
export function curveVariance(curve, noise, trigonometry) {
  const { points } = evenPoints(curve, VARIANCE_POINTS, trigonometry);

  // Var(curve + noise) = Var(curve) + noise^2, in each coordinate.
  return meanVariance(points, curve.data_dim) + noise ** 2;
}

/**
 * Variance of points, averaged over coordinates, in squared data units.
 *
 * @param {Float32Array | Float64Array} points n * D.
 * @param {number} dims D.
 * @returns {number}
 */
export function meanVariance(points, dims) {
  const count = points.length / dims;
  let total = 0;
  for (let d = 0; d < dims; d++) {
    let mean = 0;
    for (let i = d; i < points.length; i += dims) {
      mean += points[i] / count;
    }
    for (let i = d; i < points.length; i += dims) {
      total += (points[i] - mean) ** 2 / count;
    }
  }
  return total / dims;
}
