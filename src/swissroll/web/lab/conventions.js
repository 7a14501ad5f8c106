// What a run's numbers mean elsewhere, in sentences: which loss, which noise, which optimiser, which units.

import { impliedSigma, rateWeight } from "./settings.js";

const short = (value) => String(Number(value.toPrecision(4)));

/**
 * @param {import("./settings.js").Settings} settings
 * @param {number} dims coordinates of a data point
 * @param {boolean} isTable whether the points are rows of a table, whose columns are standardised
 * @returns {string[]} sentences
 */
export function conventionsOf(settings, dims, isTable) {
  const units = isTable ? OF_A_TABLE : OF_POINTS;
  return [lossOf(settings, dims), noiseOf(settings, dims), "Adam has betas 0.9 and 0.999 and epsilon 1e-8.", units];
}

const OF_POINTS = "Distortion, rate and evidence are in nats per point; noise and sigma are in data units.";
const OF_A_TABLE =
  "Distortion, rate and evidence are in nats per row, of densities in the units of the table; noise and sigma are in standard deviations of its columns.";

function lossOf({ reduction, decoder_variance: variance, latent_dim: latents }, dims) {
  const error = variance === "learned" ? "distortion in nats" : "squared error";
  const over = reduction === "mean" ? `averaged over ${dims} coordinates` : "summed over coordinates";
  const overLatents = reduction === "mean" ? `averaged over ${latents} latents` : "summed over latents";
  return `The loss of a point is its ${error}, ${over}, plus beta times its KL, ${overLatents}; a batch is averaged.`;
}

function noiseOf(settings, dims) {
  if (settings.decoder_variance === "learned") {
    return `The sigma of p(x|z) is learned; the true beta, of rate against distortion, is ${short(rateWeight(settings, dims))}.`;
  }
  if (settings.beta === 0) return "At beta 0, p(x|z) has no noise: a plain autoencoder.";
  return `So p(x|z) has the sigma ${short(impliedSigma(settings, dims))}, and the true beta, of rate against distortion, is 1.`;
}
