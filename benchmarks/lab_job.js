// One job: a run of the lab's engine, timed. Node and the page's worker run it alike.

/** Steps before the clock starts: compiled code gets faster in the first ones. */
const WARM_UP = 100;
/** Milliseconds of a window of steps; the fastest window is what the machine does when nothing else runs. */
const WINDOW_MS = 5;

/**
 * @param {typeof import("../src/swissroll/web/lab/training.js").Training} Training
 * @param {import("../src/swissroll/web/lab/kernel.js").Kernel} kernel
 * @param {{settings: object, steps: number}} job
 * @returns {{mean: number, best: number, hash: string}} Steps per second over all steps and in the fastest window of
 *   steps, and the hash of the weights after them.
 */
export function runJob(Training, kernel, { settings, steps }) {
  const training = new Training(kernel, settings);
  training.step(WARM_UP);

  let best = 0;
  const began = performance.now();
  while (training.taken < steps) {
    const windowBegan = performance.now();
    const before = training.taken;
    while (training.taken < steps && performance.now() - windowBegan < WINDOW_MS) {
      training.step(1);
    }
    const rate = ((training.taken - before) / (performance.now() - windowBegan)) * 1000;
    best = Math.max(best, rate);
  }
  const seconds = (performance.now() - began) / 1000;
  return { mean: (steps - WARM_UP) / seconds, best, hash: training.hash() };
}
