/**
 * Integrals over one or two latent dimensions, on a grid that is fine only where some point needs it.
 *
 * As `swissroll.evaluation.quadrature`: the evidence of a point is a sum of p(x, z) over the midpoints of a uniform grid,
 * times the volume of a cell. The grid is refined by halving its cells, level by level, and only cells where some
 * unsettled point may have mass get children: those left out have an upper bound of e^-18 of the point's evidence.
 *
 * The error. The grid of a level is 2^L interleaved grids of twice its spacing, and each of these has a sum of its own.
 * The error is the largest difference of any of these sums, or of the level before, from the whole sum: about four times
 * too large, on purpose, since a ReLU decoder has kinks.
 */

import { Cells, CHUNK, fillBox, halve, logSumExp, priorBox } from "./frozen_model.js";

/** Nats below a point's evidence at which a cell's density is left out. */
const LEFT_OUT = 18;
/** Nats below a point's evidence from which a cell must be fine before the point is settled. */
const HEAVY = 7;
/** Relative mass in the box's outermost cells above which the box is widened. */
const LEAK = 1e-6;
/** Error in nats that the cells left out and the edge of the box may hide. */
const HIDDEN_ERROR = 4e-6;
/** How often the box is halved to make the cells of the first level, by latent dimension. */
const HALVINGS = { 1: 9, 2: 7 };
/** Most cells of a level: the refinement stops before it would hold more. */
export const MAX_CELLS = 2 ** 17;
/** Log density of what is no cell. */
const NOTHING = -1e30;
const MAX_LEVELS = 16;
const MAX_WIDENINGS = 6;
/** Points integrated at a time. */
export const MAX_POINTS = 512;

/**
 * @typedef {object} Integral Evidence by quadrature of n points.
 * @property {Float64Array} log_p log p(x) in nats.
 * @property {Float64Array} error Estimated error of log_p.
 * @property {Float64Array} mode Grid point of the highest p(x, z), n * L.
 */

/** Cells with what the pruning needs: an upper bound of log p(z), how far the decoder moves, and two marks. */
class Level extends Cells {
  constructor(model, capacity) {
    super(model, capacity);
    this.ceiling_at = model.kernel.allocate(capacity * 4);
    this.radius_at = model.kernel.allocate(capacity * 4);
    this.wide_at = model.kernel.allocate(capacity * 4);
    this.marked_at = model.kernel.allocate(capacity * 4);
  }

  /** Marks of cells, 0 or all ones. @returns {Int32Array} */
  get marked() {
    return this.model.kernel.integers(this.marked_at, this.stride);
  }

  /** Marks of the cells whose midpoint is not to be trusted. @returns {Int32Array} */
  get wide() {
    return this.model.kernel.integers(this.wide_at, this.stride);
  }

  /** Bound log p(z) over cells, and mark those that are wide beside the prior. */
  bound(reach_at, first, count) {
    const { component_pointer, padded_components, latent_dim, kernel } = this.model;
    kernel.exports.mixture_cells(
      ...[component_pointer, padded_components, latent_dim, this.latents_at, this.stride, first, count],
      ...[reach_at, this.ceiling_at, this.wide_at],
    );
  }

  /** Make sure that copies which only fill the last vector have no density. */
  silence(first, count) {
    for (let i = Math.max(first, this.count); i < first + count; i++) {
      this.log_prior[i] = NOTHING;
      this.model.kernel.floats(this.ceiling_at, this.stride)[i] = NOTHING;
    }
  }

  /** What one of the kernel's functions says of the marked cells and a point. */
  askMarked(name, x_at, threshold) {
    const { kernel, data_dim, scale } = this.model;
    return kernel.exports[name](
      ...[x_at, data_dim, this.means_at, this.ceiling_at, this.radius_at, this.stride, this.count, scale],
      ...[threshold, this.marked_at],
    );
  }

  /** Mark the cells that may hold more than a threshold of log p(x, z) of a point. */
  mark(x_at, threshold) {
    this.askMarked("mark_cells", x_at, threshold);
  }
}

/** The grids of a model, with memory for two levels, used again for each moment. */
export class Quadrature {
  /**
   * @param {import("./frozen_model.js").FrozenModel} model One with one or two latent dimensions.
   * @param {{maxCells?: number, halvings?: number}} [options]
   */
  constructor(model, { maxCells = MAX_CELLS, halvings = HALVINGS[model.latent_dim] } = {}) {
    const { kernel, latent_dim } = model;
    this.model = model;
    this.halvings = halvings;
    this.kinds = 2 ** latent_dim;
    this.level = new Level(model, maxCells);
    this.spare = new Level(model, maxCells);
    this.x_at = kernel.allocate(MAX_POINTS * 16);
    this.sums_at = kernel.allocate(MAX_POINTS * 32);
    this.highest_at = kernel.allocate(MAX_POINTS * 4);
    this.mode_at = kernel.allocate(MAX_POINTS * 4);
    this.reach_at = kernel.allocate(16);
  }

