"""Rows that a model was not fitted to, and what they favour: how much noise, which weight of the background.

A table of few rows holds out fewer still. Then the others are left out in turn, a fold at a time, from models that are
trained as the first one was, for as many steps. All these rows together are many more, and cost some trainings more.
"""

from __future__ import annotations

import copy
import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from numpy.typing import NDArray

from swissroll.data.points import Points
from swissroll.density.background import Background, fit_background, mix, stack
from swissroll.density.density import Density
from swissroll.density.fitting import Fitted, Settings, fit
from swissroll.model.standardized import StandardizedVAE

FEW_HELD_OUT = 30
"""Held-out rows below which the training rows are left out in turn."""
FOLDS = 4
WIDENINGS = (1.0, 1.05, 1.1, 1.15, 1.2, 1.3, 1.4, 1.5, 1.75, 2.0)
"""Factors of the decoder's noise that are tried."""


@dataclass(frozen=True)
class Trial:
    """A trained model, its background, and rows that neither was fitted to, shape (N, D), in data units."""

    fitted: Fitted
    background: Background
    rows: NDArray[np.float64]

    def density(self, widening: float, weight: float, seed: int) -> Density:
        """The density with the decoder's noise wider by a factor."""
        vae = copy.deepcopy(self.fitted.model)
        with torch.no_grad():
            vae.get_parameter("decoder_logvar").add_(2 * math.log(widening))
        return Density(StandardizedVAE(vae, self.fitted.standardization), self.background, weight, seed)


@dataclass(frozen=True)
class Choice:
    """What rows that were not fitted favour.

    Attributes:
        widening: Factor of the decoder's noise.
        weight: Of the background.
    """

    widening: float
    weight: float


def leave_out_in_turn(
    points: Points, rows: NDArray[np.float64], settings: Settings, blur: tuple[float, ...], steps: int
) -> list[Trial]:
    """Models of the training rows without a fold of them each.

    Args:
        points: The rows, split and standardised.
        rows: The same in data units, shape (N, D), in their own order.
        settings: How to train.
        blur: Resolution of each column, in its standard deviations.
        steps: Steps of each training.
    """
    trials = []
    folds = torch.arange(len(points.train)) % FOLDS
    for fold in range(FOLDS):
        left_out = folds == fold
        part = replace(
            points,
            train=points.train[~left_out],
            held_out=points.train[left_out],
            train_rows=points.train_rows[~left_out.numpy()],
            held_out_rows=points.train_rows[left_out.numpy()],
        )
        rows_left_out = rows[part.held_out_rows]
        background = fit_background(part.train, part.standardization, blur)
        fitted = fit(part, settings, blur, background.log_density(rows_left_out), steps=steps)
        trials.append(Trial(fitted, background, rows_left_out))
    return trials


def choose(trials: Sequence[Trial], seed: int) -> Choice:
    """The widening and the weight that make the rows of all trials likeliest.

    What was fitted to few rows is too narrow for others: training rows are nearer to what was decoded than others are.
    """
    background = np.concatenate([trial.background.log_density(trial.rows) for trial in trials])
    best = -math.inf
    kept = Choice(WIDENINGS[0], 0.5)
    for widening in WIDENINGS:
        densities = [trial.density(widening, 0.5, seed) for trial in trials]
        parts = [density.log_density_of_model(trial.rows)[0] for density, trial in zip(densities, trials, strict=True)]
        of_models = np.concatenate(parts)
        weight = stack(of_models, background)
        mean = float(mix(of_models, background, weight).mean())
        if mean <= best:
            break
        best = mean
        kept = Choice(widening, weight)
    return kept
