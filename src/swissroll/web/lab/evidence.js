/**
 * What a model gives to points: log p(x), how far the ELBO is below it, and why. As `swissroll.evaluation.evidence`.
 *
 *     log p(x)      = log of the integral over z of  p(z) N(x; decode(z), sigma^2 I)        evidence, in nats
 *     inference gap = log p(x) - ELBO = KL(q(z|x) || p(z|x))                                at least 0
 *                   = (best ELBO of any diagonal Gaussian - ELBO)  + (log p(x) - that best ELBO)
 *                     what amortisation loses                        what the Gaussian family loses
 *
 * With one or two latent dimensions the integral is a sum over a grid. With more only the importance-weighted bound is
 * in reach, and it is called so.
 *
 * Source: Cremer, Li and Duvenaud (2018), "Inference suboptimality in variational autoencoders", section 3.
 */

import { Bounds } from "./elbo.js";
import { Cells, CHUNK } from "./frozen_model.js";
import { importanceBound } from "./importance.js";
import { Quadrature } from "./quadrature.js";

/** Most latent dimensions for which the evidence is exact. */
export const EXACT_DIMS = 2;
/** Draws per point where the evidence is only bounded. */
export const IMPORTANCE_SAMPLES = 200;

/**
 * @typedef {object} Evidence Of n points, in nats per point.
 * @property {boolean} exact Whether log_p is exact up to `error`, or the importance-weighted lower bound on it.
 * @property {Float64Array} log_p
 * @property {Float64Array} error Estimated error of the quadrature, or standard error of the bound's draws.
 * @property {Float64Array} elbo E_q log p(x|z) - KL(q(z|x) || p(z)) at the encoder's q.
 * @property {Float64Array | null} best The highest ELBO of any diagonal Gaussian that was found; null above two latents.
 * @property {Float64Array | null} mode Grid point of the highest p(x, z), n * L; null above two latents.
 * @property {Float64Array | null} gain By how much a bound is above that of a tenth of the draws; null where exact.
 */

/** Measures the evidence of one model, with memory that is used again for each moment of its training. */
export class EvidenceMeter {
  /**
   * @param {import("./frozen_model.js").FrozenModel} model
   * @param {{maxCells?: number, halvings?: number}} [options] Of the {@link Quadrature}.
   */
  constructor(model, options = {}) {
    this.model = model;
    this.scratch = new Cells(model, CHUNK);
    this.exact = model.latent_dim <= EXACT_DIMS;
    if (this.exact) {
      this.quadrature = new Quadrature(model, options);
      this.bounds = new Bounds(model, this.scratch);
    }
  }

  /**
   * Evidence, ELBO and the best Gaussian's ELBO of points. Yields between slices of the work.
   *
   * @param {ArrayLike<number>} x n * D.
   * @param {object} options
   * @param {number} [options.tolerance] Estimated error, in nats, at which a point's grid is fine enough.
   * @param {boolean} [options.split] Also find the best diagonal Gaussian of every point.
   * @param {(point: number) => ArrayLike<number>} [options.drawNoise] Draws from N(0, I), K * L, for the bound.
   * @returns {Generator<void, Evidence>}
   */
  *measure(x, { tolerance = 1e-3, split = true, drawNoise = null } = {}) {
    const q = this.model.encode(x);
    if (!this.exact) {
      const found = yield* importanceBound(this.model, this.scratch, x, q, drawNoise);
      return { exact: false, best: null, mode: null, ...found };
    }

    const { log_p, error, mode } = yield* this.quadrature.integrate(x, q.mu, tolerance);
    const elbo = yield* this.bounds.elbo(x, q);
    const best = split ? yield* this.#findBest(x, q, mode, elbo) : null;
    return { exact: true, log_p, error, elbo, best, mode, gain: null };
  }

  /** The highest ELBO that was found of each point: the encoder's own, or one climbed to from it or from the mode. */
  *#findBest(x, q, mode, elbo) {
    const found = yield* this.bounds.bestGaussians(x, [q, { mu: mode, logvar: q.logvar }]);
    const best = yield* this.bounds.elbo(x, found);
    return elbo.map((value, i) => Math.max(value, best[i]));
  }
}
