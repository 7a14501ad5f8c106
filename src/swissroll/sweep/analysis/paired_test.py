"""A t test on differences that are paired by seed: the interval, its level among many, and the seeds that would decide.

The mean of paired differences has a Student-t interval over seeds. Where several are tested together, Holm's step-down
procedure says at which level each is. The power of the test says with how many seeds a difference like the observed one
would be called real.

Sources: Holm (1979), "A simple sequentially rejective multiple test procedure"; Cohen (1988), "Statistical power
analysis for the behavioral sciences", chapter 2, for the power of a t test by the noncentral t distribution.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache, cached_property
from typing import Any

import numpy as np
from scipy import stats
from scipy.special import nctdtr, stdtr

from swissroll.sweep.analysis.blocks import Array

CONFIDENCE = 0.95
POWER = 0.8
"""Probability with which the seeds that would decide a difference call it real."""
MAX_DECIDING_SEEDS = 100
"""A difference that takes more seeds than this is a tie."""


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


@cache
def _t_quantile(confidence: float, degrees_of_freedom: int) -> float:
    """How many standard errors a t interval reaches to each side."""
    return float(stats.t.ppf(0.5 + confidence / 2, degrees_of_freedom))
