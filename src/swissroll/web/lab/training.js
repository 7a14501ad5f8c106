/**
 * One run: a function of its settings alone. It takes steps and keeps what happened; it knows nothing of pages.
 *
 * @typedef {{step: number, beta?: number, lr?: number}} Turn A knob that was turned, after so many steps.
 */

import { CURVES, sampleCurve } from "./curves.js";
import { DISTRIBUTIONS, ownPoints, samplePoints } from "./distributions.js";
import { fingerprint } from "./fingerprint.js";
import { addRow, addRows, emptyHistory, forgetRows } from "./history.js";
import { Network } from "./network.js";
import { NotFiniteError } from "./not_finite.js";
import { refitPriorOf } from "./refit.js";
import { NOTEBOOK } from "./settings.js";

const LOG_TWO_PI = 1.8378770664093453;
/** Numbers of the kernel's terms: loss, mean squared error, mean KL, log-variance of the decoder. */
const TERM_COUNT = 4;
/** Points that a run is measured on, drawn once; those that a table holds out may be fewer. */
const HELD_OUT_POINTS = 512;
/** Steps between two measurements on them, and before the first of these. */
const MEASURED_EVERY = 50;
const MEASURED_FIRST_EVERY = 10;
/** Steps over which the learning rate rises again where Adam's moments did not come with the weights. */
const MOMENT_STEPS = 100;
/** The mistake that is part of the model, and not of its training. */
const IN_MODEL = "relu_on_head";
/** What of a step was not finite, by the kernel's number. */
const BAD_TERMS = [null, "reconstruction", "KL", "loss", "gradient"];

/** A run that is being trained. */
export class Training {
  /**
   * @param {import("./kernel.js").Kernel} kernel
   * @param {object} settings Those of `swissroll.Config` that differ from the notebook's; `turns`: knobs to turn.
   * @param {{points?: {dims: number, values: Float32Array, held_out?: Float32Array, units?: object}, state?: object}} [options]
   *   Own points to train on, n * D, of a table with those to measure on and its units; and a state to go on from.
   */
  constructor(kernel, settings, { points = null, state = null } = {}) {
    this.kernel = kernel.fork();
    this.settings = { ...NOTEBOOK, ...settings };
    this.points = points;
    this.curve = points ? null : (CURVES[this.settings.dataset] ?? null);
    this.distribution = points ? ownPoints(points) : DISTRIBUTIONS[this.settings.dataset];
    this.dataDim = (this.curve ?? this.distribution).data_dim;
    this.network = new Network(this.kernel, this.settings, this.dataDim);
    this.taken = 0;
    /** The step at which Adam's moments began at 0. */
    this.momentsFrom = 0;
    this.begun = { beta: this.settings.beta, lr: this.settings.lr };
    this.turns = [...(this.settings.turns ?? [])];
    this.history = emptyHistory();

    const { seed } = this.settings;
    this.generators = { data: this.kernel.generator(seed, "data"), noise: this.kernel.generator(seed, "noise") };
    const initialisation = this.kernel.generator(seed, "initialisation");
    this.kernel.exports.initialise(initialisation.pointer, this.settings.initialization === "he" ? 1 : 0);
    this.logVolume = points?.units?.log_volume ?? 0;
    this.holdsOut = !points || Boolean(points.held_out);
    this.heldOut = points?.held_out
      ? { points: points.held_out, coordinate: null }
      : this.sample(HELD_OUT_POINTS, this.kernel.generator(seed, "evaluation"));
    this.heldOutNoise = this.kernel
      .generator(seed, "evaluation_noise")
      .normals((this.heldOut.points.length / this.dataDim) * this.settings.latent_dim);
    if (state) {
      this.restore(state);
    }
  }

  /** Whether all steps are taken. @returns {boolean} */
  get isDone() {
    return this.taken >= this.settings.steps;
  }

