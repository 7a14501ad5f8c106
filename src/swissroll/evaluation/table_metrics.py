"""What is measured of a model of a person's own rows, in the place of what a known curve would tell.

Held-out rows stand in for fresh points. The two-sample test asks whether they could be draws of the model: the energy
distance between both, against that of the same rows and draws shuffled. The lower bound is that of training rows.

Source: Szekely and Rizzo (2004), "Testing for equal distributions in high dimension".
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from swissroll.data import Points
from swissroll.evaluation.evidence import measure_evidence
from swissroll.evaluation.lower_bound import rows_lower_bound
from swissroll.evaluation.uncertainty import standard_error
from swissroll.model.vae import VAE
from swissroll.reproducibility import rng

MAX_TESTED_ROWS = 500
"""Most held-out rows in the two-sample test; as many draws of the model are compared with them."""
LEAST_DRAWS = 200
"""But so many draws where there are fewer rows."""
PERMUTATIONS = 999
"""Shuffles of rows and draws that the test's statistic is compared with."""
MAX_BOUNDED_ROWS = 1000
"""Most training rows whose evidence is bounded from below: some seconds."""
IMPORTANCE_SAMPLES = 200
"""Draws per row where the evidence is only bounded."""


@dataclass(frozen=True, kw_only=True)
class TwoSampleTest:
    """A test of whether held-out rows could be draws of the model, its noise included.

    Attributes:
        rows: Held-out rows.
        draws: Draws of the model.
        statistic: Energy distance between both, squared, in standard deviations of the columns.
        p_value: Share of shuffles of rows and draws, the found one among them, with a distance as large.
    """

    rows: int
    draws: int
    statistic: float
    p_value: float


@dataclass(frozen=True, kw_only=True)
class TrainingRows:
    """The model on rows that it was trained on, and the best that any model could do on them. Nats per row.

    Attributes:
        n: Rows: all, or so many of them at random.
        neg_log_evidence: Mean of -log p(x), or of a bound on it.
        neg_log_evidence_se: Standard error of that mean.
        lower_bound: No model with this decoder sigma has a lower mean on these rows.
        lower_bound_error: Most by which the lowest value may lie above ``lower_bound``.
        bound: Whether ``neg_log_evidence`` is only a bound, from above.
    """

    n: int
    neg_log_evidence: float
    neg_log_evidence_se: float
    lower_bound: float
    lower_bound_error: float
    bound: bool = False


@dataclass(frozen=True, kw_only=True)
class TableMetrics:
    """What is measured of a model of a table. Values of columns are in data units, in the table's order.

    Attributes:
        columns: Names of the columns.
        train: Training rows of the table.
        held_out: Rows of it that training never saw.
        log_volume: What was added to every -log p(x) of model coordinates, in nats.
        deviation: Standard deviation of each column over the training rows.
        sigma: Decoder standard deviation in each column.
        rmse: Root of the mean squared error of decoded posterior means in each column, on held-out rows.
        rmse_se: Its standard error.
        test: Held-out rows against draws of the model; None without decoder noise.
        training: The model on training rows, with their lower bound; None without decoder noise.
    """

    columns: tuple[str, ...]
    train: int
    held_out: int
    log_volume: float
    deviation: tuple[float, ...]
    sigma: tuple[float, ...]
    rmse: tuple[float, ...]
    rmse_se: tuple[float, ...]
    test: TwoSampleTest | None
    training: TrainingRows | None


def measure_table(
    model: VAE, points: Points, held_out: Tensor, decoded: Tensor, *, sigma: float, seed: int
) -> TableMetrics:
    """Measure what only a table needs.

    Args:
        model: The VAE, in model coordinates.
        points: The table's rows.
        held_out: Rows that training never saw, shape (M, D), in model coordinates.
        decoded: Means of their posteriors, decoded, shape (M, D).
        sigma: Decoder standard deviation, in model coordinates.
        seed: Decides every draw.
    """
    scale = np.array(points.standardization.scale)
    found, error = _column_errors(decoded.double().numpy(), held_out.double().numpy(), points)
    return TableMetrics(
        columns=points.columns,
        train=len(points.train),
        held_out=len(points.held_out),
        log_volume=points.standardization.log_volume,
        deviation=tuple(scale.tolist()),
        sigma=tuple((sigma * points.standardization.noise_scale).tolist()),
        rmse=found,
        rmse_se=error,
        test=compare_with_draws(model, held_out, sigma=sigma, seed=seed) if sigma > 0 else None,
        training=_measure_training_rows(model, points, sigma=sigma, seed=seed) if sigma > 0 else None,
    )


