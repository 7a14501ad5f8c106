r"""The best that any model could do: a lower bound on the negative log evidence, and the data's own entropy.

A decoder with standard deviation sigma makes p(x) = E_m N(x; m, sigma^2 I), where m = decode(z) follows some
distribution P. Whatever the encoder, the decoder and the prior,

    -E log p(x)  >=  min over P of  -E_x log E_{m ~ P} N(x; m, sigma^2 I)                      the bound, in nats

The same minimum bounds every negative ELBO. It is a convex problem in P (the maximum likelihood of a mixing
distribution, and the rate-distortion function of the data at this sigma, up to a constant), which
:mod:`swissroll.evaluation.best_mixture` solves between two values.
"""

from __future__ import annotations

import itertools
import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from swissroll import checks
from swissroll.data import Curve
from swissroll.data.curves import require_curve
from swissroll.evaluation.best_mixture import bracket
from swissroll.evaluation.quadrature import log_constant
from swissroll.reproducibility.modes import ordinary_modes

PANEL = 16
"""Gauss-Legendre nodes in each piece of the coordinate."""
MAX_NODES = 2**15
"""Most nodes along a curve; eight times as many with noise about it."""
MAX_ROWS = 10_000
"""Most rows whose lower bound is looked for."""
MAX_LATTICE = 2**21
"""Most points of a lattice."""
CHUNK = 2**12
"""Lattice points whose density is computed at a time."""
ENTROPY_ERROR = 2e-6
"""Numerical error of the sum on the lattice, in nats."""


@dataclass(frozen=True, kw_only=True)
class LowerBound:
    """The lowest mean negative log evidence, in nats per point.

    Attributes:
        value: Reached by the mixture found, and so an upper bound: no lower than the bound itself.
        lower: No model is below it, up to the numerical error of averages and of the search for maxima, about 1e-5.
        upper: ``value``, or for an entropy with its numerical error.
        sigma: Decoder standard deviation, in data units.
        noise: Standard deviation of the data's noise, in data units.
        atoms: Means of the mixture that reaches ``value``, shape (K, D).
        weights: Their weights, shape (K,).
    """

    value: float
    lower: float
    upper: float
    sigma: float
    noise: float
    atoms: Tensor
    weights: Tensor

    def log_density(self, x: Tensor) -> Tensor:
        """Log density of the mixture that reaches ``value`` at points (N, D), in nats, shape (N,), float64."""
        spread = max(self.sigma, self.noise)
        kernels = _log_kernel(x.double(), self.atoms, spread)
        return (kernels + self.weights.log()).logsumexp(dim=1) - log_constant(x.shape[1], spread)


@ordinary_modes()
def nll_lower_bound(
    curve: Curve,
    sigma: float,
    *,
    noise: float = 0.0,
    tolerance: float = 5e-4,
    steps: int = 1000,
) -> LowerBound:
    """Bracket the lowest mean negative log evidence of any model whose decoder has standard deviation sigma.

    With noise of at least sigma the bound is the data's entropy: a decoder whose means are the curve blurred by the
    rest of the noise is exact. With less noise it comes from a mixture whose atoms start on the curve, and move off it
    where that helps (a curved arc is covered better from inside).

    Args:
        curve: The curve that points come from.
        sigma: Decoder standard deviation, in data units, above 0.
        noise: Standard deviation of the noise on the data, in data units.
        tolerance: Width of the bracket, in nats, at which to stop.
        steps: Iterations after which to stop; the bracket is right all the same.

    Raises:
        ValueError: An argument is outside its range; or sigma is so small beside the curve (for the roll, under
            about 0.0006), or so little above the noise, that a bracket of this tolerance would take minutes.
    """
    require_curve("curve", curve)
    checks.real("sigma", sigma, 0, 1e6, open_low=True)
    checks.real("noise", noise, 0, 1e6)
    checks.real("tolerance", tolerance, 0, 1, open_low=True)
    checks.whole("steps", steps, 1, 10**7)
    if noise >= sigma:
        return _entropy_bound(curve, noise, sigma)

    return _mixture_bound(curve, noise, sigma, tolerance, steps)


def _entropy_bound(curve: Curve, noise: float, sigma: float) -> LowerBound:
    """The bound where the noise is at least sigma: the data's entropy."""
    value = data_entropy(curve, noise)
    atoms, weights = _curve_nodes(curve, noise)
    return LowerBound(
        value=value,
        lower=value - ENTROPY_ERROR,
        upper=value + ENTROPY_ERROR,
        sigma=sigma,
        noise=noise,
        atoms=atoms,
        weights=weights,
    )


