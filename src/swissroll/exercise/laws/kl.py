"""What holds for the KL term: it is KL(N(mu, s^2) || N(0, 1)), summed or averaged, with the factor 1/2 and no other."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from swissroll.exercise.evidence import Evidence
from swissroll.exercise.laws.cases import BASE, Array
from swissroll.exercise.laws.clipping import clip_of
from swissroll.exercise.laws.kl_terms import HALF_ON_A_PART, Terms, take_apart
from swissroll.exercise.laws.loss_meter import DEVIATIONS, standard_error
from swissroll.exercise.laws.measured_loss import PLACE, MeasuredLoss
from swissroll.exercise.laws.readings import BY_NAME, READINGS, Reading
from swissroll.exercise.laws.reduction import Powers, powers_of
from swissroll.exercise.laws.words import number

LAWS = ("zero", "formula", "sign", "factor", "reduction")
TOLERANCE = 4e-3
"""Largest difference from a formula, in parts of the largest value; an epsilon of 1e-5 in a logarithm leaves 1e-4."""
JOINT_COLUMN = "kl-joint-column"
MAX_FACTOR_ERROR = 5e-3
MAX_MOVED = 0.01
"""Part of the KL term that may be other for other points; rounding leaves 1e-5."""


class KlLaws:
    """The laws of the KL term.

    Args:
        measured: The loss.
        readings: Names of the readings of the head that are right here, the likeliest first.
        error_factor: Factor of the reconstruction term before its reduction, where it is a square: a loss may be
            multiplied by a number as a whole.
        constants: What may be left where q(z|x) is the prior: 0, and in a loss without beta a Gaussian's constant.
        weight_is_written: Whether the loss has no beta, so that the weight of the KL term stands in it.
    """

    def __init__(
        self,
        measured: MeasuredLoss,
        readings: Sequence[str],
        error_factor: float | None,
        constants: Sequence[float] = (0.0,),
        *,
        weight_is_written: bool = False,
    ) -> None:
        self.measured = measured
        self.readings = readings
        self.error_factor = error_factor
        self.constants = constants
        self.weight_is_written = weight_is_written
        self.powers: Powers = powers_of(measured.kl_by_shape, measured.kl_errors, copies=measured.copies)
        self.fits = {reading.name: fit_of(reading, measured.kl, measured.kl_samples) for reading in READINGS}
        self.matches = [name for name, fit in self.fits.items() if fit.is_match]
        # How it is clipped, as a sentence.
        self.clip = "" if self.matches or self.is_absent else clip_of(measured.kl, self.readings)
        # The parts of a formula that is another one, for the usual reading of the head.
        self.terms: Terms | None = None if self.matches or measured.is_random else take_apart(measured.kl)

    @property
    def is_absent(self) -> bool:
        """Whether mu and the head change nothing in the slope of beta."""
        values = self.measured.kl[:, 2]
        return len(values) == 0 or float(np.ptp(values)) < 1e-6

    @property
    def reading(self) -> Reading | None:
        """The reading of the head that the KL term has, where it is known."""
        right = [name for name in self.readings if name in self.matches]
        return BY_NAME[(right or self.matches)[0]] if self.matches else None

    @property
    def factor(self) -> float:
        """The factor of the closed form before its reduction; nan where the form is another one."""
        if self.reading is None:
            return float("nan")
        return self.fits[self.reading.name].slope / self.powers.factor

    def judge(self) -> Iterator[Evidence]:
        """The evidence of each law, in the order of the questions."""
        for law in LAWS:
            judged: Evidence = getattr(self, f"_{law}")()
            yield judged

    def _table(self) -> dict[str, Any]:
        """The measured function as plain values, which the catalogue's formulas are compared with."""
        return {
            "mu": self.measured.kl[:, 0].tolist(),
            "head": self.measured.kl[:, 1].tolist(),
            "kl": self.measured.kl[:, 2].tolist(),
            "kl_uncertain": self.measured.kl_uncertain.tolist(),
            "reduction": self.powers.factor,
            "readings": self.matches,
        }

    def _zero(self) -> Evidence:
        if self.is_absent or self.clip:
            return _unknown("zero")
        reading = self.reading or BY_NAME[self.readings[0]]
        uncertain = float(np.median(self.measured.kl_uncertain))
        if self.reading is not None:
            fit = self.fits[self.reading.name]
            at_prior = fit.constant
            uncertain = fit.constant_uncertain
        else:
            at_prior = _value_near(self.measured.kl, 0.0, reading.prior)
        scale = float(np.abs(self.measured.kl[:, 2]).max())
        if any(abs(at_prior - constant) <= TOLERANCE * scale + uncertain for constant in self.constants):
            if self._has_its_one_once():
                line = f"Where q is the prior, the KL term is 0 with {BASE.latent} latent dimensions alone."
                return _failed("zero", line, ["kl-constant"], at_prior=0.0)
            return _held("zero", f"At mu 0 and {reading.name} {number(reading.prior)} the KL term is 0.")
        line = (
            f"At mu 0 and {reading.name} {number(reading.prior)}, where q is the prior, "
            f"the KL term is {number(at_prior)}."
        )
        share = at_prior / self.powers.factor
        # 1/2 (...) - 1 has the 1 twice, and all else as it should be.
        is_doubled = self.reading is not None and abs(share + 0.5) < 0.01
        signs = ["kl-constant", *([HALF_ON_A_PART] if is_doubled else [])]
        return _failed("zero", line, signs, at_prior=share)

    def _has_its_one_once(self) -> bool:
        """Whether the 1 of the closed form is a number that fits the base shape's latent dimensions alone."""
        if self.reading is None or self.powers.batch is None or self.powers.latent is not None:
            return False
        slope = self.fits[self.reading.name].slope / BASE.latent
        divergence = float(self.reading.divergence(*np.array(PLACE)))
        others = [
            shape
            for shape in self.measured.kl_by_shape
            if shape.latent != BASE.latent and shape == BASE._replace(latent=shape.latent)
        ]
        # Summed over L of them, and without the 1 of all but L0: D L + (L - L0) / 2.
        left = [self.measured.kl_by_shape[shape] - slope * shape.latent * divergence for shape in others]
        expected = [slope * (shape.latent - BASE.latent) / 2 for shape in others]
        return len(others) > 0 and bool(np.allclose(left, expected, rtol=0.02, atol=0.02 * abs(slope)))

    def _formula(self) -> Evidence:
        if self.is_absent:
            return self._missing_formula()
        if self._depends_on_data():
            line = "With the same mu and logvar the KL term is another number for other points."
            return _failed("formula", line, ["kl-of-the-data"])
        if self.reading is not None and self.reading.name in self.readings:
            line = f"It is the closed form for a {self.reading.name}, at {len(self.measured.kl)} places."
            return _held("formula", line, **self._table())
        if self.clip:
            return _failed("formula", self.clip, ["kl-clipped"], **self._table())
        signs = ["kl-formula", *(self.terms.signs if self.terms else ())]
        signs += ["kl-random"] if self.measured.is_random else []
        if self._is_uneven("column") and self._uneven("column") == JOINT_COLUMN:
            # Terms of two latents together have other factors than each by itself.
            signs = [JOINT_COLUMN]
        return _failed("formula", self._say_difference(), signs, **self._table())

    def _missing_formula(self) -> Evidence:
        weights = self.measured.weights
        if weights is not None and weights.are_multiplied:
            return _failed("formula", weights.fault_without_kl().line, ["terms-multiplied"])
        line = "The loss does not change with mu and logvar: there is no KL term in it."
        return _failed("formula", line, ["kl-absent"])

    def _depends_on_data(self) -> bool:
        """Whether K is another number for other points, which are reconstructed as well as the first ones."""
        return not self.measured.is_random and self.measured.kl_moved > MAX_MOVED

    def _say_difference(self) -> str:
        reading = BY_NAME[self.readings[0]]
        table = self.measured.kl
        scale = abs(self.powers.factor)
        wanted = reading.divergence(table[:, 0], table[:, 1]) * scale
        with np.errstate(all="ignore"):
            off = np.where(np.isfinite(wanted), np.abs(table[:, 2] - wanted) / (0.3 + np.abs(wanted)), -1.0)
        mild = (np.abs(table[:, 0]) < 1.5) & (np.abs(table[:, 1]) <= 2)
        pick = int(np.argmax(np.where(mild, off, -1)))
        mu, head, value = table[pick]
        name = "logvar" if reading.name == "log-variance" else reading.name
        return (
            f"At mu {mu:g} and {name} {head:g} the KL term is {number(value)}; the "
            f"divergence there is {number(wanted[pick])}."
        )

    def _sign(self) -> Evidence:
        if self.is_absent or self.clip:
            return _unknown("sign")
        # What has the closed form up to a factor has that factor's sign; else its slope along mu^2 and at large heads.
        slope = self.terms.scale if self.terms else self._trend()
        if self.reading is not None:
            slope = self.fits[self.reading.name].slope
        if slope > 0:
            return _held("sign", "The loss grows where q(z|x) moves away from the prior.")
        mu, head, value = self.measured.kl[int(np.argmin(self.measured.kl[:, 2]))]
        line = (
            f"At mu {mu:g} and logvar {head:g} the KL term is {number(value)}: moving away from the prior is rewarded."
        )
        return _failed("sign", line, ["kl-sign"])

    def _trend(self) -> float:
        table = self.measured.kl
        reading = BY_NAME[self.readings[0]]
        wanted = reading.divergence(table[:, 0], table[:, 1])
        usable = np.isfinite(wanted)
        covariance = np.cov(table[usable, 2], wanted[usable])
        return float(covariance[0, 1])

    def _factor(self) -> Evidence:
        if self.powers.batch is None or self.powers.latent is None:
            return _unknown("factor")
        if self._depends_on_data() or (self.reading is None and not self._has_common_factor()):
            return _unknown("factor")
        factor = abs(2 * self.terms.scale / self.powers.factor if self.terms else self.factor)
        allowed = [1.0]
        if self.error_factor is not None:
            allowed.append(self.error_factor)
            if self.error_factor < 0.5:
                allowed.append(2 * self.error_factor)
        fit = None if self.reading is None else self.fits[self.reading.name]
        # A random term's factor is as sure as its slope along the divergence.
        uncertain = MAX_FACTOR_ERROR + (0.0 if fit is None else fit.slope_uncertain / abs(fit.slope))
        if self.weight_is_written or any(abs(factor - one) <= uncertain * one for one in allowed):
            return _held("factor", "The KL term has its factor of 1/2, and no other.", factor=factor)
        if self.measured.weights is not None and self.measured.weights.is_mixed:
            return _unknown("factor")
        line = f"At mu {PLACE[0]} and logvar {PLACE[1]} the KL term is {number(factor)} times the divergence."
        return _failed("factor", line, ["kl-factor"], factor=factor, error_factor=self.error_factor)

    def _has_common_factor(self) -> bool:
        """Whether two terms at least of another formula have the closed form's proportions."""
        if self.terms is None or any(sign.startswith("kl-extra") for sign in self.terms.signs):
            return False
        return len(self.terms.signs) == 1

    def _reduction(self) -> Evidence:
        if self.is_absent or self.clip:
            return _unknown("reduction")
        mixed = self.measured.kl_mixed
        uncertain = {name: DEVIATIONS * value for name, value in self.measured.mixed_errors.items()}
        worst = max(mixed, key=lambda name: abs(mixed[name]) - uncertain[name], default="")
        if worst and abs(mixed[worst]) > 0.01 + uncertain[worst]:
            kind, index = worst.split()
            what = "point" if kind == "row" else "latent dimension"
            line = f"Moving {what} {int(index) + 1} alone changes the KL term by another share than its own."
            return _failed("reduction", line, [self._uneven(kind)], mixed=mixed)
        p = self.powers.batch
        q = self.powers.latent
        r = self.powers.data
        facts = {"powers": [p, q, r]}
        if self.reading is None and self.terms is None and self.measured.is_random:
            return _unknown("reduction")
        if p is None or q is None or (r is None):
            line = "With more points or latent dimensions the KL term grows neither as a sum nor stays as a mean does."
            return _failed("reduction", line, ["kl-no-power"], **facts)
        if p not in (0, 1):
            line = (
                f"With four times as many points of the same kind the KL term is "
                f"{number(4.0**p)} times as large: 1 or 4 is right."
            )
            return _failed("reduction", line, ["kl-batch-power"], **facts)
        if q not in (0, 1) or r not in (0, -1):
            dimension = "latent dimensions" if q not in (0, 1) else "data dimensions"
            line = f"The KL term does not grow with the number of {dimension} as a sum or a mean does."
            return _failed("reduction", line, ["kl-latent-power"], **facts)
        points = "summed" if p else "averaged"
        dims = "summed" if q else "averaged"
        return _held("reduction", f"It is {points} over points and {dims} over latent dimensions.", **facts)

    def _is_uneven(self, kind: str) -> bool:
        mixed = {name: value for name, value in self.measured.kl_mixed.items() if name.startswith(kind)}
        return any(abs(mixed[name]) > 0.01 + DEVIATIONS * self.measured.mixed_errors[name] for name in mixed)

    def _uneven(self, kind: str) -> str:
        """Whether some rows or columns count more than others, or all alike but not each by itself."""
        excesses = [value for name, value in self.measured.kl_mixed.items() if name.startswith(kind)]
        errors = [value for name, value in self.measured.mixed_errors.items() if name.startswith(kind)]
        return f"kl-joint-{kind}" if np.ptp(excesses) <= 0.01 + 2 * DEVIATIONS * max(errors) else f"kl-uneven-{kind}"


