/** The classifier two-sample test, with nearest neighbours: as `swissroll.evaluation.distances.c2st_accuracy`. */

/** Neighbours that classify a point. */
const NEIGHBOURS = 15;
/** Points classified between two pauses. */
const SLICE = 64;

/**
 * Accuracy of a k-nearest-neighbour classifier that tells two samples of one size apart, each point left out in turn.
 *
 * @param {ArrayLike<number>} a n * L.
 * @param {ArrayLike<number>} b n * L.
 * @param {number} dims L.
 * @returns {Generator<void, number>} Share of points classified correctly: 0.5 is chance, 1 is perfect. Yields between
 *   slices of the work.
 *
 * Source: Lopez-Paz and Oquab (2017), "Revisiting classifier two-sample tests".
 */
export function* twoSampleAccuracy(a, b, dims) {
  const points = Float64Array.from([...a, ...b]);
  const count = points.length / dims;
  const half = a.length / dims;
  const distances = new Float64Array(NEIGHBOURS);
  const isFromB = new Uint8Array(NEIGHBOURS);
  let correct = 0;

  for (let i = 0; i < count; i++) {
    if (i % SLICE === 0) {
      yield;
    }
    distances.fill(Infinity);
    for (let k = 0; k < count; k++) {
      let square = 0;
      for (let j = 0; j < dims; j++) {
        square += (points[i * dims + j] - points[k * dims + j]) ** 2;
      }
      if (k === i || square >= distances[NEIGHBOURS - 1]) {
        continue;
      }
      // Into its place among the nearest so far.
      let place = NEIGHBOURS - 1;
      for (; place > 0 && distances[place - 1] > square; place--) {
        distances[place] = distances[place - 1];
        isFromB[place] = isFromB[place - 1];
      }
      distances[place] = square;
      isFromB[place] = k >= half ? 1 : 0;
    }
    const seen = Math.min(NEIGHBOURS, count - 1);
    const votes = isFromB.subarray(0, seen).reduce((sum, vote) => sum + vote, 0);
    correct += votes > seen / 2 === i >= half ? 1 : 0;
  }
  return correct / count;
}
