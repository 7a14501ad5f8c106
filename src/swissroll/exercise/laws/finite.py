"""Where a loss is no finite number, and what makes it so."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from swissroll.exercise.laws.cases import generic_case
from swissroll.exercise.laws.loss_meter import LossMeter
from swissroll.exercise.laws.measured_loss import MeasuredLoss
from swissroll.exercise.laws.noise import Fault

WORDS = {
    "division": "a division by 0, or by something infinite",
    "logarithm": "the logarithm of a number that is 0 or below",
    "root": "the root of a number below 0",
    "exponential": "an exponential that is too large for a number",
    "power": "a power that is no finite number",
}


def fault_in_numbers(meter: LossMeter, measured: MeasuredLoss) -> Fault | None:
    """What is wrong with a loss that is nan or infinite for ordinary numbers; None where it is a number.

    Args:
        meter: Computes losses of the solution.
        measured: What the loss does.

    Raises:
        LossError: It cannot be computed.
    """
    case = generic_case(0.7, unit_interval=measured.unit_interval)
    if measured.not_finite:
        value = float(meter.values([case])[0])
        origin = meter.ask_not_finite(case)
        line = f"For ordinary points, mu and logvar the loss is {_say(value)}.{_say_origin(origin)}"
        return Fault(f"{_guilty_term(origin)}-not-finite", line)

    # At beta 0 nothing but the error is left, which is 0 where the reconstruction is perfect.
    for perfect in (case._replace(recon=case.x), case._replace(recon=case.x, beta=0.0)):
        value = float(meter.values([perfect])[0])
        if not math.isfinite(value):
            at = "" if perfect.beta else ", and beta is 0,"
            line = f"Where the reconstruction is the point itself{at} the loss is {_say(value)}."
            return Fault("loss-not-finite-at-zero", line + _say_origin(meter.ask_not_finite(perfect)))
    return Fault("loss-not-finite", "At most places that were tried the loss is no finite number.")


def _guilty_term(origin: Mapping[str, Any]) -> str:
    """The term whose number it is: "error" or "kl"; "loss" where it is of both, or of neither."""
    of_recon = bool(origin.get("of_recon"))
    of_latents = bool(origin.get("of_latents"))
    if of_recon == of_latents:
        return "loss"
    return "error" if of_recon else "kl"


def _say_origin(origin: Mapping[str, Any]) -> str:
    """A sentence on where it comes from; empty where that is not known."""
    kind = origin.get("kind", "")
    if not kind or "error" in origin:
        return ""
    where = f" in line {origin['line']}" if origin.get("line") else ""
    return f" It begins{where} with {WORDS.get(kind, f'what {kind} returns')}."


def _say(value: float) -> str:
    """A number that is not finite, in a word."""
    if math.isnan(value):
        return "nan"
    return "infinite" if value > 0 else "minus infinite"
