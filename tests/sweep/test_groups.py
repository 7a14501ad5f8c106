"""Groups of a sweep's runs: each run once, alike in shape, of bounded work, and kept as a sweep grows."""

from __future__ import annotations

import itertools
from pathlib import Path

import pytest

from swissroll.sweep import cost
from swissroll.sweep.extension import extend
from swissroll.sweep.groups import MAX_GROUP_SECONDS, plan_groups, read_groups
from swissroll.sweep.plan import Sweep
from swissroll.training.many import members_per_batch, shape_of

TORCH = {"engine": "torch", "device": "cpu"}


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
        assert len(group) == 1 or sum(map(cost.seconds, configs)) <= MAX_GROUP_SECONDS
        assert [config.seed for config in configs] == sorted(config.seed for config in configs)
    for width, found in itertools.groupby(groups, key=lambda group: by_name[group[0]].hidden_dim):
        sizes = [len(group) for group in found]
        members = members_per_batch(next(config for config in sweep.configs() if config.hidden_dim == width))
        assert set(sizes[:-1]) <= {sizes[0]}
        assert sizes[0] <= members or sizes[0] % members == 0


def test_groups_of_a_flow_prior_are_smaller() -> None:
    # A step of a narrow network takes some five times as long with one.
    values = {"prior": ["gaussians", "flow"], "hidden_dim": 64, "steps": 1000, "seeds": 30} | TORCH
    plain, flow = (cost.seconds(config) for config in Sweep.of(values | {"seeds": 1}).configs())
    assert flow - plain == pytest.approx(1000 * cost.FLOW_SECONDS)
    sweep = Sweep.of(values)
    names = list(sweep.names())
    by_name = dict(zip(names, sweep.configs(), strict=True))
    sizes: dict[str, int] = {}
    for group in plan_groups(sweep, names, []):
        prior = by_name[group[0]].prior
        sizes[prior] = max(sizes.get(prior, 0), len(group))
    assert 1 <= sizes["flow"] < sizes["gaussians"]


def test_a_larger_sweep_keeps_its_groups() -> None:
    small = Sweep.of({"hidden_dim": [8, 16], "beta": [0.1, 0.01], "seeds": 2} | TORCH)
    larger = extend(small, {"hidden_dim": 32, "seeds": 3})
    names = list(larger.names())
    first = plan_groups(small, list(small.names()), [])
    both = plan_groups(larger, names, first)
    assert both[: len(first)] == first
    assert sorted(itertools.chain(*both)) == sorted(names)
    assert plan_groups(larger, names, both) == both


def test_new_groups_come_in_the_order_in_which_their_shapes_are_planned() -> None:
    small = Sweep.of({"hidden_dim": 8, "beta": 0.1, "seeds": 1} | TORCH)
    larger = extend(small, {"hidden_dim": [8, 16], "beta": [0.1, 0.2]})
    first = plan_groups(small, list(small.names()), [])
    names = list(larger.names())
    by_name = dict(zip(names, larger.configs(), strict=True))
    groups = plan_groups(larger, names, first)
    found = [[(by_name[name].hidden_dim, by_name[name].beta) for name in group] for group in groups]
    assert found == [[(8, 0.1)], [(8, 0.2)], [(16, 0.1), (16, 0.2)]]


@pytest.mark.parametrize("text", ['[["a"], 3]', "{", "[" * 100_000, "[[1]]"])
def test_damaged_groups_are_refused(text: str, tmp_path: Path) -> None:
    (tmp_path / "groups.json").write_text(text, encoding="utf-8")
    with pytest.raises(ValueError, match="damaged"):
        read_groups(tmp_path)
