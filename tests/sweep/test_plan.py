"""A sweep's definition: the product it plans, what it holds fixed, its file, its growth and its groups."""

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
from swissroll.model.loss import translate
from swissroll.sweep import cost
from swissroll.sweep.plan import (
    GROUP_SECONDS,
    MAX_RUNS,
    SWEEP_PRESETS,
    Sweep,
    plan_groups,
    read_groups,
    read_sweep,
    read_values,
)
from swissroll.training.many import members_per_batch, shape_of

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
    assert sweep.grown(values) == sweep.grown({})


def test_a_sweep_grows_by_values_and_seeds() -> None:
    small = Sweep.of({"beta": [0.1, 0.01], "steps": 50, "seeds": 2} | TORCH)
    grown = small.grown({"beta": 0.5, "latent_dim": [2, 3], "seeds": 4})
    assert grown == Sweep.of({"beta": [0.01, 0.1, 0.5], "latent_dim": [2, 3], "steps": 50, "seeds": 4} | TORCH)
    assert set(small.names()) < set(grown.names())
    assert small.grown({"beta": 0.1, "seeds": 1, "engine": "auto"}) == small


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"steps": 60}, "steps is 50 in this sweep; got 60. To add runs beside it, name both: --steps 50,60"),
        ({"lr": 0.1}, "lr is 0.001 in this sweep"),
        ({"hold": "sigma"}, "hold is beta in this sweep"),
        ({"evidence": True}, "evidence is false in this sweep"),
        ({"engine": "xla"}, "engine is torch in this sweep"),
    ],
)
def test_what_contradicts_a_sweep_is_refused(values: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message.replace(".", r"\.")):
        Sweep.of({"beta": [0.1, 0.01], "steps": 50} | TORCH).grown(values)


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"seeds": MAX_RUNS, "beta": [0.1, 0.2]}, "would be 2,000,000 runs; at most 1,000,000"),
        ({"seeds": 0}, "seeds must be a whole number from 1"),
        ({"seeds": []}, "seeds must be"),
        ({"seeds": 3, "seed": 4}, "leave out one"),
        ({"betta": 1}, "Did you mean 'beta'"),
        ({"threads": 4}, "not a sweep's to choose"),
        ({"beta": []}, "beta must be a value or a list"),
        ({"beta": [[1.0]]}, "beta must be a value or a list"),
        ({"evidence": "yes"}, "evidence must be true or false"),
    ],
)
def test_a_bad_definition_is_refused(values: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Sweep.of(values)


@pytest.mark.parametrize("values", [{"hidden_dim": [8, 0]}, {"beta": [0.1, -1]}, {"beta": [0.0], "beta_start": 1.0}])
def test_settings_are_checked_with_each_other_before_anything_runs(values: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="must be"):
        list(Sweep.of(values).names())


@pytest.mark.parametrize("engine", ["torch", "xla"])
def test_groups_hold_each_run_once_by_shape_and_at_most_about_20_seconds(engine: str) -> None:
    values = {"hidden_dim": [8, 256, 1024], "beta": [0.001, 0.01, 0.1], "seeds": 30, "engine": engine, "device": "cpu"}
    sweep = Sweep.of(values)
    names = list(sweep.names())
    by_name = dict(zip(names, sweep.configs(), strict=True))
    groups = plan_groups(sweep, names, [])
    assert sorted(itertools.chain(*groups)) == sorted(names)
    for group in groups:
        configs = [by_name[name] for name in group]
        assert len({shape_of(config) for config in configs}) == 1
        assert len(group) == 1 or sum(map(cost.seconds, configs)) <= GROUP_SECONDS
        assert [config.seed for config in configs] == sorted(config.seed for config in configs)
    for width, found in itertools.groupby(groups, key=lambda group: by_name[group[0]].hidden_dim):
        sizes = [len(group) for group in found]
        together = members_per_batch(next(config for config in sweep.configs() if config.hidden_dim == width))
        assert set(sizes[:-1]) <= {sizes[0]}
        assert sizes[0] <= together or sizes[0] % together == 0


def test_a_grown_sweep_keeps_its_groups() -> None:
    small = Sweep.of({"hidden_dim": [8, 16], "beta": [0.1, 0.01], "seeds": 2} | TORCH)
    grown = small.grown({"hidden_dim": 32, "seeds": 3})
    names = list(grown.names())
    first = plan_groups(small, list(small.names()), [])
    both = plan_groups(grown, names, first)
    assert both[: len(first)] == first
    assert sorted(itertools.chain(*both)) == sorted(names)
    assert plan_groups(grown, names, both) == both


def test_auto_takes_the_fast_engine_where_the_runs_of_a_shape_pay_its_start() -> None:
    short = Sweep.of({"steps": 20, "hidden_dim": [8, 16], "seeds": 2}).decided()
    long = Sweep.of({"steps": 20_000, "hidden_dim": 256, "seeds": 5}).decided()
    assert (short.values["engine"], long.values["engine"]) == (("torch",), ("xla",))
    assert short.values["device"][0] in ("cpu", "cuda")
    assert short.decided() == short


def test_a_sweep_holds_those_that_it_grew_from() -> None:
    small = Sweep.of({"beta": [0.1, 0.01], "seeds": 2})
    assert small.holds(small)
    for values in ({"beta": 1.0}, {"seeds": 3}, {"lr": [0.001, 0.01]}):
        assert small.grown(values).holds(small)
        assert not small.holds(small.grown(values))
    assert not Sweep.of({"beta": [0.1, 0.01], "seeds": 2, "hold": "sigma"}).holds(small)


def test_what_has_no_value_yet_needs_another_folder() -> None:
    with pytest.raises(ValueError, match=r"beta_start is None in this sweep; got 0\.03\. Choose another --out\."):
        Sweep.of({"beta": 0.1}).grown({"beta_start": 0.03})


def test_presets_are_the_notebooks_experiments() -> None:
    width, latent = (Sweep.of(SWEEP_PRESETS[name]) for name in ("notebook-width", "notebook-latent"))
    assert (width.axes, len(width)) == ({"hidden_dim": (32, 256, 1024)}, 15)
    assert (latent.axes, len(latent)) == ({"latent_dim": (1, 2, 4, 8)}, 20)
    assert Config(**{k: getattr(width.config(0), k) for k in ("beta", "lr", "batch_size")}) == Config()


def test_damaged_files_are_refused(tmp_path: Path) -> None:
    (tmp_path / "sweep.toml").write_text("beta = [0.1", encoding="utf-8")
    with pytest.raises(ValueError, match="not a TOML file"):
        read_sweep(tmp_path)
    (tmp_path / "groups.json").write_text('[["a"], 3]', encoding="utf-8")
    with pytest.raises(ValueError, match="damaged"):
        read_groups(tmp_path)
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
    found = subprocess.run([sys.executable, "-c", program, str(tmp_path / "new")], capture_output=True, text=True)
    assert "hidden_dim must be" in found.stdout
    assert found.stdout.endswith("False\n")
