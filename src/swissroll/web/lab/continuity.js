/**
 * Jumps of the posterior mean along the data's curve: as `swissroll.evaluation.latent_continuity`.
 *
 * A network is continuous, so a jump is a very fast, short stretch; neighbouring fast steps are one jump.
 */

/** A step of the posterior mean that is this many times a typical one is a jump. */
const JUMP = 10;
/** Steps around a step whose median is what is typical there. */
const WINDOW = 21;

/**
 * Count the places where the posterior mean moves far faster than is typical, both nearby and overall.
 *
 * @param {ArrayLike<number>} mu Posterior means of even points along a curve, n * L.
 * @param {number} dims L.
 * @param {{pieces: number, closed: boolean}} curve
 * @returns {number}
 */
export function countJumps(mu, dims, { pieces, closed }) {
  const count = mu.length / dims;
  const pieceOf = (i) => Math.min(Math.floor(((i + 0.5) / count) * pieces), pieces - 1);
  const paths = Array.from({ length: pieces }, (_, piece) => {
    const rows = Array.from({ length: count }, (_, i) => i).filter((i) => pieceOf(i) === piece);
    return stepsOf(mu, dims, closed ? [...rows, rows[0]] : rows);
  });
  const overall = median(paths.flat());
  return paths.reduce((sum, steps) => sum + jumpsOf(steps, overall, closed), 0);
}

/** Lengths of the steps from each row to the next. */
function stepsOf(mu, dims, rows) {
  return rows.slice(1).map((row, i) => {
    let square = 0;
    for (let j = 0; j < dims; j++) {
      square += (mu[row * dims + j] - mu[rows[i] * dims + j]) ** 2;
    }
    return Math.sqrt(square);
  });
}

function jumpsOf(steps, overall, closed) {
  const fast = steps.map((step, i) => step > JUMP * Math.max(typicalAround(steps, i, closed), overall));
  // Neighbouring fast steps are one jump, across the seam of a closed piece too.
  return fast.filter((isFast, i) => isFast && !(i > 0 ? fast[i - 1] : closed && fast[fast.length - 1])).length;
}

/** Median of the steps around one; at the ends mirrored, or for a closed piece continued. */
function typicalAround(steps, i, closed) {
  const count = steps.length;
  const around = Array.from({ length: WINDOW }, (_, k) => {
    const at = i + k - (WINDOW >> 1);
    if (closed) {
      return steps[(at + count) % count];
    }
    const mirrored = at < 0 ? -1 - at : at;
    return steps[mirrored < count ? mirrored : 2 * count - 1 - mirrored];
  });
  return median(around);
}

function median(values) {
  const sorted = Float64Array.from(values).sort();
  const middle = sorted.length >> 1;
  return sorted.length % 2 === 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
}
