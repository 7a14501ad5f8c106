/**
 * The best that any model could do: a lower bound on the mean negative log evidence, for data along a curve.
 *
 * A decoder with standard deviation sigma makes p(x) = E_m N(x; m, sigma^2 I), where m = decode(z) follows some
 * distribution P. Whatever the encoder, the decoder and the prior,
 *
 *     -E log p(x)  >=  min over P of  -E_x log E_{m ~ P} N(x; m, sigma^2 I)                      the bound, in nats
 *
 * As `swissroll.evaluation.lower_bound`: P is a mixture of atoms that is improved by expectation maximisation, with a
 * certificate: with D(m) = E_x [N(x; m) / p(x)], no P is better by more than log max_m D(m). With noise of at least
 * sigma the bound is the data's own entropy.
 *
 * Sources: Blahut (1972) and Arimoto (1972) for the iteration of the weights; Lindsay (1983), "The geometry of mixture
 * likelihoods", section 5, for the certificate; Rose (1994), for atoms that move.
 */

import { LOG_TWO_PI } from "./frozen_model.js";
import { gaussHermite, gaussLegendre, productRule } from "./rules.js";

/** Nodes in each piece of the coordinate. */
const PANEL = 16;
/** Width of the bracket, in nats, at which to stop. */
const TOLERANCE = 5e-3;
const MAX_STEPS = 1000;
const FIRST_ROUND = 20;
const ROUND = 100;
/** Steps of mean shift towards the maxima of the certificate's function, and points that climb beside the atoms. */
const CLIMB_STEPS = 20;
const CLIMBERS = 200;
/** Most pairs of a point and an atom: beyond, the bound would take minutes. */
const MAX_PAIRS = 2 ** 22;
const MAX_WORK = 10 ** 8;
/** Even places along a curve at which its speed is taken. */
const TRIALS = 4097;
/** Nodes of the noise in each coordinate, by the number of coordinates, where the bound is an entropy. */
const ENTROPY_ORDERS = { 2: 12, 3: 5 };

/**
 * @typedef {object} LowerBound
 * @property {number} value Reached by the mixture that was found, in nats per point.
 * @property {number} lower No model is below it.
 * @property {(x: ArrayLike<number>) => number} logDensity Log density of the mixture at a point of D coordinates.
 */

/** Finds lower bounds, in a kernel's memory. */
export class LowerBoundMeter {
  /** @param {import("./kernel.js").Kernel} kernel One whose memory may grow. */
  constructor(kernel) {
    this.kernel = kernel;
    this.room = 0;
  }

  /**
   * Bound the mean negative log evidence of any model. Yields between slices of the work.
   *
   * @param {import("./curves.js").Curve} curve
   * @param {number} sigma Decoder standard deviation, in data units.
   * @param {number} noise Standard deviation of the noise on the data, in data units.
   * @returns {Generator<void, LowerBound | null>} Null where it would take minutes.
   */
  *measure(curve, sigma, noise) {
    const isEntropy = noise >= sigma;
    const spread = isEntropy ? noise : sigma;
    const x = isEntropy ? noisyNodes(curve, noise, 0.4 * noise, ENTROPY_ORDERS[curve.data_dim]) : dataNodes(curve, noise, sigma);
    const atoms = curveNodes(curve, (isEntropy ? 0.4 : 1.2) * spread);
    if (x.mass.length * atoms.mass.length > (isEntropy ? 16 : 1) * MAX_PAIRS) {
      return null;
    }
    const mixture = { points: atoms.points, weights: isEntropy ? atoms.mass : atoms.mass.map(() => 1 / atoms.mass.length) };
    if (isEntropy) {
      const value = entropy(x, mixture, spread, curve.data_dim);
      yield;
      return { value, lower: value, logDensity: densityOf(mixture, spread, curve.data_dim) };
    }
    return yield* this.#improve(x, mixture, sigma, curve.data_dim);
  }

