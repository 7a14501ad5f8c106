/**
 * The network in a kernel's memory: its weights by PyTorch's names, encoding and decoding.
 *
 * @typedef {{shape: number[], values: Float32Array}} Tensor Row by row, as in PyTorch.
 */

import { MISTAKE_IDS } from "./mistakes.js";

/** Activations in the kernel's order. */
export const ACTIVATIONS = ["relu", "leaky_relu", "elu", "silu", "softplus", "tanh"];

/** Points that are encoded or decoded at once: their activations stay in the processor's cache. */
const CHUNK = 128;
/** Floats of a row of points or latents in the kernel. */
const ROW = 4;

/** Numbers of the kernel's description of a network, in its order, before those of its layers. */
const FIELDS = [
  "data_dim",
  "latent_dim",
  "hidden_dim",
  "depth",
  "activation",
  "components",
  "learned_variance",
  "sum_reduction",
  "rows",
  "mistake",
  "layer_count",
  "prior_stride",
  "prior_logits",
  "prior_means",
  "prior_logvars",
  "decoder_logvar",
  "parameter_count",
  "hidden_stride",
];
const LAYER_FIELDS = ["inputs", "outputs", "stride", "weights", "bias"];

/** Read integers as an object. */
function readFields(kernel, pointer, names) {
  const values = kernel.integers(pointer, names.length);
  return Object.fromEntries(names.map((name, i) => [name, values[i]]));
}

/** A network, alone in its kernel. */
export class Network {
  /**
   * @param {import("./kernel.js").Kernel} kernel One without a network yet: see `Kernel.fork`.
   * @param {object} settings Those of `swissroll.Config` that decide the network and its loss.
   * @param {number} dataDim D.
   */
  constructor(kernel, settings, dataDim) {
    this.kernel = kernel;
    this.rows = Math.max(CHUNK, settings.batch_size);
    this.pointer = kernel.exports.make_network(
      dataDim,
      settings.latent_dim,
      settings.hidden_dim,
      settings.depth,
      ACTIVATIONS.indexOf(settings.activation),
      settings.components,
      settings.decoder_variance === "learned" ? 1 : 0,
      settings.reduction === "sum" ? 1 : 0,
      this.rows,
      mistakeNumber(settings.mistake),
    );
    const description = readFields(kernel, this.pointer, FIELDS);
    if (kernel.exports.reconstructions_at() === 0) {
      throw new RangeError("There is not enough memory for this network. Choose a smaller one.");
    }
    Object.assign(this, { dataDim: description.data_dim, latentDim: description.latent_dim });
    this.layout = layoutOf(description, this.#layers(description));
    this.parameterCount = description.parameter_count;
    this.components = description.components;
  }

  #layers({ layer_count }) {
    const first = this.pointer + 4 * FIELDS.length;
    const bytes = 4 * LAYER_FIELDS.length;
    return Array.from({ length: layer_count }, (_, i) =>
      readFields(this.kernel, first + i * bytes, LAYER_FIELDS),
    );
  }

  /** All weights as they lie in the kernel; a view. @returns {Float32Array} */
  get parameters() {
    return this.kernel.floats(this.kernel.exports.parameters_at(), this.parameterCount);
  }

  /** The gradient, as it lies in the kernel; a view. @returns {Float32Array} */
  get gradient() {
    return this.kernel.floats(this.kernel.exports.gradient_at(), this.parameterCount);
  }

  /** Adam's first moments; a view. @returns {Float32Array} */
  get moments() {
    return this.kernel.floats(this.kernel.exports.moments_at(), this.parameterCount);
  }

  /** Adam's second moments; a view. @returns {Float32Array} */
  get secondMoments() {
    return this.kernel.floats(this.kernel.exports.second_moments_at(), this.parameterCount);
  }

  /**
   * Values that lie as the weights do, by PyTorch's names.
   *
   * @param {Float32Array} flat Such as `network.parameters` or `network.gradient`.
   * @returns {Record<string, Tensor>}
   */
  tensors(flat) {
    return Object.fromEntries(this.layout.map((entry) => [entry.name, readTensor(entry, flat)]));
  }

  /**
   * Take weights by PyTorch's names.
   *
   * @param {Record<string, Tensor>} tensors Those of a `state_dict`.
   * @throws {RangeError} One is missing, or of another shape.
   */
  loadTensors(tensors) {
    const flat = this.parameters;
    for (const entry of this.layout) {
      const tensor = tensors[entry.name];
      if (!tensor || String(tensor.shape) !== String(entry.shape)) {
        throw new RangeError(`The weights ${entry.name} must be of shape (${entry.shape.join(", ")}).`);
      }
      writeTensor(entry, tensor.values, flat);
    }
  }

  /**
   * Means and log-variances of q(z|x).
   *
   * @param {Float32Array} points n * D.
   * @returns {{mu: Float32Array, logvar: Float32Array}} n * L each.
   */
  encode(points) {
    const { exports } = this.kernel;
    const count = points.length / this.dataDim;
    const mu = new Float32Array(count * this.latentDim);
    const logvar = new Float32Array(count * this.latentDim);
    const stride = (2 * this.latentDim + 3) & ~3;

    for (let first = 0; first < count; first += CHUNK) {
      const rows = Math.min(CHUNK, count - first);
      this.setPoints(points.subarray(first * this.dataDim, (first + rows) * this.dataDim));
      exports.encode(rows);
      const heads = this.kernel.floats(exports.heads_at(), rows * stride);
      for (let i = 0; i < rows; i++) {
        const row = heads.subarray(i * stride, i * stride + 2 * this.latentDim);
        mu.set(row.subarray(0, this.latentDim), (first + i) * this.latentDim);
        logvar.set(row.subarray(this.latentDim), (first + i) * this.latentDim);
      }
    }
    return { mu, logvar };
  }

