/**
 * Fit a mixture prior to the aggregate posterior, with encoder and decoder as they are: as `swissroll.training.refit`.
 *
 *     q(z)  = E_x q(z|x)                              the aggregate posterior, which the decoder was trained on
 *     p(z)  = sum_k w_k N(z; m_k, diag s_k^2)         fitted to draws from q(z) by expectation maximisation
 *
 * It belongs to a run, so exponentials and logarithms are the kernel's, and have the same bits everywhere.
 *
 * Sources: Ghosh et al. (2020), "From variational to deterministic autoencoders", section 4; Arthur and Vassilvitskii
 * (2007), "k-means++", for the start.
 *
 * @typedef {{weights: Float64Array, means: Float64Array, variances: Float64Array}} Mixture K; K * L; K * L.
 */

import { NotFiniteError } from "./not_finite.js";

const LOG_TWO_PI = 1.8378770664093453;
/** Draws from the aggregate posterior that the mixture is fitted to. */
const DRAWS = 20_000;
/** Gain of the mean log density in a round, in nats, below which expectation maximisation ends. */
const TOLERANCE = 1e-4;
const MAX_ROUNDS = 100;
/** Draws that the clusters are found in, which it starts from. */
const CLUSTERED_DRAWS = 5000;
/** Rounds of k-means. */
const CLUSTER_ROUNDS = 10;
/** Added to each component's variance: one on a single draw would have a density without bound. */
const MIN_VARIANCE = 1e-6;
const TINY = Number.MIN_VALUE * 2 ** 52;

/**
 * Fit the mixture prior of a run to its aggregate posterior.
 *
 * @param {import("./training.js").Training} training
 * @throws {NotFiniteError} A draw from a posterior is not finite.
 */
export function refitPriorOf(training) {
  const { kernel, network, settings } = training;
  const L = network.latentDim;
  const generator = kernel.generator(settings.seed, "repair");
  const { mu, logvar } = network.encode(training.sample(DRAWS, generator).points);
  const noise = generator.normals(DRAWS * L);
  const draws = Float64Array.from(mu, (mean, i) => mean + noise[i] * kernel.exp(logvar[i] / 2));
  if (!draws.every(Number.isFinite)) {
    throw new NotFiniteError(training.taken, "posterior draw", settings.lr);
  }

  const { logits, means, logvars } = refitPrior(kernel, draws, L, settings.components, generator);
  const tensors = network.tensors(network.parameters);
  tensors["prior.logits"].values.set(logits);
  tensors["prior.means"].values.set(means);
  tensors["prior.logvars"].values.set(logvars);
  network.loadTensors(tensors);
}

/**
 * The mixture of Gaussians that fits draws from an aggregate posterior.
 *
 * @param {import("./kernel.js").Kernel} kernel
 * @param {Float64Array} draws n * L, in random order.
 * @param {number} dims L.
 * @param {number} components K.
 * @param {{uniform: () => number, below: (bound: number) => number}} generator Source of the first centres.
 * @returns {{logits: Float32Array, means: Float32Array, logvars: Float32Array}} K; K * L; K * L, as the prior holds them.
 */
export function refitPrior(kernel, draws, dims, components, generator) {
  const start = cluster(draws.subarray(0, CLUSTERED_DRAWS * dims), dims, components, generator);
  const fitted = fitMixture(kernel, draws, dims, start);
  return {
    logits: Float32Array.from(fitted.weights, kernel.log),
    means: Float32Array.from(fitted.means),
    logvars: Float32Array.from(fitted.variances, kernel.log),
  };
}

/**
 * Fit a mixture of Gaussians with diagonal covariances by maximum likelihood: expectation maximisation.
 *
 * @param {import("./kernel.js").Kernel} kernel
 * @param {Float64Array} draws n * L.
 * @param {number} dims L.
 * @param {Mixture} start The mixture to start from.
 * @returns {Mixture}
 */
export function fitMixture(kernel, draws, dims, start) {
  const own = kernel.fork();
  const count = draws.length / dims;
  const size = 1 + 2 * dims;
  const components = start.weights.length;
  const draws_at = own.allocate(draws.length * 8);
  const components_at = own.allocate(components * size * 8);
  const joint_at = own.allocate(components * 8);
  const sums_at = own.allocate(components * size * 8);
  own.doubles(draws_at, draws.length).set(draws);

  let fitted = start;
  let reached = -Infinity;
  for (let round = 0; round < MAX_ROUNDS; round++) {
    own.doubles(components_at, components * size).set(describe(kernel, fitted, dims));
    const before = reached;
    reached = own.exports.share_latents(count, dims, draws_at, components, components_at, joint_at, sums_at);
    if (!(reached - before >= TOLERANCE)) {
      break;
    }
    fitted = mixtureOf(own.doubles(sums_at, components * size), dims);
  }
  return fitted;
}

