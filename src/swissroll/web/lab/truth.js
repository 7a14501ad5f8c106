/**
 * The exact truth of a run while it trains: pictures (density, posterior) several times a second, and numbers (evidence,
 * its lower bound, the gap, the diagnosis) once or twice a second. Each works on its own copy of the weights, in slices of
 * less than a millisecond, so that both go on side by side.
 */

import { DensityMeter } from "./density.js";
import { FrozenModel } from "./frozen_model.js";
import { PosteriorMeter } from "./posterior.js";
import { Verdicts } from "./verdicts.js";

/** Least time between two beginnings, in milliseconds. */
const PICTURES_EVERY = 160;
const NUMBERS_EVERY = 500;
/** Share of the time that goes to pictures first. */
const PICTURES_SHARE = 0.9;
/** Latents decoded for a density at most, at narrow and at wide networks. */
const DENSITY_CELLS = 2 ** 14;
const DENSITY_CELLS_WIDE = 2 ** 13;
/** Width from which a network is wide. */
export const WIDE = 128;
/** Room of the grid for one point's posterior. */
const POSTERIOR_CELLS = 2 ** 15;
/** Share of the data's range, and sigmas, that a density is shown beyond the data. */
const MARGIN = 0.15;
const MARGIN_SIGMAS = 3;
const MAX_MARGIN = 1.2;

/**
 * @typedef {object} View What is looked at.
 * @property {number} step Of the weights that the training has now: another than its own where a snapshot is shown.
 * @property {number | string} [moment] What tells these weights and this loss from others, also of the same step.
 * @property {boolean} [is_still] Whether no step is taken.
 * @property {boolean} [density] Whether the density is wanted.
 * @property {boolean} [posterior] Whether the posterior of the point is wanted.
 * @property {number | null} [point] The number of the point that is looked at.
 * @property {ArrayLike<number> | null} [x] Its coordinates, D.
 * @property {number[]} [plane] The two latent dimensions that are shown.
 *
 * @typedef {object} Message What was found; parts that are not there are as before.
 * @property {number} step
 * @property {import("./density.js").Density | null} [density] With its `step` and `sigma`; null where there is none, as in
 *   three dimensions.
 * @property {object | null} [posterior] A `Posterior` with its `point`, `step` and `sigma`.
 * @property {import("./summary.js").Summary | null} [evidence]
 * @property {object} [diagnosis]
 */

/** One kind of work: a copy of the model, and the slices that are left. */
class Job {
  constructor(every) {
    this.every = every;
    this.began = -Infinity;
    this.slices = null;
    this.key = "";
  }

  /** Whether something new is to be found, and it is time: at once where no further frame comes. */
  isDue(key, now, isStill) {
    return this.slices === null && key !== this.key && (isStill || now - this.began >= this.every);
  }

  /** Begin with the first slice, which copies the weights as they are now. */
  begin(key, now, slices) {
    this.key = key;
    this.began = now;
    this.slices = slices;
    slices.next();
  }

  /** Work until a time. @returns {Message | null} */
  runUntil(deadline) {
    // At least one slice, however late it is.
    while (this.slices !== null) {
      const { done, value } = this.slices.next();
      if (done) {
        this.slices = null;
      }
      if (value) {
        return value;
      }
      if (performance.now() >= deadline) {
        break;
      }
    }
    return null;
  }
}

/** The truth of one run. */
export class Truth {
  /** @param {import("./kernel.js").Kernel} kernel Any kernel; its memory is left alone. */
  constructor(kernel) {
    this.kernel = kernel;
    this.training = null;
    this.forget();
  }

  /** Begin anew, as for another run. */
  forget() {
    this.pictures = new Job(PICTURES_EVERY);
    this.numbers = new Job(NUMBERS_EVERY);
    this.runs = (this.runs ?? 0) + 1;
  }

