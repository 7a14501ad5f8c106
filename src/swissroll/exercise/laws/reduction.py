"""How a term is reduced: k(...) B^p L^q D^r, the powers read off at other shapes."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

from swissroll.exercise.laws.cases import BASE, Shape
from swissroll.exercise.laws.loss_meter import DEVIATIONS


@dataclass(frozen=True)
class Powers:
    """A term's growth with the number of points, latent dimensions and data dimensions.

    Attributes:
        batch: p: 1 for a sum over points, 0 for a mean, None where it is no power.
        latent: q.
        data: r; 0 where it could not be measured.
        copies: How often each point of the shapes stood in its batch.
    """

    batch: float | None
    latent: float | None
    data: float | None
    copies: int = 1

    @property
    def factor(self) -> float:
        """B^p L^q D^r at the base shape; powers that are not known count as 0."""
        base = BASE._replace(batch=BASE.batch * self.copies)
        powers = zip(base, (self.batch, self.data, self.latent), strict=True)
        return float(math.prod(size**power for size, power in powers if power is not None))


def powers_of(values: dict[Shape, float], errors: Mapping[Shape, float] | None = None, *, copies: int = 1) -> Powers:
    """The powers of a term that was computed at several shapes; with its standard errors, where it is random."""
    errors = errors or {}
    has_data = any(shape.data != 2 and math.isfinite(values[shape]) for shape in values)
    return Powers(
        batch=_power(values, errors, "batch"),
        latent=_power(values, errors, "latent"),
        data=_power(values, errors, "data") if has_data else 0,
        copies=copies,
    )


def _power(values: dict[Shape, float], errors: Mapping[Shape, float], dimension: str) -> float | None:
    """The power of one dimension, None where the values follow no power law."""
    at_base = values.get(BASE, float("nan"))
    if not math.isfinite(at_base) or at_base == 0:
        return None
    found = []
    allowed = []
    for shape, value in values.items():
        others = [name for name in Shape._fields if name != dimension]
        differs = getattr(shape, dimension) != getattr(BASE, dimension)
        if not differs or any(getattr(shape, name) != getattr(BASE, name) for name in others):
            continue
        if not math.isfinite(value):
            continue
        if value / at_base <= 0:
            return None
        growth = math.log(getattr(shape, dimension) / getattr(BASE, dimension))
        found.append(math.log(value / at_base) / growth)
        relative = errors.get(shape, 0.0) / abs(value) + errors.get(BASE, 0.0) / abs(at_base)
        allowed.append(DEVIATIONS * relative / abs(growth))
    if not found:
        return None
    # A random term's power is read off where it is surest.
    surest = found[allowed.index(min(allowed))] if max(allowed) > 0 else sum(found) / len(found)
    whole = round(surest)
    if all(abs(power - whole) < 0.01 + more for power, more in zip(found, allowed, strict=True)):
        return float(whole)
    return None if max(found) - min(found) > 0.02 else surest
