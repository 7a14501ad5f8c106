"""What a sweep's numbers allow to be said: intervals over seeds, differences seed by seed, ties, and the frontier.

Runs of one seed share data, and initial weights and noise where their shapes allow it, so two settings are compared by
their difference in each seed (common random numbers). The mean of these differences has a Student-t interval over
seeds. Where several differences are shown together, Holm's step-down procedure widens the intervals, so that with 95 %
probability all the differences of a family that are called real are. What is not called real is a tie.

Source: Holm (1979), "A simple sequentially rejective multiple test procedure".
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cache, cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import stats
from scipy.special import stdtr

from swissroll.sweep.analysis.blocks import Array, Block, block, is_measured
from swissroll.sweep.analysis.results import METRICS, Table

CONFIDENCE = 0.95
HEADLINE = ("neg_elbo", "off_p90", "c2st", "prior_c2st", "w2", "mse")
"""Metrics that conclusions are drawn on; evidence, where it was measured, takes the ELBO's place."""
NEEDS_SIGMA = frozenset({"neg_elbo", "neg_log_evidence", "above_lower_bound", "distortion"})
"""Metrics that a run's own decoder sigma decides in part."""
INCOMPARABLE_AXES = frozenset({"dataset", "noise"})
"""Settings that change what is measured, not how well: no value of theirs is better than another."""


@dataclass(frozen=True, kw_only=True)
class Interval:
    """A mean and where the true one is, with the confidence asked for.

    Attributes:
        mean: Mean of the values.
        low: Lower end; minus infinity for a single value.
        high: Upper end; infinity for a single value.
        n: Number of values.
    """

    mean: float
    low: float
    high: float
    n: int

    @property
    def holds_zero(self) -> bool:
        """Whether 0 is within."""
        return self.low <= 0 <= self.high


@dataclass(frozen=True, kw_only=True)
class Paired:
    """Differences of a metric between two choices, a less b, seed by seed.

    Attributes:
        metric: What was measured.
        a: One choice.
        b: The other.
        cells: Other settings that each seed's difference is the mean over.
        differences: One a seed, in the metric's unit.
    """

    metric: str
    a: Any
    b: Any
    cells: int
    differences: tuple[float, ...]

    @cached_property
    def p(self) -> float:
        """Probability of a mean difference at least so large by noise alone (paired t test); 1 for one seed."""
        n, mean = len(self.differences), float(np.mean(self.differences))
        error = float(np.std(self.differences, ddof=1)) / math.sqrt(n) if n > 1 else math.inf
        if error == 0:
            return float(mean == 0)
        return float(2 * stdtr(max(n - 1, 1), -abs(mean) / error))

    def interval(self, confidence: float = CONFIDENCE) -> Interval:
        """The mean difference with its t interval over seeds."""
        return interval(self.differences, confidence)


@dataclass(frozen=True, kw_only=True)
class Ranking:
    """Choices by a metric's mean, and how each differs from the best.

    Attributes:
        metric: What was measured.
        axis: The axis whose values are the choices; None where they are whole settings.
        block: The numbers that it rests on.
        means: Mean of each choice over cells and seeds.
        best: The choice with the best mean; None where fewer than two can be compared.
        against: Each other choice less the best, in the block's order.
    """

    metric: str
    axis: str | None
    block: Block
    means: tuple[float, ...]
    best: Any
    against: tuple[Paired, ...]

    @property
    def best_mean(self) -> float:
        """The best choice's mean."""
        return self.means[self.block.choices.index(self.best)]


@dataclass(frozen=True, kw_only=True)
class Verdict:
    """Whether a choice is tied with the best.

    Attributes:
        paired: The choice less the best.
        interval: Its interval, as wide as Holm's procedure asks of this comparison among all that were judged.
    """

    paired: Paired
    interval: Interval

    @property
    def tied(self) -> bool:
        """Whether the difference may be noise."""
        return self.interval.holds_zero


def headline(table: Table) -> list[str]:
    """The metrics that conclusions are drawn on: those of :data:`HEADLINE` that were measured.

    Negative log evidence above its lower bound, or else the negative log evidence, takes the place of the ELBO where
    it was measured.
    """
    there = {name for row in table.rows for name in row.values if is_measured(row, name)}
    nats = next((name for name in ("above_lower_bound", "neg_log_evidence") if name in there), "neg_elbo")
    return [name for name in (nats, *HEADLINE[1:]) if name in there]


