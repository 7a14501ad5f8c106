/** What the worker holds of one run: its training, its timeline, and the pictures that are made of it. */

import { ratePerDimension } from "./measures.js";
import { traceStep } from "./one_step.js";
import { checkSettings } from "./settings.js";
import { Snapshots } from "./snapshots.js";
import { Training } from "./training.js";

/** Points of a distribution that are shown; own points are all shown. */
const SHOWN_POINTS = 2000;
/** Draws from the prior that are shown. */
const SHOWN_SAMPLES = 500;
/** Draws of one posterior that are shown, at most. */
const POINT_DRAWS = 64;
/** The decoded grid: points on a side, and how far it reaches, in latent units. */
const MESH = { size: 25, extent: 2.5, lineSize: 200 };
/** Steps over which nothing may move for a run to stop by itself, in two halves. */
const STILL_STEPS = 5000;
/** Change of the held-out negative ELBO between the two halves, in nats, that counts as nothing. */
const STILL_NATS = 0.005;

/** A run in the worker. */
export class Session {
  /**
   * @param {import("./kernel.js").Kernel} kernel
   * @param {object} start `settings`; and where they are given `points` (as of a `Training`), `state`, and of a recorded run
   *   `snapshots` and `history`.
   * @throws {RangeError} A setting is wrong; the message says which.
   */
  constructor(kernel, { settings, points = null, state = null, snapshots = [], history = null, follows = null }) {
    this.follows = follows;
    this.training = new Training(kernel, requireSettings(settings), { points, state });
    this.view = { mesh: true, samples: true, plane: [0, 1] };
    this.snapshots = new Snapshots();
    this.isPlaying = false;
    this.rowsSent = 0;
    this.movedFrom = this.training.taken;
    this.shown = null;
    /** Whether the page has asked to look at this run: only then it gets the weights, too. */
    this.isWatched = false;

    this.#drawPictures();
    for (const snapshot of snapshots) {
      this.snapshots.add(snapshot);
    }
    if (history) {
      this.training.recall(history);
    }
    if (snapshots.length > 0 && !state) {
      this.training.restore(snapshots.at(-1));
    }
    if (snapshots.length === 0) {
      this.snapshots.add(this.training.state());
    }
  }

