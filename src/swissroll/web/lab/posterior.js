/**
 * The true posterior p(z|x) of one point on a grid, around the Gaussian that the encoder has in its place.
 *
 * With one or two latent dimensions its density is normalised by the exact evidence. With more it is a slice through the
 * plane of two dimensions, the others at the encoder's mean, and known up to a constant.
 */

import { Bounds } from "./elbo.js";
import { EXACT_DIMS } from "./evidence.js";
import { Cells, CHUNK } from "./frozen_model.js";
import { Quadrature } from "./quadrature.js";

/** Grid points along a line, and along each side of a window. */
const LINE_SIZE = 320;
const MIN_SIZE = 48;
const MAX_SIZE = 112;
/** Standard deviations of q(z|x) on both sides of its mean that the window holds. */
const REACH = 5;
/** Nats below its highest density to which the window holds the true posterior. */
const DEPTH = 9;
/** Grid points per standard deviation of q(z|x). */
const POINTS_PER_SIGMA = 4;
/** Estimated error, in nats, at which the evidence is fine enough for a picture. */
const TOLERANCE = 0.01;
/** Halvings of the box to the first cells, with one and with two latent dimensions: fewer than for many points. */
const HALVINGS = [8, 6];
/** Least half of the side of a window. */
const MIN_REACH = 1e-3;

/**
 * @typedef {object} Posterior
 * @property {number} size Grid points along each axis.
 * @property {number[]} extent [low, high] of one latent dimension, or [low0, high0, low1, high1] of two.
 * @property {number[]} dims Which latent dimensions these are.
 * @property {Float32Array} log_density log p(z|x) in nats, the first axis varying slowest.
 * @property {boolean} normalised Whether it is; otherwise it is known up to a constant, and its highest value is 0.
 * @property {number[]} mu Means of q(z|x), L.
 * @property {number[]} logvar Its log-variances, L.
 * @property {number | null} log_p log p(x) in nats, where it is exact.
 * @property {number | null} kl KL(q(z|x) || p(z|x)) = log p(x) - ELBO, in nats, where it is exact.
 */

/** Makes the posteriors of one model. */
export class PosteriorMeter {
  /**
   * @param {import("./frozen_model.js").FrozenModel} model
   * @param {{maxCells?: number}} [options] Of the {@link Quadrature}.
   */
  constructor(model, options = {}) {
    this.model = model;
    this.isExact = model.latent_dim <= EXACT_DIMS;
    this.cells = new Cells(model, Math.ceil((MAX_SIZE * MAX_SIZE) / CHUNK) * CHUNK);
    if (this.isExact) {
      this.quadrature = new Quadrature(model, options);
      this.bounds = new Bounds(model, this.cells);
    }
  }

  /**
   * The true posterior of a point. Yields between slices of the work.
   *
   * @param {ArrayLike<number>} x D.
   * @param {number[]} plane Two latent dimensions, where there are more.
   * @returns {Generator<void, Posterior>}
   */
  *measure(x, plane) {
    const { mu, logvar } = this.model.encode(x);
    const dims = this.model.latent_dim <= 2 ? Array.from(mu.keys()) : plane;
    const windows = dims.map((j) => {
      const reach = Math.max(REACH * Math.exp(logvar[j] / 2), MIN_REACH);
      return [mu[j] - reach, mu[j] + reach];
    });

    let log_p = null;
    let kl = null;
    if (this.isExact) {
      const integral = yield* this.quadrature.integrate(x, mu, TOLERANCE, HALVINGS[dims.length - 1]);
      [log_p] = integral.log_p;
      const [elbo] = yield* this.bounds.elbo(x, { mu, logvar });
      kl = Math.max(0, log_p - elbo);
      const [low, high] = this.quadrature.massBox(DEPTH);
      windows.forEach((window, j) => {
        window[0] = Math.min(window[0], low[j]);
        window[1] = Math.max(window[1], high[j]);
      });
    }

    const size = dims.length === 1 ? LINE_SIZE : this.#sizeOf(windows, dims, logvar);
    const log_density = yield* this.#evaluate(x, mu, dims, windows, size);
    const shift = log_p === null ? -log_density.reduce((a, b) => Math.max(a, b)) : -log_p;
    return {
      ...{ size, extent: windows.flat(), dims, log_p, kl, normalised: log_p !== null },
      ...{ log_density: log_density.map((value) => value + shift), mu: Array.from(mu), logvar: Array.from(logvar) },
    };
  }

  /** Grid points along a side: some for each standard deviation of q(z|x), where it is not too narrow for that. */
  #sizeOf(windows, dims, logvar) {
    const wanted = windows.map(([low, high], k) => ((high - low) / Math.exp(logvar[dims[k]] / 2)) * POINTS_PER_SIGMA);
    return Math.min(Math.max(Math.ceil(Math.max(...wanted)), MIN_SIZE), MAX_SIZE);
  }

  /** log p(x, z) on the grid. */
  *#evaluate(x, mu, dims, windows, size) {
    const { cells, model } = this;
    const { data_dim, latent_dim, scale } = model;
    const count = size ** dims.length;
    const { latents } = cells;
    for (let j = 0; j < latent_dim; j++) {
      latents.fill(mu[j], j * cells.stride, j * cells.stride + count);
    }
    for (let i = 0; i < count; i++) {
      const steps = dims.length === 1 ? [i] : [Math.floor(i / size), i % size];
      dims.forEach((j, k) => {
        const [low, high] = windows[k];
        latents[j * cells.stride + i] = low + ((high - low) * steps[k]) / (size - 1);
      });
    }

    yield* cells.evaluateAll(count);
    const { means, log_prior, stride } = cells;
    return Float32Array.from({ length: count }, (_, i) => {
      let square = 0;
      for (let d = 0; d < data_dim; d++) {
        square += (x[d] - means[d * stride + i]) ** 2;
      }
      return log_prior[i] - square * scale - model.logConstant;
    });
  }
}
