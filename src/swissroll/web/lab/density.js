/**
 * The density p(x) of a model on a grid over the plane of the data, for contours.
 *
 * p(x) is the distribution of decoded means, blurred by the decoder's noise, whose standard deviation is the same
 * everywhere. So latents are laid out on a grid that is refined where the decoder moves fast, each cell's mass p(z) dz is
 * shared among the four grid points around its decoded mean, and the whole is blurred by a Gaussian, axis by axis.
 *
 * Where sigma is small, more cells would be needed than can be decoded in time. A cell that is still too wide is laid out as
 * many points between the decoded means of its neighbours, as if the decoder were linear in between: else its mass would
 * lie on a few spots, and the picture would be a comb.
 *
 * The error. Every other cell or point, as on a chess board, is summed apart: the two halves are the same integral on two
 * coarser grids, and the largest difference between them, over the highest density, is the error.
 */

import { Cells, CHUNK, chooseComponent, fillBox, halve, priorBox } from "./frozen_model.js";

/** Standard deviations of the prior's components that the grid holds: beyond is a millionth of their mass. */
const DEVIATIONS = 5;
/** How often that box is halved to make the first cells, by latent dimension. */
const HALVINGS = { 1: 8, 2: 6 };
const MAX_LEVELS = 5;
/** Distance of sibling cells in the plane, in standard deviations of the blur, above which they are halved. */
const COARSE = 0.8;
/** Most points along a side of a cell that stays too wide. */
const MAX_POINTS = 16;
/** Mass of a cell below which it is never halved. */
const LIGHT = 1e-7;
/** Room for cells of a level. */
const MAX_CELLS = 2 ** 15;
/** Latents, spread evenly over the prior, where there are too many dimensions for a grid. */
const SPREAD_LATENTS = 2 ** 14;
/** Grid points per sigma, and how many there may be along an axis. */
const POINTS_PER_SIGMA = 1.6;
const MIN_SIZE = 81;
const MAX_SIZE = 241;
/** Least standard deviation of the blur, in grid spacings; where sigma is smaller the density is smoothed. */
const MIN_BLUR = 0.7;
/** Log density of where there is none. */
const FLOOR = Math.log(1e-12);

/**
 * @typedef {object} Density
 * @property {number} size Grid points along each axis.
 * @property {number[]} extent [low0, high0, low1, high1]: the first and the last grid point of each axis.
 * @property {Float32Array} log_density In nats, size * size, the first coordinate varying slowest.
 * @property {number} error Its estimated error, as a share of the highest density.
 * @property {number} blur Standard deviation of the noise that it is drawn with: sigma, or more where the grid is too wide.
 */

/** Makes the densities of one model. */
export class DensityMeter {
  /** @param {import("./frozen_model.js").FrozenModel} model One of points in a plane. */
  constructor(model) {
    this.model = model;
    const isGrid = model.latent_dim <= 2;
    this.cells = new Cells(model, isGrid ? MAX_CELLS : CHUNK);
    this.spare = isGrid ? new Cells(model, MAX_CELLS) : null;
  }

  /**
   * The density on a grid. Yields between slices of the work.
   *
   * @param {number[]} extent [low0, high0, low1, high1].
   * @param {number} [maxCells] About how many latents to decode.
   * @returns {Generator<void, Density>}
   */
  *measure(extent, maxCells = MAX_CELLS) {
    const plane = new Plane(extent, this.model.sigma);
    if (this.spare) {
      yield* this.#shareGrid(plane, maxCells);
    } else {
      yield* this.#shareSpread(plane);
    }
    return plane.finish();
  }

  /** Share out the mass of a grid of latents, halving cells where the decoder moves fast. */
  *#shareGrid(plane, maxCells) {
    const { model } = this;
    const dims = model.latent_dim;
    const kinds = 2 ** dims;
    const [low, high] = priorBox(model.components, dims, DEVIATIONS);
    let width = fillBox(this.cells, low, high);
    for (let i = 0; i < HALVINGS[dims]; i++) {
      width = this.#halve(width, null);
    }

