/** The timeline of a run: states that it can be set back to, thinned so that they stay within their bounds. */

/** Most snapshots of a run. */
const MAX_SNAPSHOTS = 300;
/** Most bytes of a run's snapshots. */
const MAX_BYTES = 64 * 2 ** 20;
/** Steps between the first snapshots; more and more later. */
const FIRST_INTERVAL = 5;

/** Snapshots in the order of their steps. */
export class Snapshots {
  constructor() {
    this.states = [];
    this.interval = FIRST_INTERVAL;
  }

  /** Steps of the snapshots. @returns {number[]} */
  get steps() {
    return this.states.map(({ step }) => step);
  }

  /**
   * Steps from a step to the next one that a snapshot is due at.
   *
   * @param {number} step
   * @returns {number} At least 1.
   */
  stepsToNext(step) {
    return this.interval - (step % this.interval);
  }

  /** Keep a state where one is due at its step. @param {number} step @param {() => object} takeState */
  offer(step, takeState) {
    if (step % this.interval === 0) {
      this.add(takeState());
    }
  }

  /** Keep a state. @param {object} state */
  add(state) {
    this.forgetAfter(state.step - 1);
    this.states.push(state);
    const most = Math.max(2, Math.min(MAX_SNAPSHOTS, Math.floor(MAX_BYTES / bytesOf(state))));
    if (this.states.length > most) {
      this.#thin();
    }
  }

  #thin() {
    this.interval *= 2;
    const last = this.states.at(-1);
    this.states = this.states.filter((state) => state.step % this.interval === 0 || state === last);
  }

  /** The last snapshot at or before a step. @param {number} step @returns {object | undefined} */
  at(step) {
    return this.states.findLast((state) => state.step <= step);
  }

  /** Drop the snapshots after a step. @param {number} step */
  forgetAfter(step) {
    this.states = this.states.filter((state) => state.step <= step);
  }
}

/** Bytes of the arrays of a state. */
function bytesOf(state) {
  if (state.tensors) {
    return Object.values(state.tensors).reduce((sum, { values }) => sum + values.length * 4, 0);
  }
  return state.parameters.byteLength + state.moments.byteLength + state.secondMoments.byteLength;
}
