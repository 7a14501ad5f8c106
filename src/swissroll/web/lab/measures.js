/**
 * Numbers of a model that are shown beside it: the rate, the active units, the loss in nats.
 *
 * As `swissroll.evaluation.latent_plane`, `latent_space` and `swissroll.model.loss`.
 */

/** Least variance of a posterior mean over the data for its latent unit to be active. */
export const ACTIVE = 0.01;

/** Points whose rate against a mixture is averaged: evenly many of those that there are. */
const MIXTURE_POINTS = 128;
/** Nodes of a standard normal: a uniform grid, which does not mind how narrow a component is. */
const NODES = Array.from({ length: 21 }, (_, i) => 0.6 * (i - 10));
const NODE_WEIGHTS = NODES.map((node) => Math.exp(-(node ** 2) / 2) * (0.6 / Math.sqrt(2 * Math.PI)));

/**
 * KL of each latent dimension of q(z|x) from that dimension of the prior, averaged over points, in nats.
 *
 * @param {ArrayLike<number>} mu Posterior means, n * L.
 * @param {ArrayLike<number>} logvar Posterior log-variances, n * L.
 * @param {number} dims L.
 * @param {{weights: ArrayLike<number>, means: ArrayLike<number>, stds: ArrayLike<number>} | null} [prior] A mixture, of K
 *   weights and K * L means and standard deviations; by default N(0, I).
 * @returns {Float64Array} L; for a standard normal prior they add up to the rate. The dimensions of a mixture depend on one
 *   another, and theirs need not.
 *
 * Source: Kingma and Welling (2014), appendix B.
 */
export function ratePerDimension(mu, logvar, dims, prior = null) {
  if (prior) {
    return mixtureRates(mu, logvar, dims, prior);
  }
  const rates = new Float64Array(dims);
  const count = mu.length / dims;
  for (let i = 0; i < mu.length; i++) {
    // KL(N(mu, s^2) || N(0, 1)) = (mu^2 + s^2 - 1 - log s^2) / 2 for each latent dimension.
    rates[i % dims] += (mu[i] * mu[i] + Math.exp(logvar[i]) - 1 - logvar[i]) / 2 / count;
  }
  return rates;
}

/** E_q [log q(z_j|x) - log p(z_j)] of each dimension j, where p(z_j) is a mixture in one dimension. */
function mixtureRates(mu, logvar, dims, { weights, means, stds }) {
  const count = mu.length / dims;
  const every = Math.max(1, Math.floor(count / MIXTURE_POINTS));
  const taken = Math.ceil(count / every);
  const logDensity = (z, j) => {
    let density = 0;
    for (let k = 0; k < weights.length; k++) {
      const std = stds[k * dims + j];
      density += (weights[k] / std) * Math.exp(-(((z - means[k * dims + j]) / std) ** 2) / 2);
    }
    return Math.log(Math.max(density, Number.MIN_VALUE)) - Math.log(2 * Math.PI) / 2;
  };

  const rates = new Float64Array(dims);
  for (let point = 0; point < count; point += every) {
    for (let j = 0; j < dims; j++) {
      const at = point * dims + j;
      const std = Math.exp(logvar[at] / 2);
      const cross = NODES.reduce((sum, node, n) => sum + NODE_WEIGHTS[n] * logDensity(mu[at] + std * node, j), 0);
      rates[j] -= ((1 + Math.log(2 * Math.PI) + logvar[at]) / 2 + cross) / taken;
    }
  }
  return rates;
}

/**
 * Variance over the data of each latent dimension's posterior mean.
 *
 * @param {ArrayLike<number>} mu Posterior means, n * L.
 * @param {number} dims L.
 * @returns {Float64Array} L.
 *
 * Source: Burda, Grosse and Salakhutdinov (2016), "Importance weighted autoencoders", section 5.1.1.
 */
export function activity(mu, dims) {
  const count = mu.length / dims;
  const means = new Float64Array(dims);
  const variances = new Float64Array(dims);
  for (let i = 0; i < mu.length; i++) {
    means[i % dims] += mu[i] / count;
  }
  for (let i = 0; i < mu.length; i++) {
    variances[i % dims] += (mu[i] - means[i % dims]) ** 2 / (count - 1);
  }
  return variances;
}

/**
 * Which decoder noise and which true beta a loss amounts to: as `swissroll.translate`.
 *
 * @param {object} loss
 * @param {number} loss.beta Weight of the KL term.
 * @param {"mean" | "sum"} loss.reduction
 * @param {number} loss.data_dim D.
 * @param {number} loss.latent_dim L.
 * @param {number | null} [loss.learned_sigma] Decoder standard deviation where it is learned, in data units.
 * @returns {{sigma: number, true_beta: number}} Decoder standard deviation, in data units, and the weight of the rate in
 *   nats against the distortion in nats.
 */
export function translate({ beta, reduction, data_dim, latent_dim, learned_sigma = null }) {
  // Weight of the rate beside the squared error summed over dimensions.
  const weight = beta * (reduction === "mean" ? data_dim / latent_dim : 1);
  if (learned_sigma !== null) {
    return { sigma: learned_sigma, true_beta: weight };
  }
  // Dividing by 2 sigma^2 makes the squared error a distortion; weight / (2 sigma^2) is then the true beta, 1.
  return { sigma: Math.sqrt(weight / 2), true_beta: 1 };
}
