/**
 * The ELBO of a point under any diagonal Gaussian q(z), and the highest that such a Gaussian reaches.
 *
 *     ELBO(q) = E_q log p(x|z) - KL(q(z) || p(z)) = E_q log p(x, z) + H(q)
 *
 * Means under q are sums over nodes of the standard normal, z = mu + s * node, so there is no sampling noise.
 *
 * Sources: `swissroll.evaluation.elbo` for the nodes; Opper and Archambeau (2009), "The variational Gaussian
 * approximation revisited", for the conditions that the best Gaussian fulfils: with f(z) = log p(x, z), E_q f' = 0 and
 * 1 / s^2 = -E_q f''. By Stein's lemma E_q f' = E_q [f n] / s and E_q f'' = E_q [f (n^2 - 1)] / s^2, so that values of
 * f are all that is needed.
 */

import { CHUNK, LOG_TWO_PI } from "./frozen_model.js";
import { gaussHermite, productRule } from "./rules.js";

/** Distance from 0, in standard deviations, of the farthest node. */
const FARTHEST = 5.5;
/** Steps towards the best Gaussian. */
const CLIMB_STEPS = 24;
/** Step, in standard deviations and in log precision, below which a Gaussian has arrived: it is worth 0.0002 nats. */
const STILL = 0.02;
/** The same where what is climbed is not the ELBO, which slopes there. */
const STILL_ELSEWHERE = 0.002;
/** Most by which a step may move a mean, in standard deviations. */
const MAX_MOVE = 2;
/** Least and largest factor by which a step may change a precision. */
const MIN_PRECISION = 0.1;
const MAX_PRECISION = 10;

/** @typedef {{positions: Float64Array, weights: Float64Array, count: number}} Nodes count * L, and count. */
/** @typedef {{mu: Float64Array, logvar: Float64Array}} Gaussians Means and log-variances, n * L each. */

/** Nodes of a uniform grid, which does not mind the kinks of a ReLU decoder. @returns {Nodes} */
function uniformNodes(dims) {
  const roots = Array.from({ length: 21 }, (_, i) => 0.6 * (i - 10));
  return nearNodes({ roots, weights: roots.map((node) => Math.exp(-(node ** 2) / 2)) }, dims);
}

/** Few nodes, good enough to climb by. @returns {Nodes} */
function hermiteNodes(dims) {
  return nearNodes(gaussHermite(6), dims);
}

/** All combinations of a rule's nodes in so many dimensions, as far as they are near; weights of sum 1. */
function nearNodes(rule, dims) {
  const { positions, weights } = productRule(rule, dims);
  const isNear = (i) => Math.hypot(...positions.subarray(i * dims, (i + 1) * dims)) <= FARTHEST;
  const near = Array.from(weights.keys()).filter(isNear);
  const total = near.reduce((sum, i) => sum + weights[i], 0);
  return {
    positions: select(positions, near, dims),
    weights: Float64Array.from(near, (i) => weights[i] / total),
    count: near.length,
  };
}

/** Finds ELBOs under one model. */
export class Bounds {
  /**
   * @param {import("./frozen_model.js").FrozenModel} model
   * @param {import("./frozen_model.js").Cells} scratch Room for {@link CHUNK} latents.
   */
  constructor(model, scratch) {
    this.model = model;
    this.scratch = scratch;
    this.uniform = uniformNodes(model.latent_dim);
    this.hermite = hermiteNodes(model.latent_dim);
  }

