"""From rows to a density that was checked: train, choose the number of latents, calibrate, and say what ails it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np
from numpy.typing import NDArray

from swissroll.data.points import Points
from swissroll.density.background import fit_background
from swissroll.density.calibration import Calibration, Coverage, check_coverage, find_exponent, tail_shares
from swissroll.density.choice import Candidate, compare, mean_and_error
from swissroll.density.density import Density
from swissroll.density.doctor import ACTIVE, Finding, Signs, diagnose
from swissroll.density.fitting import Fitted, Settings, fit
from swissroll.density.table import choose_evenly, resolution
from swissroll.density.unseen import FEW_HELD_OUT, Trial, choose, leave_out_in_turn
from swissroll.reproducibility import rng

MAX_COMPARED_ROWS = 500
"""Most training rows whose log densities are compared with those of held-out rows."""
MAX_FOLD_SAMPLES = 1000
"""Most draws from the model of a fold: they rank its few rows, whose own number limits how well the power is known."""

Progress = Callable[[int, int, float], object]
"""Called after each check of a training, with its number of latents, the steps done, and the held-out log density."""


@dataclass(frozen=True, kw_only=True)
class Learned:
    """What was learned of a table.

    Attributes:
        density: The density.
        fitted: How it was trained.
        calibration: What turns its log densities into probabilities.
        held_out_score: Mean log density of the held-out rows, in nats per row, and its standard error.
        coverage: How many of the rows that were not fitted lie in regions that should hold a share of them.
        finding: What ails it.
        candidates: The numbers of latents that were compared; empty where one was given.
    """

    density: Density
    fitted: Fitted
    calibration: Calibration
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
    background = fit_background(points.train, points.standardization, blur)
    of_background = background.log_density(held_out)
    fits = []
    densities = []
    scores = []
    for each in settings:
        fitted = fit(points, each, blur, of_background, partial(progress, each.latent_dim))
        trials = [Trial(fitted, background, held_out)]
        if len(held_out) < FEW_HELD_OUT:
            trials += leave_out_in_turn(points, rows, each, blur, fitted.best_step)
        choice = choose(trials, each.seed)
        densities.append([trial.density(choice.widening, choice.weight, each.seed) for trial in trials])
        fits.append(trials)
        scores.append(densities[-1][0].log_density(held_out)[0])

    candidates = compare(scores) if len(settings) > 1 else ()
    chosen = next((index for index, candidate in enumerate(candidates) if candidate.is_chosen), 0)
    density = densities[chosen][0]
    fitted = fits[chosen][0].fitted
    calibration, coverage = _calibrate(densities[chosen], fits[chosen], samples, settings[chosen].seed)
    trained = density.log_density(rows[choose_evenly(points.train_rows, MAX_COMPARED_ROWS)])[0]
    return Learned(
        density=density,
        fitted=fitted,
        calibration=calibration,
        held_out_score=mean_and_error(scores[chosen]),
        coverage=coverage,
        finding=diagnose(_signs(density, fitted, rows, trained, scores[chosen], coverage[0])),
        candidates=candidates,
    )


def _calibrate(
    densities: Sequence[Density], trials: Sequence[Trial], samples: int, seed: int
) -> tuple[Calibration, tuple[Coverage, ...]]:
    """The first density's calibration, by the rows of all trials in the tails of their models; and their coverage."""
    generator = rng.generator(seed, "density: calibration")
    own: list[NDArray[np.float64]] = []
    shares = []
    for density, trial in zip(densities, trials, strict=True):
        # The first density is the one that is kept.
        count = min(samples, MAX_FOLD_SAMPLES) if own else samples
        own.append(np.sort(density.log_density(density.draw(count, generator))[0]))
        shares.append(tail_shares(density.log_density(trial.rows)[0], own[-1]))
    unseen = np.concatenate(shares)
    return Calibration(own[0], find_exponent(unseen)), check_coverage(unseen)


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
        slowed_to=fitted.slowed_to,
        last_gain=gain,
        gap=train_mean - held_out_mean,
        gap_error=float(np.hypot(train_error, held_out_error)),
        active=int((variances > ACTIVE).sum()),
        latent_dim=density.model.latent_dim,
        data_dim=density.model.data_dim,
        background=density.weight,
        coverage=coverage.inside,
        coverage_error=coverage.error,
    )
