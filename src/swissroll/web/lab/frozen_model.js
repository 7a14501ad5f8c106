/**
 * A copy of a model at one moment, with a kernel of its own: what the exact truth is computed from, slice by slice, while
 * the training that it was taken from goes on.
 */

import { Network } from "./network.js";

/** Latents decoded at a time: their activations stay in the processor's cache. */
export const CHUNK = 128;
/** Log weight of the components that only pad vectors. */
const NO_WEIGHT = -1e30;
/** Log of 2 pi. */
export const LOG_TWO_PI = Math.log(2 * Math.PI);

/** @typedef {{log_weights: Float64Array, means: Float64Array, stds: Float64Array}} Components K; K * L; K * L. */

export class FrozenModel {
  /**
   * @param {import("./kernel.js").Kernel} kernel Any kernel; this one's memory is left alone.
   * @param {object} settings Those of `swissroll.Config`.
   * @param {number} dataDim D.
   */
  constructor(kernel, settings, dataDim) {
    this.kernel = kernel.fork();
    this.network = new Network(this.kernel, { ...settings, batch_size: CHUNK }, dataDim);
    this.data_dim = dataDim;
    this.latent_dim = settings.latent_dim;
    this.component_count = settings.components;

    this.padded_components = Math.max(4, (this.component_count + 3) & ~3);
    this.component_pointer = this.kernel.allocate(this.padded_components * (1 + 2 * this.latent_dim) * 4);
    this.no_reach = this.kernel.allocate(16);
    /** Decoder standard deviation, in data units. */
    this.sigma = NaN;
    this.components = null;
  }

  /**
   * Take over weights.
   *
   * @param {Float32Array} parameters All parameters, as they lie in a network of the same shape.
   * @param {number} sigma Decoder standard deviation, in data units.
   */
  load(parameters, sigma) {
    this.network.parameters.set(parameters);
    this.sigma = sigma;
    this.components = this.#readComponents();
    this.#packComponents();
  }

  /** Whether the prior is N(0, I). @returns {boolean} */
  get hasNormalPrior() {
    return this.component_count === 0;
  }

  /** The prior as a mixture of Gaussians; N(0, I) is one of a single component. @returns {Components} */
  #readComponents() {
    const { prior } = this.network;
    if (prior === null) {
      return {
        log_weights: new Float64Array(1),
        means: new Float64Array(this.latent_dim),
        stds: new Float64Array(this.latent_dim).fill(1),
      };
    }
    return {
      log_weights: prior.weights.map(Math.log),
      means: Float64Array.from(prior.means),
      stds: prior.stds,
    };
  }

  #packComponents() {
    const dims = this.latent_dim;
    const { log_weights, means, stds } = this.components;
    const padded = this.padded_components;
    const packed = this.kernel.floats(this.component_pointer, padded * (1 + 2 * dims));
    packed.fill(0);
    packed.fill(NO_WEIGHT, 0, padded);
    for (let k = 0; k < log_weights.length; k++) {
      let constant = log_weights[k];
      for (let j = 0; j < dims; j++) {
        const std = stds[k * dims + j];
        constant -= Math.log(std) + LOG_TWO_PI / 2;
        packed[padded + j * padded + k] = means[k * dims + j];
        packed[padded + (dims + j) * padded + k] = 1 / std;
      }
      packed[k] = constant;
    }
  }

  /**
   * Means and log-variances of q(z|x).
   *
   * @param {ArrayLike<number>} points n * D.
   * @returns {{mu: Float64Array, logvar: Float64Array}} Each n * L.
   */
  encode(points) {
    const { mu, logvar } = this.network.encode(Float32Array.from(points));
    return { mu: Float64Array.from(mu), logvar: Float64Array.from(logvar) };
  }

  /** Log of the normalising constant of N(m, sigma^2 I) in D dimensions: D/2 log(2 pi sigma^2). */
  get logConstant() {
    return (this.data_dim / 2) * (LOG_TWO_PI + 2 * Math.log(this.sigma));
  }

  /** What multiplies a squared distance in log p(x|z): 1 / (2 sigma^2). */
  get scale() {
    return 1 / (2 * this.sigma ** 2);
  }
}

