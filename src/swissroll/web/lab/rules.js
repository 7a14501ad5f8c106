/**
 * Rules of quadrature: nodes and weights for means, found from the polynomials that they are the roots of.
 *
 * @typedef {{roots: number[], weights: number[]}} Rule
 */

const BISECTIONS = 60;

/** Roots of the polynomials of a recurrence: those of each lie between those of the one before. */
function rootsOf(order, value, reach) {
  let roots = [];
  for (let n = 1; n <= order; n++) {
    const edges = [-reach, ...roots, reach];
    roots = Array.from({ length: n }, (_, i) => bisect((x) => value(n, x), edges[i], edges[i + 1]));
  }
  return roots;
}

function bisect(f, low, high) {
  const isPositive = f(high) > 0;
  for (let i = 0; i < BISECTIONS; i++) {
    const middle = (low + high) / 2;
    if (f(middle) > 0 === isPositive) {
      high = middle;
    } else {
      low = middle;
    }
  }
  return (low + high) / 2;
}

/** Legendre's polynomial of degree n. */
function legendre(n, x) {
  let before = 1;
  let here = n === 0 ? 1 : x;
  for (let k = 1; k < n; k++) {
    const next = ((2 * k + 1) * x * here - k * before) / (k + 1);
    before = here;
    here = next;
  }
  return here;
}

/** Hermite's polynomial of degree n, that of probability, over the root of n!. */
function hermite(n, x) {
  let before = 1;
  let here = n === 0 ? 1 : x;
  for (let k = 1; k < n; k++) {
    const next = (x * here - Math.sqrt(k) * before) / Math.sqrt(k + 1);
    before = here;
    here = next;
  }
  return here;
}

/** Gauss and Legendre's rule on [-1, 1]; weights of sum 2. @returns {Rule} */
export function gaussLegendre(order) {
  const roots = rootsOf(order, legendre, 1);
  const weights = roots.map((x) => {
    const slope = (order * (legendre(order - 1, x) - x * legendre(order, x))) / (1 - x * x);
    return 2 / ((1 - x * x) * slope * slope);
  });
  return { roots, weights };
}

/** Gauss and Hermite's rule for means under N(0, 1); weights of sum 1. @returns {Rule} */
export function gaussHermite(order) {
  const roots = rootsOf(order, hermite, 2 * Math.sqrt(order) + 1);
  const weights = roots.map((x) => 1 / (order * hermite(order - 1, x) ** 2));
  return { roots, weights };
}

/**
 * The product of a rule with itself in so many dimensions.
 *
 * @param {Rule} rule
 * @param {number} dims
 * @returns {{positions: Float64Array, weights: Float64Array}} n * dims, and n.
 */
export function productRule({ roots, weights }, dims) {
  const count = roots.length ** dims;
  const positions = new Float64Array(count * dims);
  const product = new Float64Array(count).fill(1);
  for (let i = 0; i < count; i++) {
    for (let j = 0; j < dims; j++) {
      const at = Math.floor(i / roots.length ** j) % roots.length;
      positions[i * dims + j] = roots[at];
      product[i] *= weights[at];
    }
  }
  return { positions, weights: product };
}
