"""The choice of latents, the check of coverage, the doctor's rules, and a fit that diverges."""

from __future__ import annotations

import dataclasses
import math
import warnings
from typing import Any

import numpy as np
import pytest
import torch
from sklearn.exceptions import ConvergenceWarning

from swissroll import VAEDensity
from swissroll.data.points import Points
from swissroll.density import fitting, learning
from swissroll.density.choice import compare
from swissroll.density.density import Density
from swissroll.density.doctor import Finding, Signs, diagnose
from swissroll.density.fitting import Settings
from swissroll.density.table import choose_evenly
from swissroll.training.loop import DivergedError
from tests.density.oracles import TINY, fitted, moons, of_moons

SOUND = Signs(
    slowed_to=None,
    last_gain=0.0,
    gap=0.05,
    gap_error=0.1,
    active=2,
    latent_dim=2,
    data_dim=3,
    background=0.1,
    coverage=0.9,
    coverage_error=0.05,
)


def test_the_simplest_of_those_tied_is_taken() -> None:
    noise = np.random.default_rng(0).normal(size=200)
    far = compare([noise - 1, noise, noise + 0.001 * noise[::-1]])
    assert [each.is_tied for each in far] == [False, True, True]
    assert [each.is_chosen for each in far] == [False, True, False]
    assert [each.is_exact for each in far] == [True, True, False]
    assert far[0].below_best == pytest.approx(1.0, abs=0.01)


def test_by_evidence_a_table_of_all_numbers_of_latents_is_kept() -> None:
    model = fitted(moons(columns=3), latent_dim="evidence")
    assert [each.latent_dim for each in model.evidence_table_ or ()] == [1, 2, 3]
    (chosen,) = [each for each in model.evidence_table_ or () if each.is_chosen]
    assert model.latent_dim_ == chosen.latent_dim
    held_out = moons(columns=3)[model.held_out_rows_]
    assert chosen.log_density == pytest.approx(model.score(held_out))
    assert model.held_out_score_[0] == chosen.log_density


def test_held_out_rows_do_not_move_the_weights() -> None:
    rows = moons()
    before = of_moons()
    rows[before.held_out_rows_] = rows[before.held_out_rows_] + 1e-3 * np.array([1000.0, 0.01])
    # Which step is best may change; with a single check, none can.
    once = fitted(moons(), max_steps=1)
    moved = fitted(rows, max_steps=1)
    np.testing.assert_array_equal(once.transform(moons()), moved.transform(moons()))


@pytest.mark.parametrize(
    ("change", "name"),
    [
        ({}, "healthy"),
        ({"slowed_to": 0.005}, "diverged"),
        ({"last_gain": 0.5}, "under-trained"),
        ({"gap": 0.5}, "overfitted"),
        ({"coverage": 0.7}, "badly calibrated"),
        ({"background": 0.9}, "outweighed"),
        ({"active": 0}, "collapsed"),
        ({"active": 1}, "partly collapsed"),
        ({"active": 1, "data_dim": 1}, "healthy"),
    ],
)
def test_each_rule_names_what_it_is_about(change: dict[str, float], name: str) -> None:
    found = diagnose(dataclasses.replace(SOUND, **change))  # type: ignore[arg-type]
    assert found.name == name
    assert str(found).startswith(f"{name}: ")


@pytest.mark.parametrize(
    ("gap", "told"), [(0.05, "0.05 ± 0.10 nats per row below"), (-0.2, "0.20 ± 0.10 nats per row above")]
)
def test_held_out_rows_are_below_training_rows_or_above_them(gap: float, told: str) -> None:
    found = str(diagnose(dataclasses.replace(SOUND, gap=gap)))
    assert f"the log density of held-out rows is {told} that of training rows" in found


