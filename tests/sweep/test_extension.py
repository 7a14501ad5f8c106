"""How a sweep becomes a larger one: what is joined, what is refused, and what a machine decides."""

from __future__ import annotations

from typing import Any

import pytest

from swissroll.errors import Fix, FixableError
from swissroll.sweep.extension import choose_device_and_engine, extend, includes
from swissroll.sweep.plan import Sweep

TORCH = {"engine": "torch", "device": "cpu"}


def test_a_sweep_grows_by_values_and_seeds() -> None:
    small = Sweep.of({"beta": [0.1, 0.01], "steps": 50, "seeds": 2} | TORCH)
    larger = extend(small, {"beta": 0.5, "latent_dim": [2, 3], "seeds": 4})
    assert larger == Sweep.of({"beta": [0.01, 0.1, 0.5], "latent_dim": [2, 3], "steps": 50, "seeds": 4} | TORCH)
    assert set(small.names()) < set(larger.names())
    assert extend(small, {"beta": 0.1, "seeds": 1, "engine": "auto"}) == small


@pytest.mark.parametrize(
    ("values", "reason", "fix"),
    [
        ({"steps": 60}, "steps is 50 in this sweep; got 60.", Fix.NAME_ALL_VALUES),
        ({"lr": 0.1}, "lr is 0.001 in this sweep; got 0.1.", Fix.NAME_ALL_VALUES),
        ({"engine": "xla"}, "engine is torch in this sweep; got xla.", Fix.NAME_ALL_VALUES),
        ({"hold": "sigma"}, "hold is beta in this sweep; got sigma.", Fix.LEAVE_OUT_OR_CHOOSE_ANOTHER_FOLDER),
        # A setting without a value cannot be named beside others.
        ({"beta_start": 0.03}, "beta_start is None in this sweep; got 0.03.", Fix.LEAVE_OUT_OR_CHOOSE_ANOTHER_FOLDER),
    ],
)
def test_what_contradicts_a_sweep_is_refused_with_what_helps(values: dict[str, Any], reason: str, fix: Fix) -> None:
    with pytest.raises(FixableError) as caught:
        extend(Sweep.of({"beta": [0.1, 0.01], "steps": 50} | TORCH), values)
    assert (caught.value.reason, caught.value.fix) == (reason, fix)
    assert caught.value.facts["setting"] in values


def test_all_values_to_name_come_with_the_error() -> None:
    with pytest.raises(FixableError) as caught:
        extend(Sweep.of({"steps": 50} | TORCH), {"steps": [60, 70]})
    assert caught.value.facts["values"] == "50,60,70"


def test_a_sweep_includes_those_that_it_was_extended_from() -> None:
    small = Sweep.of({"beta": [0.1, 0.01], "seeds": 2})
    assert includes(small, small)
    for values in ({"beta": 1.0}, {"seeds": 3}, {"lr": [0.001, 0.01]}):
        assert includes(extend(small, values), small)
        assert not includes(small, extend(small, values))
    assert not includes(Sweep.of({"beta": [0.1, 0.01], "seeds": 2, "hold": "sigma"}), small)


def test_auto_takes_the_fast_engine_where_the_runs_of_a_shape_pay_its_start() -> None:
    short = choose_device_and_engine(Sweep.of({"steps": 20, "hidden_dim": [8, 16], "seeds": 2}))
    long = choose_device_and_engine(Sweep.of({"steps": 20_000, "hidden_dim": 256, "seeds": 5}))
    assert (short.values["engine"], long.values["engine"]) == (("torch",), ("xla",))
    assert short.values["device"][0] in ("cpu", "cuda")
    assert choose_device_and_engine(short) == short
