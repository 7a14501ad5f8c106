"""Distances between two samples of points.

Two finite samples of one distribution are not at distance zero: :mod:`swissroll.evaluation.reference_sample` puts each
distance beside its noise floor.
"""

from __future__ import annotations

import math
import os
from collections.abc import Callable
from types import ModuleType
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Generator

from swissroll import checks

Array = NDArray[np.float64]

NAMES = ("w2", "sliced_w2", "energy", "mmd", "c2st")
PROJECTIONS = 128
"""Directions of the sliced W2."""
NEIGHBOURS = 15
"""Neighbours that classify a point in the C2ST."""
BLUR = 0.02
"""Noise added before the C2ST, in data units."""
BANDWIDTH = 0.1
"""Standard deviation of the MMD's kernel, in data units."""
ROWS = 256
"""Rows of a matrix of pairwise distances in memory at a time."""


def wasserstein(a: Any, b: Any) -> float:
    """Exact 2-Wasserstein distance: the root of the least mean squared length of moves that turn a into b.

    Args:
        a: Points, shape (N, D).
        b: Points, shape (M, D).

    Returns:
        W2 (not its square), in the points' units. Seconds at N = M = 3000; it grows faster than N squared.

    Raises:
        ValueError: A sample is empty or not finite, or they differ in D.

    Source: Peyre and Cuturi (2019), "Computational Optimal Transport", equation 2.17. Samples of one size are an
    assignment, which SciPy solves; others are POT's network simplex's.
    """
    x, y = _pair(a, b)

    if len(x) == len(y):
        from scipy.optimize import linear_sum_assignment

        # W2^2 = min over permutations p of the mean of |x_i - y_p(i)|^2.
        squares = _pairwise_squares(x, y)
        assigned = linear_sum_assignment(squares)
        return math.sqrt(float(squares[assigned].mean()))

    # W2^2 = min over transport plans between the two uniform distributions of the mean squared length of a move.
    ot = import_pot()
    weights_x = ot.unif(len(x))
    weights_y = ot.unif(len(y))
    least = ot.emd2(weights_x, weights_y, _pairwise_squares(x, y), numItermax=10**8)

    # Rounding may take the cost of equal samples below 0.
    return math.sqrt(max(float(least), 0.0))


def sliced_wasserstein(a: Any, b: Any, *, projections: int = PROJECTIONS, generator: Generator | None = None) -> float:
    """Sliced 2-Wasserstein distance: the root of the mean, over random directions, of the squared W2 along each.

    A sample that is shifted by v is at a distance of about ``|v| / sqrt(D)``: each direction sees its part of v.

    Args:
        a: Points, shape (N, D).
        b: Points, shape (M, D).
        projections: Number of directions, at least 1.
        generator: Source of the directions; PyTorch's global one by default.

    Returns:
        The distance, in the points' units.

    Raises:
        ValueError: A sample is empty or not finite, they differ in D, or projections is out of range.

    Source: Bonneel et al. (2015), "Sliced and Radon Wasserstein Barycenters of Measures".
    """
    checks.whole("projections", projections, 1, 10**6)
    checks.generator("generator", generator)
    x, y = _pair(a, b)

    # A Gaussian vector over its length is uniform on the unit sphere.
    vectors = torch.randn(projections, x.shape[1], generator=generator, dtype=torch.float64)
    directions = (vectors / vectors.norm(dim=1, keepdim=True)).numpy()
    along_x = x @ directions.T
    along_y = y @ directions.T

    if len(x) == len(y):
        # On a line the cheapest moves keep the order.
        moves = np.sort(along_x, axis=0) - np.sort(along_y, axis=0)
        squares = moves**2
    else:
        squares = import_pot().wasserstein_1d(along_x, along_y, p=2)
    return math.sqrt(float(np.mean(squares)))


def energy_distance(a: Any, b: Any) -> float:
    """Energy distance ``sqrt(2 E|X - Y| - E|X - X'| - E|Y - Y'|)``.

    The means are over all pairs, those of a point with itself included.

    Args:
        a: Points, shape (N, D).
        b: Points, shape (M, D).

    Returns:
        The distance, in the square root of the points' units; 0 only for equal samples.

    Raises:
        ValueError: A sample is empty or not finite, or they differ in D.

    Source: Szekely and Rizzo (2013), "Energy statistics"; the root as in SciPy's ``energy_distance``.
    """
    x, y = _pair(a, b)
    return _contrast(x, y, np.sqrt)


def mmd(a: Any, b: Any, *, bandwidth: float = BANDWIDTH) -> float:
    """Maximum mean discrepancy with the Gaussian kernel ``exp(-|x - y|^2 / (2 bandwidth^2))``.

    The biased estimate, over all pairs, those of a point with itself included. So it is a distance: never negative,
    and 0 for equal samples. It does not see structure much finer than the bandwidth, and hardly changes where the
    samples are much further apart than it.

    Args:
        a: Points, shape (N, D).
        b: Points, shape (M, D).
        bandwidth: Standard deviation of the kernel, in the points' units, above 0.

    Returns:
        The MMD (not its square), without unit, at most sqrt(2).

    Raises:
        ValueError: A sample is empty or not finite, they differ in D, or bandwidth is not above 0.

    Source: Gretton et al. (2012), "A Kernel Two-Sample Test", equation 5.
    """
    checks.real("bandwidth", bandwidth, 0, math.inf, open_low=True)
    x, y = _pair(a, b)
    return _contrast(x, y, negative_kernel(bandwidth))


