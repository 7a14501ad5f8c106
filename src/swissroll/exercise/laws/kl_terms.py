"""A measured KL term, taken apart: which of the closed form's terms is missing, has the wrong sign or factor.

Least squares on a basis of functions of mu and logvar; of the closed form's four terms those that are as they should be
tell the factor of them all.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]

RIGHT = {"one": -1.0, "logvar": -1.0, "mean": 1.0, "variance": 1.0}
"""Coefficients of 2 KL = mu^2 + exp(logvar) - 1 - logvar."""
HALF_ON_A_PART = "kl-half-on-a-part"
OTHERS = ("logvar^2", "|logvar|", "mu", "|mu|", "exp(logvar/2)", "exp(2 logvar)")
OTHER_PRIOR = "kl-other-prior"
"""The sign of a divergence from a normal distribution of another variance."""
MAX_REMAINDER = 1e-3
SMALL = 5e-3


@dataclass(frozen=True)
class Terms:
    """A KL term as a sum over a basis.

    Attributes:
        scale: Factor of the terms that are as they should be; 1/2 times the reduction in a right KL term.
        signs: What is wrong with each term of the closed form: words of the catalogue's.
    """

    scale: float
    signs: tuple[str, ...]


def take_apart(table: Array) -> Terms | None:
    """The terms of a measured K, columns mu, logvar, K; None where it is no sum over the basis."""
    mu = table[:, 0]
    logvar = table[:, 1]
    values = table[:, 2]
    if len(values) < 60 or not (logvar < 0).any():
        return None
    columns = {"one": np.ones(len(mu)), "logvar": logvar, "mean": mu**2, "variance": np.exp(logvar)}
    others = (logvar**2, np.abs(logvar), mu, np.abs(mu), np.exp(logvar / 2), np.exp(2 * logvar))
    columns |= dict(zip(OTHERS, others, strict=True))
    design = np.column_stack(list(columns.values()))
    solution = np.linalg.lstsq(design, values, rcond=None)[0]
    left = np.abs(design @ solution - values)
    size = float(np.ptp(values))
    if size == 0 or left.max() > MAX_REMAINDER * size:
        return None

    found = dict(zip(columns, (float(value) for value in solution), strict=True))
    scale = _common_scale(found)
    if scale == 0:
        return None
    if _is_to_another_prior(found):
        return Terms(-found["logvar"], (OTHER_PRIOR,))
    relative = {name: value / scale for name, value in found.items()}
    # A mixture of many functions is a fit of something else, and no sum that anybody wrote.
    if sum(abs(relative[name]) > SMALL for name in OTHERS) > 1:
        return None
    halved = _is_half_on_a_part(relative)
    return Terms(scale, (HALF_ON_A_PART, *_signs(relative)) if halved else tuple(_signs(relative)))


def _is_to_another_prior(found: dict[str, float]) -> bool:
    """Whether it is the divergence from N(0, p^2) with another p: (mu^2 + s^2) / p^2 - 1 - log(s^2 / p^2)."""
    scale = -found["logvar"]
    if scale <= 0 or any(abs(found[name]) > SMALL * scale for name in OTHERS):
        return False
    precision = found["mean"] / scale
    is_other = precision > 0 and abs(precision - 1) > SMALL
    if not is_other or abs(found["variance"] / scale - precision) > SMALL * precision:
        return False
    return bool(abs(found["one"] / scale - (-1 - np.log(precision))) <= SMALL * (1 + precision))


def _is_half_on_a_part(relative: dict[str, float]) -> bool:
    """Whether the factor of 1/2 is on some terms alone: all have one factor or twice that, and no other is there."""
    factors = {name: relative[name] / right for name, right in RIGHT.items()}
    low = min(factors.values())
    if low <= 0 or any(abs(relative[name]) > SMALL for name in OTHERS):
        return False
    doubled = [name for name, factor in factors.items() if abs(factor / low - 2) < SMALL]
    single = [name for name, factor in factors.items() if abs(factor / low - 1) < SMALL]
    # A logarithm that alone is half or twice as large has names of its own.
    return len(doubled) + len(single) == len(RIGHT) and bool(doubled) and ["logvar"] not in (doubled, single)


def _common_scale(found: dict[str, float]) -> float:
    """The factor that makes most of the closed form's terms what they should be."""
    candidates = [found[name] / right for name, right in RIGHT.items() if name != "one"]
    candidates = [scale for scale in candidates if abs(scale) > 1e-9]

    def agreeing(scale: float) -> tuple[int, float]:
        close = [abs(found[name] / scale - right) < 0.02 for name, right in RIGHT.items()]
        return sum(close), scale

    return max(candidates, key=agreeing, default=0.0)


def _signs(relative: dict[str, float]) -> list[str]:
    extra = [f"kl-extra:{name}" for name in OTHERS if abs(relative[name]) > SMALL]
    if extra:
        # Where another function stands in the sum, what is missing beside it may be a part of it.
        return extra
    signs = []
    for name, right in RIGHT.items():
        ratio = relative[name] / right
        # The 1 is told of where the KL of the prior itself is looked at.
        if name == "one" or abs(ratio - 1) < SMALL:
            continue
        signs.append(f"kl-term:{name}:{_how(ratio)}")
    return signs


def _how(ratio: float) -> str:
    if abs(ratio) < SMALL:
        return "missing"
    if ratio < 0:
        return "sign"
    if abs(ratio - 0.5) < SMALL:
        return "half"
    return "double" if abs(ratio - 2) < SMALL else "factor"
