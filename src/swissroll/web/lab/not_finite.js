/** A number of a run was not finite; the run stays in its last good state. */
export class NotFiniteError extends Error {
  /**
   * @param {number} step The step whose loss or gradient it was, counted from 1.
   * @param {string} term "reconstruction", "KL", "loss", "held-out" or "gradient".
   * @param {number} lr Learning rate of the run.
   */
  constructor(step, term, lr) {
    const quantity = { reconstruction: "reconstruction term", KL: "KL term", "held-out": "held-out loss" }[term] ?? term;
    const lower = Math.min(lr / 10, 1e-3);
    super(
      `The ${quantity} was not finite at step ${step}; the last good state is kept. ` +
        `The learning rate was ${lr}: try ${Number(lower.toPrecision(3))}.`,
    );
    this.step = step;
    this.term = term;
  }
}