class Fit:
    """K as slope times a divergence plus a constant, by least squares.

    Attributes:
        slope: Its factor.
        constant: What is left where the divergence is 0.
        slope_uncertain: How far it may lie off because the loss is random.
        constant_uncertain: The same of the constant.
        is_match: Whether nothing else remains.
    """

    def __init__(self, divergence: Array, samples: Array) -> None:
        values = samples.mean(axis=1)
        uncertain = standard_error(samples)
        # What is surer weighs more.
        weights = 1 / (uncertain + uncertain.max()) if uncertain.max() > 0 else np.ones(len(values))
        design = np.column_stack([divergence, np.ones(len(divergence))])
        solutions = np.linalg.lstsq(design * weights[:, None], samples * weights[:, None], rcond=None)[0]
        self.slope = float(solutions[0].mean())
        self.constant = float(solutions[1].mean())
        self.slope_uncertain = DEVIATIONS * float(standard_error(solutions[0]))
        self.constant_uncertain = DEVIATIONS * float(standard_error(solutions[1]))
        remainder = design @ solutions - samples
        scale = float(np.ptp(values))
        # Near the prior small values count, too: they are held to their own size.
        allowed = TOLERANCE * np.minimum(scale, np.abs(self.slope) * (0.1 + np.abs(divergence)))
        allowed += DEVIATIONS * standard_error(remainder)
        is_close = bool(np.all(np.abs(remainder.mean(axis=1)) <= allowed))
        self.is_match = is_close and abs(self.slope) > 1e-9 + self.slope_uncertain


