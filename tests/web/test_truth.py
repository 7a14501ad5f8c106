"""The truth of a run in the worker: what it tells, in parts, until nothing is left to find."""

from __future__ import annotations

import math
from typing import Any

import pytest

from swissroll.data.curves import CURVES
from swissroll.evaluation.lower_bound import nll_lower_bound
from tests.web.conftest import Node

SCRIPT = """
const { Training } = await load("training.js");
const { Truth } = await load("truth.js");
const training = new Training(kernel, input.settings, { points: input.points ?? null });
training.step(input.steps);
const x = training.heldOut.points.slice(0, training.dataDim);
const view = { step: input.steps, density: true, posterior: true, point: 0, x, plane: [0, 1] };
const truth = new Truth(kernel);
const before = training.network.parameters.slice();
const messages = [];
while (!truth.isIdle(training, view)) {
  const message = truth.work(training, view, 20);
  if (message) messages.push(message);
}
const again = truth.work(training, view, 20);
const unchanged = training.network.parameters.every((value, i) => value === before[i]);
answer({ found: Object.assign({}, ...messages), messages: messages.length, again, unchanged });
"""


def find(node: Node, steps: int = 30, **settings: Any) -> dict[str, Any]:
    """All that is told of a run after some steps."""
    answer = node(SCRIPT, {"settings": {"hidden_dim": 8, "depth": 1, "steps": 1000, **settings}, "steps": steps})
    assert answer["unchanged"]
    assert answer["again"] is None
    found: dict[str, Any] = answer["found"]
    return found


@pytest.mark.parametrize("settings", [{"latent_dim": 1}, {"latent_dim": 2}, {"latent_dim": 3}, {"components": 3}])
def test_everything_is_told_of_a_run_in_the_plane(node: Node, settings: dict[str, Any]) -> None:
    found = find(node, **settings)
    assert found["step"] == 30
    assert len(found["density"]["log_density"]) == found["density"]["size"] ** 2
    assert found["posterior"]["point"] == 0

    evidence = found["evidence"]
    is_exact = settings.get("latent_dim", 2) <= 2
    name = "negative log evidence" if is_exact else "importance-weighted bound"
    assert (evidence["exact"], evidence["name"], evidence["step"]) == (is_exact, name, 30)
    assert evidence["lower_bound"] < evidence["value"] < evidence["negative_elbo"]
    assert evidence["negative_elbo"] - evidence["value"] == pytest.approx(evidence["gap"])
    if is_exact:
        assert evidence["amortisation"] + evidence["family"] == pytest.approx(evidence["gap"])
    else:
        assert evidence["amortisation"] is None
    assert found["diagnosis"]["sentence"].endswith(".")


def test_in_three_dimensions_there_is_evidence_and_no_density(node: Node) -> None:
    found = find(node, dataset="helix")
    assert "density" not in found
    assert found["evidence"]["lower_bound"] < found["evidence"]["value"]


def test_own_points_have_no_lower_bound_and_no_jumps(node: Node) -> None:
    points = {"dims": 2, "values": [0.1, 0.2, -0.3, 0.5, 0.7, -0.2, 0.0, 0.4]}
    script = SCRIPT.replace(
        "input.points ?? null", "{ ...input.points, values: Float32Array.from(input.points.values) }"
    )
    answer = node(script, {"settings": {"hidden_dim": 8, "depth": 1}, "points": points, "steps": 10})
    assert answer["found"]["evidence"]["lower_bound"] is None
    assert answer["found"]["evidence"]["value"] < answer["found"]["evidence"]["negative_elbo"]


def test_the_density_reaches_around_all_rows_and_not_around_the_held_out_ones_alone(node: Node) -> None:
    points = {"dims": 2, "values": [-3.0, 0.2, -0.3, 4.0, 2.5, -2.0, 0.0, 0.4]}
    script = SCRIPT.replace(
        "input.points ?? null",
        "{ dims: 2, values: Float32Array.from(input.points.values), held_out: Float32Array.of(0, 0, 0.1, 0.2) }",
    )
    answer = node(script, {"settings": {"hidden_dim": 8, "depth": 1}, "points": points, "steps": 10})
    left, right, low, high = answer["found"]["density"]["extent"]
    assert left < -3 < 2.5 < right
    assert low < -2 < 4 < high