  /** Improve a mixture until the certificate is narrow. */
  *#improve(x, mixture, sigma, dims) {
    this.#place(x, mixture.weights.length, dims);
    const affordable = Math.max(1, Math.floor((14 * MAX_WORK) / (x.mass.length * mixture.weights.length)));
    let lower = -Infinity;
    let value = Infinity;
    for (let done = 0; done < Math.min(MAX_STEPS, affordable); ) {
      const few = Math.min(done + FIRST_ROUND, ROUND);
      for (let i = 0; i < few; i++) {
        this.#step(mixture, sigma, dims, false);
        yield;
      }
      done += few;

      const found = yield* this.#certify(x, mixture, sigma, dims);
      value = found.value;
      lower = Math.max(lower, value - found.excess);
      if (value - lower < TOLERANCE) {
        return { value, lower, logDensity: densityOf(mixture, sigma, dims) };
      }
    }
    return null;
  }

  /** Put the points where the kernel reads them, and make room for as many atoms as there may be. */
  #place(x, atoms, dims) {
    const count = (x.mass.length + 3) & ~3;
    const most = atoms + CLIMBERS;
    const wanted = count * (dims + 2 + most) + most * (5 + 2 * (1 + dims)) + 64;
    if (wanted > this.room) {
      this.start = this.kernel.allocate(wanted * 4);
      this.room = wanted;
    }
    this.count = count;
    this.x_at = this.start;
    this.mass_at = this.x_at + 4 * count * dims;
    this.density_at = this.mass_at + 4 * count;
    this.atoms_at = this.density_at + 4 * count;
    this.weights_at = this.atoms_at + 16 * most;
    this.sums_at = (this.weights_at + 4 * most + 15) & ~15;
    this.kernel_at = this.sums_at + ((8 * most * (1 + dims) + 15) & ~15);

    const points = this.kernel.floats(this.x_at, count * dims).fill(0);
    const mass = this.kernel.floats(this.mass_at, count).fill(0);
    mass.set(x.mass);
    x.mass.forEach((_, i) => {
      for (let d = 0; d < dims; d++) {
        points[d * count + i] = x.points[i * dims + d];
      }
    });
  }

  /** One step of expectation maximisation; or, where densities are kept, of mean shift. Sets each atom's gain D. */
  #step(mixture, sigma, dims, keepsDensity) {
    const { points, weights } = mixture;
    const rows = this.kernel.floats(this.atoms_at, weights.length * 4);
    weights.forEach((_, k) => {
      for (let d = 0; d < dims; d++) {
        rows[4 * k + d] = points[k * dims + d];
      }
    });
    this.kernel.floats(this.weights_at, weights.length).set(weights);
    this.kernel.exports.explain_points(
      ...[this.count, dims, this.x_at, this.mass_at, weights.length, this.atoms_at, this.weights_at, 1 / (2 * sigma ** 2)],
      ...[keepsDensity ? 1 : 0, this.density_at, this.kernel_at, this.sums_at],
    );

    // w_j <- w_j D(m_j), with D(m) = E_x [N(x; m) / p(x)]; each atom moves to the mean of the points that it explains.
    const sums = this.kernel.doubles(this.sums_at, weights.length * (1 + dims));
    mixture.gains = weights.map((_, k) => sums[k * (1 + dims)]);
    weights.forEach((weight, k) => {
      const gain = mixture.gains[k];
      weights[k] = keepsDensity ? weight : weight * gain;
      for (let d = 0; d < dims && gain > 0; d++) {
        points[k * dims + d] = sums[k * (1 + dims) + 1 + d] / gain;
      }
    });
  }

  /** The mixture's mean -log p(x), and the most that any other is below it: log max_m D(m), in nats. */
  *#certify(x, mixture, sigma, dims) {
    const probe = { points: mixture.points.slice(), weights: mixture.weights.slice() };
    this.#step(probe, sigma, dims, false);
    const density = this.kernel.floats(this.density_at, x.mass.length);
    const value = x.mass.reduce((sum, mass, i) => sum - mass * Math.log(density[i]), logConstant(sigma, dims));

    // D is a sum of bumps at the points; mean shift climbs to its maxima from the atoms and from some of the points.
    const stride = Math.max(1, Math.ceil(x.mass.length / CLIMBERS));
    const some = Array.from(x.mass.keys()).filter((i) => i % stride === 0);
    const points = [...mixture.points, ...some.flatMap((i) => Array.from(x.points.subarray(i * dims, (i + 1) * dims)))];
    const climbers = { points: Float64Array.from(points), weights: new Float64Array(points.length / dims) };
    for (let i = 0; i < CLIMB_STEPS; i++) {
      this.#step(climbers, sigma, dims, true);
      yield;
    }
    return { value, excess: Math.max(0, Math.log(climbers.gains.reduce((a, b) => Math.max(a, b)))) };
  }
}

