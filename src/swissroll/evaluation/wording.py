"""Sentences of a diagnosis and its advice, for Python, a report and files. They name settings, never commands."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from swissroll.evaluation.advice import Action, Advice
from swissroll.evaluation.distances import NAMES as DISTANCES
from swissroll.evaluation.measures import MEASURES
from swissroll.evaluation.uncertainty import percent

if TYPE_CHECKING:
    from swissroll.evaluation.diagnosis import Diagnosis

FACTS = {
    "loss": "loss {:.3g}",
    "peak": "highest loss of the training {:.3g}",
    "variance": "variance of the data {:.3g}",
    "mse": "reconstruction MSE of a posterior draw {:.3g}",
    "rate": "rate {:.3f} nats per point",
    "active": "active units {}",
    "useful": "useful units {}",
    "steps": "{:,.0f} steps",
    "planned": "of {:,.0f} planned",
    "jumps": "jumps of the latent along the data's curve {}",
    "latent_dim": "latent dimensions {}",
    "data_dim": "data dimensions {}",
    "strays": "share of strays {}",
    "c2st": "C2ST accuracy {:.2f} against real points (chance 0.5)",
    "sigma": "decoder sigma {:.3g}",
    "aggregate_c2st": "C2ST accuracy {:.2f} between aggregate posterior and prior (chance 0.5)",
    "above_lower_bound": "negative log evidence {:.2f} nats above its lower bound",
    "overfit": "held-out rows {:.2f} nats per row above training rows in negative log evidence",
    "not_finite": "{} not finite",
    "step": "step {:,}",
    "lr": "learning rate {:g}",
}
"""How each measured number is told, by its name in a diagnosis's evidence."""
DEVIATION = "_deviation"
"""What ends the name of a distance's excess over its noise floor, in standard deviations of the floor."""
SETTINGS = {"lr": "the learning rate", "hidden_dim": "the hidden width"}
"""What sentences call a setting whose own name is not a word."""
PLAIN_ADVICE = {
    Action.FINISH_RUN: "Finish the run first.",
    Action.LEARN_SIGMA: (
        "Let training find the decoder's sigma: set decoder_variance to 'learned', reduction to 'sum' and beta to 1."
    ),
}
"""Advice that needs no more than its sentence."""
TRAIN_WITH_PRIOR = "The prior is fitted already; train a decoder with it"
MULTIPLES = {2: "two", 3: "three", 10: "ten"}


def evidence_text(evidence: Mapping[str, float | str]) -> str:
    """The measured numbers of a diagnosis."""
    return join_labels([_fact(name, value) for name, value in evidence.items()])


def advice_text(advice: Advice) -> str:
    """The sentence of an advice."""
    if advice.action is Action.CHANGE_SETTING:
        return _change(advice)
    if advice.action is Action.FIT_PRIOR and advice.preset:
        return f"Fit the prior to the aggregate posterior, or train with the preset {advice.preset!r}, which does so."
    if advice.action is Action.FIT_PRIOR:
        return "Fit the prior to the aggregate posterior."
    if advice.action in PLAIN_ADVICE:
        return PLAIN_ADVICE[advice.action]
    if advice.action is Action.TRAIN_PRESET:
        return f"{TRAIN_WITH_PRIOR}, with the preset {advice.preset!r}."
    if advice.preset:
        return f"Nothing ails this model. For a sharper one, train with the preset {advice.preset!r}."
    return "Nothing ails this model."


def checked_text(diagnosis: Diagnosis) -> str:
    """Which numbers a diagnosis looked at, and which could not be measured; empty where none was looked at."""
    if not diagnosis.checked:
        return ""
    distances = [name for name in diagnosis.checked if name.removeprefix("aggregate_") in DISTANCES]
    named = [label(name) for name in diagnosis.checked if name not in distances]
    text = f"Checked: {join_labels([*named, f'{len(distances)} distances against their noise floors'])}."
    missing = [f"{label(name)} ({why})" for name, why in diagnosis.unchecked.items()]
    if missing:
        text = f"{text} Not checked: {join_labels(missing)}."
    return f"{text} {diagnosis.note}".strip()


def join_labels(labels: Sequence[str]) -> str:
    """Labels one after the other: with semicolons where one of them has a comma of its own."""
    return ("; " if any(", " in label for label in labels) else ", ").join(labels)


def to_plain(diagnosis: Diagnosis) -> dict[str, str]:
    """A diagnosis as metrics.json holds it."""
    return {
        "name": diagnosis.name,
        "evidence": evidence_text(diagnosis.evidence),
        "advice": advice_text(diagnosis.advice),
        "checked": checked_text(diagnosis),
    }


def _fact(name: str, value: float | str) -> str:
    if name == "loss_drop":
        return _loss_drop(float(value))
    if name.endswith(DEVIATION):
        return f"{label(name.removesuffix(DEVIATION))} {value:.0f} standard deviations above its noise floor"
    if name == "strays":
        value = percent(float(value), 2)
    return FACTS[name].format(value)


def label(name: str) -> str:
    """What a checked number is called."""
    if name in MEASURES:
        return MEASURES[name].label
    known = MEASURES[name.removeprefix("aggregate_")].label
    return known.replace("to real points", "of the aggregate posterior to the prior")


def _loss_drop(share: float) -> str:
    if round(share, 2) <= 0:
        return "a loss that did not fall over the last two thirds"
    return f"a loss that fell by {percent(share, 0)} over the last two thirds"


def _change(advice: Advice) -> str:
    sentence = _changed_setting(advice)
    if advice.repair_again:
        sentence += " in a new run, and repair that one"
    if advice.otherwise is None:
        return f"{sentence}."
    other = advice_text(advice.otherwise)
    return f"{sentence}; if that changes nothing, {other[0].lower()}{other[1:]}"


def _changed_setting(advice: Advice) -> str:
    name = SETTINGS.get(advice.setting, advice.setting)

    if advice.setting == "steps" and advice.factor is not None:
        return f"Train {_number(advice.factor)} times as long"
    if advice.setting == "depth":
        return f"Add hidden layers: set depth to {advice.value}"
    if advice.value is not None:
        value = f"{advice.value:,}" if isinstance(advice.value, int) else f"{advice.value:g}"
        return f"Set {name} to {value}"

    factor = advice.factor or 1.0
    if factor == 2:
        return f"Double {name}"
    if factor < 1:
        return f"Divide {name} by {_number(1 / factor)}"
    return f"Multiply {name} by {_number(factor)}"


def _number(value: float) -> str:
    return MULTIPLES.get(round(value), f"{value:g}")
