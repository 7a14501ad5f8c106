"""What PyTorch keeps for the whole process decides nothing of a run, and is as it was afterwards."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import swissroll
from swissroll.reproducibility.modes import ordinary_modes
from swissroll.runs import advance, create
from swissroll.training.build import build
from swissroll.training.loop import Record
from swissroll.training.many import train_one
from tests.oracles import SMALL

CONFIG = replace(SMALL, components=4, refit_prior=True, threads=1, engine="torch")


@contextmanager
def set_for_a_while(set_value: Callable[[Any], object], value: Any, before: Any) -> Iterator[None]:
    set_value(value)
    try:
        yield
    finally:
        set_value(before)


def double() -> AbstractContextManager[None]:
    return set_for_a_while(torch.set_default_dtype, torch.float64, torch.float32)


MODES: dict[str, Callable[[], AbstractContextManager[Any]]] = {
    "default dtype": double,
    "default device": lambda: torch.device("meta"),
    "no_grad": torch.no_grad,
    "inference_mode": torch.inference_mode,
    "autocast": lambda: torch.autocast("cpu", dtype=torch.bfloat16),
    "deterministic": lambda: set_for_a_while(torch.use_deterministic_algorithms, True, False),
    "float32 products": lambda: set_for_a_while(torch.set_float32_matmul_precision, "medium", "highest"),
    "threads": lambda: set_for_a_while(torch.set_num_threads, 2, torch.get_num_threads()),
    "anomaly detection": lambda: torch.autograd.set_detect_anomaly(True),
    "NumPy's errors": lambda: np.errstate(all="raise"),
}


def told(records: list[Record]) -> list[Any]:
    return [(r.step, r.train, r.held_out) for r in records]


@pytest.fixture(scope="module")
def plain() -> Any:
    return train_one(CONFIG)


@pytest.mark.filterwarnings("ignore:Anomaly Detection")
@pytest.mark.parametrize("mode", MODES)
def test_a_run_is_the_same_in_every_mode(mode: str, plain: Any) -> None:
    with MODES[mode]():
        found = train_one(CONFIG)
    assert told(found.records) == told(plain.records)
    for name, value in plain.weights.items():
        assert found.weights[name].dtype == value.dtype
        assert torch.equal(found.weights[name], value), name


@pytest.mark.parametrize("mode", ["default dtype", "default device", "inference_mode"])
def test_a_run_on_disk_goes_on_the_same_in_another_mode(mode: str, tmp_path: Path, plain: Any) -> None:
    run = create(tmp_path / "run", CONFIG)
    for record in advance(run):
        if record.step == 30:
            break
    with MODES[mode]():
        for _ in advance(swissroll.load(run.folder)):
            pass
    for name, value in swissroll.load(run.folder).model.state_dict().items():
        assert torch.equal(value, plain.weights[name]), name


def test_between_two_records_the_callers_modes_hold() -> None:
    with double(), torch.no_grad(), MODES["threads"]():
        for _ in build(replace(CONFIG, steps=3)):
            assert torch.empty(0).dtype == torch.float64
            assert not torch.is_grad_enabled()
            assert torch.get_num_threads() == 2


def test_the_global_randomness_neither_decides_a_run_nor_moves(plain: Any) -> None:
    torch.manual_seed(5)
    before = torch.get_rng_state()
    found = train_one(CONFIG)
    assert torch.equal(torch.get_rng_state(), before)
    assert told(found.records) == told(plain.records)


@pytest.mark.parametrize("threads", [1, 2])
def test_a_run_is_computed_with_the_threads_of_its_config(threads: int) -> None:
    training = build(replace(CONFIG, steps=2, threads=threads))
    seen = []
    schedule = training.engine.schedule  # type: ignore[attr-defined]

    def spy(done: int) -> Any:
        seen.append(torch.get_num_threads())
        return schedule(done)

    training.engine.schedule = spy  # type: ignore[attr-defined]
    before = torch.get_num_threads()
    list(training)
    assert seen == [threads, threads]
    assert torch.get_num_threads() == before


def test_products_that_are_rounded_are_whole_inside_and_rounded_again_after() -> None:
    products: Any = torch.backends.mkldnn.matmul  # type: ignore[attr-defined]
    with MODES["float32 products"]():
        rounded = products.fp32_precision
        with ordinary_modes():
            assert products.fp32_precision == "ieee"
        assert products.fp32_precision == rounded == "bf16"
