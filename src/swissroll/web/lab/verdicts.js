/**
 * The numbers of a run at one moment: its evidence beside the lower bound, the gap and its split, and the diagnosis.
 */

import { curveVariance, evenPoints } from "./curves.js";
import { diagnose } from "./diagnosis.js";
import { EvidenceMeter, IMPORTANCE_SAMPLES } from "./evidence.js";
import { Cells, FrozenModel } from "./frozen_model.js";
import { LowerBoundMeter } from "./lower_bound.js";
import { measureSymptoms } from "./symptoms.js";

/** Points that the evidence is the mean over, at narrow and at wide networks. */
const ROWS = 64;
const ROWS_WIDE = 32;
/** Points of the first evidence of a run. */
const FIRST_ROWS = 16;
/** Width from which a network is wide. */
const WIDE = 128;
/** Room of the grid, and halvings of the box to its first cells, by latent dimension, at wide networks. */
const MAX_CELLS = 2 ** 16;
const HALVINGS_WIDE = { 1: 8, 2: 6 };
/** Estimated error, in nats, at which a point's grid is fine enough; the true one is about a quarter. */
const TOLERANCE = 5e-3;
/** Between lower bounds at these steps of log sigma, that of a learned sigma is interpolated. */
const LOG_STEP = 0.05;
/** Most lower bounds that are kept. */
const MAX_KEPT = 64;

/**
 * @typedef {object} Summary In nats per point.
 * @property {number} value Mean of -log p(x), or of the importance-weighted upper bound on it.
 * @property {number} error Its numerical error.
 * @property {boolean} exact
 * @property {string} name "negative log evidence" or "importance-weighted bound".
 * @property {number | null} lower_bound The lowest that any model with this sigma can reach; null where it is not known.
 * @property {number} negative_elbo
 * @property {number} gap Mean of log p(x) - ELBO.
 * @property {number | null} amortisation Part of the gap that the best diagonal Gaussians close; null above two latents.
 * @property {number | null} family The rest of the gap.
 * @property {number} rows Points that it is the mean over.
 * @property {number} step
 */

export class Verdicts {
  /**
   * @param {import("./kernel.js").Kernel} kernel Any kernel; its memory is left alone.
   * @param {import("./training.js").Training} training
   */
  constructor(kernel, training) {
    const { settings, dataDim, heldOut, curve, distribution, logVolume = 0 } = training;
    const isWide = settings.hidden_dim >= WIDE;
    const halvings = isWide ? HALVINGS_WIDE[settings.latent_dim] : undefined;
    this.model = new FrozenModel(kernel, settings, dataDim);
    this.evidence = new EvidenceMeter(this.model, { maxCells: MAX_CELLS, halvings });
    this.scratch = new Cells(this.model, Math.max(512, (heldOut.points.length / dataDim + 3) & ~3));
    this.lowerBounds = new LowerBounds(kernel);
    this.curve = curve;
    this.logVolume = logVolume;

    const rows = isWide ? ROWS_WIDE : ROWS;
    // Even points integrate over a curve without noise; drawn ones would add their own scatter.
    const isEven = curve !== null && settings.noise === 0;
    const choose = (count) => (isEven ? evenPoints(curve, count, kernel).points : heldOut.points.slice(0, count * dataDim));
    this.rows = choose(rows);
    this.firstRows = choose(FIRST_ROWS);
    this.isFirst = true;
    const { noise } = settings;
    this.variance = curve ? curveVariance(curve, noise, kernel) : distribution.variance + noise ** 2;
    this.draws = drawFixed(kernel, settings, heldOut.points.length / dataDim, rows);
  }

  /**
   * Measure a training as it is now. Yields between slices of the work, and the evidence as soon as it is there.
   *
   * @param {import("./training.js").Training} training
   * @param {number} step Of the weights that it has now.
   * @returns {Generator<void | {step: number, evidence: Summary}, {step: number, diagnosis: object}>}
   */
  *judge(training, step) {
    const moment = {
      step,
      ...{ settings: { ...training.settings }, curve: this.curve, variance: this.variance },
      ...{ true_beta: training.trueBeta, losses: Float64Array.from(training.followedLosses) },
      ...{ held_out: training.heldOut.points, held_out_noise: training.heldOutNoise, prior_draws: this.draws.prior },
    };
    this.model.load(training.network.parameters, training.sigma);
    yield;

    const evidence = this.model.sigma > 0 ? yield* this.#summarise(moment.settings.noise) : null;
    yield { step, evidence: evidence && { ...evidence, step } };
    const above = evidence?.lower_bound ?? NaN;
    const surely = evidence ? evidence.value - above - evidence.slack : NaN;
    const symptoms = yield* measureSymptoms(this.model, this.scratch, moment, surely);
    return { step, diagnosis: { ...diagnose(symptoms), step } };
  }