def interval(values: Sequence[float] | Array, confidence: float = CONFIDENCE) -> Interval:
    """Mean of independent values with its Student-t interval.

    Args:
        values: At least one finite number.
        confidence: Probability that the interval holds the true mean, for normal values.

    Raises:
        ValueError: There is no value, or one that is not finite.
    """
    array = np.asarray(values, dtype=float)
    n = len(array)
    if n == 0 or not np.isfinite(array).all():
        raise ValueError(f"An interval needs at least one value, all finite; got {array.tolist()}.")
    mean = float(array.mean())
    if n == 1:
        return Interval(mean=mean, low=-math.inf, high=math.inf, n=1)
    half = _quantile(confidence, n - 1) * float(array.std(ddof=1)) / math.sqrt(n)
    return Interval(mean=mean, low=mean - half, high=mean + half, n=n)


def paired(table: Table, metric: str, axis: str, a: Any, b: Any) -> Paired:
    """Differences of a metric between two values of an axis, seed by seed, averaged over the other axes.

    Raises:
        ValueError: The table has no such axis, or no seed in which both values finished.
    """
    found = block(table, metric, axis, only=(a, b))
    if found.choices != (a, b):
        raise ValueError(f"No seed has finished with {axis} {a} and {b} alike, so they cannot be compared.")
    return _pair(metric, found, 0, 1)


def rank(table: Table, metric: str, axis: str | None) -> Ranking:
    """Order an axis's values, or all settings where axis is None, by a metric, and pair each with the best.

    Raises:
        ValueError: The table has no such axis, or the metric has no better end.
    """
    better = METRICS[metric][2]
    if better is None:
        raise ValueError(f"{metric}: neither low nor high is better, so nothing can be ranked by it.")
    found = block(table, metric, axis)
    means = found.measured.mean(axis=(1, 2)) if len(found.choices) else np.zeros(0)
    if len(means) < 2:
        return Ranking(metric=metric, axis=axis, block=found, means=tuple(means.tolist()), best=None, against=())
    best = int(means.argmin() if better == "low" else means.argmax())
    against = tuple(_pair(metric, found, i, best) for i in range(len(means)) if i != best)
    return Ranking(
        metric=metric,
        axis=axis,
        block=found,
        means=tuple(means.tolist()),
        best=found.choices[best],
        against=against,
    )


def judge(rankings: Iterable[Ranking]) -> list[dict[Any, Verdict]]:
    """Say of every choice whether it is tied with its ranking's best, all comparisons judged together.

    Which choice is best is seen in the same numbers, so any two might have been compared: all pairs are the family
    that Holm's procedure allows for.

    Returns:
        For each ranking, a verdict for each choice but the best.
    """
    rankings = list(rankings)
    pairs = [pair for ranking in rankings for pair in ranking.against]
    family = sum(math.comb(len(ranking.means), 2) for ranking in rankings)
    levels = iter(holm([pair.p for pair in pairs], family))
    return [
        {pair.a: Verdict(paired=pair, interval=pair.interval(1 - next(levels))) for pair in ranking.against}
        for ranking in rankings
    ]


def holm(p: Sequence[float], family: int | None = None, level: float = 1 - CONFIDENCE) -> list[float]:
    """The level at which Holm's procedure tests each of several p values.

    The i-th smallest is tested at level / (family - i + 1), and the first that fails ends it: all larger ones are held
    to that level, too. A difference is real where its p is at most its level.

    Args:
        p: The p values that are looked at.
        family: How many comparisons these were chosen from; as many as are given by default. Whatever the choice,
            the chance that any true null hypothesis is rejected is at most ``level``: before the first such one, at
            most the false ones can have been rejected.
        level: That chance.
    """
    levels, failed = [0.0] * len(p), 0.0
    for done, index in enumerate(np.argsort(p, kind="stable").tolist()):
        levels[index] = failed or level / ((family or len(p)) - done)
        if p[index] > levels[index]:
            failed = levels[index]
    return levels


def frontier(points: Array) -> NDArray[np.bool_]:
    """Which points, shape (N, 2), no other is at least as low as in both coordinates and lower in one; shape (N,)."""
    order = np.lexsort((points[:, 1], points[:, 0]))
    on = np.zeros(len(points), dtype=bool)
    lowest, last = math.inf, (math.nan, math.nan)
    for index in order:
        x, y = points[index]
        if y < lowest or (x, y) == last:
            on[index], lowest, last = True, y, (x, y)
    return on


@cache
def _quantile(confidence: float, freedom: int) -> float:
    """How many standard errors a t interval reaches to each side."""
    return float(stats.t.ppf(0.5 + confidence / 2, freedom))


def _pair(metric: str, found: Block, a: int, b: int) -> Paired:
    by_seed = (found.measured[a] - found.measured[b]).mean(axis=0)
    return Paired(
        metric=metric,
        a=found.choices[a],
        b=found.choices[b],
        cells=len(found.cells),
        differences=tuple(by_seed.tolist()),
    )
