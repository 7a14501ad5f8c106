"""What a model's points are measured against: samples of real points and of priors, and the randomness behind them.

A process keeps those that depend on the data and the seed alone, so that runs of one seed share theirs.
"""

from __future__ import annotations

from functools import lru_cache
from typing import NamedTuple

import torch
from torch import Generator, Tensor

from swissroll import rng
from swissroll.data import Curve
from swissroll.evaluation.distances import ReferenceSample
from swissroll.evaluation.geometry import Fit, fit
from swissroll.model.prior import Prior, StandardNormal
from swissroll.model.vae import VAE

LATENT_BANDWIDTH = 0.5
"""Kernel of the MMD between aggregate posterior and prior; N(0, I) has scale 1."""
NOISE_FLOOR_DRAWS = 3
"""Samples of real points whose mean distance is a noise floor."""
KEPT = 64
"""Reference samples of data, and of standard normal priors, that a process keeps: runs of one seed share theirs."""
KEPT_NUMBERS = 100_000
"""Most coordinates in a reference sample of a prior that is kept."""


class DataReference(NamedTuple):
    """A real sample, what measures others against it, and how it covers the curve itself."""

    points: Tensor
    reference: ReferenceSample
    fit: Fit


@lru_cache(maxsize=KEPT)
def data_reference(curve: Curve, noise: float, n: int, seed: int, dtype: torch.dtype) -> DataReference:
    """Draw n points of a curve with noise, and what a sample of a model is held against; kept for the next model."""

    def draw(generator: Generator) -> Tensor:
        return curve.sample(n, noise=noise, generator=generator)[0].to(dtype)

    x, again = draw(rng.generator(seed, "measure: data")), rng.generator(seed, "measure: noise floors")
    reference = ReferenceSample(x, [draw(again) for _ in range(NOISE_FLOOR_DRAWS)], seed=seed)
    return DataReference(x, reference, fit(curve, x))


def prior_reference(model: VAE, n: int, seed: int) -> ReferenceSample:
    """Prior draws to measure draws from the aggregate posterior against; a standard normal's are kept."""
    like, latent_dim = model.fc_mu.weight, model.latent_dim
    if isinstance(model.prior, StandardNormal) and n * latent_dim <= KEPT_NUMBERS:
        return normal_reference(latent_dim, n, seed, like.dtype)
    return _reference(model.prior, n, seed, like)


@lru_cache(maxsize=KEPT)
def normal_reference(latent_dim: int, n: int, seed: int, dtype: torch.dtype) -> ReferenceSample:
    """As :func:`prior_reference` for N(0, I); kept for the next model."""
    return _reference(StandardNormal(latent_dim), n, seed, torch.empty(0, dtype=dtype))


def _reference(prior: Prior, n: int, seed: int, like: Tensor) -> ReferenceSample:
    again = rng.generator(seed, "measure: aggregate noise floors")
    return ReferenceSample(
        prior.sample(n, like=like, generator=rng.generator(seed, "measure: prior")),
        [prior.sample(n, like=like, generator=again) for _ in range(NOISE_FLOOR_DRAWS)],
        blur=0.0,
        bandwidth=LATENT_BANDWIDTH,
        seed=seed,
    )
