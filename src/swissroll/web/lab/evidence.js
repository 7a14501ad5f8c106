/**
 * What a model gives to points: log p(x), how far the ELBO is below it, and why. As `swissroll.evaluation.evidence`.
 *
 *     log p(x)      = log of the integral over z of  p(z) N(x; decode(z), sigma^2 I)        evidence, in nats
 *     inference gap = log p(x) - ELBO = KL(q(z|x) || p(z|x))                                at least 0
 *                   = (log p(x) - best ELBO of any diagonal Gaussian)  + (that best ELBO - ELBO)
 *                     what the Gaussian family loses                     what the encoder loses
 *
 * Where the true beta is not 1, an encoder is not trained for the ELBO but for E_q log p(x|z) - beta KL(q || p). With q' the
 * best diagonal Gaussian for that, the encoder's part is what beta asks for, best ELBO - ELBO(q') >= 0, and the rest,
 * ELBO(q') - ELBO, which is below 0 where the encoder misses its own aim in the direction of the ELBO.
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
 * @property {Float64Array} distortion -E_q log p(x|z).
 * @property {Float64Array} rate KL(q(z|x) || p(z)); distortion + rate is -elbo.
 * @property {Float64Array | null} best The highest ELBO of any diagonal Gaussian that was found; null above two latents.
 * @property {Float64Array | null} aimed ELBO of the Gaussian that the true beta asks for; null where that is the best one.
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

  /** Few nodes, for means of what is smooth; null above two latents. @returns {import("./elbo.js").Nodes | null} */
  get nodes() {
    return this.exact ? this.bounds.hermite : null;
  }

  /**
   * Evidence, ELBO and the best Gaussian's ELBO of points. Yields between slices of the work.
   *
   * @param {ArrayLike<number>} x n * D.
   * @param {object} options
   * @param {number} [options.tolerance] Estimated error, in nats, at which a point's grid is fine enough.
   * @param {boolean} [options.split] Also find the best diagonal Gaussian of every point.
   * @param {number} [options.true_beta] Weight of the rate that the encoder is trained with, both terms in nats.
   * @param {(point: number) => ArrayLike<number>} [options.drawNoise] Draws from N(0, I), K * L, for the bound.
   * @returns {Generator<void, Evidence>}
   */
  *measure(x, { tolerance = 1e-3, split = true, true_beta = 1, drawNoise = null } = {}) {
    const q = this.model.encode(x);
    if (!this.exact) {
      const found = yield* importanceBound(this.model, this.scratch, x, q, drawNoise);
      return { exact: false, best: null, aimed: null, mode: null, ...found };
    }

    const { log_p, error, mode } = yield* this.quadrature.integrate(x, q.mu, tolerance);
    const { distortion, rate } = yield* this.bounds.terms(x, q);
    const elbo = distortion.map((value, i) => -value - rate[i]);
    const { best, aimed } = split ? yield* this.#findBest(x, q, mode, elbo, true_beta) : { best: null, aimed: null };
    return { exact: true, log_p, error, elbo, distortion, rate, best, aimed, mode, gain: null };
  }

  /** The highest ELBO that was found of each point, and that of the Gaussian which beta asks for. */
  *#findBest(x, q, mode, elbo, true_beta) {
    // The encoder's own, or one climbed to from it or from the mode.
    const found = yield* this.bounds.bestGaussians(x, [q, { mu: mode, logvar: q.logvar }]);
    const climbed = yield* this.bounds.elbo(x, found);
    let best = elbo.map((value, i) => Math.max(value, climbed[i]));
    if (Math.abs(true_beta - 1) < 1e-9 || !(true_beta > 0)) {
      return { best, aimed: null };
    }

    const asked = yield* this.bounds.bestGaussians(x, [q, found], true_beta);
    const aimed = yield* this.bounds.elbo(x, asked);
    best = best.map((value, i) => Math.max(value, aimed[i]));
    return { best, aimed };
  }
}
