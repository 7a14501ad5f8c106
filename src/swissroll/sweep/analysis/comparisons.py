"""What a sweep's numbers allow to be said: intervals over seeds, paired differences, ties, and the Pareto frontier.

Runs of one seed share data, and initial weights and noise where their shapes allow it. So two settings are compared by
their difference in each seed (common random numbers), and the mean of these paired differences has a Student-t
interval over seeds. Where several differences are shown together, Holm's step-down procedure widens the intervals. Then
with 95 % probability, each difference of a family that is called real is real.

Not every difference that may be noise is a tie: too few seeds cannot show even a large one. So the power of the paired
t test says with how many seeds a difference like the observed one would be called real. Those seeds would decide it.
Only a difference that many seeds would not show is a tie.

Sources: Holm (1979), "A simple sequentially rejective multiple test procedure"; Cohen (1988), "Statistical power
analysis for the behavioral sciences", chapter 2, for the power of a t test by the noncentral t distribution.
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
from scipy.special import nctdtr, stdtr

from swissroll import checks
from swissroll.sweep.analysis.blocks import Array, CompleteBlocks, complete_blocks, is_measured_in_all, measured_metrics
from swissroll.sweep.analysis.results import METRICS, Table, require_table

CONFIDENCE = 0.95
POWER = 0.8
"""Probability with which the seeds that would decide a difference call it real."""
MAX_DECIDING_SEEDS = 100
"""A difference that takes more seeds than this is a tie."""
HEADLINE_METRICS = ("neg_elbo", "off_p90", "c2st", "aggregate_c2st", "w2", "mse")
"""Metrics that conclusions are drawn on; evidence, where all runs have it, takes the ELBO's place."""
SIGMA_METRICS = frozenset({"neg_elbo", "neg_log_evidence", "above_lower_bound", "distortion"})
"""Metrics that depend on a run's own decoder sigma."""
LOWERED_BY_SIGMA = SIGMA_METRICS - {"above_lower_bound"}
"""Those that a smaller sigma can lower without a better model; in the other one, the bound at that sigma is off."""
INCOMPARABLE_AXES = frozenset({"dataset", "noise", "held_out"})
"""Settings that change what is measured, not how good it is: no value of theirs is better than another."""


@dataclass(frozen=True, kw_only=True)
class Interval:
    """A mean with its confidence interval.

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
    def contains_zero(self) -> bool:
        """Whether 0 is within."""
        return self.low <= 0 <= self.high


@dataclass(frozen=True, kw_only=True)
class PairedDifference:
    """Differences of a metric between two levels, a minus b, paired by seed.

    Attributes:
        metric: What was measured.
        a: One level.
        b: The other.
        other_settings: How many settings of the other axes each seed's difference is averaged over.
        differences: One per seed, in the metric's unit.
    """

    metric: str
    a: Any
    b: Any
    other_settings: int
    differences: tuple[float, ...]

    @cached_property
    def p_value(self) -> float:
        """Probability of a mean difference at least as large by noise alone; 1 for one seed.

        It is that of the two-sided paired t test.
        """
        n = len(self.differences)
        if n == 1:
            return 1.0

        mean = float(np.mean(self.differences))
        standard_error = float(np.std(self.differences, ddof=1)) / math.sqrt(n)
        if standard_error == 0:
            return float(mean == 0)

        # p = 2 P(T <= -|t|) with t = mean / standard error and n - 1 degrees of freedom.
        return float(2 * stdtr(n - 1, -abs(mean) / standard_error))

    def interval(self, confidence: float = CONFIDENCE) -> Interval:
        """The mean difference with its t interval over seeds."""
        return t_interval(self.differences, confidence)


@dataclass(frozen=True, kw_only=True)
class Ranking:
    """Levels by a metric's mean, and how each differs from the best.

    Attributes:
        metric: What was measured.
        axis: The axis whose levels are ranked; None where they are whole settings.
        blocks: The numbers that it rests on.
        means: Mean of each level over other settings and seeds.
        best: The level with the best mean; None where fewer than two can be compared.
        differences: Each other level minus the best, in the order of the levels.
    """

    metric: str
    axis: str | None
    blocks: CompleteBlocks
    means: tuple[float, ...]
    best: Any
    differences: tuple[PairedDifference, ...]

    def mean(self, level: Any) -> float:
        """The mean of one level."""
        return self.means[self.blocks.levels.index(level)]

    @property
    def best_mean(self) -> float:
        """The mean of the best level."""
        return self.mean(self.best)


@dataclass(frozen=True, kw_only=True)
class Verdict:
    """Whether a level is worse than the best, tied with it, or neither for want of seeds.

    Attributes:
        difference: The level minus the best.
        interval: Its interval, as wide as Holm's procedure asks of this comparison among all of its family.
        alpha: The significance level of that interval.
    """

    difference: PairedDifference
    interval: Interval
    alpha: float

    @property
    def may_be_noise(self) -> bool:
        """Whether the difference is not called real."""
        return self.interval.contains_zero

    @cached_property
    def deciding_seeds(self) -> int | None:
        """Seeds that would decide a difference that may be noise; None where there are too many, or none are needed."""
        if not self.may_be_noise:
            return None
        return deciding_seeds(self.difference.differences, self.alpha)

    @property
    def tied(self) -> bool:
        """Whether the difference may be noise, and many more seeds would not show it."""
        return self.may_be_noise and self.deciding_seeds is None

    @property
    def undecided(self) -> bool:
        """Whether the difference may be noise because there are too few seeds to say."""
        return self.deciding_seeds is not None


def headline_metrics(table: Table) -> list[str]:
    """The metrics that conclusions are drawn on: those of :data:`HEADLINE_METRICS` that were measured.

    The negative log evidence above its lower bound takes the place of the ELBO where all finished runs have it, or else
    the negative log evidence.
    """
    measured = measured_metrics(table)
    if is_measured_in_all(table, "above_lower_bound"):
        in_nats = "above_lower_bound"
    elif is_measured_in_all(table, "neg_log_evidence"):
        in_nats = "neg_log_evidence"
    else:
        in_nats = "neg_elbo"
    return [name for name in (in_nats, *HEADLINE_METRICS[1:]) if name in measured]


def t_interval(values: Sequence[float] | Array, confidence: float = CONFIDENCE) -> Interval:
    """Mean of independent values with its Student-t interval.

    Args:
        values: At least one finite number.
        confidence: Probability that the interval contains the true mean, for normal values.

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

    # mean ± t_{n-1} S / sqrt(n)
    quantile = _t_quantile(confidence, n - 1)
    half = quantile * float(array.std(ddof=1)) / math.sqrt(n)
    return Interval(mean=mean, low=mean - half, high=mean + half, n=n)