function logConstant(sigma, dims) {
  return (dims / 2) * (LOG_TWO_PI + 2 * Math.log(sigma));
}

/** Log density of a mixture of Gaussians of one width. */
function densityOf({ points, weights }, sigma, dims) {
  return (x) => {
    let density = 0;
    for (let k = 0; k < weights.length; k++) {
      let square = 0;
      for (let d = 0; d < dims; d++) {
        square += (x[d] - points[k * dims + d]) ** 2;
      }
      density += weights[k] * Math.exp(-square / (2 * sigma ** 2));
    }
    return Math.log(density) - logConstant(sigma, dims);
  };
}

/** The mixture's own mean negative log density, where the points are its own. */
function entropy(x, mixture, sigma, dims) {
  const logDensity = densityOf(mixture, sigma, dims);
  return x.mass.reduce((sum, mass, i) => sum - mass * logDensity(x.points.subarray(i * dims, (i + 1) * dims)), 0);
}

/** Points and masses for means over the curve of what varies over a length. */
function curveNodes(curve, length) {
  const panels = curve.pieces * Math.max(1, Math.ceil(fastest(curve) / length / PANEL));
  const { roots, weights } = gaussLegendre(PANEL);
  const points = new Float64Array(panels * PANEL * curve.data_dim);
  const mass = new Float64Array(panels * PANEL);
  for (let i = 0; i < mass.length; i++) {
    const u = (Math.floor(i / PANEL) + (roots[i % PANEL] + 1) / 2) / panels;
    points.set(curve.position(curve.coordinate(u), Math), i * curve.data_dim);
    mass[i] = weights[i % PANEL] / 2 / panels;
  }
  return { points, mass };
}

/** Length of a piece of the curve, were it run through at its highest speed. */
function fastest(curve) {
  let longest = 0;
  for (let piece = 0; piece < curve.pieces; piece++) {
    // Within a piece only: the way from one piece to the next is no part of the curve.
    const share = (i) => Math.min((piece + i / (TRIALS - 1)) / curve.pieces, (piece + 1 - 1e-12) / curve.pieces);
    let before = curve.position(curve.coordinate(share(0)), Math);
    for (let i = 1; i < TRIALS; i++) {
      const here = curve.position(curve.coordinate(share(i)), Math);
      longest = Math.max(longest, Math.hypot(...here.map((value, d) => value - before[d])));
      before = here;
    }
  }
  return longest * (TRIALS - 1);
}

/** Points and masses for means over the data of what varies over sigma, above the noise. */
function dataNodes(curve, noise, sigma) {
  if (noise === 0) {
    return curveNodes(curve, 0.4 * sigma);
  }
  return noisyNodes(curve, noise, 0.8 * sigma, 3 + Math.ceil((4 * noise) / sigma));
}

function noisyNodes(curve, noise, length, order) {
  const dims = curve.data_dim;
  const centres = curveNodes(curve, length);
  const blur = productRule(gaussHermite(order), dims);

  // Nodes with next to no weight are left out.
  const kept = Array.from(blur.weights.keys()).filter((k) => blur.weights[k] > 1e-7);
  const points = new Float64Array(centres.mass.length * kept.length * dims);
  const mass = new Float64Array(centres.mass.length * kept.length);
  centres.mass.forEach((share, i) => {
    kept.forEach((k, row) => {
      const at = i * kept.length + row;
      mass[at] = share * blur.weights[k];
      for (let d = 0; d < dims; d++) {
        points[at * dims + d] = centres.points[i * dims + d] + noise * blur.positions[k * dims + d];
      }
    });
  });
  const total = mass.reduce((a, b) => a + b);
  return { points, mass: mass.map((value) => value / total) };
}