  /**
   * Integrate p(z) N(x; decode(z), sigma^2 I) over the latent space. Yields between slices of the work.
   *
   * @param {ArrayLike<number>} x n * D, at most {@link MAX_POINTS} points.
   * @param {ArrayLike<number>} mu Encoded means, n * L, which the grid is to hold.
   * @param {number} tolerance Estimated error, in nats, at which a point is settled.
   * @param {number} [halvings] How often the box is halved to make the cells of the first level.
   * @returns {Generator<void, Integral>}
   */
  *integrate(x, mu, tolerance, halvings = this.halvings) {
    this.#begin(x);
    let [low, high] = boxOf(this.model, mu);
    yield* this.#evaluateRoots(low, high, halvings);

    for (let widening = 0; widening < MAX_WIDENINGS && this.#leaks(low, high); widening++) {
      // Twice as wide, about the same middle.
      const margins = high.map((edge, j) => (edge - low[j]) / 2);
      low = low.map((edge, j) => edge - margins[j]);
      high = high.map((edge, j) => edge + margins[j]);
      yield* this.#evaluateRoots(low, high, halvings);
    }

    for (let depth = 0; depth < MAX_LEVELS; depth++) {
      this.#settle(tolerance);
      yield;
      if (!this.#makeChildren()) {
        break;
      }
      yield* this.#evaluateLevel();
    }
    return { log_p: this.log_p, error: this.error, mode: this.mode };
  }

  /**
   * A box around all cells of the last level in which one point's p(x, z) is near its highest.
   *
   * @param {number} nats How far below the highest a cell may be.
   * @returns {[number[], number[]]} Corners, L each; of the first unsettled point, or of the only one.
   */
  massBox(nats) {
    const { level, model } = this;
    const { kernel, data_dim, scale } = model;
    const padded = (level.count + 3) & ~3;
    kernel.exports.joint_cells(
      ...[this.x_at, data_dim, level.means_at, level.log_prior_at, level.stride, 0, padded, scale, level.radius_at],
    );
    const joint = kernel.floats(level.radius_at, level.count);
    const { latents } = level;
    const highest = joint.reduce((a, b) => Math.max(a, b), -Infinity);
    const low = this.width.map(() => Infinity);
    const high = this.width.map(() => -Infinity);
    for (let i = 0; i < level.count; i++) {
      if (joint[i] < highest - nats) {
        continue;
      }
      this.width.forEach((width, j) => {
        low[j] = Math.min(low[j], latents[j * level.stride + i] - width / 2);
        high[j] = Math.max(high[j], latents[j * level.stride + i] + width / 2);
      });
    }
    return [low, high];
  }

