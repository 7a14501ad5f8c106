"""What holds for the reconstruction term: a constant times the squared distance, and zero where there is none."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

import numpy as np

from swissroll.exercise.evidence import Evidence
from swissroll.exercise.laws.cases import BASE
from swissroll.exercise.laws.measured_loss import MeasuredLoss
from swissroll.exercise.laws.reduction import Powers, powers_of
from swissroll.exercise.laws.words import number

LAWS = ("zero", "squared", "reduction")
TOLERANCE = 2e-3


class ErrorLaws:
    """The laws of the reconstruction term.

    Args:
        measured: The loss.
    """

    def __init__(self, measured: MeasuredLoss) -> None:
        self.measured = measured
        residual = measured.squares[:, 0] - measured.squares[:, 1]
        values = measured.squares[:, 2]
        self.is_absent = len(values) == 0 or float(np.ptp(values)) < 1e-9

        design = np.column_stack([residual**2, np.ones(len(values))])
        slope, constant = np.linalg.lstsq(design, values, rcond=None)[0] if len(values) else (math.nan, math.nan)
        self.slope = float(slope)
        self.constant = float(constant)
        remainder = np.abs(design @ np.array([slope, constant]) - values)
        allowed = TOLERANCE * (abs(self.slope) * (residual**2 + 0.02) + 1e-4 * abs(self.constant))
        self.is_square = not self.is_absent and bool(np.all(remainder <= allowed))

        self.powers: Powers = powers_of(measured.error_by_shape, copies=measured.copies)

    @property
    def is_gaussian(self) -> bool:
        """Whether the constant is that of a Gaussian's log-density with the standard deviation of the slope."""
        if not self.is_square or self.slope <= 0:
            return False
        return any(abs(self.constant - wanted) <= 1e-3 * (1 + abs(wanted)) for wanted in self.gaussian_constants())

    def gaussian_constants(self) -> list[float]:
        """Constants of -log N(x; recon, sigma^2 I) with and without 2 pi, for sums and means at the base shape."""
        constants: list[float] = []
        if not self.slope > 0:
            return constants
        for elements in (1.0, BASE.data, BASE.batch * self.measured.copies * BASE.data):
            # slope = elements / (2 sigma^2) for each number of a batch whose numbers are alike.
            variance = elements / (2 * self.slope)
            constants.append(elements / 2 * math.log(variance))
            constants.append(elements / 2 * math.log(2 * math.pi * variance))
        return constants

    @property
    def factor(self) -> float | None:
        """The factor of the squares before their reduction, None where they are none."""
        return self.slope / self.powers.factor if self.is_square and self.slope > 0 else None

    def judge(self) -> Iterator[Evidence]:
        """The evidence of each law, in the order of the questions."""
        for law in LAWS:
            judged: Evidence = getattr(self, f"_{law}")()
            # A loss that changes the points, or takes others, compares with others, whatever its formula is.
            is_moved = self.measured.first.get("x_changed") or "other" in self.measured.first.get("points", [])
            yield _unknown(law) if judged.passed is False and is_moved else judged

    def _table(self) -> dict[str, Any]:
        return {
            "recon": self.measured.squares[:, 0].tolist(),
            "x": self.measured.squares[:, 1].tolist(),
            "error": self.measured.squares[:, 2].tolist(),
            "reduction": self.powers.factor,
            "unit_interval": self.measured.unit_interval,
        }

    def _zero(self) -> Evidence:
        if self.is_absent:
            return _unknown("zero")
        rows = self.measured.squares
        perfect = np.abs(rows[:, 0] - rows[:, 1]) < 1e-6
        worst = float(rows[perfect, 2][np.argmax(np.abs(rows[perfect, 2]))])
        scale = float(np.ptp(rows[:, 2]))
        if abs(worst) <= 1e-3 * scale or self.is_gaussian:
            return _held("zero", "Where the reconstruction is the point itself, the reconstruction term is 0.")
        if self.measured.depends > 1e-4 * scale:
            return _unknown("zero")
        line = f"Where the reconstruction is the point itself, the reconstruction term is {number(worst)}."
        return _failed("zero", line, ["error-offset"])

    def _squared(self) -> Evidence:
        facts = self._table()
        if self.is_absent:
            line = "The loss does not change with the reconstruction."
            return _failed("squared", line, ["error-absent"])
        if self.measured.depends > 1e-4 * float(np.ptp(self.measured.squares[:, 2])):
            if self.measured.weights is not None and self.measured.weights.error_beta is not None:
                line = "The same residual changes the loss by other numbers for other mu and logvar."
                return _failed("squared", line, ["terms-multiplied"], **facts)
            line = "At beta 0 the loss still changes with mu and logvar."
            return _failed("squared", line, ["error-depends-on-latents"], **facts)
        if self.measured.unit_interval:
            line = "The reconstruction term fails, or is no number, for data outside of 0 to 1, where these data lie."
            return _failed("squared", line, ["error-unit-interval"], **facts)
        if self.is_square and self.slope > 0:
            return _held("squared", f"It is {number(self.slope)} times the square of the residual.", **facts)
        if self.is_square:
            line = f"A residual of 1 changes the loss by {number(self.slope)}: being far off is rewarded."
            return _failed("squared", line, ["error-sign"], **facts)
        mixed = max((abs(value) for value in self.measured.error_mixed.values()), default=0.0)
        near = self._at(0.7)
        far = self._at(1.4)
        line = (
            f"A residual twice as large makes the reconstruction term "
            f"{number(far / near if near else math.nan)} times as large: 4 is right."
        )
        return _failed("squared", line, ["error-formula", *(["error-mixed"] if mixed > 0.02 else [])], **facts)

    def _at(self, residual: float) -> float:
        rows = self.measured.squares
        pick = int(np.argmin(np.abs(rows[:, 0] - rows[:, 1] - residual)))
        return float(rows[pick, 2])

    def _reduction(self) -> Evidence:
        if self.is_absent:
            return _unknown("reduction")
        worst = max(self.measured.error_mixed, key=lambda name: abs(self.measured.error_mixed[name]), default="")
        excess = self.measured.error_mixed.get(worst, 0.0)
        if abs(excess) > 0.01 and self.is_square:
            kind, index = worst.split()
            what = "point" if kind == "row" else "coordinate"
            signs = ["error-joint" if self._is_joint(kind) else f"error-uneven-{kind}"]
            line = (
                f"Moving {what} {int(index) + 1} alone changes the reconstruction term by another share than its own."
            )
            return _failed("reduction", line, signs, mixed=self.measured.error_mixed)
        p = self.powers.batch
        q = self.powers.latent
        r = self.powers.data
        facts = {"powers": [p, q, r]}
        if not self.is_square:
            return _unknown("reduction")
        if p not in (0, 1):
            line = (
                "With more points of the same kind the reconstruction term grows neither as "
                "a sum nor stays as a mean does."
            )
            return _failed("reduction", line, ["error-batch-power"], **facts)
        if r not in (0, 1) or q != 0:
            line = (
                "With more points or coordinates the reconstruction term grows neither as a "
                "sum nor stays as a mean does."
            )
            return _failed("reduction", line, ["error-power"], **facts)
        points = "summed" if p else "averaged"
        dims = "summed" if r else "averaged"
        return _held("reduction", f"It is {points} over points and {dims} over coordinates.", **facts)

    def _is_joint(self, kind: str) -> bool:
        """Whether no row, or column, counts more than the others, and yet not each by itself."""
        excesses = [value for name, value in self.measured.error_mixed.items() if name.startswith(kind)]
        # The last column is one of the latents, which the points do not have.
        present = excesses[: BASE.data] if kind == "column" else excesses
        return float(np.ptp(present)) <= 0.01


def _held(law: str, line: str, **facts: Any) -> Evidence:
    return Evidence(law=f"error.{law}", passed=True, line=line, facts=facts)


def _failed(law: str, line: str, signs: list[str], **facts: Any) -> Evidence:
    return Evidence(law=f"error.{law}", passed=False, line=line, facts={"signs": signs, **facts})


def _unknown(law: str) -> Evidence:
    return Evidence(law=f"error.{law}", passed=None, line="This could not be checked.")
