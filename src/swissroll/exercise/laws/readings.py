"""How the encoder's second output, its head, may be read: all of these are right where the whole solution agrees.

With s(h) the standard deviation that a head h stands for, the sampler draws mu + s(h) noise, and

    KL(N(mu, s^2) || N(0, 1)) = 1/2 (mu^2 + s^2 - 1 - log s^2)    for each latent dimension.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Reading:
    """One way to read a head.

    Attributes:
        name: What a student would call the head.
        deviation: s(h).
        is_positive: Whether only positive heads have a meaning.
        prior: The head at which q(z|x) is the prior where mu is 0.
    """

    name: str
    deviation: Callable[[Any], Any]
    is_positive: bool
    prior: float

    def divergence(self, mu: Array, head: Array) -> Array:
        """KL of N(mu, s(h)^2) from N(0, 1), in nats, elementwise."""
        with np.errstate(all="ignore"):
            variance = self.deviation(head) ** 2
            return np.asarray(0.5 * (mu**2 + variance - 1 - np.log(variance)))


def softplus(head: Any) -> Any:
    """log(1 + exp(h))."""
    return np.logaddexp(0.0, head)


LOG_VARIANCE = Reading("log-variance", lambda head: np.exp(head / 2), False, 0.0)
READINGS = (
    LOG_VARIANCE,
    Reading("log standard deviation", np.exp, False, 0.0),
    Reading("standard deviation", lambda head: head, True, 1.0),
    Reading("variance", np.sqrt, True, 1.0),
    Reading("log-precision", lambda head: np.exp(-head / 2), False, 0.0),
    Reading("precision", lambda head: head**-0.5, True, 1.0),
    Reading("standard deviation before softplus", softplus, False, float(np.log(np.e - 1))),
    Reading("variance before softplus", lambda head: np.sqrt(softplus(head)), False, float(np.log(np.e - 1))),
)
BY_NAME = {reading.name: reading for reading in READINGS}


def reading_of_name(parameter: str) -> str:
    """What the name of a parameter says of a head: a reading's name, or ""."""
    name = parameter.lower().replace("_", "")
    logarithmic = "log" in name or name in {"lv", "ls", "lsd"}
    squared = any(word in name for word in ("var", "sigma2", "sigmasq")) or name in {"lv", "v", "logv"}
    if "prec" in name:
        return "log-precision" if logarithmic else "precision"
    if logarithmic:
        return "log-variance" if squared else "log standard deviation"
    if squared:
        return "variance"
    if "rho" in name or "raw" in name:
        return "standard deviation before softplus"
    if any(word in name for word in ("std", "sigma", "scale", "dev")) or name in {"s", "sd"}:
        return "standard deviation"
    return ""


def accepted(parameters: Sequence[str]) -> list[str]:
    """Readings that are right for a function with these parameters: a log-variance, or what their names say."""
    named = reading_of_name(parameters[1]) if len(parameters) > 1 else ""
    return ["log-variance", named] if named and named != "log-variance" else ["log-variance"]
