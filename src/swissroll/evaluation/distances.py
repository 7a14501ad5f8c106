"""Distances between two samples of points, and the noise floor of each.

Two finite samples of one distribution are not at distance zero. So each distance stands beside its noise floor: the
same distance between real points and as many other real points.
"""

from __future__ import annotations

import math
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from types import ModuleType
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Generator, Tensor

from swissroll import checks

Array = NDArray[np.float64]

NAMES = ("w2", "sliced_w2", "energy", "mmd", "c2st")
PROJECTIONS = 128
NEIGHBOURS = 15
BLUR = 0.02
BANDWIDTH = 0.1
EXACT = 500
"""Most points in an exact W2 of a comparison, whose time grows faster than the square of their number."""
ROWS = 256
"""Rows of a matrix of pairwise distances in memory at a time."""


@dataclass(frozen=True, kw_only=True)
class Distance:
    """A distance to real points beside its noise floor.

    Attributes:
        value: The distance.
        noise_floor: The same distance between real points and other real points: its mean over several draws.
        noise_floor_sd: Its standard deviation over these draws.
        n: Points in each sample.
    """

    value: float
    noise_floor: float
    noise_floor_sd: float
    n: int


@dataclass(frozen=True, kw_only=True)
class Distances:
    """A sample's distances to real points; the functions of this module say what each is.

    Attributes:
        w2: :func:`wasserstein`, in the points' units.
        sliced_w2: :func:`sliced_wasserstein`, in the points' units.
        energy: :func:`energy_distance`, in the square root of the points' units.
        mmd: :func:`mmd`, without unit.
        c2st: :func:`c2st_accuracy`, a share: 0.5 is chance, 1 is a perfect classifier.
    """

    w2: Distance
    sliced_w2: Distance
    energy: Distance
    mmd: Distance
    c2st: Distance


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

        squares = _squares(x, y)
        return math.sqrt(float(squares[linear_sum_assignment(squares)].mean()))
    ot = import_pot()
    least = ot.emd2(ot.unif(len(x)), ot.unif(len(y)), _squares(x, y), numItermax=10**8)
    return math.sqrt(max(float(least), 0.0))


def sliced_wasserstein(a: Any, b: Any, *, projections: int = PROJECTIONS, generator: Generator | None = None) -> float:
    """Sliced 2-Wasserstein distance: the root of the mean, over random directions, of the squared W2 along each.

    A sample moved by v is at a distance of about ``|v| / sqrt(D)``: each direction sees its part of v.

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
    x, y = _pair(a, b)
    directions = torch.randn(projections, x.shape[1], generator=generator, dtype=torch.float64)
    directions = (directions / directions.norm(dim=1, keepdim=True)).numpy()
    along_x, along_y = x @ directions.T, y @ directions.T
    if len(x) == len(y):
        return math.sqrt(float(np.mean((np.sort(along_x, axis=0) - np.sort(along_y, axis=0)) ** 2)))
    return math.sqrt(float(np.mean(import_pot().wasserstein_1d(along_x, along_y, p=2))))


def energy_distance(a: Any, b: Any) -> float:
    """Energy distance ``sqrt(2 E|X - Y| - E|X - X'| - E|Y - Y'|)``, with all pairs of a sample, each with itself too.

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
    return _root_of_contrast(x, y, np.sqrt)