@ordinary_modes()
def rows_lower_bound(rows: Any, sigma: float, *, tolerance: float = 1e-2, steps: int = 500) -> LowerBound:
    """Bracket the lowest mean negative log evidence, on these very rows, of any model whose decoder has this sigma.

    The rows take the place of a curve, each with the same mass. A model that reaches the bound has its means where the
    rows are, the noise of the rows included: on other rows of the same kind it would do worse.

    Args:
        rows: Shape (N, D) with N of at most 10,000, in the coordinates of sigma.
        sigma: Decoder standard deviation, above 0.
        tolerance: Width of the bracket, in nats, at which to stop.
        steps: Iterations after which to stop; also some 20 s of work end it. The bracket is right all the same.

    Raises:
        ValueError: An argument is outside its range, or the rows are not finite.
    """
    checks.real("sigma", sigma, 0, 1e6, open_low=True)
    checks.real("tolerance", tolerance, 0, 1, open_low=True)
    checks.whole("steps", steps, 1, 10**7)
    x = checks.points("rows", rows)
    checks.whole("the number of rows", len(x), 1, MAX_ROWS)

    # Equal rows are one point with their mass.
    different, counts = torch.unique(x, dim=0, return_counts=True)
    found = bracket(different, counts.double() / len(x), different, sigma, tolerance, steps)
    return LowerBound(
        value=found.value,
        lower=found.lower,
        upper=found.value,
        sigma=sigma,
        noise=0.0,
        atoms=found.atoms,
        weights=found.weights,
    )


def _mixture_bound(curve: Curve, noise: float, sigma: float, tolerance: float, steps: int) -> LowerBound:
    """The bound where the noise is below sigma: of the best mixture that is found, and its certificate."""
    x, mass = _noisy_nodes(curve, noise, sigma)
    atoms, _ = _curve_nodes(curve, sigma, spacing=1.2)
    # With little noise the entropy is far below the bound, and would be computed for nothing.
    entropy = _entropy_below(curve, noise) if noise > sigma / 2 else -math.inf

    found = bracket(x, mass, atoms, sigma, tolerance, steps, known=entropy)
    if found.value - found.lower >= tolerance and found.gave_up:
        raise ValueError(
            f"sigma={sigma:g} is too little above the noise {noise:g}, or too small beside the curve {curve.name}: "
            f"the lower bound is between {found.lower:.4f} and {found.value:.4f} nats, and to come closer would take "
            "minutes. Make sigma or the tolerance larger."
        )

    return LowerBound(
        value=found.value,
        lower=found.lower,
        upper=found.value,
        sigma=sigma,
        noise=noise,
        atoms=found.atoms,
        weights=found.weights,
    )


def _entropy_below(curve: Curve, noise: float) -> float:
    """The data's entropy, which no lower bound is below; minus infinity where there is none to compute."""
    try:
        return data_entropy(curve, noise) - ENTROPY_ERROR
    except ValueError:
        return -math.inf


@ordinary_modes()
def data_entropy(curve: Curve, noise: float) -> float:
    """Differential entropy of noisy points of a curve, in nats: no model's mean -log p(x) is below it.

    The density, the curve's convolved with N(0, noise^2 I), is summed on a lattice of 0.6 noise around the curve,
    where such a sum is exact to about 1e-6.

    Args:
        curve: The curve, in two or three dimensions.
        noise: Standard deviation of the noise, in data units, above 0: without noise the entropy is minus infinity.

    Raises:
        ValueError: noise is not above 0, or so small beside the curve that the lattice would not fit in memory.
    """
    require_curve("curve", curve)
    checks.real("noise", noise, 0, 1e6, open_low=True)
    nodes, mass = _curve_nodes(curve, noise)
    spacing = 0.6 * noise
    constant = log_constant(curve.data_dim, noise)

    # -integral of p log p, with p(x) = sum over nodes c of mass(c) N(x; c, noise^2 I).
    total = 0.0
    for points in torch.split(_lattice(nodes, spacing, 7 * noise), CHUNK):
        log_p = (_log_kernel(points, nodes, noise) + mass.log()).logsumexp(dim=1) - constant
        total -= float((log_p.exp() * log_p).sum())
    return total * spacing**curve.data_dim


