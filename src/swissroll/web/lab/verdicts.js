/**
 * The numbers of a run at one moment: its evidence beside the lower bound, the gap and its split, and the diagnosis.
 */

import { curveVariance, evenPoints } from "./curves.js";
import { diagnose } from "./diagnosis.js";
import { EvidenceMeter, IMPORTANCE_SAMPLES } from "./evidence.js";
import { Cells, FrozenModel } from "./frozen_model.js";
import { informationOf } from "./information.js";
import { LowerBoundMeter } from "./lower_bound.js";
import { ratePerDimension } from "./measures.js";
import { summarise } from "./summary.js";
import { measureSymptoms } from "./symptoms.js";

/** Points that all is the mean over, at narrow and at wide networks, and with one latent, which costs little. */
const ROWS = 64;
const ROWS_WIDE = 32;
const ROWS_OF_ONE_LATENT = 256;
/** Points of the first evidence of a run, which is told before that of all. */
const FIRST_ROWS = 16;
/** Even points whose posteriors are the aggregate one; of data without a curve, the held-out points are. */
const AGGREGATE_POINTS = 512;
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

export class Verdicts {
  /**
   * @param {import("./kernel.js").Kernel} kernel Any kernel; its memory is left alone.
   * @param {import("./training.js").Training} training
   */
  constructor(kernel, training) {
    const { settings, dataDim, heldOut, curve, distribution, logVolume = 0, holdsOut } = training;
    const isWide = settings.hidden_dim >= WIDE;
    const halvings = isWide ? HALVINGS_WIDE[settings.latent_dim] : undefined;
    this.model = new FrozenModel(kernel, settings, dataDim);
    this.evidence = new EvidenceMeter(this.model, { maxCells: MAX_CELLS, halvings });
    this.scratch = new Cells(this.model, Math.max(512, (heldOut.points.length / dataDim + 3) & ~3));
    this.lowerBounds = new LowerBounds(kernel);
    this.curve = curve;
    this.logVolume = logVolume;
    this.isHeldOut = holdsOut;

    const rows = settings.latent_dim === 1 ? ROWS_OF_ONE_LATENT : isWide ? ROWS_WIDE : ROWS;
    // Even points integrate over a curve without noise; drawn ones would add their own scatter.
    this.isEven = curve !== null && settings.noise === 0;
    const choose = (count) =>
      this.isEven ? evenPoints(curve, count, kernel).points : heldOut.points.slice(0, count * dataDim);
    this.rows = choose(rows);
    this.firstRows = choose(FIRST_ROWS);
    this.aggregate = choose(AGGREGATE_POINTS);
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
   * @returns {Generator<void | {step: number, evidence: import("./summary.js").Summary | null},
   *   {step: number, diagnosis: object}>}
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

    if (this.model.sigma > 0 && this.isFirst) {
      // The first numbers are to be there at once: of few points.
      yield { step, evidence: yield* this.#measure(this.firstRows, moment) };
    }
    this.isFirst = false;
    const evidence = this.model.sigma > 0 ? yield* this.#measure(this.rows, moment) : null;
    yield { step, evidence };
    const above = evidence?.lower_bound ?? NaN;
    const slack = evidence?.slack ?? 0;
    const surely = evidence ? evidence.value - above - slack : NaN;
    const symptoms = { ...(yield* measureSymptoms(this.model, this.scratch, moment, surely)), slack };
    const { sigma } = this.model;
    return { step, diagnosis: { ...diagnose(symptoms), step, sigma, true_beta: moment.true_beta } };
  }

  /**
   * All that is told of the model on some points; null of one that broke.
   * @returns {Generator<void, import("./summary.js").Summary | null>}
   */
  *#measure(rows, { step, settings, true_beta }) {
    const { model, isEven } = this;
    const found = yield* this.evidence.measure(rows, { tolerance: TOLERANCE, true_beta, drawNoise: this.draws.ofPoint });
    const bound = this.curve ? yield* this.lowerBounds.find(this.curve, model.sigma, settings.noise) : null;

    const q = model.encode(rows);
    const rates = model.hasNormalPrior ? Array.from(ratePerDimension(q.mu, q.logvar, model.latent_dim)) : null;
    const information = found.exact
      ? yield* informationOf(q, model.encode(this.aggregate), this.evidence.nodes, model.latent_dim)
      : null;
    const logBest = (i) => bound.logDensity(rows.subarray(i * model.data_dim, (i + 1) * model.data_dim));
    const about = { isEven, bound, logBest, information, rates, logVolume: this.logVolume };
    const summary = { step, sigma: model.sigma, true_beta, is_held_out: this.isHeldOut, ...summarise(found, about) };
    return [summary.negative_elbo, summary.value].every(Number.isFinite) ? summary : null;
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