def test_what_ails_a_fit_is_said_as_a_warning(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(learning, "diagnose", lambda _: Finding("collapsed", "no latent is used", "Collect more."))
    with pytest.warns(ConvergenceWarning, match=r"^collapsed: no latent is used\. Collect more\.$"):
        VAEDensity(**TINY).fit(moons())


def test_a_far_point_does_not_throw_a_training_off_its_course() -> None:
    gradient = torch.tensor([[3.0, 4.0], [0.0, 12.0]])
    torch.testing.assert_close(fitting.cut(gradient), gradient * 3 / 13)
    torch.testing.assert_close(fitting.cut(gradient / 5), gradient / 5)
    assert not fitting.cut(torch.zeros(3)).any()
    assert fitting.cut(torch.tensor([math.inf, 1.0])).isnan().any()

    settings = Settings(
        latent_dim=2,
        hidden_dim=8,
        depth=1,
        components=1,
        max_steps=10,
        batch_size=8,
        learning_rate=1e-2,
        seed=0,
    )
    points = Points.of(moons())
    model = fitting._new_model(points, fitting._config_of(settings, len(points.train)))
    (1e6 * model.decode(torch.ones(1, 2)).square().sum()).backward()
    norms = [float(weights.grad.norm()) for weights in model.decoder.parameters() if weights.grad is not None]
    assert norms == pytest.approx([3.0] * len(norms))
    assert norms


@pytest.mark.parametrize(("failures", "rates"), [(1, [1e-2, 5e-3]), (2, [1e-2, 5e-3, 1e-3])])
def test_a_number_that_is_not_finite_costs_another_try(
    failures: int, rates: list[float], monkeypatch: pytest.MonkeyPatch
) -> None:
    tried = diverge(failures, monkeypatch)
    with pytest.warns(ConvergenceWarning, match=f"diverged: .* went well with a learning rate of {rates[-1]:g}"):
        VAEDensity(**TINY).fit(moons())
    # The folds of a small table begin with the rate that was asked for.
    assert tried[: len(rates)] == pytest.approx(rates)


def test_three_divergences_are_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    diverge(3, monkeypatch)
    with pytest.raises(DivergedError, match=r"learning rate was 0\.001"):
        VAEDensity(**TINY).fit(moons())


def diverge(failures: int, monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """Let so many trainings diverge; returns the learning rates of all."""
    tried: list[float] = []
    plain = fitting._new_model

    def watched(points: object, config: object) -> object:
        tried.append(config.lr)  # type: ignore[attr-defined]
        if len(tried) <= failures:
            raise DivergedError(3, "loss", tried[-1])
        return plain(points, config)  # type: ignore[arg-type]

    monkeypatch.setattr(fitting, "_new_model", watched)
    return tried


def test_the_bar_shows_only_where_it_is_asked_for(capsys: pytest.CaptureFixture[str]) -> None:
    fitted(moons())
    assert capsys.readouterr().err == ""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        VAEDensity(**TINY | {"verbose": True}).fit(moons())
    assert "held-out rows" in capsys.readouterr().err


def test_the_names_of_settings_are_those_of_the_estimator() -> None:
    own = {field.name for field in dataclasses.fields(Settings)} - {"seed"}
    assert own <= set(VAEDensity().get_params())


@pytest.mark.parametrize(("count", "most"), [(7, 500), (500, 500), (501, 500), (2000, 500)])
def test_rows_are_chosen_evenly_from_first_to_last(count: int, most: int) -> None:
    chosen = choose_evenly(np.arange(count), most)
    assert len(chosen) == min(count, most)
    steps = np.diff([*chosen, count])
    assert (chosen[0], steps.min() >= 1, steps.max() <= -(-count // most)) == (0, True, True)


def test_a_table_sorted_by_its_label_is_looked_at_from_end_to_end(monkeypatch: pytest.MonkeyPatch) -> None:
    """Rows of the first label are at 0, those of the second at 10: half of what is looked at is of each."""
    random = np.random.default_rng(0)
    rows = np.concatenate([random.normal(0, 1, (200, 2)), random.normal(10, 1, (200, 2))])
    monkeypatch.setattr(fitting, "MAX_CHECK_ROWS", 10)
    monkeypatch.setattr(learning, "MAX_COMPARED_ROWS", 20)
    checked = []
    compared = []

    class Watched(fitting._Check):
        def __init__(self, points: Points, *arguments: Any) -> None:
            super().__init__(points, *arguments)
            assert len(self.x) == len(self.background) == 10
            checked.append(points.standardization.restore(self.x.numpy())[:, 0])

    def watch(self: Density, given: np.ndarray) -> Any:
        compared.append(given[:, 0])
        return score(self, given)

    score = Density.log_density
    monkeypatch.setattr(fitting, "_Check", Watched)
    monkeypatch.setattr(Density, "log_density", watch)
    fitted(rows, max_steps=4)
    assert (checked[0] > 5).sum() == pytest.approx(5, abs=2)
    assert len(compared[-1]) == 20
    assert (compared[-1] > 5).sum() == pytest.approx(10, abs=2)


def test_a_fold_draws_fewer_samples_than_the_model_that_is_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    counts = []

    def watch(self: Density, n: int, generator: torch.Generator) -> Any:
        counts.append(n)
        return draw(self, n, generator)

    draw = Density.draw
    monkeypatch.setattr(Density, "draw", watch)
    monkeypatch.setattr(learning, "MAX_FOLD_SAMPLES", 150)
    model = fitted(moons(), max_steps=4)
    assert counts == [500, 150, 150, 150, 150]
    assert len(model._calibration.own_log_densities) == 500