/** Some cells of a grid over latents: their midpoints, decoded means and log p(z), in a model's memory. */
export class Cells {
  /**
   * @param {FrozenModel} model
   * @param {number} capacity Most cells, a multiple of four.
   */
  constructor(model, capacity) {
    const allocate = (floats) => model.kernel.allocate(floats * 4);
    this.model = model;
    this.stride = capacity;
    this.count = 0;
    this.latents_at = allocate(model.latent_dim * capacity);
    this.means_at = allocate(model.data_dim * capacity);
    this.log_prior_at = allocate(capacity);
  }

  /** Midpoints, shape (L, stride). @returns {Float32Array} */
  get latents() {
    return this.model.kernel.floats(this.latents_at, this.model.latent_dim * this.stride);
  }

  /** Decoded means, shape (D, stride). @returns {Float32Array} */
  get means() {
    return this.model.kernel.floats(this.means_at, this.model.data_dim * this.stride);
  }

  /** Log p(z), shape (stride,). @returns {Float32Array} */
  get log_prior() {
    return this.model.kernel.floats(this.log_prior_at, this.stride);
  }

  /** Decode the cells first .. first + count - 1, at most {@link CHUNK}, and find log p(z) of each. */
  evaluate(first, count) {
    const { model } = this;
    const { exports } = model.kernel;
    exports.decode_cells(this.latents_at, this.means_at, this.stride, first, count);
    exports.mixture_cells(
      model.component_pointer,
      model.padded_components,
      model.latent_dim,
      this.latents_at,
      this.stride,
      first,
      count,
      model.no_reach,
      this.log_prior_at,
      0,
    );
  }

  /** Evaluate the first `count` cells, yielding between slices of the work. @returns {Generator<void, void>} */
  *evaluateAll(count) {
    for (let first = 0; first < count; first += CHUNK) {
      this.evaluate(first, Math.min(CHUNK, count - first));
      yield;
    }
  }
}

/**
 * Halve cells along every axis. Children lie family by family, one at each corner of its parent.
 *
 * @param {Cells} from
 * @param {Cells} to Room for the children.
 * @param {number[]} width Width of a child, L.
 * @param {ArrayLike<number> | null} [marked] Cells that have children: those whose mark is not 0; by default all.
 */
export function halve(from, to, width, marked = null) {
  const dims = width.length;
  const parents = from.latents;
  const children = to.latents;
  let count = 0;
  for (let i = 0; i < from.count; i++) {
    if (marked && !marked[i]) {
      continue;
    }
    for (let corner = 0; corner < 2 ** dims; corner++, count++) {
      for (let j = 0; j < dims; j++) {
        const side = ((corner >> (dims - 1 - j)) & 1) - 0.5;
        children[j * to.stride + count] = parents[j * from.stride + i] + side * width[j];
      }
    }
  }
  to.count = count;
}

/**
 * Make one cell of a box.
 *
 * @param {Cells} cells
 * @param {number[]} low
 * @param {number[]} high
 * @returns {number[]} Its width.
 */
export function fillBox(cells, low, high) {
  const { latents } = cells;
  low.forEach((edge, j) => {
    latents[j * cells.stride] = (edge + high[j]) / 2;
  });
  cells.count = 1;
  return high.map((edge, j) => edge - low[j]);
}

/** Corners of a box that holds so many standard deviations of a mixture's components. @returns {[number[], number[]]} */
export function priorBox({ means, stds }, dims, deviations) {
  const low = new Array(dims).fill(Infinity);
  const high = new Array(dims).fill(-Infinity);
  for (let i = 0; i < means.length; i++) {
    low[i % dims] = Math.min(low[i % dims], means[i] - deviations * stds[i]);
    high[i % dims] = Math.max(high[i % dims], means[i] + deviations * stds[i]);
  }
  return [low, high];
}

/** The component of a mixture that a uniform number chooses. @returns {number} */
export function chooseComponent(log_weights, uniform) {
  let component = 0;
  let rest = uniform;
  while (component < log_weights.length - 1 && rest > Math.exp(log_weights[component])) {
    rest -= Math.exp(log_weights[component]);
    component += 1;
  }
  return component;
}

/** Log of the sum of exponentials. @param {ArrayLike<number>} values */
export function logSumExp(values) {
  let highest = -Infinity;
  for (let i = 0; i < values.length; i++) {
    highest = Math.max(highest, values[i]);
  }
  if (highest === -Infinity) {
    return highest;
  }
  let sum = 0;
  for (let i = 0; i < values.length; i++) {
    sum += Math.exp(values[i] - highest);
  }
  return highest + Math.log(sum);
}