  /**
   * Distortion and rate of q = N(mu, diag exp(logvar)) for each point, in nats. Yields between slices of the work.
   *
   * @param {ArrayLike<number>} x n * D.
   * @param {Gaussians} q
   * @returns {Generator<void, {distortion: Float64Array, rate: Float64Array}>} -E_q log p(x|z) and KL(q(z) || p(z)).
   */
  *terms(x, { mu, logvar }) {
    const { model, uniform } = this;
    const { latent_dim } = model;
    const distortion = new Float64Array(x.length / model.data_dim).fill(model.logConstant);
    const rate = new Float64Array(distortion.length);
    yield* this.#visitNodes(x, mu, logvar, uniform, (point, node, log_likelihood, log_prior) => {
      distortion[point] -= uniform.weights[node] * log_likelihood;
      // Of N(0, I) the KL has a closed form.
      rate[point] -= model.hasNormalPrior ? 0 : uniform.weights[node] * log_prior;
    });

    // Else it is -H(q) - E_q log p(z), with the entropy H(q) = sum of (1 + log 2 pi + log s^2) / 2.
    const rest = model.hasNormalPrior ? (m, v) => (m * m + Math.exp(v) - 1 - v) / 2 : (_, v) => -(1 + LOG_TWO_PI + v) / 2;
    for (let i = 0; i < mu.length; i++) {
      rate[Math.floor(i / latent_dim)] += rest(mu[i], logvar[i]);
    }
    return { distortion, rate };
  }

  /** The ELBO of q for each point: minus distortion and rate. @returns {Generator<void, Float64Array>} */
  *elbo(x, q) {
    const { distortion, rate } = yield* this.terms(x, q);
    return distortion.map((value, i) => -value - rate[i]);
  }

  /**
   * The diagonal Gaussian of the highest ELBO that is found for each point, climbing from several starts.
   *
   * @param {ArrayLike<number>} x n * D.
   * @param {Gaussians[]} starts
   * @param {number} [trueBeta] Weight of the KL in what is climbed: another one than 1 asks for other Gaussians.
   * @returns {Generator<void, Gaussians>}
   */
  *bestGaussians(x, starts, trueBeta = 1) {
    let best = null;
    for (const start of starts) {
      const climbers = yield* this.#climb(x, start, trueBeta);
      best = best === null ? climbers : best.better(climbers);
    }
    return best.best;
  }

  /** Gaussians that maximise E_q log p(x|z) - beta KL(q || p) of each point. */
  *#climb(x, start, trueBeta) {
    const { data_dim, latent_dim } = this.model;
    const climbers = new Climbers(latent_dim, start, trueBeta === 1 ? STILL : STILL_ELSEWHERE);
    for (let step = 0; step < CLIMB_STEPS; step++) {
      const points = climbers.unfinished();
      const rows = select(x, points, data_dim);
      const mu = select(climbers.tried.mu, points, latent_dim);
      const logvar = select(climbers.tried.logvar, points, latent_dim);
      climbers.judge(points, yield* this.#momentsAt(rows, mu, logvar, trueBeta));
    }
    return climbers;
  }

  /**
   * E_q f + H(q), E_q [f n] and E_q [f (n^2 - 1)], with f = log p(x|z) / beta + log p(z) but for its constant: what is
   * climbed, divided by beta.
   */
  *#momentsAt(x, mu, logvar, trueBeta) {
    const { hermite } = this;
    const { latent_dim } = this.model;
    const values = new Float64Array(mu.length / latent_dim);
    const slopes = new Float64Array(mu.length);
    const curvatures = new Float64Array(mu.length);
    yield* this.#visitNodes(x, mu, logvar, hermite, (point, node, log_likelihood, log_prior) => {
      const weighed = hermite.weights[node] * (log_likelihood / trueBeta + log_prior);
      values[point] += weighed;
      for (let j = 0; j < latent_dim; j++) {
        const n = hermite.positions[node * latent_dim + j];
        slopes[point * latent_dim + j] += weighed * n;
        curvatures[point * latent_dim + j] += weighed * (n * n - 1);
      }
    });
    logvar.forEach((value, i) => {
      values[Math.floor(i / latent_dim)] += value / 2;
    });
    return { values, slopes, curvatures };
  }

  /** Call with log p(x|z), but for its constant, and log p(z) of each node of each point. */
  *#visitNodes(x, mu, logvar, nodes, visit) {
    const { model, scratch } = this;
    const { data_dim, latent_dim, scale } = model;
    const std = logvar.map((value) => Math.exp(value / 2));
    const total = (mu.length / latent_dim) * nodes.count;

    for (let first = 0; first < total; first += CHUNK) {
      const size = Math.min(CHUNK, total - first);
      const { latents } = scratch;
      for (let i = 0; i < size; i++) {
        const point = Math.floor((first + i) / nodes.count);
        const node = (first + i) % nodes.count;
        for (let j = 0; j < latent_dim; j++) {
          const at = point * latent_dim + j;
          latents[j * scratch.stride + i] = mu[at] + std[at] * nodes.positions[node * latent_dim + j];
        }
      }
      scratch.evaluate(0, size);

      const { means, log_prior } = scratch;
      for (let i = 0; i < size; i++) {
        const point = Math.floor((first + i) / nodes.count);
        let square = 0;
        for (let d = 0; d < data_dim; d++) {
          square += (x[point * data_dim + d] - means[d * scratch.stride + i]) ** 2;
        }
        visit(point, (first + i) % nodes.count, -square * scale, log_prior[i]);
      }
      yield;
    }
  }
}

