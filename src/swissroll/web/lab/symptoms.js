/**
 * The numbers that a diagnosis looks at, measured of a copy of a model: as `swissroll.evaluation.symptoms`.
 */

import { countJumps } from "./continuity.js";
import { evenPoints } from "./curves.js";
import { measureLossDrop } from "./diagnosis.js";
import { chooseComponent, LOG_TWO_PI } from "./frozen_model.js";
import { ACTIVE, activity, ratePerDimension } from "./measures.js";
import { twoSampleAccuracy } from "./two_sample.js";

/** Even points along a curve at which the continuity of the posterior mean is measured. */
const EVEN_POINTS = 500;
/** Share of a run's steps after which a schedule of beta has come to rest. */
const BETA_SHARE = 0.7;

/**
 * Measure a model on held-out points. Yields between slices of the work.
 *
 * @param {import("./frozen_model.js").FrozenModel} model
 * @param {import("./frozen_model.js").Cells} scratch Room for as many latents as there are points.
 * @param {object} moment What is known of the run; see `Moment` in truth.js.
 * @param {number} above_lower_bound In nats; NaN where it is not known.
 * @returns {Generator<void, import("./diagnosis.js").Symptoms>}
 */
export function* measureSymptoms(model, scratch, moment, above_lower_bound) {
  const { data_dim, latent_dim } = model;
  const { settings, curve, held_out, held_out_noise, prior_draws } = moment;
  const q = model.encode(held_out);
  yield;

  const latents = q.mu.map((mean, i) => mean + Math.exp(q.logvar[i] / 2) * held_out_noise[i]);
  const { mse, log_prior } = yield* decodeDraws(model, scratch, latents, held_out);
  const rate = meanRate(model, q, held_out_noise, log_prior);
  const aggregate_c2st = yield* twoSampleAccuracy(latents, priorSample(model, prior_draws), latent_dim);

  const isLearned = settings.decoder_variance === "learned";
  const rate_weight = (2 * model.sigma ** 2 * moment.true_beta) / data_dim;
  const loss = mse + rate_weight * rate;
  // Of a run that was recorded, not all may be known.
  const losses = moment.losses.filter(Number.isFinite);
  const weight = isLearned || settings.reduction === "mean" ? 1 : data_dim;
  const at_rest = settings.beta_start === null ? 0 : Math.ceil(BETA_SHARE * settings.steps);
  return {
    ...{ finite: true, loss, mse, rate, aggregate_c2st, above_lower_bound, latent_dim, data_dim },
    variance: moment.variance,
    active: activity(q.mu, latent_dim).filter((value) => value > ACTIVE).length,
    useful: Math.min(data_dim, latent_dim),
    loss_drop: measureLossDrop(losses.slice(at_rest)),
    peak: losses.length > 0 ? losses.reduce((a, b) => Math.max(a, b)) / weight : NaN,
    start: losses.length > 0 ? losses[0] / weight : loss,
    sigma: model.sigma,
    learns_sigma: isLearned,
    steps: moment.step,
    jumps: curve === null ? NaN : countCurveJumps(model, curve),
  };
}

/** Mean squared error of decoded draws, averaged over coordinates, and log p(z) of each draw. */
function* decodeDraws(model, scratch, latents, points) {
  const { data_dim, latent_dim } = model;
  const count = points.length / data_dim;
  const room = scratch.latents;
  latents.forEach((value, i) => {
    room[(i % latent_dim) * scratch.stride + Math.floor(i / latent_dim)] = value;
  });
  yield* scratch.evaluateAll(count);

  const { means, log_prior } = scratch;
  let squares = 0;
  for (let i = 0; i < points.length; i++) {
    squares += (means[(i % data_dim) * scratch.stride + Math.floor(i / data_dim)] - points[i]) ** 2;
  }
  return { mse: squares / points.length, log_prior: log_prior.slice(0, count) };
}

/** KL of q(z|x) from the prior, averaged over points, in nats: exact for N(0, I), else estimated by one draw each. */
function meanRate(model, { mu, logvar }, noise, log_prior) {
  if (model.hasNormalPrior) {
    return ratePerDimension(mu, logvar, model.latent_dim).reduce((a, b) => a + b);
  }
  const log_q = mu.reduce((sum, _, i) => sum - (noise[i] ** 2 + LOG_TWO_PI + logvar[i]) / 2, 0);
  return (log_q - log_prior.reduce((a, b) => a + b)) / log_prior.length;
}

/** Draws from the prior, from fixed numbers: of each draw one uniform and L normal ones. */
function priorSample(model, { uniforms, normals }) {
  const { latent_dim } = model;
  const { log_weights, means, stds } = model.components;
  return normals.map((normal, i) => {
    const component = chooseComponent(log_weights, uniforms[Math.floor(i / latent_dim)]);
    const at = component * latent_dim + (i % latent_dim);
    return means[at] + stds[at] * normal;
  });
}

function countCurveJumps(model, curve) {
  const { points } = evenPoints(curve, EVEN_POINTS, Math);
  return countJumps(model.encode(points).mu, model.latent_dim, curve);
}
