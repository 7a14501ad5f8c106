"""The lab's diagnosis: the package's rules on the numbers that it has, and the package's words."""

from __future__ import annotations

import math
import random
from typing import Any

from swissroll.evaluation.diagnosis import HEALTHY, RULES, diagnose
from swissroll.evaluation.symptoms import Symptoms
from swissroll.evaluation.wording import advice_text, evidence_text
from tests.web.conftest import Node
from tests.web.frozen import SCRIPT

NUMBERS: dict[str, list[float]] = {
    "loss": [0.001, 0.02, 0.3, 5.0],
    "mse": [1e-5, 0.004, 0.05, 0.19, 0.4],
    "rate": [0.0, 0.5, 4.0],
    "aggregate_c2st": [0.5, 0.6, 0.68, 0.72, 0.9],
    "above_lower_bound": [0.01, 0.3, 0.65, 0.9, math.nan],
    "loss_drop": [-0.1, 0.1, 0.4, math.nan],
    "peak": [0.3, 9.0, math.nan],
    "start": [0.0, 0.3],
    "sigma": [0.0, 0.07, 0.7],
    "steps": [10, 999, 1000, 5000],
    "jumps": [0, 0, 2, math.nan],
    "active": [0, 1, 2],
    "latent_dim": [1, 2],
}
SCRIPT_OF_MANY = """
const { diagnose } = await load("diagnosis.js");
const known = (symptoms) =>
  Object.fromEntries(Object.entries(symptoms).map(([name, value]) => [name, value === null ? NaN : value]));
answer(input.map((symptoms) => diagnose(known(symptoms))));
"""


def cases(count: int) -> list[dict[str, Any]]:
    """Symptoms at random, so that each rule of the page is met."""
    chance = random.Random(1)  # noqa: S311
    found: list[dict[str, Any]] = []
    for _ in range(count):
        case: dict[str, Any] = {name: chance.choice(values) for name, values in NUMBERS.items()}
        found.append(
            case
            | {"finite": chance.random() > 0.02, "learns_sigma": chance.random() < 0.2}
            | {"variance": 0.2, "useful": case["latent_dim"], "data_dim": 2}
        )
    return found


def test_the_diagnosis_is_the_package_s_for_the_same_numbers(node: Node) -> None:
    given = cases(3000)
    plain = [{k: None if isinstance(v, float) and math.isnan(v) else v for k, v in case.items()} for case in given]
    names = set()
    for case, ours in zip(given, node(SCRIPT_OF_MANY, plain), strict=True):
        expected = diagnose(Symptoms(**case))
        names.add(expected.name)
        assert ours["verdict"] == expected.name, case
        assert list(ours["evidence"]) == list(expected.evidence), case

        # The package's own words for its numbers and advice; healthy models are told of another preset there.
        assert ours["sentence"].endswith(f": {evidence_text(expected.evidence)}."), case
        if expected.name != HEALTHY.name:
            assert ours["advice"] == advice_text(expected.advice), case

    assert names >= {rule.name for rule in RULES} - {"strays", "too blurred", "inaccurate decoder"}


SYMPTOMS_SCRIPT = (
    SCRIPT
    + """
const { Verdicts } = await load("verdicts.js");
const { Training } = await load("training.js");
const training = new Training(kernel, input.settings);
training.step(input.steps);
const verdicts = new Verdicts(kernel, training);
// What it tells on the way, and at the end.
const slices = verdicts.judge(training, training.taken);
const found = {};
for (let done = false; !done; ) {
  const told = slices.next();
  Object.assign(found, told.value);
  done = told.done;
}
answer(found);
"""
)


def test_a_collapsed_run_is_said_to_be_collapsed(node: Node) -> None:
    found = node(SYMPTOMS_SCRIPT, {"settings": {"hidden_dim": 8, "beta": 3, "steps": 400, "lr": 0.01}, "steps": 400})
    assert found["diagnosis"]["verdict"] == "collapsed"
    assert "active units 0" in found["diagnosis"]["sentence"]

    # Where the latent is ignored, p(x) is one Gaussian, and nothing is lost by inference.
    evidence = found["evidence"]
    assert abs(evidence["gap"]) < 0.05
    assert evidence["lower_bound"] <= evidence["value"] <= evidence["negative_elbo"] + 1e-3


def test_without_decoder_noise_there_is_a_diagnosis_and_no_evidence(node: Node) -> None:
    found = node(SYMPTOMS_SCRIPT, {"settings": {"hidden_dim": 8, "beta": 0, "steps": 50}, "steps": 50})
    assert found["evidence"] is None
    assert found["diagnosis"]["verdict"] == "under-trained"
