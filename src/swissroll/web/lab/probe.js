// Keeps what is decoded of the cursor up to date: also under a cursor that stands still while training goes on.
//
// The page decodes by itself, with the weights of the frame that it shows: a question to the worker would wait for steps.

import { loadKernel } from "./kernel.js";
import { Network } from "./network.js";
import { kernelBytes } from "./parts.js";

/** Latents along a dragged line that are decoded. */
export const LINE_LATENTS = 65;
/** Draws from the posterior of the chosen point. */
export const POSTERIOR_DRAWS = 64;

/**
 * The latents that a selection asks to be decoded: the cursor, then the line.
 * @param {{latent?: ArrayLike<number>|null, line?: ArrayLike<number>[]|null}} selection
 * @returns {Float32Array} each of L numbers
 */
export function latentsOf({ latent, line }) {
  const found = latent ? Array.from(latent) : [];
  if (line) {
    const [from, to] = line;
    for (let k = 0; k < LINE_LATENTS; k++) {
      const share = k / (LINE_LATENTS - 1);
      for (let dim = 0; dim < from.length; dim++) found.push(from[dim] + share * (to[dim] - from[dim]));
    }
  }
  return Float32Array.from(found);
}

/** The model of the frame that is shown. */
class ShownModel {
  /**
   * @param {import("./kernel.js").Kernel} kernel one of its own
   * @param {object} begin the run's first message
   */
  constructor(kernel, { settings, dims, points, point_noise }) {
    this.kernel = kernel;
    this.network = new Network(kernel, { ...settings, batch_size: 1 }, dims);
    this.points = points;
    this.noise = point_noise;
  }

  /** Decoded latents, and draws from a point's posterior with what they decode to: the same noise each time. */
  find(parameters, { latent, line, point }) {
    const { network } = this;
    network.parameters.set(parameters);
    const means = network.decode(latentsOf({ latent, line }));
    const decoded = {
      latent,
      mean: latent ? means.slice(0, network.dataDim) : null,
      line: line ? means.slice(latent ? network.dataDim : 0) : null,
    };
    return { decoded: latent || line ? decoded : null, draws: point === null ? null : this.#drawPosterior(point) };
  }

  #drawPosterior(point) {
    const { kernel, network } = this;
    const { dataDim, latentDim } = network;
    const { mu, logvar } = network.encode(this.points.slice(point * dataDim, (point + 1) * dataDim));
    const latents = this.noise
      .slice(0, POSTERIOR_DRAWS * latentDim)
      .map((eps, at) => mu[at % latentDim] + eps * kernel.exp(logvar[at % latentDim] / 2));
    return { latents, means: network.decode(latents) };
  }
}

/**
 * Keep store.selection.decoded {mean: D numbers, line: Float32Array m*D} and store.selection.draws {latents, means}
 * those of the weights that are shown.
 * @param {object} store
 */
export function startProbe(store) {
  let model = null;
  let begun = null;
  let found = {};

  const find = () => {
    const { runs, selection } = store.get();
    const { begin, frame } = runs.main;
    const { latent = null, line = null, point = null } = selection;
    const isFound = frame === found.frame && latent === found.latent && line === found.line && point === found.point;
    if (isFound || !isOf(begin, { latent, line, point })) return;
    found = { frame, latent, line, point };
    store.set({ selection: { ...selection, ...model.find(frame.parameters, found) } });
  };
  store.subscribe(async () => {
    const main = store.get().runs?.main;
    if (!main?.frame?.parameters) return;
    if (main.begin === begun) {
      if (model) find();
      return;
    }

    const { begin } = main;
    begun = begin;
    model = null;
    const kernel = await loadKernel(await kernelBytes());
    if (begin !== begun) return;
    model = new ShownModel(kernel, begin);
    if (store.get().runs?.main?.begin === begin) find();
  });
}

/** Whether a selection is one of this run, and not of another one before it. */
function isOf({ latent_dim, dims, points }, { latent, line, point }) {
  const isLatent = (values) => values === null || values.length === latent_dim;
  return isLatent(latent) && isLatent(line?.[0] ?? null) && (point === null || point < points.length / dims);
}