/** Gaussians on their way to the highest ELBO: those tried now, and the best so far of each point. */
class Climbers {
  constructor(latentDim, { mu, logvar }, still) {
    const count = mu.length / latentDim;
    this.latent_dim = latentDim;
    this.still = still;
    this.tried = { mu: mu.slice(), logvar: logvar.slice() };
    this.best = { mu: mu.slice(), logvar: logvar.slice() };
    this.values = new Float64Array(count).fill(-Infinity);
    this.lengths = new Float64Array(count).fill(1);
    this.finished = new Uint8Array(count);
    this.slopes = new Float64Array(mu.length);
    this.curvatures = new Float64Array(mu.length);
  }

  /** The points whose Gaussian still moves. */
  unfinished() {
    return Array.from(this.finished.keys()).filter((point) => !this.finished[point]);
  }

  /** Keep what was tried where it is better, elsewhere make the next step shorter; and try the next one. */
  judge(points, { values, slopes, curvatures }) {
    const dims = this.latent_dim;
    points.forEach((point, row) => {
      const isBetter = values[row] > this.values[point];
      this.lengths[point] = isBetter ? Math.min(1, 2 * this.lengths[point]) : this.lengths[point] / 2;
      if (isBetter) {
        this.values[point] = values[row];
        for (let j = 0; j < dims; j++) {
          const at = point * dims + j;
          this.best.mu[at] = this.tried.mu[at];
          this.best.logvar[at] = this.tried.logvar[at];
          this.slopes[at] = slopes[row * dims + j];
          this.curvatures[at] = curvatures[row * dims + j];
        }
      }
      this.#move(point);
    });
  }

  /** Try a step towards E_q f' = 0 and 1 / s^2 = -E_q f'', in units of the best so far. */
  #move(point) {
    const length = this.lengths[point];
    let isStill = true;
    for (let at = point * this.latent_dim; at < (point + 1) * this.latent_dim; at++) {
      const wanted = clamp(-this.curvatures[at], MIN_PRECISION, MAX_PRECISION);
      const precision = 1 - length + length * wanted;
      const shift = clamp((length * this.slopes[at]) / precision, -MAX_MOVE, MAX_MOVE);
      this.tried.mu[at] = this.best.mu[at] + shift * Math.exp(this.best.logvar[at] / 2);
      this.tried.logvar[at] = this.best.logvar[at] - Math.log(precision);
      isStill &&= Math.abs(shift) < this.still && Math.abs(Math.log(precision)) < this.still;
    }
    this.finished[point] = isStill ? 1 : 0;
  }

  /** These, with those of others in the place of what is not as good. */
  better(others) {
    others.values.forEach((value, point) => {
      if (!(value > this.values[point])) {
        return;
      }
      this.values[point] = value;
      for (let at = point * this.latent_dim; at < (point + 1) * this.latent_dim; at++) {
        this.best.mu[at] = others.best.mu[at];
        this.best.logvar[at] = others.best.logvar[at];
      }
    });
    return this;
  }
}

/** Rows of a matrix by their numbers. */
function select(values, rows, dims) {
  return Float64Array.from({ length: rows.length * dims }, (_, i) => values[rows[Math.floor(i / dims)] * dims + (i % dims)]);
}

function clamp(value, low, high) {
  return Math.min(Math.max(value, low), high);
}