def _curve_nodes(curve: Curve, scale: float, spacing: float = 0.4) -> tuple[Tensor, Tensor]:
    """Points (n, D) and weights (n,) for means over the curve of what varies over ``scale``."""
    panels = _count_panels(curve, spacing * scale)
    if panels * PANEL > MAX_NODES:
        raise ValueError(
            f"A scale of {scale:g} is too small for the curve {curve.name}; it needs over {MAX_NODES} nodes."
        )

    # Gauss-Legendre in each panel: nodes and weights of [-1, 1] moved to [k / panels, (k + 1) / panels].
    roots, weights = (torch.tensor(values) for values in np.polynomial.legendre.leggauss(PANEL))
    panel = torch.arange(panels)[:, None]
    u = ((panel + (roots + 1) / 2) / panels).flatten()
    points = curve.position(curve.coordinate(u))

    return points, (weights / 2 / panels).repeat(panels)


def _count_panels(curve: Curve, length: float) -> int:
    """Panels whose nodes are about ``length`` apart where the curve is run through fastest."""
    trials = 4097
    edges = curve.intervals()
    t = torch.lerp(edges[:, :1], edges[:, 1:], torch.linspace(0, 1, trials, dtype=torch.float64))
    positions = curve.position(t.flatten()).reshape(curve.pieces, trials, curve.data_dim)

    # Within a piece only: the way from one piece to the next is no part of the curve.
    fastest = float(positions.diff(dim=1).norm(dim=2).max()) * (trials - 1)
    return curve.pieces * max(1, math.ceil(fastest / length / PANEL))


def _noisy_nodes(curve: Curve, noise: float, sigma: float) -> tuple[Tensor, Tensor]:
    """Points and weights for means over the noisy data of what varies over sigma, above the noise."""
    if noise == 0:
        return _curve_nodes(curve, sigma)
    x, mass = _curve_nodes(curve, sigma, spacing=0.8)

    # Gauss-Hermite for the noise: a product of the same rule in each of the D coordinates.
    order = 3 + math.ceil(4 * noise / sigma)
    roots, weights = (torch.tensor(values) for values in np.polynomial.hermite_e.hermegauss(order))
    blur = torch.cartesian_prod(*[roots] * curve.data_dim)
    shares = torch.cartesian_prod(*[weights / weights.sum()] * curve.data_dim).prod(dim=1)

    # Nodes with next to no weight are left out.
    kept = shares > 1e-7
    shares = shares[kept] / shares[kept].sum()
    if len(x) * len(shares) > MAX_NODES * 8:
        raise ValueError(f"sigma={sigma:g} is too small for the noisy curve {curve.name}; make it larger.")

    points = (x[:, None] + noise * blur[kept]).flatten(0, 1)
    return points, (mass[:, None] * shares).flatten()


def _log_kernel(x: Tensor, m: Tensor, sigma: float) -> Tensor:
    """Log of N(x; m, sigma^2 I) without its constant, shape (N, K)."""
    distances = torch.cdist(x, m, compute_mode="donot_use_mm_for_euclid_dist")
    return distances.square() / (-2 * sigma**2)


def _lattice(nodes: Tensor, spacing: float, reach: float) -> Tensor:
    """Points of a lattice, shape (M, D): all of its points within ``reach`` of a node, and some others."""
    dims = nodes.shape[1]
    cell = 4 * spacing

    # All cells that hold a node, then all cells that are near one of these.
    cells = torch.unique((nodes / cell).floor().long(), dim=0)
    around = math.ceil(reach / cell)
    steps = _product(range(-around, around + 1), dims)
    if len(cells) * len(steps) > 16 * MAX_LATTICE:
        raise ValueError(f"The noise is too small beside the curve: {len(cells)} cells of {cell:g}; make it larger.")
    cells = torch.unique((cells[:, None] + steps).flatten(0, 1), dim=0)
    if len(cells) * 4**dims > MAX_LATTICE:
        raise ValueError(f"The noise is too small beside the curve: over {MAX_LATTICE} lattice points; make it larger.")

    # Four lattice points per cell along each axis.
    lattice: Tensor = (cells[:, None] * cell + _product(range(4), dims) * spacing).flatten(0, 1)
    return lattice.to(nodes.dtype)


def _product(numbers: range, dims: int) -> Tensor:
    """All combinations of these numbers in so many coordinates, shape (len(numbers)^dims, dims)."""
    return torch.tensor(list(itertools.product(numbers, repeat=dims)))


evidence_floor = nll_lower_bound
"""Its name in earlier versions."""
