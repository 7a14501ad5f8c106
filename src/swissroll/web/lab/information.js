/**
 * What a code tells of its point, and what of the rate is only the codes' being elsewhere than the prior.
 *
 *     rate  =  E_x KL(q(z|x) || p(z))  =  I(x; z)  +  KL(q(z) || p(z))         q(z) = E_x q(z|x), the aggregate posterior
 *
 * I(x; z) = E_x KL(q(z|x) || q(z)), where q(z) is a mixture of the posteriors of some points: a mean over nodes of each
 * q(z|x), so without sampling noise. Of N points it is at most log N, and near that the points are too few to tell.
 *
 * Source: Hoffman and Johnson (2016), "ELBO surgery".
 */

import { LOG_TWO_PI } from "./frozen_model.js";

/** Nats below log N at which the points are too few to tell how much a code says. */
const TOO_NEAR = 1;
/** Square of a distance in standard deviations above which a density is nothing beside that of the point's own q. */
const FAR = 80;
/** Points between two looks at whether it is time to yield. */
const SLICE = 4;

/**
 * The mutual information of points and codes, in nats, for each of some points. Yields between slices of the work.
 *
 * @param {import("./elbo.js").Gaussians} q The points' posteriors, n * L each.
 * @param {import("./elbo.js").Gaussians} all The posteriors that the aggregate is a mixture of, N * L each.
 * @param {import("./elbo.js").Nodes} nodes Of the standard normal.
 * @param {number} dims L.
 * @returns {Generator<void, Float64Array | null>} n values of KL(q(z|x) || q(z)), whose mean is the information; null where
 *   the points are too few for it.
 */
export function* informationOf(q, all, nodes, dims) {
  const count = q.mu.length / dims;
  const found = new Float64Array(count);
  const aggregate = new Aggregate(all, dims);
  const z = new Float64Array(dims);
  for (let i = 0; i < count; i++) {
    aggregate.include(q, i);
    for (let node = 0; node < nodes.count; node++) {
      let log_q = 0;
      for (let j = 0; j < dims; j++) {
        const n = nodes.positions[node * dims + j];
        z[j] = q.mu[i * dims + j] + Math.exp(q.logvar[i * dims + j] / 2) * n;
        log_q -= (n * n + LOG_TWO_PI + q.logvar[i * dims + j]) / 2;
      }
      found[i] += nodes.weights[node] * (log_q - aggregate.logDensity(z));
    }
    if (i % SLICE === 0) {
      yield;
    }
  }
  const mean = found.reduce((sum, value) => sum + value, 0) / count;
  return mean < Math.log(aggregate.count) - TOO_NEAR ? found : null;
}

/** A mixture of posteriors, with room for one more: the point's own is part of it, so that it is nowhere 0 there. */
class Aggregate {
  constructor({ mu, logvar }, dims) {
    this.dims = dims;
    this.count = mu.length / dims + 1;
    this.mu = Float64Array.from([...mu, ...new Array(dims).fill(0)]);
    this.precisions = Float64Array.from([...logvar, ...new Array(dims).fill(0)], (value) => Math.exp(-value));
    this.constants = new Float64Array(this.count);
    for (let k = 0; k < this.count; k++) {
      this.#weigh(k);
    }
  }

  /** Normalising constant of a component: the product of 1 / (s sqrt(2 pi)). */
  #weigh(k) {
    this.constants[k] = (2 * Math.PI) ** (-this.dims / 2);
    for (let at = k * this.dims; at < (k + 1) * this.dims; at++) {
      this.constants[k] *= Math.sqrt(this.precisions[at]);
    }
  }

  /** Take a point's own posterior as the last component. */
  include({ mu, logvar }, point) {
    const last = this.count - 1;
    for (let j = 0; j < this.dims; j++) {
      this.mu[last * this.dims + j] = mu[point * this.dims + j];
      this.precisions[last * this.dims + j] = Math.exp(-logvar[point * this.dims + j]);
    }
    this.#weigh(last);
  }

  /** Log density at a latent. */
  logDensity(z) {
    const { dims, mu, precisions, constants } = this;
    let density = 0;
    for (let k = 0; k < this.count; k++) {
      let square = 0;
      for (let j = 0; j < dims; j++) {
        const at = k * dims + j;
        square += (z[j] - mu[at]) ** 2 * precisions[at];
      }
      if (square < FAR) {
        density += constants[k] * Math.exp(-square / 2);
      }
    }
    return Math.log(density / this.count);
  }
}