  #begin(x) {
    this.x = x;
    this.count = x.length / this.model.data_dim;
    this.log_p = new Float64Array(this.count).fill(Infinity);
    this.error = new Float64Array(this.count).fill(Infinity);
    this.mode = new Float64Array(this.count * this.model.latent_dim);
    this.unsettled = Array.from({ length: this.count }, (_, i) => i);
  }

  /** The first level: the cells that halving a box so many times makes. */
  *#evaluateRoots(low, high, halvings) {
    this.width = fillBox(this.level, low, high);
    for (let i = 0; i < halvings; i++) {
      this.#split(null);
    }
    this.log_p.fill(Infinity);
    yield* this.#evaluateLevel();
  }

  /** Cells, where marks are given those that are marked, make way for their children. */
  #split(marked) {
    this.width = this.width.map((width) => width / 2);
    halve(this.level, this.spare, this.width, marked);
    const parents = this.level;
    this.level = this.spare;
    this.spare = parents;
  }

  /** Evaluate all cells and take over the sums of the unsettled points. */
  *#evaluateLevel() {
    const { level, model } = this;
    const { kernel, data_dim, latent_dim } = model;
    const { exports } = kernel;
    const rows = this.unsettled.length;
    this.#placeUnsettled();
    kernel.floats(this.reach_at, latent_dim).set(this.width.map((width) => width / 2));
    const padded = this.#pad();

    for (let first = 0; first < padded; first += CHUNK) {
      const size = Math.min(CHUNK, padded - first);
      level.evaluate(first, size);
      level.bound(this.reach_at, first, size);
      level.silence(first, size);
      exports.sum_cells(
        ...[this.x_at, rows, data_dim, level.means_at, level.log_prior_at, level.stride, first, size, model.scale],
        ...[this.sums_at, this.highest_at, this.mode_at],
      );
      yield;
    }
    exports.measure_spread(
      ...[level.means_at, data_dim, level.stride, level.count, this.kinds, 2 * model.sigma],
      ...[level.radius_at, level.wide_at],
    );
    this.#takeSums();
  }

  /** Put the unsettled points where the kernel reads them, with empty sums. */
  #placeUnsettled() {
    const { kernel, data_dim } = this.model;
    const rows = kernel.floats(this.x_at, this.unsettled.length * 4);
    this.unsettled.forEach((point, row) => {
      for (let d = 0; d < data_dim; d++) {
        rows[4 * row + d] = this.x[point * data_dim + d];
      }
    });
    kernel.doubles(this.sums_at, this.unsettled.length * 4).fill(0);
    kernel.floats(this.highest_at, this.unsettled.length).fill(-1e30);
  }

  /** Fill the last vector with copies of the last cell. @returns {number} The number of cells, a multiple of four. */
  #pad() {
    const { level } = this;
    const { latents } = level;
    const padded = (level.count + 3) & ~3;
    for (let i = level.count; i < padded; i++) {
      for (let j = 0; j < this.width.length; j++) {
        latents[j * level.stride + i] = latents[j * level.stride + level.count - 1];
      }
    }
    return padded;
  }

  #takeSums() {
    const { level, model, kinds } = this;
    const { kernel, latent_dim } = model;
    const sums = kernel.doubles(this.sums_at, this.unsettled.length * 4);
    const highest = kernel.floats(this.highest_at, this.unsettled.length);
    const modes = kernel.integers(this.mode_at, this.unsettled.length);
    const { latents } = level;
    const volume = this.width.reduce((sum, width) => sum + Math.log(width), 0);

    this.unsettled.forEach((point, row) => {
      // Midpoint rule: log p(x) = log of the sum of p(x, z) over the cells + log of a cell's volume.
      const lanes = Array.from(sums.subarray(4 * row, 4 * row + 4), Math.log);
      const constant = highest[row] + volume - model.logConstant;
      const log_p = logSumExp(lanes) + constant;

      // The children at one corner are a grid of twice the spacing, whose cells have 2^L times the volume.
      let error = Math.abs(this.log_p[point] - log_p);
      for (let corner = 0; corner < kinds; corner++) {
        const ofCorner = lanes.filter((_, lane) => lane % kinds === corner);
        const other = logSumExp(ofCorner) + constant + Math.log(kinds);
        error = Math.max(error, Math.abs(other - log_p));
      }
      this.log_p[point] = log_p;
      this.error[point] = error + HIDDEN_ERROR;
      for (let j = 0; j < latent_dim; j++) {
        this.mode[point * latent_dim + j] = latents[j * level.stride + modes[row]];
      }
    });
  }

  /** Whether some point has mass at the edge of the box, judged on the first level. */
  #leaks(low, high) {
    const { level } = this;
    const { latents, marked } = level;
    for (let i = 0; i < level.count; i++) {
      const isNearEdge = this.width.some((width, j) => {
        const z = latents[j * level.stride + i];
        return z - low[j] < 2 * width || high[j] - z < 2 * width;
      });
      marked[i] = isNearEdge ? -1 : 0;
    }
    const volume = this.width.reduce((product, width) => product * width, 1);
    return this.unsettled.some((point, row) => {
      const relative = level.askMarked("sum_marked", this.#rowAt(row), this.log_p[point] + this.model.logConstant);
      return !(relative * volume <= LEAK);
    });
  }

  #rowAt(row) {
    return this.x_at + 16 * row;
  }

  /** Settle the points whose error is small and whose cells are all narrow where they matter. */
  #settle(tolerance) {
    const { level } = this;
    level.marked.set(level.wide.subarray(0, level.count));
    level.marked.fill(0, level.count, (level.count + 3) & ~3);
    const rows = this.unsettled.map((_, row) => row);
    this.kept = rows.filter((row) => {
      const point = this.unsettled[row];
      const threshold = this.#threshold(point, HEAVY);
      return !(this.error[point] < tolerance) || level.askMarked("reaches_marked", this.#rowAt(row), threshold) === 1;
    });
  }

  /** What log p(x, z), without its constant, is so many nats below a point's evidence. */
  #threshold(point, below) {
    return this.log_p[point] + this.model.logConstant - below;
  }

  /** The cells that may matter to an unsettled point take the place of their parents; false where there are none. */
  #makeChildren() {
    const { level } = this;
    level.marked.fill(0, 0, (level.count + 3) & ~3);
    for (const row of this.kept) {
      level.mark(this.#rowAt(row), this.#threshold(this.unsettled[row], LEFT_OUT));
    }
    this.unsettled = this.kept.map((row) => this.unsettled[row]);

    const marked = level.marked.subarray(0, level.count);
    const count = marked.reduce((sum, mark) => sum + (mark === 0 ? 0 : 1), 0);
    if (count === 0 || count * this.kinds > level.stride) {
      return false;
    }
    this.#split(marked);
    return true;
  }
}

/** Corners of a box that holds six standard deviations of the prior and every encoded mean. */
function boxOf(model, mu) {
  const dims = model.latent_dim;
  const [low, high] = priorBox(model.components, dims, 6);
  for (let i = 0; i < mu.length; i++) {
    low[i % dims] = Math.min(low[i % dims], mu[i] - 1);
    high[i % dims] = Math.max(high[i % dims], mu[i] + 1);
  }
  return [low, high];
}
