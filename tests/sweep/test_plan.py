"""A sweep's definition: the product it plans, what it holds fixed, and its file."""

from __future__ import annotations

import itertools
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from swissroll.config import Config, digest
from swissroll.model.translation import translate
from swissroll.sweep.plan import (
    MAX_RUNS,
    SWEEP_PRESETS,
    Sweep,
    read_sweep,
    read_values,
)

TORCH = {"engine": "torch", "device": "cpu"}


def test_it_plans_the_product_of_its_axes_with_seeds_innermost() -> None:
    sweep = Sweep.of({"beta": [0.1, 0.001], "latent_dim": [1, 4], "steps": 70, "seeds": 3})
    planned = [(c.latent_dim, c.beta, c.seed) for c in sweep.configs()]
    assert planned == list(itertools.product((1, 4), (0.001, 0.1), range(3)))
    assert len(sweep) == 12
    assert {(c.steps, c.threads, c.snapshot_every) for c in sweep.configs()} == {(70, 1, 70)}
    assert [sweep.config(i) for i in range(12)] == list(sweep.configs())
    assert sweep.setting(4) == {"latent_dim": 1, "beta": 0.1}
    assert sweep.axes == {"latent_dim": (1, 4), "beta": (0.001, 0.1)}


def test_runs_are_named_by_their_digest() -> None:
    sweep = Sweep.of({"beta": [0.1, 0.001], "seeds": [7, 2**40]})
    assert list(sweep.names()) == [digest(config)[:16] for config in sweep.configs()]
    assert len(set(sweep.names())) == 4


@pytest.mark.parametrize("dataset", ["swiss_roll", "helix"])
def test_holding_sigma_keeps_the_implied_sigma(dataset: Any) -> None:
    values = {"latent_dim": [1, 2, 3, 8], "beta": [0.01, 0.3], "dataset": dataset, "seeds": 1}
    held, free = Sweep.of(values | {"hold": "sigma"}), Sweep.of(values)
    data_dim = {"swiss_roll": 2, "helix": 3}[dataset]
    for index, config in enumerate(held.configs()):
        quoted = held.setting(index)["beta"]
        expected = translate(quoted, "mean", data_dim, 2).sigma
        assert translate(config.beta, "mean", data_dim, config.latent_dim).sigma == pytest.approx(expected, rel=1e-14)
    sigmas = [translate(c.beta, "mean", data_dim, c.latent_dim).sigma for c in free.configs()]
    assert len({round(sigma, 9) for sigma in sigmas}) == 8
    assert len({held.config(i).beta for i in range(8)}) == 8


def test_holding_sigma_scales_the_start_of_beta_and_leaves_sums_alone() -> None:
    values = {"latent_dim": [1, 8], "beta_start": 0.04, "hold": "sigma", "seeds": 1}
    assert [(c.beta, c.beta_start) for c in Sweep.of(values).configs()] == [(0.005, 0.02), (0.04, 0.16)]
    summed = Sweep.of(values | {"reduction": "sum"})
    assert [(c.beta, c.beta_start) for c in summed.configs()] == [(0.01, 0.04)] * 2


NUMBERS = st.floats(1e-6, 10, allow_nan=False)
FILES = st.fixed_dictionaries(
    {},
    optional={
        "beta": st.one_of(NUMBERS, st.lists(NUMBERS, min_size=1, max_size=4)),
        "hidden_dim": st.one_of(st.integers(1, 64), st.lists(st.integers(1, 64), min_size=1, max_size=3)),
        "activation": st.lists(st.sampled_from(["relu", "silu", "tanh"]), min_size=1, max_size=3),
        "noise": st.integers(0, 3),
        "seeds": st.one_of(st.integers(1, 5), st.lists(st.integers(0, 2**63 - 1), min_size=1, max_size=4)),
        "hold": st.sampled_from(["beta", "sigma"]),
        "evidence": st.booleans(),
    },
)


@settings(max_examples=100, deadline=None)
@given(values=FILES)
def test_its_file_makes_the_same_sweep_again(values: dict[str, Any]) -> None:
    sweep = Sweep.of(values)
    written = tomllib.loads(sweep.to_toml())
    assert written.pop("versions")["python"]
    assert Sweep.of(written) == sweep
    assert list(Sweep.of(written).names()) == list(sweep.names())


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"seeds": MAX_RUNS, "beta": [0.1, 0.2]}, "would have 2,000,000 runs; at most 1,000,000"),
        ({"seeds": 0}, "seeds must be a whole number from 1"),
        ({"seeds": []}, "seeds must be"),
        ({"seeds": 3, "seed": 4}, "leave out one"),
        ({"betta": 1}, "Did you mean 'beta'"),
        ({"threads": 4}, "not a sweep's to choose"),
        ({"beta": []}, "beta must be a value or a list"),
        ({"beta": [[1.0]]}, "beta must be a value or a list"),
    ],
)
def test_a_bad_definition_is_refused(values: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Sweep.of(values)


@pytest.mark.parametrize("values", [{"hidden_dim": [8, 0]}, {"beta": [0.1, -1]}, {"beta": [0.0], "beta_start": 1.0}])
def test_settings_are_checked_with_each_other_before_anything_runs(values: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="must be"):
        list(Sweep.of(values).names())


def test_presets_are_the_notebooks_experiments() -> None:
    width, latent = (Sweep.of(SWEEP_PRESETS[name]) for name in ("notebook-width", "notebook-latent"))
    assert (width.axes, len(width)) == ({"hidden_dim": (32, 256, 1024)}, 15)
    assert (latent.axes, len(latent)) == ({"latent_dim": (1, 2, 4, 8)}, 20)
    assert Config(**{k: getattr(width.config(0), k) for k in ("beta", "lr", "batch_size")}) == Config()


def test_damaged_files_are_refused(tmp_path: Path) -> None:
    (tmp_path / "sweep.toml").write_text("beta = [0.1", encoding="utf-8")
    # No other file can take its place.
    with pytest.raises(ValueError, match=r"not a TOML file .*\. Correct it, or move it away and name the values"):
        read_sweep(tmp_path)
    with pytest.raises(ValueError, match="is not a sweep"):
        read_sweep(tmp_path / "absent")


def test_a_runs_config_is_a_definition(tmp_path: Path) -> None:
    (tmp_path / "config.toml").write_text(Config(hidden_dim=8, seed=3).to_toml(), encoding="utf-8")
    values, versions = read_values(tmp_path / "config.toml")
    values = {k: v for k, v in values.items() if k != "snapshot_every"}
    assert Sweep.of(values).seeds == (3,)
    assert versions["torch"]


def test_bad_values_are_refused_before_libraries_are_imported(tmp_path: Path) -> None:
    program = (
        "import sys; from pathlib import Path; from swissroll.sweep.runner import define\n"
        "try: define(Path(sys.argv[1]), {'hidden_dim': [16, 0]})\n"
        "except ValueError as error: print(error, 'torch' in sys.modules)"
    )
    found = subprocess.run(
        [sys.executable, "-c", program, str(tmp_path / "new")], check=True, capture_output=True, text=True
    )
    assert "hidden_dim must be" in found.stdout
    assert found.stdout.endswith("False\n")


def test_the_fit_after_training_is_of_the_runs_that_have_a_mixture() -> None:
    swept = Sweep.of({"components": [0, 10], "refit_prior": True, "seeds": 1})
    assert [(config.components, config.refit_prior) for config in swept.configs()] == [(0, False), (10, True)]
    with pytest.raises(ValueError, match="components=0 has none"):
        list(Sweep.of({"components": 0, "refit_prior": True}).settings())
