"""What a loss assumes without naming it: its reductions, its decoder's sigma, its true beta.

With S the squared error of a point summed over D coordinates, and K its KL term summed over L latent dimensions, a loss
is proportional to S + w K. It is the exact bound for a Gaussian decoder whose variance is w / 2, since the bound is

    S / (2 sigma^2) + beta K,    beta = w / (2 sigma^2).

Where the decoder is Bernoulli, the cross-entropy is in nats as it stands, and the true beta is w itself.
"""

from __future__ import annotations

import inspect
import math
from collections.abc import Iterator

from swissroll.exercise.examination import Examination
from swissroll.exercise.laws.reduction import Powers
from swissroll.exercise.linting.finding import ERROR, NOTE, UNKNOWN, Finding
from swissroll.exercise.linting.target import KL_TERM, Target
from swissroll.exercise.linting.terms import SQUARED, Family

DATA_DIM = 2
LATENT_DIM = 2


def conventions_of(
    target: Target, examination: Examination, family: Family | None, constant: float
) -> Iterator[Finding]:
    """The choices of a loss, one finding each.

    Args:
        target: What is judged.
        examination: What was measured of it.
        family: The form of its reconstruction term.
        constant: What is left of it at a perfect reconstruction, where the KL term is 0.
    """
    kl = examination.kl
    error = examination.error
    if kl is None or error is None:
        return
    if target.loss is not None and target.loss.per_point:
        yield note("per-point", "It returns one value for each point; their mean was judged.")
    if kl.reading is not None and kl.reading.name in kl.readings:
        yield note("head", f"The second latent argument is read as a {kl.reading.name}.")
    if _default_beta(target) == 0:
        yield Finding(rule="kl-off", level=ERROR, line="beta is 0 by default: there is no KL term then.")
    if target.kind == KL_TERM:
        words = [_word(power) for power in (kl.powers.batch, kl.powers.latent)]
        yield note("reduction", f"The KL term is a {words[0]} over points and a {words[1]} over latent dimensions.")
        return

    yield from _of_reconstruction(target, examination, family, constant)


def _of_reconstruction(
    target: Target, examination: Examination, family: Family | None, constant: float
) -> Iterator[Finding]:
    kl = examination.kl
    error = examination.error
    if kl is None or error is None:
        return
    if family is None:
        if not error.is_absent:
            line = "The reconstruction term has none of the forms that are known: what beta is worth cannot be said."
            yield Finding(rule="reconstruction", level=UNKNOWN, line=line)
        return
    yield note("reconstruction", f"The reconstruction term is {family.factor:.3g} times the {family.name}.")
    if kl.reading is None or kl.reading.name not in kl.readings:
        return
    if None in (kl.powers.batch, kl.powers.latent, error.powers.batch, error.powers.data):
        return
    yield note("reduction", _say_reductions(kl.powers, error.powers))
    if kl.powers.batch == error.powers.batch and kl.factor > 0:
        yield from _worth(target, examination, family, constant)


def note(rule: str, line: str) -> Finding:
    """A finding that is a choice."""
    return Finding(rule=rule, level=NOTE, line=line)


def _word(power: float | None) -> str:
    if power == 0:
        return "mean"
    return "sum" if power == 1 else "reduction that is not known"


def _say_reductions(kl: Powers, error: Powers) -> str:
    by_data = " (divided by the number of coordinates)" if kl.data == -1 else ""
    return (
        f"Over points it is a {_word(error.batch)}. The reconstruction term is a {_word(error.data)} over coordinates, "
        f"the KL term a {_word(kl.latent)} over latent dimensions{by_data}."
    )


def _worth(target: Target, examination: Examination, family: Family, constant: float) -> Iterator[Finding]:
    """Which decoder, or which beta, the weights amount to."""
    kl = examination.kl
    error = examination.error
    if kl is None or error is None:
        return
    # w = ratio L^a D^b, in a loss whose terms are summed over their dimensions before they are weighed.
    ratio = kl.factor / family.factor
    latent_power = (kl.powers.latent or 0) - 1
    data_power = (kl.powers.data or 0) - (error.powers.data or 0) + 1
    weight = ratio * LATENT_DIM**latent_power * DATA_DIM**data_power
    sizes = _say_sizes(latent_power, data_power)

    default = _default_beta(target)
    has_beta = examination.meter is not None and examination.meter.has_beta
    at_one = "with beta 1" if has_beta else "as it is written"
    if family.name == SQUARED:
        constants = error.gaussian_constants()
        gaussian = abs(constant) > 1e-4 and any(abs(constant - one) <= 1e-3 * (1 + abs(one)) for one in constants)
        yield note("sigma", _say_sigma(weight, sizes, at_one, default, known=family.factor if gaussian else None))
    elif family.is_bernoulli:
        yield note("true-beta", f"The decoder is Bernoulli: {at_one} the true beta is {weight:.3g}{sizes}.")
    else:
        yield note(
            "scale", f"The decoder is Laplace: {at_one} the loss is the exact bound for scale {weight:.3g}{sizes}."
        )
    if default:
        yield note("default-beta", f"beta is {default:.3g} by default.")


def _say_sizes(latent_power: float, data_power: float) -> str:
    """At which sizes a number holds, and how it goes with others."""
    if latent_power == 0 and data_power == 0:
        return ""
    factors = [f"{name}^{power:g}" for name, power in (("D", data_power), ("L", latent_power)) if power]
    said = " ".join(factors).replace("^1", "")
    return f" with {DATA_DIM} coordinates (D) and {LATENT_DIM} latent dimensions (L); it goes as {said}"


def _say_sigma(weight: float, sizes: str, at_one: str, default: float | None, *, known: float | None) -> str:
    if known is not None:
        # The constant of the density says the variance: factor = 1 / (2 sigma^2).
        sigma = math.sqrt(1 / (2 * known))
        return f"The density has its constant, so sigma is {sigma:.3g}: {at_one} the true beta is {weight * known:.3g}."
    variance = weight / 2
    line = (
        f"{at_one.capitalize()} it is the exact bound for a Gaussian decoder of "
        f"variance {variance:.3g} (sigma {math.sqrt(variance):.3g}){sizes}."
    )
    if default:
        line += f" At its default beta of {default:g} that variance is {default * variance:.3g}."
    return line


def _default_beta(target: Target) -> float | None:
    """The default value of a loss's beta, None where it has none."""
    if target.loss is None:
        return None
    roles = target.roles
    for name, parameter in inspect.signature(target.loss).parameters.items():
        default = parameter.default
        if roles.get(name) == "beta" and isinstance(default, int | float) and not isinstance(default, bool):
            return float(default)
    return None
