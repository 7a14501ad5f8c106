/** A run as its page shows it, in a worker that finds the truth of it: the model of the last frame, and what is looked at. */

import { CURVES } from "./curves.js";
import { DISTRIBUTIONS, ownPoints } from "./distributions.js";
import { Truth } from "./truth.js";

/**
 * @typedef {object} Moment
 * @property {number} step
 * @property {Float32Array} parameters All weights, as they lie in a network of the run's shape.
 * @property {number} sigma
 * @property {number} true_beta
 * @property {Float64Array} [losses] As `Training.followedLosses`, since a knob was turned last; absent: as before.
 * @property {{density: boolean, posterior: boolean, plane: number[], point: number | null}} view
 */

export class Watched {
  /**
   * @param {import("./kernel.js").Kernel} kernel Any kernel; its memory is left alone.
   * @param {object} begin The run's first message.
   */
  constructor(kernel, { settings, dims, points, held_out, held_out_noise, has_held_out, is_own, units }) {
    this.points = points;
    this.truth = new Truth(kernel);
    this.view = null;
    this.moment = 0;
    /** What of a `Training` the truth is found from. */
    this.model = {
      settings: { ...settings },
      dataDim: dims,
      points: is_own ? { values: points } : null,
      heldOut: { points: held_out },
      holdsOut: has_held_out,
      heldOutNoise: held_out_noise,
      logVolume: units?.log_volume ?? 0,
      curve: is_own ? null : (CURVES[settings.dataset] ?? null),
      distribution: is_own ? ownPoints({ dims, values: points }) : DISTRIBUTIONS[settings.dataset],
      followedLosses: new Float64Array(0),
    };
  }

  /** Take over what is shown now. @param {Moment} moment */
  show({ step, parameters, sigma, true_beta, losses, view }) {
    const { model, points } = this;
    const isNew =
      step !== this.view?.step ||
      sigma !== model.sigma ||
      true_beta !== model.trueBeta ||
      (losses && losses.length !== model.followedLosses.length) ||
      parameters.some((value, at) => value !== model.network.parameters[at]);
    // Not the step: a run that was set back comes by the same steps with other weights.
    this.moment += isNew ? 1 : 0;
    Object.assign(model, { network: { parameters }, sigma, trueBeta: true_beta });
    if (losses) {
      model.followedLosses = losses;
    }
    const { point } = view;
    const D = model.dataDim;
    const isThere = point !== null && (point + 1) * D <= points.length;
    this.view = { ...view, step, moment: this.moment, x: isThere ? points.slice(point * D, (point + 1) * D) : null };
  }

  /** Whether there is nothing left to find of what is shown. @returns {boolean} */
  get isIdle() {
    return this.view === null || this.truth.isIdle(this.model, this.view);
  }

  /** Whether it only waits for its turn. @returns {boolean} */
  get isWaiting() {
    return !this.isIdle && !this.truth.isBusy;
  }

  /** Whether it works on numbers alone while the run goes on: these may come a little later. */
  get isUnhurried() {
    return !this.view.is_still && !this.truth.isPicturing;
  }

  /** Work for so many milliseconds. @returns {object | null} What was found; see {@link Truth}. */
  work(milliseconds) {
    return this.view === null ? null : this.truth.work(this.model, this.view, milliseconds);
  }
}