def compare_with_draws(model: VAE, rows: Tensor, *, sigma: float, seed: int) -> TwoSampleTest:
    """Test whether rows, shape (M, D) in model coordinates, could be draws of p(x)."""
    rows = rows[:MAX_TESTED_ROWS]
    draws = max(LEAST_DRAWS, len(rows))
    generator = rng.generator(seed, "measure: prior")
    latents = model.draw_prior(draws, generator=generator)
    means = model.given_draws(draws, generator=generator).decode(latents)
    eps = torch.randn(means.shape, generator=rng.generator(seed, "measure: decoder noise"), dtype=means.dtype)
    statistic, p_value = energy_test(rows.double().numpy(), (means + sigma * eps).double().numpy(), seed=seed)
    return TwoSampleTest(rows=len(rows), draws=draws, statistic=statistic, p_value=p_value)


def energy_test(x: NDArray[np.float64], y: NDArray[np.float64], *, seed: int) -> tuple[float, float]:
    """Squared energy distance of two samples, shapes (M, D) and (N, D), and its p-value by permutation."""
    from scipy.spatial.distance import cdist
    from scipy.stats import permutation_test

    pooled = np.concatenate([x, y])
    distances = cdist(pooled, pooled)
    from_each = distances.sum(axis=1)

    def statistic(first: NDArray[np.int64], second: NDArray[np.int64], axis: int) -> NDArray[np.float64]:
        """2 E|x - y| - E|x - x'| - E|y - y'|, of the pooled places of both samples, shape (..., M) and (..., N)."""
        del axis
        chosen = np.zeros((*first.shape[:-1], len(pooled)))
        np.put_along_axis(chosen, first, 1.0, axis=-1)
        within_first = (chosen @ distances * chosen).sum(axis=-1)
        across = chosen @ from_each - within_first
        within_second = from_each.sum() - within_first - 2 * across
        m = first.shape[-1]
        n = second.shape[-1]
        value: NDArray[np.float64] = 2 * across / (m * n) - within_first / m**2 - within_second / n**2
        return value

    places = np.arange(len(pooled))
    found: Any = permutation_test(
        (places[: len(x)], places[len(x) :]),
        statistic,
        vectorized=True,
        n_resamples=PERMUTATIONS,
        batch=100,
        alternative="greater",
        random_state=np.random.default_rng(seed),
    )
    return float(found.statistic), float(found.pvalue)


def _column_errors(
    decoded: NDArray[np.float64], rows: NDArray[np.float64], points: Points
) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """Root mean squared error of each column in data units, and its standard error."""
    restore = points.standardization.restore
    squares = (restore(decoded) - restore(rows)) ** 2
    root = np.sqrt(squares.mean(axis=0))

    # By the delta method: se(sqrt m) = se(m) / (2 sqrt m).
    error = [standard_error(torch.from_numpy(column)) for column in squares.T.copy()]
    errors = [of_mean / (2 * value) if value > 0 else 0.0 for of_mean, value in zip(error, root, strict=True)]
    return tuple(root.tolist()), tuple(map(float, errors))


def _measure_training_rows(model: VAE, points: Points, *, sigma: float, seed: int) -> TrainingRows:
    order = torch.randperm(len(points.train), generator=rng.generator(seed, "measure: training rows"))
    rows = points.train[order[:MAX_BOUNDED_ROWS]].to(model.dtype)
    volume = points.standardization.log_volume
    labels = points.train_labels[order[:MAX_BOUNDED_ROWS]] if model.label_count else None
    found = measure_evidence(
        model if labels is None else model.given(labels),
        rows,
        sigma=sigma,
        samples=IMPORTANCE_SAMPLES,
        generator=rng.generator(seed, "measure: importance of training rows"),
    )
    lower, upper = _bracket_rows(rows, labels, sigma)
    return TrainingRows(
        n=len(rows),
        neg_log_evidence=volume - found.log_p.mean().item(),
        neg_log_evidence_se=standard_error(found.log_p),
        lower_bound=volume + lower,
        lower_bound_error=upper - lower,
        bound=found.bound,
    )


def _bracket_rows(rows: Tensor, labels: Tensor | None, sigma: float) -> tuple[float, float]:
    """Bounds from below and above on the lowest mean of -log p(x); with labels, on that of -log p(x|c)."""
    if labels is None:
        whole = rows_lower_bound(rows, sigma)
        return whole.lower, whole.upper
    lower = upper = 0.0
    for label in torch.unique(labels):
        chosen = rows[labels == label]
        share = len(chosen) / len(rows)
        found = rows_lower_bound(chosen, sigma)
        lower += share * found.lower
        upper += share * found.upper
    return lower, upper