class NoFit(Fit):
    """That of too few places."""

    def __init__(self) -> None:
        self.slope = float("nan")
        self.constant = float("nan")
        self.slope_uncertain = float("nan")
        self.constant_uncertain = float("nan")
        self.is_match = False


def fit_of(reading: Reading, table: Array, samples: Array) -> Fit:
    """How well a measured KL term is a factor times the divergence of a reading of the head."""
    divergence = reading.divergence(table[:, 0], table[:, 1])
    usable = np.isfinite(divergence)
    if reading.is_positive:
        usable &= table[:, 1] > 0
    complete = usable.sum() >= 30 and (reading.is_positive or bool(usable.all()))
    needs_negative = not reading.is_positive and bool((table[:, 1] > 0).all())
    if not complete or needs_negative:
        return NoFit()
    return Fit(divergence[usable], samples[usable])


def _value_near(table: Array, mu: float, head: float) -> float:
    distance = (table[:, 0] - mu) ** 2 + (table[:, 1] - head) ** 2
    return float(table[int(np.argmin(distance)), 2])


def _held(law: str, line: str, **facts: Any) -> Evidence:
    return Evidence(law=f"kl.{law}", passed=True, line=line, facts=facts)


def _failed(law: str, line: str, signs: list[str], **facts: Any) -> Evidence:
    return Evidence(law=f"kl.{law}", passed=False, line=line, facts={"signs": signs, **facts})


def _unknown(law: str) -> Evidence:
    return Evidence(law=f"kl.{law}", passed=None, line="This could not be checked.")
