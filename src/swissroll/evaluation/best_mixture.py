r"""The mixture of Gaussians of one width that explains weighted points best, between a value reached and a certificate.

    min over P of  -E_x log E_{m ~ P} N(x; m, sigma^2 I)

The minimum is over every distribution P of means. It is a convex problem, with a certificate: with
D(m) = E_x [N(x; m) / p(x)], no P is better than p by more than log max_m D(m).

Sources: Blahut (1972) and Arimoto (1972) for the iteration of the weights; Lindsay (1983), "The geometry of mixture
likelihoods", section 5, for the certificate; Rose (1994), "A mapping approach to rate-distortion computation and
analysis", for atoms that move.
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from swissroll.evaluation.quadrature import log_constant

FIRST_ROUND = 20
"""Steps before the first certificate; from one to the next they double, up to :data:`ROUND`."""
ROUND = 100
"""Most steps between two certificates."""
CLIMB_STEPS = 20
"""Steps of mean shift towards the maxima of the certificate's function."""
CLIMBERS = 200
"""Points, beside the atoms, that climb."""
MAX_PAIRS = 2**22
"""Pairs of a point and an atom near it that an iteration may hold, about 0.3 GiB in all."""
DENSE_GAIN = 14
"""How many times as fast a pair is computed where all pairs are taken, and none is looked up."""
MAX_WORK = 10**8
"""Pairs times steps, summed over the iterations, after which a bound is given up: some 20 s on one core."""
REACH = 10.0
"""Distance, in sigmas, beyond which an atom explains nothing of a point."""


class Bracket(NamedTuple):
    """A mixture, its mean -log p(x), below which no other is, and whether it was given up for its cost."""

    atoms: Tensor
    weights: Tensor
    value: float
    lower: float
    gave_up: bool


def bracket(
    x: Tensor, mass: Tensor, atoms: Tensor, sigma: float, tolerance: float, steps: int, *, known: float = -math.inf
) -> Bracket:
    """Improve a mixture on weighted points until its certificate is this close; nothing is below ``known``."""
    weights = torch.full((len(atoms),), 1 / len(atoms), dtype=torch.float64)

    # The cost of a step is its number of pairs, which decides how many steps are affordable.
    pairs = _near_pairs(x, atoms, sigma)
    count = len(x) * len(atoms) // DENSE_GAIN if pairs is None else len(pairs.atoms)
    affordable = max(1, MAX_WORK // max(1, count))

    # The certificates cost more than the steps, the first of which gain most.
    done = 0
    while True:
        few = min(done + FIRST_ROUND, ROUND, max(1, affordable // 4), steps - done)
        atoms, weights = _improve(x, mass, atoms, weights, sigma, few)
        done += few
        value, excess = _certify(x, mass, atoms, weights, sigma)
        lower = min(value, max(value - excess, known))
        if value - lower < tolerance or done >= min(steps, affordable):
            return Bracket(atoms, weights, value, lower, gave_up=affordable < steps)


def _improve(
    x: Tensor, mass: Tensor, atoms: Tensor, weights: Tensor, sigma: float, steps: int
) -> tuple[Tensor, Tensor]:
    """Improve a mixture's atoms, shape (K, D), and weights, shape (K,); no step makes it worse.

    A step of expectation maximisation. For the weights it is the iteration of Blahut and Arimoto; each atom moves to
    the mean of the points that it explains.
    """
    pairs = _near_pairs(x, atoms, sigma)
    for _ in range(steps):
        # p(x_i) = sum over j of w_j N(x_i; m_j), up to the Gaussian's constant.
        kernel = _kernel(x, atoms, sigma, pairs)
        density = _times(kernel, weights)

        # w_j <- w_j D(m_j), with D(m) = E_x [N(x; m) / p(x)].
        gain, atoms = _shift(x, kernel, mass / density)
        weights = weights * gain
    return atoms, weights


def _shift(x: Tensor, kernel: Any, shares: Tensor) -> tuple[Tensor, Tensor]:
    """Sums (K,) of shares (N,) times each atom's column of the kernel (N, K), and the means (K, D) of x they weigh."""
    sums = _times(kernel.T, torch.cat([shares[:, None], shares[:, None] * x], dim=1))
    return sums[:, 0], sums[:, 1:] / sums[:, :1]


def _certify(x: Tensor, mass: Tensor, atoms: Tensor, weights: Tensor, sigma: float) -> tuple[float, float]:
    """The mixture's mean -log p(x), and the most that any other is below it: log max_m D(m), in nats.

    D is a sum of bumps at the points. Mean shift climbs to its maxima from the atoms and from some of the points.
    """
    # p(x_i) = sum over j of w_j N(x_i; m_j), up to the Gaussian's constant.
    density = _times(_kernel(x, atoms, sigma, _near_pairs(x, atoms, sigma)), weights)

    # D(m) = E_x [N(x; m) / p(x)], at every m that climbs.
    m = torch.cat([x[:: max(1, len(x) // CLIMBERS)], atoms])
    pairs = _near_pairs(x, m, sigma)
    for _ in range(CLIMB_STEPS):
        gain, m = _shift(x, _kernel(x, m, sigma, pairs), mass / density)

    value = log_constant(x.shape[1], sigma) - float(mass @ density.log())
    return value, max(0.0, math.log(float(gain.max())))


class _Pairs(NamedTuple):
    """Pairs of a point and an atom near it, by point: where those of each point begin, and their atoms."""

    begins: NDArray[np.int64]
    atoms: NDArray[np.int64]


def _near_pairs(x: Tensor, m: Tensor, sigma: float) -> _Pairs | None:
    """The pairs within ``REACH`` sigma of one another; None where all of them are few enough to take.

    What is left out is below e^-50 of a point's density.
    """
    if len(x) * len(m) <= MAX_PAIRS:
        return None
    from scipy.spatial import KDTree

    tree = KDTree(m.numpy())
    reach = REACH * sigma
    counts = tree.query_ball_point(x.numpy(), reach, return_length=True)
    if int(counts.sum()) > MAX_PAIRS:
        raise ValueError(f"sigma must be larger beside the curve: {int(counts.sum())} pairs, over {MAX_PAIRS}.")

    near = tree.query_ball_point(x.numpy(), reach, return_sorted=True)
    begins = np.concatenate([[0], np.cumsum(counts)])
    return _Pairs(begins, np.concatenate(near).astype(np.int64))


def _times(kernel: Any, values: Tensor) -> Tensor:
    """The product of a kernel, or of its transpose, with a vector or a matrix."""
    if isinstance(kernel, Tensor):
        return kernel @ values
    product: Tensor = torch.from_numpy(kernel @ values.numpy())
    return product


def _kernel(x: Tensor, m: Tensor, sigma: float, pairs: _Pairs | None) -> Any:
    """N(x_i; m_j, sigma^2 I) without its constant: a matrix (N, K), sparse where only some pairs are taken."""
    if pairs is None:
        # |x - m|^2 = |x|^2 + |m|^2 - 2 x.m, as one matrix product.
        squares = torch.addmm(x.square().sum(dim=1, keepdim=True) + m.square().sum(dim=1), x, m.T, alpha=-2)
        return squares.div_(-2 * sigma**2).exp_()

    from scipy.sparse import csr_array

    points = np.repeat(np.arange(len(x)), np.diff(pairs.begins))
    squares = (x[points] - m[pairs.atoms]).square().sum(dim=1)
    values = torch.exp(squares / (-2 * sigma**2)).numpy()
    return csr_array((values, pairs.atoms, pairs.begins), shape=(len(x), len(m)))