def mmd(a: Any, b: Any, *, bandwidth: float = BANDWIDTH) -> float:
    """Maximum mean discrepancy with the Gaussian kernel ``exp(-|x - y|^2 / (2 bandwidth^2))``.

    The biased estimate, from all pairs of a sample, each with itself too: it is a distance, never negative, and 0 for
    equal samples. It is blind to what is much finer than the bandwidth, and saturates beyond it.

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
    return _root_of_contrast(x, y, _kernel(bandwidth))


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
    samples = [torch.from_numpy(s) for s in _pair(a, b)]
    checks.whole("neighbours", neighbours, 1, sum(map(len, samples)) - 1)
    if neighbours % 2 == 0:
        raise ValueError(f"neighbours must be odd, so that no vote ties; got {neighbours}.")
    blurred = [s + blur * torch.randn(s.shape, generator=generator, dtype=s.dtype) for s in samples]
    points = torch.cat(blurred).numpy()
    label = np.repeat([False, True], [len(s) for s in samples])
    found = KDTree(points).query(points, k=neighbours + 1)[1]
    # Each point is left out of its own vote; among many equal points it may not be found at all.
    itself = found == np.arange(len(points))[:, None]
    itself[~itself.any(axis=1), -1] = True
    votes = label[found[~itself].reshape(-1, neighbours)].mean(axis=1) > 0.5
    right = votes == label
    return float((right[~label].mean() + right[label].mean()) / 2)


class ReferenceSample:
    """Real points to measure samples against, with the noise floor of every distance.

    Args:
        real: Real points, shape (N, D).
        real_again: Other real points, at least two samples of shape (N, D): the draws of the noise floors.
        exact: Most points in an exact W2; larger samples are thinned at random.
        blur: Noise of :func:`c2st_accuracy`, in the points' units.
        bandwidth: Kernel of :func:`mmd`, in the points' units.
        seed: Fixes directions, blur and thinning, the same ones for every sample.

    Attributes:
        noise_floors: Mean and standard deviation of each distance between real points, by its name.

    Raises:
        ValueError: A sample is empty, too small or not finite, they differ in D, or an argument is out of range.
    """

    def __init__(
        self,
        real: Any,
        real_again: Sequence[Any],
        *,
        exact: int = EXACT,
        blur: float = BLUR,
        bandwidth: float = BANDWIDTH,
        seed: int = 0,
    ) -> None:
        checks.whole("exact", exact, 1, 10**5)
        checks.whole("seed", seed, 0, 2**63 - 1)
        if len(real_again) < 2:
            raise ValueError(
                f"real_again must hold at least 2 samples, for the spread of a noise floor; got {len(real_again)}."
            )
        self.real = checks.points("real", real)
        self.exact, self.blur, self.bandwidth, self.seed = exact, blur, bandwidth, seed
        self._own_means: dict[int, list[float]] = {}
        draws = [self.measure(sample) for sample in real_again]
        columns = {name: [draw[name][0] for draw in draws] for name in NAMES}
        self.noise_floors = {name: (float(np.mean(c)), float(np.std(c, ddof=1))) for name, c in columns.items()}

    def compare(self, generated: Any) -> Distances:
        """Measure a sample, shape (M, D), against the real points."""
        measured = {}
        for name, (value, n) in self.measure(generated).items():
            mean, sd = self.noise_floors[name]
            measured[name] = Distance(value=value, noise_floor=mean, noise_floor_sd=sd, n=n)
        return Distances(**measured)

    def measure(self, sample: Any) -> dict[str, tuple[float, int]]:
        """Every distance of a sample to the real points, without noise floors: by name, value and number of points."""
        points = checks.points("sample", sample, dim=self.real.shape[1])
        n = min(len(points), len(self.real))
        few = min(n, self.exact)
        # Equal numbers, thinned at random: a decoded grid comes in order.
        x, y = self._thin(points, n), self._thin(self.real, n)
        energy, discrepancy = self._contrasts(x.numpy(), y.numpy())
        values = {
            "w2": wasserstein(x[:few], y[:few]),
            "sliced_w2": sliced_wasserstein(x, y, generator=self._generator()),
            "energy": energy,
            "mmd": discrepancy,
            "c2st": c2st_accuracy(x, y, blur=self.blur, generator=self._generator()),
        }
        return {name: (value, few if name == "w2" else n) for name, value in values.items()}

    def _contrasts(self, x: Array, y: Array) -> list[float]:
        """:func:`energy_distance` and :func:`mmd` of a sample and as many real points, whose own part is kept."""
        functions = (np.sqrt, _kernel(self.bandwidth))
        if len(y) not in self._own_means:
            self._own_means[len(y)] = _means(y, y, *functions)
        parts = zip(_means(x, y, *functions), _means(x, x, *functions), self._own_means[len(y)], strict=True)
        return [_root(*means) for means in parts]

    def _generator(self) -> Generator:
        return Generator().manual_seed(self.seed)

    def _thin(self, points: Tensor, n: int) -> Tensor:
        return points[torch.randperm(len(points), generator=self._generator())[:n]]


def compare(generated: Any, real: Any, real_again: Sequence[Any], **settings: Any) -> Distances:
    """Measure a sample against real points, with noise floors.

    Args:
        generated: Points, shape (N, D).
        real: Real points, shape (N, D).
        real_again: At least two other samples of real points, each of shape (N, D).
        **settings: As :class:`ReferenceSample` takes them; it also serves several samples at the price of one.

    Raises:
        ValueError: As :class:`ReferenceSample` says.
    """
    return ReferenceSample(real, real_again, **settings).compare(generated)


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


def _squares(x: Array, y: Array) -> Array:
    """Squared Euclidean distances, shape (N, M)."""
    from scipy.spatial.distance import cdist

    squares: Array = cdist(x, y, "sqeuclidean")
    return squares


def _kernel(bandwidth: float) -> Callable[[Array], Array]:
    """Minus the Gaussian kernel, of squared distances."""
    # PyTorch's exponential takes a third of the time of NumPy's.
    return lambda squares: -torch.from_numpy(-0.5 / bandwidth**2 * squares).exp_().numpy()


def _root_of_contrast(x: Array, y: Array, of_squares: Callable[[Array], Array]) -> float:
    """sqrt(2 E f(x, y) - E f(x, x') - E f(y, y')) for f a function of the squared distance."""
    return _root(*(_means(a, b, of_squares)[0] for a, b in ((x, y), (x, x), (y, y))))


def _root(cross: float, own_x: float, own_y: float) -> float:
    return math.sqrt(max(2 * cross - own_x - own_y, 0.0))


def _means(a: Array, b: Array, *of_squares: Callable[[Array], Array]) -> list[float]:
    """Means over all pairs of functions of the squared distance."""
    sums = [0.0] * len(of_squares)
    for i in range(0, len(a), ROWS):
        squares = _squares(a[i : i + ROWS], b)
        sums = [total + float(function(squares).sum()) for total, function in zip(sums, of_squares, strict=True)]
    return [total / (len(a) * len(b)) for total in sums]
