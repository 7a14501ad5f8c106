"""Which settings of a sweep are better, tied or undecided: levels ranked by a metric and paired with the best.

Runs of one seed share data, and initial weights and noise where their shapes allow it. So two settings are compared by
their difference in each seed (common random numbers), by :mod:`swissroll.sweep.analysis.paired_test`. Where several
differences are shown together, Holm's step-down procedure widens the intervals. Then with 95 % probability, each
difference of a family that is called real is real.

Not every difference that may be noise is a tie: too few seeds cannot show even a large one. Those seeds that would
decide it are told. Only a difference that many seeds would not show is a tie.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from swissroll import checks
from swissroll.sweep.analysis.blocks import CompleteBlocks, complete_blocks, is_measured_in_all, measured_metrics
from swissroll.sweep.analysis.paired_test import Interval, PairedDifference, deciding_seeds, holm_alphas
from swissroll.sweep.analysis.results import METRICS, Row, Table, require_table

HEADLINE_METRICS = ("neg_elbo", "off_p90", "c2st", "aggregate_c2st", "w2", "mse")
"""Metrics that conclusions are drawn on; evidence, where all runs have it, takes the ELBO's place."""
SIGMA_METRICS = frozenset({"neg_elbo", "neg_log_evidence", "above_lower_bound", "distortion"})
"""Metrics that depend on a run's own decoder sigma."""
LOWERED_BY_SIGMA = SIGMA_METRICS - {"above_lower_bound"}
"""Those that a smaller sigma can lower without a better model; in the other one, the bound at that sigma is off."""
TOLD_LABEL_METRICS = SIGMA_METRICS | {"loss", "rate", "inference_gap"}
"""Metrics in nats, which are of log p(x|c) where a model is told the label c of a point, and else of log p(x)."""
UPPER_BOUND_METRICS = frozenset({"neg_log_evidence", "above_lower_bound"})
"""Metrics that are upper bounds of a run whose evidence is only bounded."""
INCOMPARABLE_METRICS: dict[str, frozenset[str]] = {
    "dataset": frozenset(METRICS),
    "noise": frozenset(METRICS),
    "held_out": frozenset(METRICS),
    "conditional": TOLD_LABEL_METRICS,
}
"""Metrics that are not one thing at all values of an axis, so that no value is better by them; by the axis."""


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
        upper_bounds: Levels whose number is only an upper bound in some run, as evidence is above two latents.
    """

    metric: str
    axis: str | None
    blocks: CompleteBlocks
    means: tuple[float, ...]
    best: Any
    differences: tuple[PairedDifference, ...]
    upper_bounds: tuple[Any, ...] = ()

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


def incomparable_metrics(axes: Iterable[str]) -> frozenset[str]:
    """The metrics that change their meaning along one of these axes."""
    found: frozenset[str] = frozenset()
    return found.union(*(INCOMPARABLE_METRICS.get(axis, found) for axis in axes))


def caution(axis: str) -> str:
    """What cannot be compared along an axis, and why, in a sentence; empty where all can."""
    incomparable = incomparable_metrics([axis])
    if not incomparable:
        return ""
    if len(incomparable) == len(METRICS):
        return "This axis changes what is measured: no value of it is better than another."
    return (
        "Nothing in nats is compared along this axis: told the label, a model has log p(x|c), and else log p(x). "
        "To compare nats, make a sweep of each."
    )


def is_upper_bound(metric: str, rows: Iterable[Row]) -> bool:
    """Whether a metric of some runs is only an upper bound, in one of them at least."""
    return metric in UPPER_BOUND_METRICS and any(row.bounds_evidence for row in rows)


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


def paired_difference(table: Table, metric: str, axis: str, a: Any, b: Any) -> PairedDifference:
    """Differences of a metric between two levels of an axis, a minus b, seed by seed, averaged over the other axes.

    Negative log evidence of more than two latents is an upper bound (:attr:`Row.bounds_evidence`), and so may
    be a difference from it.

    Raises:
        ValueError: The table has no such axis, or no seed in which both levels finished; or the metric changes its
            meaning along the axis.
    """
    require_table(table)
    checks.one_of("metric", metric, METRICS)
    checks.one_of("axis", axis, tuple(table.axes))
    if metric in incomparable_metrics([axis]):
        raise ValueError(f"{metric} cannot be compared along {axis}. {caution(axis)}")
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
        upper_bounds=tuple(level for level in blocks.levels if is_upper_bound(metric, _rows_of(table, axis, level))),
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


def _rows_of(table: Table, axis: str | None, level: Any) -> list[Row]:
    """The runs of a level of an axis, or of a whole setting where axis is None."""
    if axis is None:
        return [row for row in table.rows if tuple(row.setting.values()) == level]
    return [row for row in table.rows if row.setting[axis] == level]


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