def paired_difference(table: Table, metric: str, axis: str, a: Any, b: Any) -> PairedDifference:
    """Differences of a metric between two levels of an axis, a minus b, seed by seed, averaged over the other axes.

    Raises:
        ValueError: The table has no such axis, or no seed in which both levels finished.
    """
    require_table(table)
    checks.one_of("metric", metric, METRICS)
    checks.one_of("axis", axis, tuple(table.axes))
    if metric not in measured_metrics(table):
        raise ValueError(f"{metric} was not measured in any run of this sweep, so nothing can be compared by it.")
    for level in (a, b):
        is_plain = level is None or isinstance(level, (str, int, float))
        if not is_plain or level not in table.axes[axis]:
            allowed = ", ".join(map(str, table.axes[axis]))
            found = f"{checks.short(a)} and {checks.short(b)}"
            raise ValueError(f"a and b must be values of {axis} in this sweep: {allowed}; got {found}.")
    blocks = complete_blocks(table, metric, axis, only=(a, b))
    if blocks.levels != (a, b):
        raise ValueError(f"No seed has finished runs of both {axis} {a} and {axis} {b}, so they cannot be compared.")
    return _difference(metric, blocks, 0, 1)


def rank(table: Table, metric: str, axis: str | None) -> Ranking:
    """Order an axis's levels, or all settings where axis is None, by a metric, and pair each with the best.

    Raises:
        ValueError: The table has no such axis, or the metric has no better end.
    """
    better = METRICS[metric].better
    if better is None:
        raise ValueError(f"{metric}: neither low nor high is better, so nothing can be ranked by it.")

    blocks = complete_blocks(table, metric, axis)
    # The mean of each level over other settings and seeds.
    means = blocks.values.mean(axis=(1, 2)) if blocks.levels else np.zeros(0)
    if len(means) < 2:
        return Ranking(metric=metric, axis=axis, blocks=blocks, means=tuple(means.tolist()), best=None, differences=())

    best = int(means.argmin() if better == "low" else means.argmax())
    others = [level for level in range(len(means)) if level != best]
    return Ranking(
        metric=metric,
        axis=axis,
        blocks=blocks,
        means=tuple(means.tolist()),
        best=blocks.levels[best],
        differences=tuple(_difference(metric, blocks, level, best) for level in others),
    )