def c2st_accuracy(
    a: Any, b: Any, *, neighbours: int = NEIGHBOURS, blur: float = BLUR, generator: Generator | None = None
) -> float:
    """Accuracy of the classifier two-sample test (C2ST): a k-nearest-neighbour classifier, each point left out in turn.

    Without blur the accuracy is 1 for points on a curve against points that are only a little off it.

    Args:
        a: Points, shape (N, D), independent of b's.
        b: Points, shape (M, D).
        neighbours: k, odd and below N + M.
        blur: Standard deviation of Gaussian noise added to both samples, in the points' units.
        generator: Source of that noise; PyTorch's global one by default.

    Returns:
        The share of points classified correctly, averaged over the two samples: 0.5 is chance, 1 is perfect.

    Raises:
        ValueError: A sample is empty or not finite, they differ in D, or an argument is out of range.

    Source: Lopez-Paz and Oquab (2017), "Revisiting Classifier Two-Sample Tests".
    """
    from scipy.spatial import KDTree

    checks.real("blur", blur, 0, math.inf)
    checks.generator("generator", generator)
    x, y = _pair(a, b)
    checks.whole("neighbours", neighbours, 1, len(x) + len(y) - 1)
    if neighbours % 2 == 0:
        raise ValueError(f"neighbours must be odd, so that no vote ties; got {neighbours}.")

    points = np.concatenate([_blurred(x, blur, generator), _blurred(y, blur, generator)])
    is_from_b = np.repeat([False, True], [len(x), len(y)])
    found = KDTree(points).query(points, k=neighbours + 1)[1]

    # Each point is left out of its own vote. Among many equal points it may not be found at all.
    itself = found == np.arange(len(points))[:, None]
    itself[~itself.any(axis=1), -1] = True
    voters = found[~itself].reshape(-1, neighbours)

    # The two samples count alike, whatever their sizes.
    votes = is_from_b[voters].mean(axis=1) > 0.5
    correct = votes == is_from_b
    return float((correct[~is_from_b].mean() + correct[is_from_b].mean()) / 2)


def import_pot() -> ModuleType:
    """POT, without the array libraries that it would import on the way."""
    for name in ("JAX", "TENSORFLOW", "CUPY", "PYTORCH"):
        os.environ.setdefault(f"POT_BACKEND_DISABLE_{name}", "1")
    import ot

    module: ModuleType = ot
    return module


def _pair(a: Any, b: Any) -> tuple[Array, Array]:
    x = checks.points("a", a)
    y = checks.points("b", b, dim=x.shape[1])
    return x.numpy(), y.numpy()


def _blurred(sample: Array, blur: float, generator: Generator | None) -> Array:
    """A sample with Gaussian noise of this standard deviation."""
    noise = torch.randn(sample.shape, generator=generator, dtype=torch.float64)
    blurred: Array = sample + blur * noise.numpy()
    return blurred


def _pairwise_squares(x: Array, y: Array) -> Array:
    """Squared Euclidean distances of all pairs, shape (N, M)."""
    from scipy.spatial.distance import cdist

    squares: Array = cdist(x, y, "sqeuclidean")
    return squares


def negative_kernel(bandwidth: float) -> Callable[[Array], Array]:
    """The function -exp(-s / (2 bandwidth^2)) of squared distances s.

    The sign makes the squared MMD the same contrast as the squared energy distance.
    """

    def of_squares(squares: Array) -> Array:
        # PyTorch's exponential takes a third of the time of NumPy's.
        exponents = torch.from_numpy(-0.5 / bandwidth**2 * squares)
        return -exponents.exp_().numpy()

    return of_squares


def _contrast(x: Array, y: Array, of_squares: Callable[[Array], Array]) -> float:
    """sqrt(2 E f(x, y) - E f(x, x') - E f(y, y')) for f a function of the squared distance."""
    (cross,) = means_over_pairs(x, y, of_squares)
    (own_x,) = means_over_pairs(x, x, of_squares)
    (own_y,) = means_over_pairs(y, y, of_squares)
    return root_of_contrast(cross, own_x, own_y)


def root_of_contrast(cross: float, own_x: float, own_y: float) -> float:
    """sqrt(2 E f(x, y) - E f(x, x') - E f(y, y')) from the three means."""
    # Rounding may take the contrast of equal samples below 0.
    return math.sqrt(max(2 * cross - own_x - own_y, 0.0))


def means_over_pairs(a: Array, b: Array, *of_squares: Callable[[Array], Array]) -> list[float]:
    """Means over all pairs of functions of the squared distance."""
    sums = [0.0] * len(of_squares)
    for start in range(0, len(a), ROWS):
        squares = _pairwise_squares(a[start : start + ROWS], b)
        for index, function in enumerate(of_squares):
            sums[index] += float(function(squares).sum())

    pairs = len(a) * len(b)
    return [total / pairs for total in sums]
