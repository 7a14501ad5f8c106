// What was measured of the run, at the steps at which it was: the curves draw it, and a table takes it along.

/** Moments that are kept of a run; above, every second one is let go. */
const MOST_TRUTHS = 1000;

/** @typedef {{step: number, evidence: object, diagnosis?: string}} Measured */

/** What the evidence was at the steps at which it was computed, and what was said of them. */
export class TruthLog {
  constructor() {
    this.begin = null;
    this.last = null;
    this.reached = 0;
    /** @type {Measured[]} */
    this.rows = [];
  }

  /** Take what is new of a run; a run that was set back loses what lay ahead. */
  follow(run) {
    if (run?.begin !== this.begin) {
      this.begin = run?.begin;
      this.reached = 0;
      this.rows = [];
    }
    const reached = run?.history?.step?.at(-1) ?? 0;
    // At once: where the run goes on from may have been measured already, and nothing comes of it any more.
    if (reached < this.reached) this.rows = this.rows.filter(({ step }) => step <= Math.max(reached, run.frame?.step ?? 0));
    this.reached = reached;
    const evidence = run?.truth?.evidence;
    if (evidence && evidence !== this.last) this.#add(evidence, reached);

    // It comes later than the evidence of its step.
    const said = run?.truth?.diagnosis;
    const judged = said && this.rows.find(({ step }) => step === said.step);
    if (judged) judged.diagnosis = said.verdict;
  }

  #add(evidence, reached) {
    this.last = evidence;
    // That of a snapshot that is looked at lies before others; a run that was set back has lost those ahead.
    const last = Math.max(reached, evidence.step);
    this.rows = this.rows.filter(({ step }) => step !== evidence.step && step <= last);
    this.rows.push({ step: evidence.step, evidence });
    this.rows.sort((a, b) => a.step - b.step);
    if (this.rows.length > MOST_TRUTHS) this.rows = this.rows.filter((_, k) => k % 2 === 0 || k === this.rows.length - 1);
  }
}

const logs = new WeakMap();

/**
 * The log of a store's main run, which is kept up to date.
 * @param {ReturnType<import("./store.js").createStore>} store
 * @returns {TruthLog}
 */
export function truthLogOf(store) {
  const found = logs.get(store);
  if (found) return found;
  const log = new TruthLog();
  logs.set(store, log);
  store.subscribe((state, changed) => {
    if (changed.has("runs")) log.follow(state.runs?.main);
  });
  return log;
}