    let left = maxCells;
    for (let level = 0; ; level++) {
      const { cells } = this;
      yield* cells.evaluateAll(cells.count);
      left -= cells.count;
      const most = level < MAX_LEVELS ? Math.min(left / kinds, cells.stride / kinds) : 0;
      const marked = this.#shareLevel(plane, width, most);
      if (!marked) {
        return;
      }
      width = this.#halve(width, marked);
    }
  }

  #halve(width, marked) {
    const narrower = width.map((value) => value / 2);
    halve(this.cells, this.spare, narrower, marked);
    const parents = this.cells;
    this.cells = this.spare;
    this.spare = parents;
    return narrower;
  }

  /** Share out the mass of the cells that stay, and mark those, at most so many, that are to be halved. */
  #shareLevel(plane, width, most) {
    const { cells, model } = this;
    const { means, log_prior, stride, count } = cells;
    const kinds = 2 ** model.latent_dim;
    const log_volume = width.reduce((sum, value) => sum + Math.log(value), 0);
    const marked = new Uint8Array(count);
    const wide = COARSE * plane.blur;

    let marks = 0;
    for (let i = 0; i < count; i += kinds) {
      let mass = 0;
      for (let c = i; c < i + kinds; c++) {
        mass += Math.exp(log_prior[c] + log_volume);
      }
      const parts = mass > LIGHT ? Math.ceil(farthestSiblings(means, stride, i, kinds) / wide) : 1;
      if (parts > 1 && marks + kinds <= most) {
        marked.fill(1, i, i + kinds);
        marks += kinds;
        continue;
      }
      for (let c = i; c < i + kinds; c++) {
        this.#shareCell(plane, i, c - i, Math.exp(log_prior[c] + log_volume), Math.min(Math.max(parts, 1), MAX_POINTS));
      }
    }
    return marks > 0 ? marked : null;
  }

  /** Share out the mass of one cell of a family, at so many points along each of its sides. */
  #shareCell(plane, family, corner, mass, parts) {
    const { means, stride } = this.cells;
    if (parts === 1) {
      // The two halves of a chess board: corners 0 and 3, and corners 1 and 2.
      const half = corner % 3 === 0 ? 0 : 1;
      plane.share(half, means[family + corner], means[stride + family + corner], mass);
      return;
    }

    const isLine = this.model.latent_dim === 1;
    const [first, second] = isLine ? [0, corner] : [corner >> 1, corner & 1];
    const each = mass / (isLine ? parts : parts * parts);
    // Along an axis the siblings' midpoints lie at 0 and 1, and the two cells reach from -1/2 to 1/2 and from there to 3/2.
    const at = (k, side) => (k + 0.5) / parts + side - 0.5;
    for (let i = 0; i < (isLine ? 1 : parts); i++) {
      for (let j = 0; j < parts; j++) {
        const [u, v] = [isLine ? 0 : at(i, first), at(j, second)];
        const [x, y] = [0, stride].map((from) => between(means, from + family, u, v, isLine));
        plane.share((i + j) % 2, x, y, each);
      }
    }
  }

  /** Share out the mass of latents that are spread evenly over the prior. */
  *#shareSpread(plane) {
    const { cells, model } = this;
    const { log_weights, means: centres, stds } = model.components;
    const dims = model.latent_dim;
    this.spread ??= spreadEvenly(dims);
    for (let first = 0; first < SPREAD_LATENTS; first += CHUNK) {
      const { latents } = cells;
      for (let i = 0; i < CHUNK; i++) {
        const component = chooseComponent(log_weights, this.spread.uniforms[first + i]);
        for (let j = 0; j < dims; j++) {
          const at = component * dims + j;
          latents[j * cells.stride + i] = centres[at] + stds[at] * this.spread.normals[(first + i) * dims + j];
        }
      }
      cells.evaluate(0, CHUNK);
      const { means, stride } = cells;
      for (let i = 0; i < CHUNK; i++) {
        plane.share(i % 2, means[i], means[stride + i], 1 / SPREAD_LATENTS);
      }
      yield;
    }
  }
}

/** A coordinate between those of siblings: of two, or of four that lie at (0, 0), (0, 1), (1, 0) and (1, 1). */
function between(means, at, u, v, isLine) {
  const low = means[at] + v * (means[at + 1] - means[at]);
  return isLine ? low : low + u * (means[at + 2] + v * (means[at + 3] - means[at + 2]) - low);
}

/** The largest distance between neighbours among siblings, in the plane. */
function farthestSiblings(means, stride, first, kinds) {
  let farthest = 0;
  for (let c = 1; c < kinds; c++) {
    // Corners 0, 1, 3, 2 go round the parent.
    const from = first + (c === 3 ? 1 : 0);
    const across = means[first + c] - means[from];
    const up = means[stride + first + c] - means[stride + from];
    farthest = Math.max(farthest, across * across + up * up);
  }
  return Math.sqrt(farthest);
}

/**
 * Normal numbers in so many dimensions that fill space evenly, with a uniform number beside each: a sequence of multiples
 * of irrational steps, made normal two by two.
 *
 * Sources: Weyl (1916) for the sequence; Box and Muller (1958) for the normals.
 */