  /**
   * Means of p(x|z).
   *
   * @param {Float32Array} latents n * L.
   * @returns {Float32Array} n * D.
   */
  decode(latents) {
    const { exports } = this.kernel;
    const count = latents.length / this.latentDim;
    const means = new Float32Array(count * this.dataDim);

    for (let first = 0; first < count; first += CHUNK) {
      const rows = Math.min(CHUNK, count - first);
      const part = latents.subarray(first * this.latentDim, (first + rows) * this.latentDim);
      spread(part, this.latentDim, this.kernel.floats(exports.latents_at(), rows * ROW));
      exports.decode(rows);
      const decoded = this.kernel.floats(exports.reconstructions_at(), rows * ROW);
      gather(decoded, this.dataDim, means.subarray(first * this.dataDim, (first + rows) * this.dataDim));
    }
    return means;
  }

  /** Put points of a batch, n * D, where the kernel reads them. @param {Float32Array} points */
  setPoints(points) {
    const rows = points.length / this.dataDim;
    spread(points, this.dataDim, this.kernel.floats(this.kernel.exports.points_at(), rows * ROW));
  }

  /** Go on with another mistake of {@link MISTAKE_IDS}, or none. @param {string | null} mistake */
  setMistake(mistake) {
    this.kernel.integers(this.pointer, FIELDS.length)[FIELDS.indexOf("mistake")] = mistakeNumber(mistake);
  }

  /** The mixture prior. @returns {{weights: Float64Array, means: Float32Array, stds: Float64Array} | null} K, K * L. */
  get prior() {
    if (this.components === 0) {
      return null;
    }
    const { exp } = this.kernel;
    const tensors = this.tensors(this.parameters);
    const logits = tensors["prior.logits"].values;
    const highest = logits.reduce((a, b) => Math.max(a, b));
    const weights = Float64Array.from(logits, (logit) => exp(logit - highest));
    const total = weights.reduce((a, b) => a + b);
    return {
      weights: weights.map((weight) => weight / total),
      means: tensors["prior.means"].values,
      stds: Float64Array.from(tensors["prior.logvars"].values, (logvar) => exp(logvar / 2)),
    };
  }
}

/** The kernel's number of a mistake; 0 for none. */
function mistakeNumber(mistake) {
  return mistake === null ? 0 : MISTAKE_IDS.indexOf(mistake) + 1;
}

/** Rows of `dims` numbers into rows of four. */
function spread(from, dims, to) {
  for (let i = 0, j = 0; i < from.length; i += dims, j += ROW) {
    for (let d = 0; d < dims; d++) {
      to[j + d] = from[i + d];
    }
  }
}

/** Rows of four into rows of `dims` numbers. */
function gather(from, dims, to) {
  for (let i = 0, j = 0; i < to.length; i += dims, j += ROW) {
    for (let d = 0; d < dims; d++) {
      to[i + d] = from[j + d];
    }
  }
}

/**
 * Where each of PyTorch's tensors lies among the parameters.
 *
 * @returns {{name: string, shape: number[], offset: number, steps: number[]}[]} `steps`: floats from one index of each
 *   dimension to the next.
 */
function layoutOf(network, layers) {
  const { depth, latent_dim, components, prior_stride } = network;
  const linear = (name, layer, first = 0, outputs = layer.outputs) => [
    {
      name: `${name}.weight`,
      shape: [outputs, layer.inputs],
      offset: layer.weights + first,
      steps: [1, layer.stride],
    },
    { name: `${name}.bias`, shape: [outputs], offset: layer.bias + first, steps: [1] },
  ];

  const entries = [];
  for (let i = 0; i < depth; i++) {
    entries.push(...linear(`encoder.${2 * i}`, layers[i]));
  }
  entries.push(...linear("fc_mu", layers[depth], 0, latent_dim));
  entries.push(...linear("fc_logvar", layers[depth], latent_dim, latent_dim));
  for (let i = 0; i <= depth; i++) {
    entries.push(...linear(`decoder.${2 * i}`, layers[depth + 1 + i]));
  }

  if (components > 0) {
    const shape = [components, latent_dim];
    const steps = [1, prior_stride];
    entries.push({ name: "prior.logits", shape: [components], offset: network.prior_logits, steps: [1] });
    entries.push({ name: "prior.means", shape, offset: network.prior_means, steps });
    entries.push({ name: "prior.logvars", shape, offset: network.prior_logvars, steps });
  }
  if (network.learned_variance) {
    entries.push({ name: "decoder_logvar", shape: [], offset: network.decoder_logvar, steps: [] });
  }
  return entries;
}

/** Call with each index of a tensor, row by row, and where it lies. */
function forEachPlace({ shape, offset, steps }, visit) {
  const [rows = 1, columns = 1] = shape;
  const [rowStep = 0, columnStep = 0] = steps;
  for (let i = 0; i < rows; i++) {
    for (let j = 0; j < columns; j++) {
      visit(i * columns + j, offset + i * rowStep + j * columnStep);
    }
  }
}

function readTensor(entry, flat) {
  const values = new Float32Array(entry.shape.reduce((a, b) => a * b, 1));
  forEachPlace(entry, (index, place) => {
    values[index] = flat[place];
  });
  return { shape: entry.shape, values };
}

function writeTensor(entry, values, flat) {
  forEachPlace(entry, (index, place) => {
    flat[place] = values[index];
  });
}
