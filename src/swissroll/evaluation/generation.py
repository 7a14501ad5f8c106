"""Points that a model makes, in each of three ways, against the curve and against real points.

A decoded grid is the notebook's picture and no sample of the model; prior draws through the decoder are its means; the
same with the decoder's noise alone are draws from its p(x).
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Generator, Tensor

from swissroll import checks
from swissroll.data import Curve
from swissroll.evaluation.geometry import Fit, fit
from swissroll.evaluation.reference_sample import Distances
from swissroll.evaluation.references import TAIL_POINTS, DataReference
from swissroll.model.vae import VAE
from swissroll.reproducibility import rng

GRID = "the decoded grid"
PRIOR = "decoded prior samples"
NOISY_PRIOR = "prior samples with noise"
SHARED_NOISE = "prior samples with the data's noise"
MAX_DECODED = 2**12
"""Latents decoded at a time."""


@dataclass(frozen=True, kw_only=True)
class Generated:
    """Points made in one way, against the curve and against real points.

    Attributes:
        fit: How they cover the curve, its tails in 20,000 draws (in the decoded grid those of the grid itself: it is no
            sample); None where the data have none.
        distances: Their distances to real points, with noise floors.
    """

    fit: Fit | None
    distances: Distances


def generate(model: VAE, n: int, noises: dict[str, float], seed: int, dims: tuple[int, ...]) -> dict[str, Tensor]:
    """Points made in each of the ways, by their names, each of shape (N, D)."""
    generator = rng.generator(seed, "measure: prior")
    latents = model.draw_prior(n, generator=generator)
    drawn = model.given_draws(n, generator=generator).decode(latents)
    made = {GRID: model.decode_grid(math.isqrt(n), dims=dims)}
    for name, noise in noises.items():
        made[name] = _add_noise(drawn, noise, rng.generator(seed, "measure: decoder noise"))
    return made


def generate_tails(model: VAE, noises: dict[str, float], seed: int) -> dict[str, Tensor]:
    """Many points made in each of the ways that are samples, by their names, each of shape (N, D)."""
    generator = rng.generator(seed, "measure: tails")
    latents = model.draw_prior(TAIL_POINTS, generator=generator)
    parts = [model.given_draws(len(z), generator=generator).decode(z) for z in torch.split(latents, MAX_DECODED)]
    drawn = torch.cat(parts)
    made = {}
    for name, noise in noises.items():
        made[name] = _add_noise(drawn, noise, rng.generator(seed, "measure: noise of the tails"))
    return made


def _add_noise(points: Tensor, sigma: float, generator: Generator) -> Tensor:
    if sigma == 0:
        return points
    # Draw by shape: randn_like takes no generator.
    eps = torch.randn(points.shape, generator=generator, dtype=points.dtype)
    return points + sigma * eps


def measure_generated(
    name: str, points: Tensor, real: DataReference, curve: Curve | None, *, tails: Tensor | None, noise: float
) -> Generated:
    """Compare points of one of these names, shape (N, D), with the curve and with real points."""
    points = checks.points(name, points)
    return Generated(
        fit=None if curve is None else fit(curve, points, tails=tails, noise=noise),
        distances=real.reference.compare(points),
    )