  /** What pictures need of randomness is drawn once: they move with the model, and do not flicker. */
  #drawPictures() {
    const { kernel, settings, points, network } = this.training;
    const generator = kernel.generator(settings.seed, "pictures");
    const all = points && { points: points.values, coordinate: points.coordinate ?? null };
    this.points = all ?? this.training.sample(SHOWN_POINTS, generator);
    this.choices = Float64Array.from({ length: SHOWN_SAMPLES }, () => generator.uniform());
    this.latentNoise = generator.normals(SHOWN_SAMPLES * network.latentDim);
    this.decoderNoise = generator.normals(SHOWN_SAMPLES * network.dataDim);
    this.pointNoise = generator.normals(POINT_DRAWS * network.latentDim);
  }

  /** The message that a run begins with. */
  begin() {
    const { settings, network, heldOut, heldOutNoise, sigma } = this.training;
    return {
      type: "begin",
      settings: { ...settings },
      dims: network.dataDim,
      latent_dim: network.latentDim,
      sigma,
      points: this.points.points.slice(),
      coordinate: this.points.coordinate?.slice() ?? null,
      coordinate_name: this.training.points?.label ?? "t",
      is_own: this.training.points !== null,
      units: this.training.points?.units ?? null,
      held_out: heldOut.points.slice(),
      has_held_out: this.training.holdsOut,
      held_out_noise: heldOutNoise.slice(),
      point_noise: this.pointNoise.slice(),
    };
  }

  /** Steps that were taken; of a snapshot that is looked at, its own. */
  get step() {
    return this.shown?.step ?? this.training.taken;
  }

  /**
   * Take steps, with a snapshot wherever one is due.
   *
   * @param {number} count
   * @returns {number} Steps that were taken.
   */
  take(count) {
    this.lookAt(null);
    const began = this.training.taken;
    while (this.training.taken < began + count && !this.training.isDone) {
      const left = began + count - this.training.taken;
      this.training.step(Math.min(left, this.snapshots.stepsToNext(this.training.taken)));
      this.snapshots.offer(this.training.taken, () => this.training.state());
    }
    return this.training.taken - began;
  }

  /** Why the run need not go on, in a sentence; null where it should. @returns {string | null} */
  reasonToStop() {
    const { training } = this;
    if (training.isDone) {
      return `All ${training.taken.toLocaleString("en")} steps are done.`;
    }
    const change = this.#lastChange();
    if (Number.isNaN(change) || Math.abs(change) > STILL_NATS) {
      return null;
    }
    this.movedFrom = training.taken;
    const half = (STILL_STEPS / 2).toLocaleString("en");
    return `Nothing moves any more: averaged over the last ${half} steps, the \u2212ELBO that is measured is within ${STILL_NATS} nats of what it was over the ${half} before. Press Play to go on all the same.`;
  }

  /** Change of the mean negative ELBO from one half of the last steps to the other; NaN where they are too few. */
  #lastChange() {
    const { history, taken, settings } = this.training;
    const isScheduled = settings.lr_schedule === "cosine" || settings.beta_start !== null;
    if (taken - this.movedFrom < STILL_STEPS || history.step.length < STILL_STEPS || isScheduled) {
      return NaN;
    }
    const half = STILL_STEPS / 2;
    return meanElbo(history, -half) - meanElbo(history, -STILL_STEPS, -half);
  }

  /** Show a snapshot in the place of the present, or the present again. @param {number | null} step */
  lookAt(step) {
    const { network } = this.training;
    if (this.shown) {
      network.parameters.set(this.present);
      this.shown = null;
    }
    if (step === null) {
      return;
    }

    const snapshot = this.snapshots.at(step);
    if (!snapshot) {
      throw new RangeError(`There is no snapshot of step ${step} or before.`);
    }
    this.present = network.parameters.slice();
    if (snapshot.tensors) {
      network.loadTensors(snapshot.tensors);
    } else {
      network.parameters.set(snapshot.parameters);
    }
    this.shown = snapshot;
  }

  /** Go back to a state; later snapshots and rows are forgotten. */
  restore(state) {
    this.lookAt(null);
    this.training.restore(state);
    this.snapshots.forgetAfter(state.step);
    this.snapshots.add(this.training.state());
    this.rowsSent = Math.min(this.rowsSent, this.training.history.step.length);
    this.movedFrom = state.step;
  }

  /** The message that shows the run as it is. @param {number} stepsPerSecond */
  frame(stepsPerSecond) {
    const { training } = this;
    const { latentDim } = training.network;
    const { mu, logvar } = training.encode(this.points.points);
    // A snapshot is shown with the knobs of its own step.
    const loss = training.lossAt(this.step);
    return {
      type: "frame",
      step: this.step,
      steps_per_second: stepsPerSecond,
      reconstructions: training.decode(mu),
      mu,
      logvar,
      mesh: this.view.mesh ? this.#mesh() : null,
      samples: this.view.samples ? this.#samples(loss.sigma) : null,
      parameters: this.isWatched ? training.network.parameters.slice() : null,
      rows: this.#takeRows(),
      rate_per_dimension: ratePerDimension(mu, logvar, latentDim, training.prior),
      prior: training.prior,
      ...loss,
    };
  }

  /** Rows since the last frame. */
  #takeRows() {
    const { history } = this.training;
    if (this.shown) {
      return { step: [] };
    }
    const rows = Object.fromEntries(
      Object.entries(history).map(([name, column]) => [name, column.slice(this.rowsSent)]),
    );
    this.rowsSent = history.step.length;
    return rows;
  }

  /** The decoded grid of the latent plane that is looked at, the first axis slowest; other latents are 0. */
  #mesh() {
    const { latentDim } = this.training.network;
    const size = latentDim === 1 ? MESH.lineSize : MESH.size;
    const [a, b] = this.view.plane.map((dim) => Math.min(dim, latentDim - 1));
    const at = (i) => MESH.extent * ((2 * i) / (size - 1) - 1);
    const count = latentDim === 1 ? size : size * size;
    const latents = new Float32Array(count * latentDim);
    for (let i = 0; i < count; i++) {
      if (latentDim === 1) {
        latents[i] = at(i);
      } else {
        latents[i * latentDim + a] = at(Math.floor(i / size));
        latents[i * latentDim + b] = at(i % size);
      }
    }
    return { size, extent: MESH.extent, dims: [a, b], points: this.training.decode(latents) };
  }

  /** Draws from the prior: latents, their decoded means, and these with the decoder's noise. */
  #samples(sigma) {
    const { prior, network } = this.training;
    const L = network.latentDim;
    const latents = this.latentNoise.slice();
    if (prior) {
      this.choices.forEach((choice, i) => {
        const k = chooseComponent(prior.weights, choice);
        for (let j = 0; j < L; j++) {
          latents[i * L + j] = prior.means[k * L + j] + prior.stds[k * L + j] * latents[i * L + j];
        }
      });
    }
    const means = this.training.decode(latents);
    return { latents, means, noisy: means.map((mean, i) => mean + sigma * this.decoderNoise[i]) };
  }

  /** One gradient step of a point, looked at: see {@link traceStep}. */
  slowMotion(point, withoutTrick) {
    this.lookAt(null);
    const eps = this.pointNoise.slice(0, this.training.network.latentDim);
    return { point, stages: traceStep(this.training, this.#pointAt(point), eps, withoutTrick) };
  }

  #pointAt(point) {
    const { dataDim } = this.training.network;
    const { points } = this.points;
    if (!Number.isInteger(point) || point < 0 || point >= points.length / dataDim) {
      throw new RangeError(`There is no point ${point}; the last one is ${points.length / dataDim - 1}.`);
    }
    return points.slice(point * dataDim, (point + 1) * dataDim);
  }
}

/** Settings that were checked, with those that a run takes beside them. */
function requireSettings({ turns = [], ...given }) {
  const { settings, problems } = checkSettings(given);
  if (problems.length > 0) {
    throw new RangeError(problems[0]);
  }
  return { ...settings, turns };
}

/** Mean negative ELBO on the held-out points, of the rows in a slice of a history. */
function meanElbo(history, first, last = undefined) {
  const distortion = history.held_out_distortion.slice(first, last);
  const rate = history.held_out_rate.slice(first, last);
  const values = distortion.map((value, i) => value + rate[i]).filter((value) => !Number.isNaN(value));
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}

function chooseComponent(weights, choice) {
  let below = 0;
  for (let k = 0; k < weights.length; k++) {
    below += weights[k];
    if (choice < below) {
      return k;
    }
  }
  return weights.length - 1;
}