def test_a_learned_sigma_has_a_lower_bound_at_every_step(node: Node) -> None:
    script = """
const { Training } = await load("training.js");
const { Verdicts } = await load("verdicts.js");
const training = new Training(kernel, { hidden_dim: 8, depth: 1, decoder_variance: "learned", beta: 1, lr: 0.01 });
const verdicts = new Verdicts(kernel, training);
answer([0, 20, 40].map((steps) => {
  training.step(steps - training.taken);
  const slices = verdicts.judge(training, steps);
  for (;;) {
    const { value } = slices.next();
    if (value?.evidence) return { sigma: training.sigma, ...value.evidence };
  }
}));
"""
    found = node(script)
    assert len({row["sigma"] for row in found}) == 3
    for row in found:
        expected = nll_lower_bound(CURVES["swiss_roll"], row["sigma"], tolerance=5e-3)
        assert row["lower_bound"] == pytest.approx(expected.lower, abs=5e-3)


def test_a_diagnosis_looks_at_losses_since_a_knob_was_turned(node: Node) -> None:
    script = """
const { Training } = await load("training.js");
const { Watched } = await load("watched.js");
const { Session } = await load("session.js");
const { lossesSince } = await load("truth_client.js");
const session = new Session(kernel, { settings: { hidden_dim: 16, depth: 1, steps: 3000, beta: 0.01, lr: 0.01 } });
const { training } = session;
training.step(300);
training.set({ beta: 100 });
training.step(300);
training.set({ beta: 0.01 });
training.step(900);
const { history, turns, network, sigma, trueBeta: true_beta, settings } = training;
const diagnose = (losses) => {
  const watched = new Watched(kernel, session.begin());
  const view = { density: false, posterior: false, plane: [0, 1], point: 3 };
  const parameters = network.parameters.slice();
  watched.show({ step: 1500, parameters, sigma, true_beta, beta: settings.beta, losses, view });
  let found = {};
  while (!watched.isIdle) found = { ...found, ...watched.work(20) };
  return found.diagnosis;
};
const since = lossesSince(history.step, history.loss, turns, 1500);
const turned = lossesSince(history.step, history.loss, [...turns, { step: 1500 }], 1500);
answer([diagnose(Float64Array.from(history.loss)), diagnose(since), turned.length]);
"""
    whole, since, turned_now = node(script)
    assert turned_now == 0
    assert whole["verdict"] == "diverged"
    assert since["verdict"] != "diverged"
    assert since["step"] == 1500


def test_a_learned_variance_is_judged_by_its_squared_errors(node: Node) -> None:
    script = """
const { Training } = await load("training.js");
const training = new Training(kernel, { hidden_dim: 8, depth: 1, decoder_variance: "learned", beta: 1 });
training.step(20);
const { loss, mse, distortion } = training.history;
answer({ followed: training.followedLosses, mse, loss, sigma: training.sigma, distortion });
"""
    found = node(script)
    assert found["followed"] == found["mse"] != found["loss"]
    # The last step's sigma is after its update: log(2 pi sigma^2) + mse / sigma^2 agrees but for that.
    expected = math.log(2 * math.pi * found["sigma"] ** 2) + found["mse"][-1] / found["sigma"] ** 2
    assert found["distortion"][-1] == pytest.approx(expected, rel=0.01)


def test_numbers_are_found_beside_pictures_however_little_time_there_is(node: Node) -> None:
    """A clock that jumps by a second at every look, as where other work has the processor."""
    script = """
const { Training } = await load("training.js");
const { Truth } = await load("truth.js");
const training = new Training(kernel, { hidden_dim: 8, depth: 1, steps: 1000 });
const truth = new Truth(kernel);
let clock = 0;
performance.now = () => (clock += 1000);
const x = training.heldOut.points.slice(0, 2);
// Each look is at another model: there is always a picture to make.
const told = [];
for (let step = 0; step < 20000 && !told.includes("diagnosis"); step++) {
  const found = truth.work(training, { step, density: true, posterior: true, point: 0, x, plane: [0, 1] }, 10);
  told.push(...Object.keys(found ?? {}));
}
answer([told.includes("evidence"), told.includes("diagnosis"), told.filter((name) => name === "density").length > 3]);
"""
    assert node(script) == [True, True, True]


def test_a_run_that_stands_still_is_judged_by_all_its_losses(node: Node) -> None:
    """Also where its last frame comes soon after one that was judged."""
    script = """
    const { startTruth } = await load("truth_client.js");
    const { createStore } = await load("store.js");
    const told = [];
    const request = async (_, kind, { moment } = {}) => { if (kind === "moment") told.push(moment); };
    const store = createStore();
    startTruth(store, () => ({ ready: Promise.resolve(), request })).look({});
    const begin = { settings: {} };
    for (const last of [1, 3]) {
      const history = { step: [1, 2, 3].slice(0, last), loss: [9, 8, 7].slice(0, last) };
      store.setRun("main", { begin, history, frame: { step: last, parameters: [] } });
      await new Promise((done) => setTimeout(done, 0));
    }
    answer(told.map(({ losses }) => Array.from(losses ?? [])));
    """
    assert node(script) == [[9], [9, 8, 7]]
