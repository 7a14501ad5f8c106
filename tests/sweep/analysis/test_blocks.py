"""Complete blocks against their definition: nothing missing, nothing invented, and no more left out than must be."""

import itertools
import math
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from swissroll.config import Config
from swissroll.sweep.analysis.blocks import changes_sigma, complete_blocks, confounds, sigmas
from swissroll.sweep.analysis.results import Row, Table
from tests.sweep.analysis.oracles import made_table, one_axis


def test_a_value_that_always_diverges_is_left_out() -> None:
    table = made_table(
        {"hidden_dim": (8, 16), "lr": (0.1, 0.2, 9.0)}, lambda s, seed: None if s["lr"] == 9.0 else {"mse": 1.0 + seed}
    )
    by_lr, by_width = complete_blocks(table, "mse", "lr"), complete_blocks(table, "mse", "hidden_dim")
    assert (by_lr.levels, by_lr.left_out, len(by_lr.other_settings), by_lr.seeds) == ((0.1, 0.2), (9.0,), 2, (0, 1, 2))
    assert (by_width.levels, by_width.other_settings, by_width.seeds) == ((8, 16), ((0.1,), (0.2,)), (0, 1, 2))


def test_one_diverged_run_costs_its_other_setting_where_there_are_many() -> None:
    lost = {"hidden_dim": 16, "lr": 0.3}
    table = made_table(
        {"hidden_dim": (8, 16), "lr": (0.1, 0.2, 0.3, 0.4, 0.5, 0.6)},
        lambda s, seed: None if s == lost and seed == 1 else {"mse": 1.0},
    )
    found = complete_blocks(table, "mse", "hidden_dim")
    assert (found.levels, found.seeds) == ((8, 16), (0, 1, 2))
    assert found.other_settings == ((0.1,), (0.2,), (0.4,), (0.5,), (0.6,))


def test_a_lost_seed_costs_a_seed_and_not_a_value() -> None:
    table = one_axis({8: [1.0] * 20, 16: [2.0] * 20, 32: [3.0] * 20})
    lost = [r for r in table.rows if not (r.setting == {"hidden_dim": 16} and r.config.seed == 7)]
    found = complete_blocks(replace(table, rows=lost), "mse", "hidden_dim")
    assert found.levels == (8, 16, 32)
    assert found.seeds == tuple(s for s in range(20) if s != 7)


@settings(deadline=None)
@given(st.lists(st.booleans(), min_size=24, max_size=24))
def test_a_block_has_no_gap_and_invents_nothing(there: list[bool]) -> None:
    present = iter(there)
    known: dict[tuple[Any, ...], float] = {}

    def values(setting: dict[str, Any], seed: int) -> dict[str, float] | None:
        if not next(present):
            return None
        known[setting["hidden_dim"], setting["lr"], seed] = float(len(known))
        return {"mse": known[setting["hidden_dim"], setting["lr"], seed]}

    table = made_table({"hidden_dim": (8, 16, 32), "lr": (0.1, 0.2)}, values, seeds=4)
    found = complete_blocks(table, "mse", "hidden_dim")
    assert set(found.levels) | set(found.left_out) == {8, 16, 32}
    places = itertools.product(found.levels, [setting[0] for setting in found.other_settings], found.seeds)
    assert found.values.ravel().tolist() == [known[place] for place in places]
    assert bool(found.values.size) == any(there)


def test_fixed_beta_confounds_the_latent_dimension_and_fixed_sigma_does_not() -> None:
    fixed_beta = made_table({"latent_dim": (1, 2, 4)}, lambda *_: {}, beta=0.01)
    assert confounds(fixed_beta)
    expected = {latent: (math.sqrt(0.01 / latent),) for latent in (1, 2, 4)}  # sigma² = beta D / 2L, D = 2
    assert {k: pytest.approx(v) for k, v in expected.items()} == sigmas(fixed_beta)
    assert not confounds(made_table({"latent_dim": (1, 2, 4)}, lambda *_: {}, reduction="sum"))
    rows = [
        Row(
            name=f"{latent}",
            config=Config(latent_dim=latent, beta=0.01 * latent / 2),
            setting={"latent_dim": latent},
            status="finished",
        )
        for latent in (1, 2, 4)
    ]
    held = Table(folder=Path(), axes={"latent_dim": (1, 2, 4)}, seeds=(42,), hold="sigma", rows=rows)
    assert not confounds(held)
    assert not changes_sigma(held, "latent_dim")
    assert changes_sigma(made_table({"beta": (0.1, 0.2), "hidden_dim": (8, 16)}, lambda *_: {}), "beta")
    assert not changes_sigma(made_table({"beta": (0.1, 0.2), "hidden_dim": (8, 16)}, lambda *_: {}), "hidden_dim")


def test_only_an_axis_of_the_sweep_is_compared() -> None:
    table = one_axis({8: [1.0], 16: [2.0]})
    with pytest.raises(ValueError, match=r"'lr' is not an axis of this sweep\. Its axes: hidden_dim"):
        complete_blocks(table, "mse", "lr")