/** Of each component: log weight less log volume, means, precisions. */
function describe(kernel, { weights, means, variances }, dims) {
  const size = 1 + 2 * dims;
  const described = new Float64Array(weights.length * size);
  weights.forEach((weight, k) => {
    let constant = kernel.log(weight);
    for (let j = 0; j < dims; j++) {
      const variance = variances[k * dims + j];
      constant -= (kernel.log(variance) + LOG_TWO_PI) / 2;
      described[k * size + 1 + j] = means[k * dims + j];
      described[k * size + 1 + dims + j] = 1 / variance;
    }
    described[k * size] = constant;
  });
  return described;
}

/** The mixture whose components have the moments of the latents, each in its share: sums of share, share z, share z^2. */
function mixtureOf(sums, dims) {
  const size = 1 + 2 * dims;
  const components = sums.length / size;
  // A component that no latent belongs to has a weight without a logarithm, and no mean.
  const shares = Float64Array.from({ length: components }, (_, k) => sums[k * size] + TINY);
  const total = shares.reduce((a, b) => a + b);
  const means = new Float64Array(components * dims);
  const variances = new Float64Array(components * dims);
  for (let i = 0; i < means.length; i++) {
    const k = Math.floor(i / dims);
    const at = k * size + 1 + (i % dims);
    means[i] = sums[at] / shares[k];
    variances[i] = Math.max(sums[at + dims] / shares[k] - means[i] * means[i], 0) + MIN_VARIANCE;
  }
  return { weights: shares.map((share) => share / total), means, variances };
}

/**
 * A mixture to start from: one Gaussian for each cluster that some rounds of k-means find.
 *
 * @param {Float64Array} draws n * L.
 * @param {number} dims L.
 * @param {number} components K.
 * @param {{uniform: () => number, below: (bound: number) => number}} generator
 * @returns {Mixture}
 */
export function cluster(draws, dims, components, generator) {
  let centres = firstCentres(draws, dims, components, generator);
  for (let round = 0; round < CLUSTER_ROUNDS; round++) {
    centres = momentsOf(draws, dims, centres).means;
  }
  return momentsOf(draws, dims, centres);
}

/** Each centre is a latent, drawn in proportion to the squared distance from the centres before. */
function firstCentres(draws, dims, components, generator) {
  const count = draws.length / dims;
  const centres = new Float64Array(components * dims);
  const nearest = new Float64Array(count).fill(Infinity);
  let chosen = generator.below(count);
  for (let k = 0; ; k++) {
    centres.set(draws.subarray(chosen * dims, (chosen + 1) * dims), k * dims);
    if (k === components - 1) {
      return centres;
    }
    let total = 0;
    for (let i = 0; i < count; i++) {
      nearest[i] = Math.min(nearest[i], squareDistance(draws, i, centres, k, dims));
      // Where latents are fewer than centres, any will do.
      total += nearest[i] + TINY;
    }
    let rest = generator.uniform() * total;
    for (chosen = 0; chosen < count - 1; chosen++) {
      rest -= nearest[chosen] + TINY;
      if (rest < 0) {
        break;
      }
    }
  }
}

function squareDistance(a, i, b, k, dims) {
  let square = 0;
  for (let j = 0; j < dims; j++) {
    const away = a[i * dims + j] - b[k * dims + j];
    square += away * away;
  }
  return square;
}

/** The mixture of the clusters that have these centres. */
function momentsOf(draws, dims, centres) {
  const size = 1 + 2 * dims;
  const components = centres.length / dims;
  const sums = new Float64Array(components * size);
  for (let i = 0; i < draws.length / dims; i++) {
    let best = 0;
    let least = Infinity;
    for (let k = 0; k < components; k++) {
      const square = squareDistance(draws, i, centres, k, dims);
      if (square < least) {
        least = square;
        best = k;
      }
    }
    sums[best * size] += 1;
    for (let j = 0; j < dims; j++) {
      const z = draws[i * dims + j];
      sums[best * size + 1 + j] += z;
      sums[best * size + 1 + dims + j] += z * z;
    }
  }
  return mixtureOf(sums, dims);
}
