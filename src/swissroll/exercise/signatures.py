"""How far a measured function lies from the one that a misconception's code computes."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from swissroll.exercise.laws.measured_sampler import BASE_HEAD, BASE_MU
from swissroll.exercise.misconceptions.misconception import Misconception

Array = NDArray[np.float64]


def distance(entry: Misconception, facts: Mapping[str, Any]) -> float:
    """0 where the facts are the entry's own, or where it has no function; infinite where they cannot be compared."""
    if not entry.is_specific:
        return 0.0
    if entry.factor is not None:
        low, high = entry.factor
        inside = low <= float(facts.get("factor", np.nan)) <= high
        return 0.0 if inside else np.inf
    with np.errstate(all="ignore"):
        if "kl" in facts:
            return _of_kl(entry, facts)
        if "error" in facts and "recon" in facts:
            return _of_error(entry, facts)
        if "heads" in facts:
            return _of_sampler(entry, facts)
        if "betas" in facts:
            return _of_beta(entry, facts)
    return np.inf


def _array(facts: Mapping[str, Any], name: str) -> Array:
    return np.asarray(facts[name], dtype=float)


def _remainder(design: Array, values: Array, uncertain: float | Array = 0.0) -> float:
    """What a least-squares fit leaves beyond what values are uncertain by, in parts of their range."""
    uncertain = np.broadcast_to(uncertain, values.shape)
    usable = np.isfinite(design).all(axis=1)
    if usable.sum() < 8 or usable.sum() < 0.4 * len(values):
        return np.inf
    weights = 1 / (uncertain + uncertain.max())[usable] if uncertain.max() > 0 else np.ones(int(usable.sum()))
    solution = np.linalg.lstsq(design[usable] * weights[:, None], values[usable] * weights, rcond=None)[0]
    left = np.maximum(np.abs(design[usable] @ solution - values[usable]) - uncertain[usable], 0)
    if solution[0] <= 0:
        return np.inf
    # Large values weigh no more than small ones: each is held to its own size.
    size = np.abs(values[usable]) + 0.05 * np.ptp(values[usable])
    return float((left / size).max())


def _formulas(entry: Misconception) -> tuple[Callable[[Any, Any], Any], ...]:
    return () if entry.formula is None else (entry.formula, *entry.variants)


def _of_kl(entry: Misconception, facts: Mapping[str, Any]) -> float:
    values = _array(facts, "kl")
    places = _array(facts, "mu"), _array(facts, "head")
    wanted = [np.asarray(formula(*places), dtype=float) for formula in _formulas(entry)]
    uncertain = _array(facts, "kl_uncertain")
    return min((_remainder(one[:, None], values, uncertain) for one in wanted), default=0.0)


def _of_error(entry: Misconception, facts: Mapping[str, Any]) -> float:
    values = _array(facts, "error")
    places = _array(facts, "recon"), _array(facts, "x")
    wanted = [np.asarray(formula(*places), dtype=float) for formula in _formulas(entry)]
    return min((_remainder(one[:, None], values) for one in wanted), default=0.0)


def _of_beta(entry: Misconception, facts: Mapping[str, Any]) -> float:
    """The loss as E + w(beta) K, or as w(beta) E + beta K: two columns, either way."""
    if entry.formula is None:
        return 0.0
    betas = _array(facts, "betas")
    values = _array(facts, "values")
    usable = np.isfinite(values)
    design = np.column_stack([np.ones(len(betas)), np.asarray(entry.formula(betas, betas), dtype=float)])
    usable &= np.isfinite(design).all(axis=1)
    if usable.sum() < 4:
        return np.inf
    solution = np.linalg.lstsq(design[usable], values[usable], rcond=None)[0]
    left = np.abs(design[usable] @ solution - values[usable])
    return float(left.max() / (np.ptp(values[usable]) + 1e-12))


def _of_sampler(entry: Misconception, facts: Mapping[str, Any]) -> float:
    """The measured ratios and offsets against those of s(mu, h) and a(mu, h)."""
    worst = 0.0
    heads = _array(facts, "heads")
    means = _array(facts, "means")
    ratio = _array(facts, "ratio")
    mean_ratio = _array(facts, "mean_ratio")
    if not facts.get("is_linear", True) or len(heads) < 3:
        return np.inf
    if entry.formula is not None:
        at_base = float(entry.formula(np.float64(BASE_MU), np.float64(BASE_HEAD)))
        along_heads = entry.formula(np.full(heads.shape, BASE_MU), heads) / at_base
        along_means = entry.formula(means, np.full(means.shape, BASE_HEAD)) / at_base
        worst = max(worst, _worst(ratio, along_heads), _worst(mean_ratio, along_means))
    if entry.centre is not None:
        at_base = float(entry.centre(np.float64(BASE_MU), np.float64(BASE_HEAD)))
        along_heads = entry.centre(np.full(heads.shape, BASE_MU), heads) - ratio * at_base
        along_means = entry.centre(means, np.full(means.shape, BASE_HEAD)) - mean_ratio * at_base
        worst = max(worst, _worst(_array(facts, "offset"), along_heads))
        worst = max(worst, _worst(_array(facts, "mean_offset"), along_means))
    return worst


def _worst(measured: Array, wanted: Any) -> float:
    expected = np.broadcast_to(np.asarray(wanted, dtype=float), measured.shape)
    usable = np.isfinite(expected)
    if usable.sum() < 3:
        return np.inf
    return float((np.abs(measured - expected)[usable] / (0.05 + np.abs(expected[usable]))).max())
