"""From rows to a density that was checked: train, choose the number of latents, calibrate, and say what ails it."""

from __future__ import annotations

import copy
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np
import torch
from numpy.typing import NDArray

from swissroll.data.points import Points
from swissroll.density.calibration import Coverage, check_coverage, tail_probabilities
from swissroll.density.choice import Candidate, compare, mean_and_error
from swissroll.density.density import Density
from swissroll.density.doctor import ACTIVE, Finding, Signs, diagnose
from swissroll.density.fitting import Fitted, Settings, fit
from swissroll.density.table import resolution
from swissroll.model.standardized import StandardizedVAE
from swissroll.reproducibility import rng

WIDENINGS = (1.0, 1.05, 1.1, 1.15, 1.2, 1.3, 1.4, 1.5, 1.75, 2.0)
"""Factors of the decoder's noise that are tried."""
MAX_COMPARED_ROWS = 500
"""Most training rows whose log densities are compared with those of held-out rows."""

Progress = Callable[[int, int, float], object]
"""Called after each check of a training, with its number of latents, the steps done, and the held-out log density."""


@dataclass(frozen=True, kw_only=True)
class Learned:
    """What was learned of a table.

    Attributes:
        density: The density.
        fitted: How it was trained.
        own_log_densities: Of samples of its own, sorted, shape (n,), in nats in data units.
        held_out_score: Mean log density of the held-out rows, in nats per row, and its standard error.
        coverage: How many held-out rows lie in regions that should hold a share of them.
        finding: What ails it.
        candidates: The numbers of latents that were compared; empty where one was given.
    """

    density: Density
    fitted: Fitted
    own_log_densities: NDArray[np.float64]
    held_out_score: tuple[float, float]
    coverage: tuple[Coverage, ...]
    finding: Finding
    candidates: tuple[Candidate, ...]


def learn(
    points: Points,
    rows: NDArray[np.float64],
    settings: Sequence[Settings],
    *,
    samples: int,
    progress: Progress,
) -> Learned:
    """Train with each of the settings, which differ in the number of latents, and keep what held-out rows favour.

    Args:
        points: The rows, split and standardised.
        rows: The same in data units, shape (N, D), in their own order.
        settings: One; or those of 1, 2, ... latents.
        samples: Draws from the model that tail probabilities are made of.
        progress: See :data:`Progress`.
    """
    held_out = rows[points.held_out_rows]
    blur = resolution(rows, np.array(points.standardization.scale))
    fits = []
    densities = []
    scores = []
    for each in settings:
        fitted = fit(points, each, blur, partial(progress, each.latent_dim))
        fits.append(fitted)
        density, held_out_scores = _widen(fitted, held_out, each.seed)
        densities.append(density)
        scores.append(held_out_scores)

    candidates = compare(scores) if len(settings) > 1 else ()
    chosen = next((index for index, candidate in enumerate(candidates) if candidate.is_chosen), 0)
    density = densities[chosen]
    generator = rng.generator(settings[chosen].seed, "density: calibration")
    own = np.sort(density.log_density(density.draw(samples, generator))[0])
    coverage = check_coverage(tail_probabilities(scores[chosen], own))
    trained = density.log_density(rows[points.train_rows[:MAX_COMPARED_ROWS]])[0]
    return Learned(
        density=density,
        fitted=fits[chosen],
        own_log_densities=own,
        held_out_score=mean_and_error(scores[chosen]),
        coverage=coverage,
        finding=diagnose(_signs(density, fits[chosen], rows, trained, scores[chosen], coverage[0])),
        candidates=candidates,
    )


def _widen(fitted: Fitted, held_out: NDArray[np.float64], seed: int) -> tuple[Density, NDArray[np.float64]]:
    """A trained model's density, with the decoder's noise that held-out rows favour, and their log densities.

    What was fitted to few rows is too narrow for others: training rows are nearer to what was decoded than others are.
    """
    model = StandardizedVAE(fitted.model, fitted.standardization)
    logvar = fitted.model.get_parameter("decoder_logvar")
    learned = float(logvar.detach())
    kept: tuple[float, Density, NDArray[np.float64]] | None = None
    for factor in WIDENINGS:
        with torch.no_grad():
            logvar.fill_(learned + 2 * math.log(factor))
        density = Density(copy.deepcopy(model), seed)
        scores = density.log_density(held_out)[0]
        if kept is not None and scores.mean() <= kept[0]:
            break
        kept = (float(scores.mean()), density, scores)
    if kept is None:
        raise ValueError("there is no widening to try")
    return kept[1], kept[2]


def _signs(
    density: Density,
    fitted: Fitted,
    rows: NDArray[np.float64],
    trained: NDArray[np.float64],
    held_out: NDArray[np.float64],
    coverage: Coverage,
) -> Signs:
    variances = density.encode(rows).var(axis=0)
    train_mean, train_error = mean_and_error(trained)
    held_out_mean, held_out_error = mean_and_error(held_out)
    checks = fitted.history["held_out"]
    tenth = max(1, len(checks) // 10)
    gain = 0.0
    if not fitted.stopped and len(checks) > tenth:
        gain = float(checks[-1] - checks[-1 - tenth])
    return Signs(
        retried=fitted.retried,
        last_gain=gain,
        gap=train_mean - held_out_mean,
        gap_error=float(np.hypot(train_error, held_out_error)),
        active=int((variances > ACTIVE).sum()),
        latent_dim=density.model.latent_dim,
        data_dim=density.model.data_dim,
        coverage=coverage.inside,
        coverage_error=coverage.error,
    )