  /** The evidence on the rows, beside its lower bound. */
  *#summarise(noise) {
    const { model } = this;
    // The first numbers are to be there at once: of few points.
    const rows = this.isFirst ? this.firstRows : this.rows;
    this.isFirst = false;
    const found = yield* this.evidence.measure(rows, { tolerance: TOLERANCE, drawNoise: this.draws.ofPoint });
    const bound = this.curve ? yield* this.lowerBounds.find(this.curve, model.sigma, noise) : null;

    const count = found.log_p.length;
    const mean = (value) => found.log_p.reduce((sum, log_p, i) => sum + value(log_p, i), 0) / count;
    const squares = found.error.reduce((sum, error) => sum + error * error, 0);
    // The mixture that reaches the lower bound is a control variate: its own mean is known.
    const row = (i) => rows.subarray(i * model.data_dim, (i + 1) * model.data_dim);
    const standardised = bound ? bound.value + mean((log_p, i) => bound.logDensity(row(i)) - log_p) : mean((log_p) => -log_p);
    // A table has no bound, and every other data set a volume of 1.
    const value = standardised + this.logVolume;
    const gap = mean((log_p, i) => log_p - found.elbo[i]);
    return {
      value,
      // Errors of quadrature may all have one sign; those of independent draws add up as squares.
      error: found.exact ? mean((_, i) => found.error[i]) : Math.sqrt(squares) / count,
      exact: found.exact,
      name: found.exact ? "negative log evidence" : "importance-weighted bound",
      lower_bound: bound ? bound.lower : null,
      negative_elbo: value + gap,
      gap,
      amortisation: found.best && mean((_, i) => found.best[i] - found.elbo[i]),
      family: found.best && mean((log_p, i) => log_p - found.best[i]),
      slack: found.gain ? 2 * mean((_, i) => found.gain[i]) : 0,
      rows: count,
    };
  }
}

/** Lower bounds by data and sigma, found once each. */
class LowerBounds {
  constructor(kernel) {
    this.meter = new LowerBoundMeter(kernel.fork());
    this.known = new Map();
  }

  /** The bound at a sigma: between two that are near, where sigma is learned and moves with every step. */
  *find(curve, sigma, noise) {
    if (this.known.size === 0 || this.known.has(keyOf(sigma, noise))) {
      return yield* this.#at(curve, sigma, noise);
    }
    const place = Math.log(sigma) / LOG_STEP;
    const below = yield* this.#at(curve, Math.exp(Math.floor(place) * LOG_STEP), noise);
    const above = yield* this.#at(curve, Math.exp((Math.floor(place) + 1) * LOG_STEP), noise);
    if (!below || !above) {
      return null;
    }
    const share = place - Math.floor(place);
    return { ...below, lower: below.lower + share * (above.lower - below.lower) };
  }

  *#at(curve, sigma, noise) {
    const key = keyOf(sigma, noise);
    if (!this.known.has(key)) {
      const found = yield* this.meter.measure(curve, sigma, noise);
      if (this.known.size >= MAX_KEPT) {
        this.known.delete(this.known.keys().next().value);
      }
      this.known.set(key, found);
    }
    return this.known.get(key);
  }
}

/** With noise of at least sigma the bound is the data's entropy, whatever sigma is. */
function keyOf(sigma, noise) {
  return noise >= sigma ? "entropy" : String(sigma);
}

/** Random numbers that stay the same through a run, so that what is measured with them does not flicker. */
function drawFixed(kernel, { seed, latent_dim }, points, rows) {
  const own = kernel.fork();
  const generator = own.generator(seed, "pictures");
  const prior = {
    uniforms: Float64Array.from({ length: points }, () => generator.uniform()),
    normals: Float64Array.from(generator.normals(points * latent_dim)),
  };
  if (latent_dim <= 2) {
    return { prior, ofPoint: null };
  }
  const size = IMPORTANCE_SAMPLES * latent_dim;
  const noise = generator.normals(rows * size);
  return { prior, ofPoint: (point) => noise.subarray(point * size, (point + 1) * size) };
}
