"""How a term is reduced: k(...) B^p L^q D^r, the powers read off at other shapes."""

from __future__ import annotations

import math
from dataclasses import dataclass

from swissroll.exercise.laws.measured_loss import BASE, Shape


@dataclass(frozen=True)
class Powers:
    """A term's growth with the number of points, latent dimensions and data dimensions.

    Attributes:
        batch: p: 1 for a sum over points, 0 for a mean, None where it is no power.
        latent: q.
        data: r; 0 where it could not be measured.
    """

    batch: float | None
    latent: float | None
    data: float | None

    @property
    def factor(self) -> float:
        """B^p L^q D^r at the base shape; powers that are not known count as 0."""
        powers = zip(BASE, (self.batch, self.data, self.latent), strict=True)
        return float(math.prod(size**power for size, power in powers if power is not None))


def powers_of(values: dict[Shape, float]) -> Powers:
    """The powers of a term that was computed at several shapes."""
    return Powers(
        batch=_power(values, "batch"),
        latent=_power(values, "latent"),
        data=_power(values, "data") if any(shape.data != 2 and math.isfinite(values[shape]) for shape in values) else 0,
    )


def _power(values: dict[Shape, float], dimension: str) -> float | None:
    """The power of one dimension, None where the values follow no power law."""
    at_base = values.get(BASE, float("nan"))
    if not math.isfinite(at_base) or at_base == 0:
        return None
    found = []
    for shape, value in values.items():
        others = [name for name in Shape._fields if name != dimension]
        differs = getattr(shape, dimension) != getattr(BASE, dimension)
        if not differs or any(getattr(shape, name) != getattr(BASE, name) for name in others):
            continue
        if not math.isfinite(value):
            continue
        if value / at_base <= 0:
            return None
        found.append(math.log(value / at_base) / math.log(getattr(shape, dimension) / getattr(BASE, dimension)))
    if not found or max(found) - min(found) > 0.02:
        return None
    mean = sum(found) / len(found)
    return float(round(mean)) if abs(mean - round(mean)) < 0.01 else mean