  /**
   * Work for some time, beginning with what is due.
   *
   * @param {import("./training.js").Training} training
   * @param {View} view
   * @param {number} milliseconds
   * @returns {Message | null} What was found, or null where it is not ready or there is nothing new.
   */
  work(training, view, milliseconds) {
    const now = performance.now();
    this.#open(training);
    const pictured = pictureKey(view);
    if (pictured !== "" && this.pictures.isDue(pictured, now, view.is_still)) {
      this.pictures.begin(pictured, now, this.#picture(training, view));
    }
    const counted = momentKey(view);
    if (this.numbers.isDue(counted, now, view.is_still)) {
      this.numbers.begin(counted, now, this.verdicts.judge(training, view.step));
    }
    const picture = this.pictures.runUntil(now + PICTURES_SHARE * milliseconds);
    // From here on, and not from before: where other work takes the processor, pictures would leave no time for numbers.
    return picture ?? this.numbers.runUntil(performance.now() + (1 - PICTURES_SHARE) * milliseconds);
  }

  /** Whether it works now, and does not only wait for its turn. @returns {boolean} */
  get isBusy() {
    return this.pictures.slices !== null || this.numbers.slices !== null;
  }

  /** Whether it works on pictures. @returns {boolean} */
  get isPicturing() {
    return this.pictures.slices !== null;
  }

  /** Whether there is nothing left to find of this moment. */
  isIdle(training, view) {
    const isDone = (job, key) => job.slices === null && (key === "" || key === job.key);
    return (
      this.training === training &&
      isDone(this.pictures, pictureKey(view)) &&
      isDone(this.numbers, momentKey(view))
    );
  }

  /** Make what another training needs. */
  #open(training) {
    if (training === this.training) {
      return;
    }
    this.training = training;
    this.forget();
    const { settings, dataDim } = training;
    const model = new FrozenModel(this.kernel, settings, dataDim);
    this.model = model;
    this.density = dataDim === 2 ? new DensityMeter(model) : null;
    this.posterior = new PosteriorMeter(model, { maxCells: POSTERIOR_CELLS });
    this.verdicts = new Verdicts(this.kernel, training);
  }

  /** The pictures of this moment. */
  *#picture(training, { step, density, posterior, point, x, plane = [0, 1] }) {
    const { sigma } = training;
    this.model.load(training.network.parameters, sigma);
    yield;
    const found = { step };
    if (!(sigma > 0)) {
      return { ...found, density: null, posterior: null };
    }

    if (posterior && x) {
      found.posterior = { point, step, sigma, ...(yield* this.posterior.measure(x, plane)) };
    }
    if (density && this.density) {
      const cells = training.settings.hidden_dim < WIDE ? DENSITY_CELLS : DENSITY_CELLS_WIDE;
      // Of few held-out rows, others lie farther out.
      const extent = extentOf([...training.heldOut.points, ...(training.points?.values ?? [])], sigma);
      found.density = { step, sigma, ...(yield* this.density.measure(extent, cells)) };
    }
    return found;
  }
}

/** What decides the numbers. */
function momentKey({ step, moment = step }) {
  return String(moment);
}

/** What decides the pictures; empty where none is wanted. */
function pictureKey(view) {
  const { density, posterior, point, x, plane } = view;
  const wantsPosterior = posterior && x;
  if (!density && !wantsPosterior) {
    return "";
  }
  return [momentKey(view), density, wantsPosterior ? [point, ...x, ...(plane ?? [])] : ""].join();
}

/** The window of the density: the data, and some of what the decoder's noise adds. */
function extentOf(points, sigma) {
  const edges = [0, 1].map((d) => {
    const along = points.filter((_, i) => i % 2 === d);
    return [along.reduce((a, b) => Math.min(a, b)), along.reduce((a, b) => Math.max(a, b))];
  });
  const range = Math.max(...edges.map(([low, high]) => high - low), 1e-3);
  const margin = Math.min(MARGIN * range + MARGIN_SIGMAS * sigma, MAX_MARGIN * range);
  return edges.flatMap(([low, high]) => [low - margin, high + margin]);
}
