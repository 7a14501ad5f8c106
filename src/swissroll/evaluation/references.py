"""Reference samples: real points and prior draws that a model's own points are compared with.

A process keeps those that depend on the data and the seed alone, so that runs of one seed share theirs.
"""

from __future__ import annotations

from collections.abc import Hashable
from functools import lru_cache
from typing import NamedTuple, cast

import torch
from torch import Tensor

from swissroll import checks
from swissroll.checks import NotFiniteError
from swissroll.data import Curve, Distribution, Points, Sample, unseen_points
from swissroll.evaluation.distances import BANDWIDTH
from swissroll.evaluation.geometry import Fit, FitSpread, fit
from swissroll.evaluation.reference_sample import ReferenceSample
from swissroll.model.prior import Prior, StandardNormal
from swissroll.model.vae import VAE
from swissroll.reproducibility import rng

LATENT_BANDWIDTH = 0.5
"""Kernel of the MMD between aggregate posterior and prior; N(0, I) has scale 1."""
MAX_PAIRED_ROWS = 1000
"""Rows of a table whose distances from one another are looked at."""
NOISE_FLOOR_DRAWS = 10
"""Samples of real points whose mean distance is a noise floor, and whose spread says what is beyond it."""
TAIL_POINTS = 20_000
"""Points in which rare ones are seen: a share of 0.05 % is ten of them."""
MAX_KEPT = 64
"""Reference samples of data, and of standard normal priors, that a process keeps: runs of one seed share theirs."""
MAX_KEPT_NUMBERS = 100_000
"""Most coordinates in a reference sample of a prior that is kept."""


class DataReference(NamedTuple):
    """Real points, and what others are compared with.

    Attributes:
        points: Real points, shape (N, D).
        coordinate: Their coordinates, shape (N,); None where they have none.
        reference: Compares other samples with them.
        fit: How they cover the data's curve; None where the data have none.
        fit_sd: How far other real samples differ in that; None where the data have no curve.
    """

    points: Tensor
    coordinate: Tensor | None
    reference: ReferenceSample
    fit: Fit | None
    fit_sd: FitSpread | None


def data_reference(distribution: Distribution, n: int, seed: int, dtype: torch.dtype) -> DataReference:
    """Draw n points of a distribution, and what a model's points are compared with.

    Kept for the next model, unless the distribution cannot be hashed.
    """
    try:
        hash(distribution)
    except TypeError:
        return _draw_data(distribution, n, seed, dtype)
    return _kept_data(cast("Hashable", distribution), n, seed, dtype)


def prior_reference(model: VAE, n: int, seed: int) -> ReferenceSample:
    """Prior draws to compare draws from the aggregate posterior with; those of a standard normal prior are kept."""
    like = torch.empty(0, dtype=model.dtype)
    latent_dim = model.latent_dim
    if _is_standard_normal(model.prior) and n * latent_dim <= MAX_KEPT_NUMBERS:
        return _kept_normal(latent_dim, n, seed, like.dtype)
    return _draw_prior(model.prior, n, seed, like)


def forget() -> None:
    """Drop everything that was kept."""
    _kept_data.cache_clear()
    _kept_normal.cache_clear()


@lru_cache(maxsize=MAX_KEPT)
def _kept_data(distribution: Distribution, n: int, seed: int, dtype: torch.dtype) -> DataReference:
    return _draw_data(distribution, n, seed, dtype)


def fresh_points(distribution: Distribution, n: int, seed: int, dtype: torch.dtype) -> Sample:
    """The points that a model is measured on, n of them: no part of its training.

    Of a table they are its held-out rows, where these are fewer.

    Raises:
        ValueError: A coordinate is not finite, or not in the model's precision.
    """
    drawn, coordinate = unseen_points(distribution, n, generator=rng.generator(seed, "measure: data"))
    points = drawn.to(dtype)
    try:
        checks.points(f"points drawn from {distribution.name}", points)
    except NotFiniteError as error:
        # Of another kind, since a NotFiniteError is taken for the model's own.
        raise ValueError(f"{error} Remove such rows.") from None
    return Sample(points, coordinate)


def _draw_data(distribution: Distribution, n: int, seed: int, dtype: torch.dtype) -> DataReference:
    points, coordinate = fresh_points(distribution, n, seed, dtype)

    again = []
    generator = rng.generator(seed, "measure: noise floors")
    for _ in range(NOISE_FLOOR_DRAWS):
        # Of a table these are training rows: they are as real, and as independent of those that are held out.
        again.append(distribution.sample(len(points), generator=generator).points.to(dtype))

    curve = distribution.curve
    bandwidth = typical_distance(points) if isinstance(distribution, Points) else BANDWIDTH
    return DataReference(
        points=points,
        coordinate=coordinate,
        reference=ReferenceSample(points, again, bandwidth=bandwidth, seed=seed),
        fit=None if curve is None else _fit_data(distribution, curve, points, seed),
        fit_sd=None if curve is None else FitSpread.of([fit(curve, sample) for sample in again]),
    )


def typical_distance(points: Tensor) -> float:
    """The median distance between two rows of points, shape (N, D): the MMD's kernel for a table.

    Distances grow with the number of columns. A kernel far narrower than all of them sees each row alone, and then
    every sample is as far from the rows as any other.

    Source: Gretton et al. (2012), "A Kernel Two-Sample Test", section 8.
    """
    distances = torch.pdist(points[:MAX_PAIRED_ROWS].double())
    median = float(distances.median()) if len(distances) else 0.0
    # Where most rows are equal it is 0, which is no kernel.
    return median if median > 0 else BANDWIDTH


def _fit_data(distribution: Distribution, curve: Curve, points: Tensor, seed: int) -> Fit:
    """How real points cover the curve; without noise they are all on it, and have no tails."""
    if distribution.noise == 0:
        return fit(curve, points)
    tails = distribution.sample(TAIL_POINTS, generator=rng.generator(seed, "measure: tails of the data")).points
    return fit(curve, points, tails=tails, noise=distribution.noise)


def _is_standard_normal(prior: Prior) -> bool:
    """Whether a prior is N(0, I), without a parameter that could change."""
    components = prior.components()
    if components is None or any(True for _ in prior.parameters()):
        return False
    return len(components.means) == 1 and bool((components.means == 0).all() and (components.stds == 1).all())


@lru_cache(maxsize=MAX_KEPT)
def _kept_normal(latent_dim: int, n: int, seed: int, dtype: torch.dtype) -> ReferenceSample:
    return _draw_prior(StandardNormal(latent_dim), n, seed, torch.empty(0, dtype=dtype))


def _draw_prior(prior: Prior, n: int, seed: int, like: Tensor) -> ReferenceSample:
    draws = prior.sample(n, like=like, generator=rng.generator(seed, "measure: prior"))

    again = []
    generator = rng.generator(seed, "measure: aggregate noise floors")
    for _ in range(NOISE_FLOOR_DRAWS):
        again.append(prior.sample(n, like=like, generator=generator))

    return ReferenceSample(draws, again, blur=0.0, bandwidth=LATENT_BANDWIDTH, seed=seed)