  /**
   * Draw points as the run's batches are drawn.
   *
   * @param {number} count
   * @param {import("./kernel.js").Generator} generator
   * @returns {{points: Float32Array, coordinate: Float32Array | null}} count * D, and what colours each, from 0 to 1:
   *   how far along the curve it is, or which part it is from.
   */
  sample(count, generator) {
    const { noise } = this.settings;
    return this.curve
      ? sampleCurve(this.curve, count, noise, generator, this.kernel)
      : samplePoints(this.distribution, count, noise, generator, this.kernel);
  }

  /**
   * Take steps, at most to the last of the settings.
   *
   * @param {number} [count]
   * @returns {number} Steps that were taken.
   * @throws {NotFiniteError} A loss or gradient was not finite; the weights are those before that step.
   */
  step(count = 1) {
    const last = Math.min(this.taken + count, this.settings.steps);
    const began = this.taken;
    while (this.taken < last) {
      this.#applyTurns();
      this.#takeStep();
    }
    return this.taken - began;
  }

  #takeStep() {
    const { exports } = this.kernel;
    const { batch_size } = this.settings;
    const { points } = this.sample(batch_size, this.generators.data);
    exports.draw_normals(this.generators.noise.pointer, exports.noise_at(), batch_size * this.network.latentDim);
    this.#descend(points);
  }

  /**
   * Take a step on given points with given noise, as a run does with those that it draws.
   *
   * @param {Float32Array} points n * D, at most a batch.
   * @param {Float32Array} noise n * L.
   * @throws {NotFiniteError} As {@link Training#step}.
   */
  stepOn(points, noise) {
    this.kernel.floats(this.kernel.exports.noise_at(), noise.length).set(noise);
    this.#descend(points);
  }

  #descend(points) {
    const { exports } = this.kernel;
    const { lr, beta } = this.scheduled();
    this.network.setPoints(points);
    exports.compute_gradient(points.length / this.dataDim, beta);

    const bad = BAD_TERMS[exports.find_bad_term()];
    if (bad) {
      throw new NotFiniteError(this.taken + 1, bad, this.settings.lr);
    }
    const train = this.terms();
    this.taken += 1;
    exports.update(lr, this.taken - this.momentsFrom);
    if (this.isDone && this.settings.refit_prior && this.settings.components > 0) {
      refitPriorOf(this);
    }
    this.#keepRow(beta, train);
  }

  /** Learning rate and beta of the next step. @returns {{lr: number, beta: number}} */
  scheduled() {
    return this.#scheduledAt(this.taken, this.settings);
  }

  /** What schedules make of the two knobs in the step that follows so many. */
  #scheduledAt(taken, { lr, beta }) {
    const { warmup, steps, lr_schedule, beta_start } = this.settings;
    const { scheduled_lr, scheduled_beta } = this.kernel.exports;
    return {
      lr: this.#shareAt(taken) * scheduled_lr(lr, taken, warmup, steps, lr_schedule === "cosine" ? 1 : 0),
      beta: beta_start ? scheduled_beta(beta, beta_start, taken, steps) : beta,
    };
  }

  /** Share of the learning rate: without moments, the first steps of Adam move every weight by all of it. */
  #shareAt(taken) {
    const done = taken - this.momentsFrom;
    return this.momentsFrom > 0 && done >= 0 ? Math.min(1, (done + 1) / MOMENT_STEPS) : 1;
  }

  /**
   * What the loss amounted to after so many steps, with the knobs as they stood then.
   *
   * @param {number} taken At most those of the run.
   * @returns {{lr: number, beta: number, sigma: number, true_beta: number}} Rate and beta of the step that follows; the
   *   decoder's standard deviation, as {@link Training#sigma}; the weight of the rate against the distortion, both in nats.
   */
  lossAt(taken) {
    const knobs = this.turns.reduce((held, turn) => (turn.step <= taken ? { ...held, ...turn } : held), this.begun);
    const now = this.#scheduledAt(taken, knobs);
    const weight = this.#weightOf(now.beta);
    const isLearned = this.settings.decoder_variance === "learned";
    const implied = this.#weightOf(knobs.beta);
    const true_beta = isLearned ? weight : weight === implied ? 1 : weight / implied;
    return { ...now, sigma: isLearned ? this.sigma : Math.sqrt(implied / 2), true_beta };
  }

  /** Weight of the rate, summed over latent dimensions, beside what is summed over coordinates. */
  #weightOf(beta) {
    return beta * (this.settings.reduction === "mean" ? this.dataDim / this.settings.latent_dim : 1);
  }

  /**
   * What the kernel measured last.
   *
   * @returns {{loss: number, mse: number, kl: number, rate: number, distortion: number}} The loss as trained, its two
   *   averages, and rate and distortion in nats per point; the distortion of a decoder without noise is NaN.
   */
  terms() {
    const { loss, mse, kl } = this.#readTerms();
    return this.#inNats(loss, mse, kl);
  }

  #readTerms() {
    const [loss, mse, kl] = this.kernel.doubles(this.kernel.exports.terms_at(), TERM_COUNT);
    return { loss, mse, kl };
  }

  #inNats(loss, mse, kl) {
    const { sigma } = this;
    const D = this.dataDim;
    const squares = (D * mse) / (2 * sigma * sigma);
    const distortion = squares + (D / 2) * (LOG_TWO_PI + 2 * this.kernel.log(sigma)) + this.logVolume;
    return { loss, mse, kl, rate: this.network.latentDim * kl, distortion: sigma > 0 ? distortion : NaN };
  }

  /**
   * Standard deviation of the decoder, learned or implied by the loss, in data units: by the beta that a schedule ends at,
   * so that numbers of one run are of one decoder.
   *
   * @returns {number}
   */
  get sigma() {
    if (this.settings.decoder_variance === "learned") {
      const [logvar] = this.network.tensors(this.network.parameters).decoder_logvar.values;
      return this.kernel.exp(logvar / 2);
    }
    // Dividing by 2 sigma^2 makes the squared error, summed over dimensions, a distortion: sigma^2 = weight / 2.
    return Math.sqrt(this.#weightOf(this.settings.beta) / 2);
  }

  /** Weight of the rate against the distortion, both in nats, in the next step; 1 is the ELBO itself. @returns {number} */
  get trueBeta() {
    return this.lossAt(this.taken).true_beta;
  }

  /** Training losses that a diagnosis looks at: with a learned variance the squared errors, as its loss has no zero. */
  get followedLosses() {
    return this.settings.decoder_variance === "learned" ? this.history.mse : this.history.loss;
  }

  /** The mixture prior, or null for the standard normal one. */
  get prior() {
    return this.network.prior;
  }

  /** As {@link Network#encode}. */
  encode(points) {
    return this.network.encode(points);
  }

  /** As {@link Network#decode}. */
  decode(latents) {
    return this.network.decode(latents);
  }

  #keepRow(beta, train) {
    const period = this.taken < MEASURED_EVERY ? MEASURED_FIRST_EVERY : MEASURED_EVERY;
    const isDue = this.taken % period === 0 || this.taken === 1 || this.isDone;
    const heldOut = isDue ? this.measure() : { loss: NaN, distortion: NaN, rate: NaN };
    const { loss, mse, distortion, rate } = train;
    const row = [this.taken, beta, loss, mse, distortion, rate, heldOut.loss, heldOut.distortion, heldOut.rate];
    addRow(this.history, row);
  }

  /**
   * Terms of the held-out points, with noise of their own that stays the same; a mistake in the loss is left out.
   *
   * @returns {{loss: number, mse: number, kl: number, rate: number, distortion: number}} As {@link Training#terms}.
   */
  measure() {
    const { exports } = this.kernel;
    const { dataDim } = this;
    const { latentDim, rows } = this.network;
    const total = this.heldOut.points.length / dataDim;
    let mse = 0;
    let kl = 0;
    let loss = 0;
    const { mistake } = this.settings;
    if (mistake !== IN_MODEL) this.network.setMistake(null);
    for (let first = 0; first < total; first += rows) {
      const count = Math.min(rows, total - first);
      this.network.setPoints(this.heldOut.points.subarray(first * dataDim, (first + count) * dataDim));
      const noise = this.heldOutNoise.subarray(first * latentDim, (first + count) * latentDim);
      this.kernel.floats(exports.noise_at(), noise.length).set(noise);
      exports.measure(count, this.settings.beta);

      const part = this.#readTerms();
      const share = count / total;
      loss += share * part.loss;
      mse += share * part.mse;
      kl += share * part.kl;
    }
    this.network.setMistake(mistake);
    return this.#inNats(loss, mse, kl);
  }

  /**
   * The loss of points with given noise, and its gradient by PyTorch's names.
   *
   * @param {Float32Array} points n * D, at most a batch.
   * @param {Float32Array} noise n * L.
   * @param {number} [beta]
   */
  gradients(points, noise, beta = this.settings.beta) {
    const { exports } = this.kernel;
    this.network.setPoints(points);
    this.kernel.floats(exports.noise_at(), noise.length).set(noise);
    exports.compute_gradient(points.length / this.dataDim, beta);
    return { ...this.terms(), gradient: this.network.tensors(this.network.gradient) };
  }

  /** Turn knobs from the next step on. @param {{beta?: number, lr?: number, steps?: number}} knobs */
  set(knobs) {
    Object.assign(this.settings, knobs);
    const { steps: _, ...turned } = knobs;
    if (Object.keys(turned).length > 0) {
      this.turns.push({ step: this.taken, ...turned });
    }
  }

  #applyTurns() {
    for (const { step, ...knobs } of this.turns) {
      if (step === this.taken) {
        Object.assign(this.settings, knobs);
      }
    }
  }

  /**
   * Take rows of a recorded run into the history.
   *
   * @param {Record<string, ArrayLike<number>>} rows Columns of one length, `step` among them; absent ones become NaN, but
   *   for beta, which follows from the settings.
   */
  recall(rows) {
    const beta = Array.from(rows.step, (step) => this.#scheduledAt(step - 1, this.settings).beta);
    addRows(this.history, { ...rows, beta: rows.beta ?? beta });
  }

  /** All that the next steps depend on, but for the settings. */
  state() {
    return {
      step: this.taken,
      momentsFrom: this.momentsFrom,
      parameters: this.network.parameters.slice(),
      moments: this.network.moments.slice(),
      secondMoments: this.network.secondMoments.slice(),
      generators: { data: this.generators.data.state, noise: this.generators.noise.state },
    };
  }

  /**
   * Go to a state of this run, and forget what came after it.
   *
   * @param {object} state One of {@link Training#state}, or weights alone: {step, tensors}, by PyTorch's names. With
   *   weights alone, Adam's moments begin at 0, and the learning rate rises over {@link MOMENT_STEPS}.
   */
  restore(state) {
    const { network, generators } = this;
    if (state.tensors) {
      network.loadTensors(state.tensors);
      network.moments.fill(0);
      network.secondMoments.fill(0);
    } else if (state.parameters?.length !== network.parameterCount) {
      throw new RangeError("The state is one of another network. Start a run with its settings.");
    } else {
      network.parameters.set(state.parameters);
      network.moments.set(state.moments);
      network.secondMoments.set(state.secondMoments);
      generators.data.state = state.generators.data;
      generators.noise.state = state.generators.noise;
    }
    this.momentsFrom = state.tensors ? state.step : state.momentsFrom;
    this.taken = state.step;
    this.#forgetAfter(state.step);
  }

  #forgetAfter(step) {
    forgetRows(this.history, step);
    this.turns = this.turns.filter((turn) => turn.step < step);

    // The knobs stay as they are now, which may not be as they were then.
    const held = this.turns.reduce((knobs, turn) => ({ ...knobs, ...turn }), this.begun);
    const { beta, lr } = this.settings;
    if (held.beta !== beta || held.lr !== lr) {
      this.turns.push({ step, beta, lr });
    }
  }

  /** As {@link fingerprint}, of the weights. @returns {string} */
  hash() {
    return fingerprint(this.kernel, this.network.tensors(this.network.parameters));
  }
}
