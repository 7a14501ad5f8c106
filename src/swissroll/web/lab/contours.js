// Lines of equal height over a grid, by marching squares, and the heights that enclose given shares of a density.

/**
 * The bounds of a grid.
 * @param {number|number[]} extent e for [-e, e] on both axes, or low and high of the first and of the second axis
 * @returns {number[]} low and high of the first axis, low and high of the second
 */
export function boundsOf(extent) {
  if (typeof extent === "number") return [-extent, extent, -extent, extent];
  return extent.length === 2 ? [...extent, ...extent] : Array.from(extent);
}

// Which edges of a cell a line joins, by which of its corners are above the level. Corners, counted by bits: (i, j),
// (i + 1, j), (i + 1, j + 1), (i, j + 1). Edges: 0 from the first corner to the second, and so on around the cell.
const JOINED = [
  [],
  [3, 0],
  [0, 1],
  [3, 1],
  [1, 2],
  [3, 0, 1, 2],
  [0, 2],
  [3, 2],
  [2, 3],
  [2, 0],
  [0, 1, 2, 3],
  [2, 1],
  [1, 3],
  [1, 0],
  [0, 3],
  [],
];
// In a saddle whose middle is above the level, its two high corners are joined.
const SADDLES = { 5: [0, 1, 2, 3], 10: [3, 0, 1, 2] };

/**
 * The segments of a level's line. Cells with a corner that is not finite have none.
 * @param {ArrayLike<number>} values size*size, the first axis slowest
 * @param {number} size grid points along each axis, at both ends too
 * @param {number|number[]} extent as {@link boundsOf} takes it
 * @param {number} level
 * @returns {Float32Array} m*4: x and y of both ends of each segment
 */
export function contour(values, size, extent, level) {
  const [low0, high0, low1, high1] = boundsOf(extent);
  const step0 = (high0 - low0) / (size - 1);
  const step1 = (high1 - low1) / (size - 1);
  const found = [];

  const corner = [0, 0, 0, 0];
  for (let i = 0; i + 1 < size; i++) {
    for (let j = 0; j + 1 < size; j++) {
      const at = i * size + j;
      corner[0] = values[at] - level;
      corner[1] = values[at + size] - level;
      corner[2] = values[at + size + 1] - level;
      corner[3] = values[at + 1] - level;

      let above = 0;
      for (let k = 0; k < 4; k++) if (corner[k] > 0) above |= 1 << k;
      if (above === 0 || above === 15) continue;
      const sum = corner[0] + corner[1] + corner[2] + corner[3];
      if (!Number.isFinite(sum)) continue;

      const edges = (sum > 0 && SADDLES[above]) || JOINED[above];
      for (const edge of edges) {
        const from = corner[edge];
        const to = corner[(edge + 1) % 4];
        const share = from / (from - to);
        // How far along each axis the crossing lies, in cells.
        const along0 = [share, 1, 1 - share, 0][edge];
        const along1 = [0, share, 1, 1 - share][edge];
        found.push(low0 + (i + along0) * step0, low1 + (j + along1) * step1);
      }
    }
  }
  return Float32Array.from(found);
}

/** Nats below the highest density: what lies deeper has no share of the mass that could be seen. */
const DEPTH = 16;

/**
 * The heights whose lines enclose given shares of all mass on a grid: its smallest regions of so much.
 * @param {ArrayLike<number>} logDensity size*size, not normalised
 * @param {number[]} shares in (0, 1)
 * @returns {number[]} one log-density for each share
 */
export function levelsOfMass(logDensity, shares) {
  let highest = -Infinity;
  for (const value of logDensity) if (value > highest) highest = value;
  if (!Number.isFinite(highest)) return [];
  const ordered = Float64Array.from(logDensity.filter((value) => value > highest - DEPTH))
    .sort()
    .reverse();

  const mass = ordered.map((value) => Math.exp(value - highest));
  const total = mass.reduce((sum, value) => sum + value, 0);
  return shares.map((share) => {
    let sum = 0;
    const at = mass.findIndex((value) => (sum += value) >= share * total);
    return ordered[Math.max(at, 0)];
  });
}

/**
 * Draw segments.
 * @param {CanvasRenderingContext2D} context with its stroke set
 * @param {import("./canvas.js").Plane} plane
 * @param {Float32Array} segments m*4
 */
export function drawSegments(context, plane, segments) {
  context.beginPath();
  for (let at = 0; at < segments.length; at += 4) {
    context.moveTo(...plane.toPixel(segments[at], segments[at + 1]));
    context.lineTo(...plane.toPixel(segments[at + 2], segments[at + 3]));
  }
  context.stroke();
}