function spreadEvenly(dims) {
  const pairs = Math.ceil(dims / 2);
  // The steps are powers of the root of x^(d+1) = x + 1, which generalises the golden ratio.
  let ratio = 1.5;
  for (let i = 0; i < 40; i++) {
    ratio = (1 + ratio) ** (1 / (2 * pairs + 2));
  }
  const steps = Array.from({ length: 2 * pairs + 1 }, (_, k) => ratio ** -(k + 1));
  const uniform = (n, k) => (0.5 + (n + 1) * steps[k]) % 1;

  const uniforms = new Float64Array(SPREAD_LATENTS);
  const normals = new Float64Array(SPREAD_LATENTS * dims);
  for (let n = 0; n < SPREAD_LATENTS; n++) {
    uniforms[n] = uniform(n, 2 * pairs);
    for (let j = 0; j < dims; j++) {
      const pair = Math.floor(j / 2);
      const radius = Math.sqrt(-2 * Math.log(1 - uniform(n, 2 * pair)));
      const angle = 2 * Math.PI * uniform(n, 2 * pair + 1);
      normals[n * dims + j] = radius * (j % 2 === 0 ? Math.cos(angle) : Math.sin(angle));
    }
  }
  return { uniforms, normals };
}

/** Grid points over the plane, with a margin around them, that masses are shared among. */
class Plane {
  constructor(extent, sigma) {
    const longest = Math.max(extent[1] - extent[0], extent[3] - extent[2]);
    const wanted = Math.ceil((longest * POINTS_PER_SIGMA) / sigma) + 1;
    this.extent = extent;
    this.size = Math.min(Math.max(Number.isFinite(wanted) ? wanted : MAX_SIZE, MIN_SIZE), MAX_SIZE);
    this.spacing = [0, 2].map((at) => (extent[at + 1] - extent[at]) / (this.size - 1));

    // Sharing a mass between two points blurs it by f (1 - f) h^2, by h^2 / 6 on average: so much less is left to do.
    const deviations = this.spacing.map((h) => Math.max(Math.sqrt(Math.max((sigma / h) ** 2 - 1 / 6, 0)), MIN_BLUR));
    this.kernels = deviations.map(gaussianKernel);
    /** Standard deviation of all that blurs, in data units: the least of both axes. */
    this.blur = Math.min(...this.spacing.map((h, axis) => h * Math.sqrt(deviations[axis] ** 2 + 1 / 6)));
    this.margin = Math.max(...this.kernels.map((kernel) => kernel.length >> 1));
    this.across = this.size + 2 * this.margin;
    this.halves = [0, 1].map(() => new Float64Array(this.across * this.across));
  }

  /** Share a mass at a place among the four grid points around it. */
  share(half, x, y, mass) {
    const u = (x - this.extent[0]) / this.spacing[0] + this.margin;
    const v = (y - this.extent[2]) / this.spacing[1] + this.margin;
    if (!(u >= 0 && v >= 0 && u < this.across - 1 && v < this.across - 1)) {
      return;
    }
    const i = Math.floor(u);
    const j = Math.floor(v);
    const values = this.halves[half];
    const at = i * this.across + j;
    values[at] += mass * (1 - (u - i)) * (1 - (v - j));
    values[at + 1] += mass * (1 - (u - i)) * (v - j);
    values[at + this.across] += mass * (u - i) * (1 - (v - j));
    values[at + this.across + 1] += mass * (u - i) * (v - j);
  }

  /** @returns {Density} */
  finish() {
    const [first, second] = this.halves.map((half) => this.#blur(half));
    const area = this.spacing[0] * this.spacing[1];
    const log_density = new Float32Array(first.length);
    let highest = 0;
    let difference = 0;
    for (let i = 0; i < first.length; i++) {
      const density = (first[i] + second[i]) / area;
      log_density[i] = density > 0 ? Math.max(Math.log(density), FLOOR) : FLOOR;
      highest = Math.max(highest, density);
      // Each half is an integral of its own, of half the mass.
      difference = Math.max(difference, Math.abs(first[i] - second[i]) / area);
    }
    const error = highest > 0 ? difference / highest : NaN;
    return { size: this.size, extent: this.extent, log_density, error, blur: this.blur };
  }

  /** Blur along both axes, and leave the margin out. */
  #blur(values) {
    const { size, margin, across } = this;
    const [down, along] = this.kernels;
    const rows = new Float64Array(size * across);
    for (let i = 0; i < size; i++) {
      for (let k = 0; k < down.length; k++) {
        const from = (i + margin + k - (down.length >> 1)) * across;
        for (let j = 0; j < across; j++) {
          rows[i * across + j] += down[k] * values[from + j];
        }
      }
    }

    const blurred = new Float64Array(size * size);
    for (let i = 0; i < size; i++) {
      for (let k = 0; k < along.length; k++) {
        const from = i * across + margin + k - (along.length >> 1);
        for (let j = 0; j < size; j++) {
          blurred[i * size + j] += along[k] * rows[from + j];
        }
      }
    }
    return blurred;
  }
}

/** Values of a Gaussian at whole numbers, of sum 1, to five standard deviations. */
function gaussianKernel(deviation) {
  const reach = Math.ceil(5 * deviation);
  const values = Array.from({ length: 2 * reach + 1 }, (_, i) => Math.exp(-(((i - reach) / deviation) ** 2) / 2));
  const total = values.reduce((a, b) => a + b);
  return values.map((value) => value / total);
}