def judge(rankings: Iterable[Ranking]) -> list[dict[Any, Verdict]]:
    """Compare every level with its ranking's best, all comparisons in one family.

    Which level is best is seen in the same numbers, so any two might have been compared: all pairs are the family
    that Holm's procedure allows for.

    Returns:
        For each ranking, a verdict for each level but the best.
    """
    rankings = list(rankings)
    p_values: list[float] = []
    for ranking in rankings:
        p_values += [difference.p_value for difference in ranking.differences]

    family = sum(math.comb(len(ranking.means), 2) for ranking in rankings)
    alphas = iter(holm_alphas(p_values, family))

    verdicts: list[dict[Any, Verdict]] = []
    for ranking in rankings:
        of_levels: dict[Any, Verdict] = {}
        for difference in ranking.differences:
            alpha = next(alphas)
            interval = difference.interval(1 - alpha)
            of_levels[difference.a] = Verdict(difference=difference, interval=interval, alpha=alpha)
        verdicts.append(of_levels)
    return verdicts


def power(effect: float, n: int, alpha: float) -> float:
    """Probability that a two-sided paired t test calls a difference real.

    Args:
        effect: The true mean difference, in standard deviations of the differences.
        n: Differences, at least 2; they are normal and independent.
        alpha: Significance level of the test.
    """
    degrees_of_freedom = n - 1
    critical = _t_quantile(1 - alpha, degrees_of_freedom)

    # Under a true difference, t has the noncentral t distribution with noncentrality effect * sqrt(n).
    noncentrality = abs(effect) * math.sqrt(n)
    above = 1 - nctdtr(degrees_of_freedom, noncentrality, critical)
    below = nctdtr(degrees_of_freedom, noncentrality, -critical)
    return float(above + below)


def deciding_seeds(differences: Sequence[float], alpha: float) -> int | None:
    """Least number of seeds with which a t test finds a difference like the observed one with probability 0.8.

    It takes the observed mean and standard deviation for the true ones: with two or three seeds it is a rough number.

    Args:
        differences: One per seed, at least 2.
        alpha: Significance level of the test.

    Returns:
        More than there are; None where it is more than 100, or the differences are all 0.
    """
    n = len(differences)
    deviation = float(np.std(differences, ddof=1)) if n > 1 else 0.0
    if deviation == 0:
        return None

    effect = float(np.mean(differences)) / deviation
    for seeds in range(n + 1, MAX_DECIDING_SEEDS + 1):
        if power(effect, seeds, alpha) >= POWER:
            return seeds
    return None


def holm_alphas(p_values: Sequence[float], family: int | None = None, alpha: float = 1 - CONFIDENCE) -> list[float]:
    """The significance level at which Holm's procedure tests each of several p values.

    The i-th smallest is tested at alpha / (family - i + 1), and the first that fails ends the procedure: all larger
    ones are tested at that level, too. A difference is real if its p value is at most its level.

    Args:
        p_values: The p values of the comparisons that are made.
        family: How many comparisons these were chosen from; by default as many as there are p values.
        alpha: The probability that any true null hypothesis is rejected is at most this, however the comparisons
            were chosen: before the first such rejection, only false null hypotheses can have been rejected.
    """
    comparisons = family or len(p_values)
    alphas = [0.0] * len(p_values)
    failed_at: float | None = None

    for rejected, index in enumerate(np.argsort(p_values, kind="stable").tolist()):
        if failed_at is not None:
            alphas[index] = failed_at
            continue
        alphas[index] = alpha / (comparisons - rejected)
        if p_values[index] > alphas[index]:
            failed_at = alphas[index]

    return alphas


def pareto_frontier(points: Array) -> NDArray[np.bool_]:
    """Which points are on the Pareto frontier, where low is better in both coordinates.

    Args:
        points: Shape (N, 2).

    Returns:
        Shape (N,): true unless another point is as low in both coordinates and lower in one.
    """
    by_x_then_y = np.lexsort((points[:, 1], points[:, 0]))
    on_frontier = np.zeros(len(points), dtype=bool)
    lowest = math.inf
    last = (math.nan, math.nan)

    for index in by_x_then_y:
        x, y = points[index]
        # A point that equals the last one of the frontier is on it, too.
        if y < lowest or (x, y) == last:
            on_frontier[index] = True
            lowest = y
            last = (x, y)

    return on_frontier


@cache
def _t_quantile(confidence: float, degrees_of_freedom: int) -> float:
    """How many standard errors a t interval reaches to each side."""
    return float(stats.t.ppf(0.5 + confidence / 2, degrees_of_freedom))


def _difference(metric: str, blocks: CompleteBlocks, a: int, b: int) -> PairedDifference:
    """Compare two levels by their indices."""
    # One difference per seed: the mean over the other settings.
    by_seed = (blocks.values[a] - blocks.values[b]).mean(axis=0)
    return PairedDifference(
        metric=metric,
        a=blocks.levels[a],
        b=blocks.levels[b],
        other_settings=len(blocks.other_settings),
        differences=tuple(by_seed.tolist()),
    )
