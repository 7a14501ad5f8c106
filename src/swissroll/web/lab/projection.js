// Points of two or three coordinates in the plane of a picture; three are seen from a side that can be turned.

/** Seen a little from above, with the first coordinate to the right. */
export const FIRST_SIDE = { turn: -0.6, tilt: 0.35 };

/**
 * Project points into the plane.
 * @param {Float32Array} points n*D, D of 2 or 3
 * @param {number} dims D
 * @param {{turn: number, tilt: number}} side angles in radians: about the last axis, and towards the viewer
 * @param {Float32Array} [out] n*2, to be used again
 * @returns {Float32Array} n*2; for D = 2 the points themselves
 */
export function project(points, dims, side, out) {
  if (dims === 2) return points;

  const count = Math.floor(points.length / dims);
  const found = out && out.length === 2 * count ? out : new Float32Array(2 * count);
  const [cosTurn, sinTurn] = [Math.cos(side.turn), Math.sin(side.turn)];
  const [cosTilt, sinTilt] = [Math.cos(side.tilt), Math.sin(side.tilt)];
  for (let k = 0; k < count; k++) {
    const x = points[dims * k];
    const y = points[dims * k + 1];
    const z = points[dims * k + 2];
    found[2 * k] = cosTurn * x - sinTurn * y;
    found[2 * k + 1] = cosTilt * z + sinTilt * (sinTurn * x + cosTurn * y);
  }
  return found;
}

/**
 * How far data reach, with a margin: the same for all pictures of a run.
 * @param {Float32Array} points n*D
 * @param {number} dims D
 * @returns {number} half of the side of a square around the origin
 */
export function reachOf(points, dims) {
  let farthest = 0;
  for (let at = 0; at < points.length; at += dims) {
    let square = 0;
    for (let dim = 0; dim < dims; dim++) {
      // Turned points reach as far as they are long; others as far as their larger coordinate.
      if (dims > 2) square += points[at + dim] ** 2;
      else square = Math.max(square, points[at + dim] ** 2);
    }
    farthest = Math.max(farthest, square);
  }
  return 1.15 * Math.sqrt(farthest) || 1;
}
