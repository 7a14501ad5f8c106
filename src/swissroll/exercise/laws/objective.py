"""What holds for the loss as a whole: one number, affine in beta, whose gradients reach the network."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import torch

from swissroll.exercise.evidence import Evidence
from swissroll.exercise.laws.cases import Case, generic_case
from swissroll.exercise.laws.error import ErrorLaws
from swissroll.exercise.laws.finite import fault_in_numbers
from swissroll.exercise.laws.kl import KlLaws
from swissroll.exercise.laws.loss_meter import DEVIATIONS, LossError, LossMeter, standard_error
from swissroll.exercise.laws.measured_loss import MeasuredLoss
from swissroll.exercise.laws.noise import Fault
from swissroll.exercise.laws.weights import BETAS, Weights
from swissroll.exercise.laws.words import is_stub, number, say_error, sign_of_error

NAME = "compute_vae_loss"
LAWS = ("runs", "beta", "batch", "gradients", "sampled")
STEP = 0.01
STRAIGHT = 1e-3
"""How far a loss may lie off a straight line in beta, in parts of its largest value."""


class ObjectiveLaws:
    """The laws of the loss as a whole.

    Args:
        meter: Computes losses of the solution.
        measured: What the loss does.
        kl: The laws of its KL term, None where the loss could not be computed at all.
        error: Those of its reconstruction term.
    """

    def __init__(self, meter: LossMeter, measured: MeasuredLoss, kl: KlLaws | None, error: ErrorLaws | None) -> None:
        self.meter = meter
        self.measured = measured
        self.kl = kl
        self.error = error

    def judge(self) -> Iterator[Evidence]:
        """The evidence of each law, in the order of the questions."""
        for law in LAWS:
            judged: Evidence
            try:
                judged = getattr(self, f"_{law}")()
            except LossError:  # It was told of where the loss is run.
                judged = _unknown(law)
            yield judged

    def _runs(self) -> Evidence:
        error = self.measured.error
        is_known = error is None or self.measured.not_finite
        fault = fault_in_numbers(self.meter, self.measured) if self.kl is None and is_known else None
        if fault is not None:
            return _failed("runs", fault.line, [fault.sign])
        if error is not None:
            sign = sign_of_error(error)
            if "the shape" in error.get("message", "") and "not one number" in error.get("message", ""):
                sign = "loss-not-scalar"
            elif "not a tensor" in error.get("message", "") and not is_stub(error):
                sign = "loss-no-tensor"
            elif self.kl is not None:
                sign = "error-unit-interval" if self.measured.unit_interval else "error-at-shape"
            passed = None if sign in ("missing", "limit") else False
            return _judged("runs", passed, say_error(NAME, error), [sign], answer=error)
        if self.measured.first.get("x_changed"):
            return _failed("runs", "The points that were handed in are others after the call.", ["in-place-data"])
        if "other" in self.measured.first.get("points", []):
            if self._encodes_noise():
                line = "At each call the model is handed the points with other noise on them."
                return _failed("runs", line, ["points-noisy"])
            line = "The model is handed other points than those that the reconstruction is compared with."
            return _failed("runs", line, ["points-changed"])
        return _held("runs", "It returns one number.")

    def _encodes_noise(self) -> bool:
        """Whether the model is handed the points and something else that differs from call to call."""
        case = generic_case(0.7, unit_interval=self.measured.unit_interval)
        moved = case._replace(x=case.x + 0.1)
        first, second, third = self.meter.ask([case, case, moved], [1, 2, 1])["shift"]
        # Points of its own do not move with the loss's.
        return bool(first != second and abs(first - third) < 1e-4)

    def _beta(self) -> Evidence:
        weights = self.measured.weights
        if self.kl is None or self.error is None or weights is None:
            return _unknown("beta")
        if not self.meter.has_beta:
            return _held("beta", "The loss takes no beta: both terms have the weights that are written in it.")
        fault = self._fault_of_weights(weights, self.kl)
        if fault is not None:
            table = {"betas": list(BETAS), "values": weights.losses.tolist()}
            return _failed("beta", fault.line, [fault.sign, *fault.more], **table)
        return _held("beta", f"{weights.say_losses()} It is a straight line whose slope is the KL term.")

    def _fault_of_weights(self, weights: Weights, kl: KlLaws) -> Fault | None:
        """What is wrong with what beta weighs; None where it is the KL term alone."""
        if weights.is_divided:
            return Fault("beta-divides", weights.say_weights())
        if not np.isfinite(weights.losses[1:]).all() or not (weights.is_finite_at_zero or weights.raises_at_zero):
            return Fault("beta-formula", "At some beta the loss is no finite number.")
        if kl.is_absent:
            return weights.fault_without_kl()
        of_error = weights.of_error
        if of_error and weights.is_on_both:
            return Fault("beta-on-error", weights.say_weights(), ("beta-on-both",))
        if of_error:
            return Fault("beta-on-error", weights.say_weights(), ("beta-against-error",) if of_error < 0 else ())
        if weights.is_kl_constant:
            return weights.fault_without_weight()
        return self._fault_in_line(weights)

    def _fault_in_line(self, weights: Weights) -> Fault | None:
        """What is wrong where beta weighs the KL term alone; None where the loss is a straight line in beta."""
        here = np.isfinite(weights.losses)
        betas = np.array(BETAS)[here]
        losses = weights.losses[here]
        slope = (losses[1] - losses[0]) / (betas[1] - betas[0])
        off = np.abs(losses - (losses[0] + slope * (betas - betas[0]))).max()
        if off > STRAIGHT * (np.abs(losses).max() + 1e-9):
            return Fault("beta-formula", f"{weights.say_losses()} It is no straight line in beta.")
        # The KL term was measured somewhere else than along the line: it is not the line's slope.
        is_slope = self.meter.kl_beta is None or weights.is_kl_linear
        return None if is_slope else Fault("beta-formula", weights.say_weights())

    def _batch(self) -> Evidence:
        if self.kl is None or self.error is None or self.kl.is_absent or self.error.is_absent:
            return _unknown("batch")
        of_kl = self.kl.powers.batch
        of_error = self.error.powers.batch
        if of_kl is None or of_error is None:
            return _unknown("batch")
        if of_error not in (0, 1):
            return _unknown("batch")
        if of_kl == of_error:
            word = "summed" if of_kl else "averaged"
            return _held("batch", f"Both terms are {word} over the points of a batch.")
        line = (
            f"With four times as many points of the same kind the KL term is "
            f"{number(4.0**of_kl)} times as large, and the "
            f"reconstruction term {number(4.0**of_error)} times: what beta means depends on the batch size."
        )
        sign = "kl-summed-over-batch" if of_kl > of_error else "kl-averaged-over-batch"
        if of_kl < 0:
            sign = "kl-batch-power"
        return _failed("batch", line, [sign], powers=[of_kl, of_error])

    def _gradients(self) -> Evidence:
        if self.kl is None:
            return _unknown("gradients")
        case = generic_case(0.7, unit_interval=self.measured.unit_interval)
        try:
            answered = self.meter.ask([case] * self.meter.repeats, self.meter.seeds, gradients=True)
            slopes, uncertain = self._numeric(case)
        except LossError as error:
            return _failed("gradients", f"With gradients, {say_error(NAME, error.answer)}.", ["error-with-gradients"])

        absent = {
            "recon": self.error is None or self.error.is_absent,
            "mu": self.kl.is_absent,
            "head": self.kl.is_absent,
        }
        words = {"recon": "the reconstruction", "mu": "mu", "head": "logvar"}
        arrived = {name: answered[f"grad_{name}"] for name in words}
        missing = [name for name, gradient in arrived.items() if gradient is None and abs(slopes[name]) > 1e-6]
        if missing:
            line = f"No gradient of the loss reaches {' and '.join(words[name] for name in missing)}."
            sign = "loss-detached" if len(missing) == 3 or all(g is None for g in arrived.values()) else "term-detached"
            return _failed("gradients", line, [sign], missing=missing)
        for name, gradient in arrived.items():
            if gradient is None or absent[name]:
                continue
            along = (gradient.double() * _direction(gradient[0]).double()).sum(dim=(1, 2)).numpy()
            analytic = float(along.mean())
            allowed = DEVIATIONS * float(standard_error(along)) + uncertain[name]
            if abs(analytic - slopes[name]) > 0.03 * abs(slopes[name]) + 3e-3 + allowed:
                line = (
                    f"The gradient that reaches {words[name]} is {number(analytic)} along a line "
                    f"where the loss rises by {number(slopes[name])}."
                )
                signs = ["estimate-detached" if self.meter.is_random else "term-detached"]
                return _failed("gradients", line, signs, missing=[name])
        return _held("gradients", "The gradients are the slopes of the loss.")

    def _numeric(self, case: Case) -> tuple[dict[str, float], dict[str, float]]:
        """Slopes of the loss along one line for each argument, by central differences, and how uncertain they are."""
        cases = []
        for name in ("recon", "mu", "head"):
            value = getattr(case, name)
            for sign in (1, -1):
                cases.append(case._replace(**{name: value + sign * STEP * _direction(value)}))
        values = self.meter.samples(cases).reshape(3, 2, -1)
        slopes = (values[:, 0] - values[:, 1]) / (2 * STEP)
        names = ("recon", "mu", "head")
        uncertain = DEVIATIONS * standard_error(slopes)
        return dict(zip(names, slopes.mean(axis=1).tolist(), strict=True)), dict(
            zip(names, uncertain.tolist(), strict=True)
        )

    def _sampled(self) -> Evidence:
        if self.kl is None:
            return _unknown("sampled")
        decoded = set(self.measured.first.get("decoded", [])) - {""}
        if "mu" in decoded:
            line = "The loss decodes mu: in training, too, the decoder never sees a draw."
            return _failed("sampled", line, ["decodes-mean"])
        return _held("sampled", "What is decoded for the loss is a draw.")


def _direction(like: torch.Tensor) -> torch.Tensor:
    generator = torch.Generator().manual_seed(11)
    return torch.rand(like.shape, generator=generator) + 0.2


def _judged(law: str, passed: bool | None, line: str, signs: list[str], **facts: Any) -> Evidence:
    return Evidence(law=f"objective.{law}", passed=passed, line=line, facts={"signs": signs, **facts})


def _held(law: str, line: str, **facts: Any) -> Evidence:
    return Evidence(law=f"objective.{law}", passed=True, line=line, facts=facts)


def _failed(law: str, line: str, signs: list[str], **facts: Any) -> Evidence:
    return _judged(law, False, line, signs, **facts)


def _unknown(law: str) -> Evidence:
    return Evidence(law=f"objective.{law}", passed=None, line="This could not be checked.")
