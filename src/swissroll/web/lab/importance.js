/**
 * The importance-weighted lower bound on log p(x), for latent spaces of any dimension.
 *
 *     log p(x) >= log of the mean over k of w_k,   w_k = p(x, z_k) / q(z_k|x),   z_1 .. z_K drawn from q(z|x)
 *
 * Source: Burda, Grosse and Salakhutdinov (2016), "Importance weighted autoencoders", equation 8.
 */

import { CHUNK, LOG_TWO_PI, logSumExp } from "./frozen_model.js";

/**
 * Bound log p(x) by draws from q(z|x). Yields between slices of the work.
 *
 * @param {import("./frozen_model.js").FrozenModel} model
 * @param {import("./frozen_model.js").Cells} scratch Room for {@link CHUNK} latents.
 * @param {ArrayLike<number>} x n * D.
 * @param {{mu: Float64Array, logvar: Float64Array}} q n * L each.
 * @param {(point: number) => ArrayLike<number>} drawNoise Draws from N(0, I) for a point, K * L.
 * @returns {Generator<void, Record<"log_p" | "error" | "elbo" | "distortion" | "rate" | "gain", Float64Array>>} In nats: the
 *   bound, its standard error, the mean of log w, its two parts, and by how much the bound is above that of a tenth of the
 *   draws.
 */
export function* importanceBound(model, scratch, x, q, drawNoise) {
  const count = x.length / model.data_dim;
  const names = ["log_p", "error", "elbo", "distortion", "rate", "gain"];
  const found = Object.fromEntries(names.map((name) => [name, new Float64Array(count)]));
  for (let point = 0; point < count; point++) {
    const { weights, log_prior } = yield* logWeights(model, scratch, x, q, point, drawNoise(point));
    const draws = weights.length;
    const bound = logSumExp(weights) - Math.log(draws);

    // The relative error of the mean of w is the error of its log; relative weights have the mean 1.
    const spread = weights.reduce((sum, weight) => sum + (Math.exp(weight - bound) - 1) ** 2, 0) / (draws - 1);
    found.log_p[point] = bound;
    found.error[point] = Math.sqrt(spread / draws);
    found.elbo[point] = weights.reduce((sum, weight) => sum + weight, 0) / draws;
    found.gain[point] = bound - boundOfTenths(weights);
    found.rate[point] = rateOf(model, q, point, log_prior);
    // What is left of -E log w: so both parts are of the same draws, and a rate in closed form adds no noise.
    found.distortion[point] = -found.elbo[point] - found.rate[point];
  }
  return found;
}

/** KL of one point's q(z|x) from the prior: exact for N(0, I), else with the mean of log p(z) over the draws. */
function rateOf(model, { mu, logvar }, point, log_prior) {
  let rate = model.hasNormalPrior ? 0 : -log_prior;
  for (let at = point * model.latent_dim; at < (point + 1) * model.latent_dim; at++) {
    rate += model.hasNormalPrior
      ? (mu[at] ** 2 + Math.exp(logvar[at]) - 1 - logvar[at]) / 2
      : -(1 + LOG_TWO_PI + logvar[at]) / 2;
  }
  return rate;
}

/** Mean of the bounds that each tenth of the draws gives. */
function boundOfTenths(weights) {
  const few = Math.max(1, Math.floor(weights.length / 10));
  const tenths = Math.floor(weights.length / few);
  let sum = 0;
  for (let i = 0; i < tenths; i++) {
    sum += logSumExp(weights.subarray(i * few, (i + 1) * few)) - Math.log(few);
  }
  return sum / tenths;
}

/** log w = log p(x, z) - log q(z|x) of each draw of one point, and the mean of log p(z). */
function* logWeights(model, scratch, x, { mu, logvar }, point, noise) {
  const { data_dim, latent_dim, scale } = model;
  const draws = noise.length / latent_dim;
  const found = new Float64Array(draws);
  let sum = 0;
  for (let first = 0; first < draws; first += CHUNK) {
    const size = Math.min(CHUNK, draws - first);
    const { latents } = scratch;
    for (let i = 0; i < size; i++) {
      // log q(z|x) at z = mu + s eps is -(eps^2 + log(2 pi) + log s^2) / 2, summed over latent dimensions.
      let log_q = 0;
      for (let j = 0; j < latent_dim; j++) {
        const eps = noise[(first + i) * latent_dim + j];
        const at = point * latent_dim + j;
        latents[j * scratch.stride + i] = mu[at] + Math.exp(logvar[at] / 2) * eps;
        log_q -= (eps * eps + LOG_TWO_PI + logvar[at]) / 2;
      }
      found[first + i] = -log_q - model.logConstant;
    }
    scratch.evaluate(0, size);

    const { means, log_prior } = scratch;
    for (let i = 0; i < size; i++) {
      let square = 0;
      for (let d = 0; d < data_dim; d++) {
        square += (x[point * data_dim + d] - means[d * scratch.stride + i]) ** 2;
      }
      found[first + i] += log_prior[i] - square * scale;
      sum += log_prior[i];
    }
    yield;
  }
  return { weights: found, log_prior: sum / draws };
}
