"""What beta weighs: how much each term of a loss counts at several values of beta.

The reconstruction term counts by what the loss changes with the reconstruction, and the KL term by what it changes
with mu and the head where the reconstruction is perfect. So each term is seen wherever beta stands. In a right loss
the first is the same at each beta, and the second grows with it.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from swissroll.exercise.laws.cases import Array
from swissroll.exercise.laws.noise import Fault
from swissroll.exercise.laws.words import number

BETAS = (0.0, 1.0, 2.0, 0.5, 3.0)
"""Those at which a loss is computed. The first two come first: between them the slope is taken."""
ABSENT = {"error": 1e-9, "kl": 1e-6}
"""Largest change that a term which is not there makes."""
SAME = 1e-6
"""Range of losses that are one and the same, in parts of the largest of them."""
TOLERANCE = 1e-3
"""Largest difference from a rule, in parts of the largest value."""


@dataclass(frozen=True)
class Weights:
    """How much each term counts at :data:`BETAS`, all of shape (5,).

    Attributes:
        losses: The loss at a generic place.
        error: What it is more there than at a perfect reconstruction.
        kl: What it changes, at a perfect reconstruction, where mu and the head are others.
        generic_kl: The same at the generic place.
        raises_at_zero: Whether the loss takes no beta of 0; then the numbers there are nan.
    """

    losses: Array
    error: Array
    kl: Array
    generic_kl: Array
    raises_at_zero: bool = False

    @property
    def is_finite_at_zero(self) -> bool:
        """Whether the loss is a number at beta 0."""
        return bool(np.isfinite(self.losses[0]))

    @property
    def is_finite_where_perfect(self) -> bool:
        """Whether it is one there where the reconstruction is perfect, too: what divides by the loss is none."""
        return bool(np.isfinite(self.error[0]) and np.isfinite(self.kl[0]))

    @property
    def kl_beta(self) -> float | None:
        """The beta at which the KL term is measured; None where it is the slope from 0 to 1, as in a right loss."""
        if self.is_finite_at_zero and not self.is_finite_where_perfect:
            return None
        at_zero, at_one = self.kl[:2]
        # A weight such as 1 - beta falls, and the slope would show the term with a turned sign.
        falls = at_zero * at_one >= -TOLERANCE * at_zero**2 and abs(at_one) < (1 - TOLERANCE) * abs(at_zero)
        if self.is_finite_at_zero and abs(at_one - at_zero) > ABSENT["kl"] and not falls:
            return None
        # An error without a weight at beta 0 may leave something else there, such as error ** beta.
        from_one = not self.is_finite_at_zero or abs(self.error[0]) <= ABSENT["error"]
        return _first_present(self.kl, "kl", from_one=from_one)

    @property
    def error_beta(self) -> float | None:
        """The beta at which the reconstruction term is measured; None where it is the loss at 0, as in a right one.

        Elsewhere it is the loss less that of a perfect reconstruction.
        """
        is_at_zero = self.is_finite_at_zero and abs(self.error[0]) > ABSENT["error"]
        if is_at_zero and self.kl_beta is None:
            return None
        return _first_present(self.error, "error")

    @property
    def of_error(self) -> int:
        """1 or -1 where a larger beta gives the reconstruction term more or less weight; 0 where it has none on it."""
        scale = np.abs([self.error[1:], self.kl[1:]]).max() + 1e-3
        if np.abs(self.error[1:] - self.error[1]).max() <= TOLERANCE * scale:
            # It may be missing at beta 0 alone.
            is_missing = self.is_finite_at_zero and abs(self.error[0] - self.error[1]) > TOLERANCE * scale
            return 1 if is_missing else 0
        sign = np.sign(self.error[1] or self.error[3])
        return 1 if sign * (self.error[2] - self.error[1]) > 0 else -1

    @property
    def is_kl_linear(self) -> bool:
        """Whether the KL term weighs beta times what it weighs at beta 1."""
        here = np.isfinite(self.kl)
        off = self.kl[here] - np.array(BETAS)[here] * self.kl[1]
        return bool(np.abs(off).max() <= TOLERANCE * np.abs(self.kl[here]).max())

    @property
    def is_kl_constant(self) -> bool:
        """Whether the KL term weighs the same at each beta."""
        here = np.isfinite(self.kl)
        return bool(np.abs(self.kl[here] - self.kl[1]).max() <= TOLERANCE * np.abs(self.kl[here]).max())

    @property
    def is_mixed(self) -> bool:
        """Whether the KL term has other weights than beta, so that nobody can say what a factor of it is."""
        is_measured_elsewhere = self.of_error != 0 or self.kl_beta is not None
        return is_measured_elsewhere and not self.is_kl_linear and not self.is_kl_constant

    @property
    def is_on_both(self) -> bool:
        """Whether the two terms have the same weight at each beta, and another one at another beta."""
        if self.of_error == 0 or not np.abs(self.kl).max() > ABSENT["kl"]:
            return False
        here = np.isfinite(self.losses)
        error = self.error[here] * self.kl[1]
        kl = self.kl[here] * self.error[1]
        return bool(np.abs(error - kl).max() <= TOLERANCE * np.abs(error).max())

    @property
    def is_divided(self) -> bool:
        """Whether a term's weight is a number divided by beta, and the other one's a power of beta, too."""
        powers = [_power_of_beta(weight[1:]) for weight in (self.error, self.kl)]
        return None not in powers and -1 in powers

    @property
    def are_multiplied(self) -> bool:
        """Whether mu and the head change the loss, and yet not where the reconstruction is perfect."""
        usable = np.isfinite(self.losses)
        return bool(np.abs(self.generic_kl[usable]).max() > ABSENT["kl"] >= np.abs(self.kl[usable]).max())

    def fault_without_kl(self) -> Fault:
        """What beta does in a loss in which no KL term is added to the error."""
        if self.are_multiplied:
            line = "mu and logvar change the loss, but not where the reconstruction is perfect: no KL term is added."
            return Fault("terms-multiplied", line)
        if _is_constant(self.losses):
            return Fault("kl-absent", "Neither beta nor mu nor logvar change the loss.")
        return Fault("kl-absent", f"{self.say_losses()} The slope is no KL term: mu and logvar do not change it.")

    def fault_without_weight(self) -> Fault:
        """What is wrong where beta weighs neither of the two terms."""
        _, second, third, *_ = self.losses
        if _is_constant(self.losses):
            tried = "0, 1, 2 and 3" if self.is_finite_at_zero else "1, 2 and 3"
            line = f"At beta {tried} the loss is the same, {number(second)}, and yet mu and logvar change it."
            return Fault("beta-unused", line)
        line = f"From beta 1 to 2 the loss changes by {number(third - second)}, whatever mu and logvar are."
        return Fault("beta-added", line)

    def say_losses(self) -> str:
        """A sentence on the loss at three betas."""
        shown = slice(0, 3) if self.is_finite_at_zero else slice(1, 4)
        order = np.argsort(BETAS[shown])
        betas = np.array(BETAS[shown])[order]
        return f"At beta {_listed(betas)} the loss is {_listed(self.losses[shown][order])}."

    def say_weights(self) -> str:
        """A sentence on how much each term weighs at the betas at which there is a number."""
        shown = slice(0, 3) if self.is_finite_at_zero and not self.is_divided else slice(1, 5)
        order = np.argsort(BETAS[shown])
        clauses = []
        for name, weight in (("reconstruction term", self.error), ("KL term", self.kl)):
            shares = (weight[shown] / _unit(weight))[order]
            clauses.append(f"the {name} counts {_listed(shares)} times")
        return f"At beta {_listed(np.array(BETAS[shown])[order])} {' and '.join(clauses)}."


def _listed(values: Array) -> str:
    *first, last = (number(value) for value in values)
    return f"{', '.join(first)} and {last}"


def _power_of_beta(weight: Array) -> int | None:
    """1, 0 or -1 where a weight goes like this power of beta, from beta 1 on; 0 where there is none; else None."""
    if np.abs(weight).max() <= ABSENT["kl"]:
        return 0
    for power in (0, 1, -1):
        factor = weight / np.array(BETAS[1:]) ** power
        if np.ptp(factor) <= TOLERANCE * np.abs(factor).max():
            return power
    return None


def _is_constant(losses: Array) -> bool:
    losses = losses[np.isfinite(losses)]
    return bool(np.ptp(losses) <= SAME * (np.abs(losses).max() + 1e-9))


def _unit(weight: Array) -> float:
    """The weight that others are told in parts of: that at beta 1 or, where there is none, at beta 0 or 2."""
    return next((float(one) for one in (weight[1], weight[0], weight[2]) if abs(one) > ABSENT["kl"]), 1.0)


def _first_present(weight: Array, name: str, *, from_one: bool = False) -> float | None:
    """The first beta at which a term is there; None where it is at none."""
    there = [beta for beta, one in zip(BETAS, weight, strict=True) if np.isfinite(one) and abs(one) > ABSENT[name]]
    if from_one:
        # A weight may have another sign beyond 1, and something else may be left at 0.
        there.sort(key=lambda beta: (beta == 0, abs(beta - 1)))
    return there[0] if there else None
