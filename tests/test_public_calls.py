"""Every public function with everything that people hand it: it works, or says in one line which argument is wrong.

Oracle: the same call with plain tensors, a plain VAE of the same weights, and no mode of PyTorch chosen.
"""

from __future__ import annotations

import dataclasses
import inspect
import os
import warnings
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from functools import cache
from importlib import import_module
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from matplotlib.figure import Figure
from torch import nn

import swissroll
from swissroll import VAE, evaluation, report, runs, sweep
from swissroll.data import NoisyCurve
from tests.model.test_adapter import Keeps, NotebookSignature, Students
from tests.oracles import SMALL, few_points_measured, trained_run
from tests.public_examples import EXAMPLES, LOSS, POINTS, ROLL, TINY, Example, exact_weights, seeded, small_vae
from tests.sweep.analysis.oracles import trained_sweep

PACKAGES = ("", ".model", ".training", ".evaluation", ".runs", ".report", ".sweep")


@pytest.fixture(scope="module")
def run_examples(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Example]]:
    """A right call of every public function that needs a run, a sweep or an evaluation."""
    place = tmp_path_factory.mktemp("calls")
    new = iter(range(1000))
    with few_points_measured():
        run = trained_run(place / "run", SMALL)
        table = trained_sweep(place / "sweep", beta=[0.01, 0.1], seeds=2, steps=5)
        evaluated = swissroll.evaluate(run)
        vae = small_vae()
        history = evaluation.LossHistory.unknown()
        levels = table.axes["beta"]
        difference = {"table": table, "metric": "mse", "axis": "beta", "a": levels[0], "b": levels[1]}
        symptoms: dict[str, Any] = {"loss": LOSS, "history": history, "metrics": evaluated.metrics, "finite": True}
        found = [
            Example(swissroll.evaluate, {"run_or_model": vae, "distribution": NoisyCurve(ROLL), "sigma": 0.5}),
            Example(swissroll.examine, {"run": run}),
            Example(swissroll.load, {"folder": str(run.folder)}),
            Example(swissroll.train, {"config": TINY, "folder": Fresh(place, new)}),
            Example(runs.create, {"config": TINY, "folder": Fresh(place, new)}),
            Example(runs.advance, {"run": run}),
            Example(runs.repair, {"run": run, "folder": Fresh(place, new), "components": 2}),
            Example(report.write_report, {"run": run}),
            Example(sweep.conclusions, {"table": table}),
            Example(sweep.paired_difference, difference),
            Example(sweep.read_sweep, {"folder": str(table.folder)}),
            Example(sweep.read_table, {"folder": str(table.folder)}),
            Example(evaluation.collect_symptoms, symptoms),
            Example(evaluation.diagnose, {"symptoms": evaluation.collect_symptoms(**symptoms)}),
            Example(
                evaluation.evaluate_model,
                {"model": vae, "distribution": NoisyCurve(ROLL), "loss": LOSS, "past": None, "seed": 0},
            ),
            Example(evaluation.evaluate_trained, {"model": vae, "config": TINY, "past": None}),
        ]
        yield {example.function.__name__: example for example in found}


class Fresh(os.PathLike[str]):
    """Another new folder each time that it is asked for."""

    def __init__(self, place: Path, numbers: Iterator[int]) -> None:
        self.place = place
        self.numbers = numbers

    def __fspath__(self) -> str:
        return str(self.place / f"new-{next(self.numbers)}")


RUN_EXAMPLES = (
    *("evaluate", "examine", "load", "train", "create", "advance", "repair", "write_report", "conclusions"),
    *("paired_difference", "read_sweep", "read_table", "collect_symptoms", "diagnose"),
    *("evaluate_model", "evaluate_trained"),
)


def test_every_public_function_has_an_example() -> None:
    found = set()
    for package in PACKAGES:
        module = import_module(f"swissroll{package}")
        found |= {getattr(module, name) for name in module.__all__}
    names = {function.__name__ for function in found if inspect.isfunction(function)}
    assert names <= {*EXAMPLES, *RUN_EXAMPLES}


class Strange:
    def __repr__(self) -> str:
        raise RuntimeError("This cannot be printed.")


WRONG = {
    "an object": object(),
    "a word": "no such thing",
    "None": None,
    "nan": float("nan"),
    "an empty list": [],
    "a negative fraction": -1.5,
    "a dict": {},
    "without a repr": Strange(),
    "a huge number": 10**400,
    "an empty tensor": torch.zeros(0),
    "a class": VAE,
}
OPTIONAL: dict[tuple[str, str], set[str]] = {
    ("train_many", "configs"): {"an empty list"},
    # A default that is there to be left out.
    ("measure_evidence", "sigma"): {"None"},
    ("posterior_on_grid", "sigma"): {"None"},
    ("log_evidence", "sigma"): {"None"},
    ("visualize_reconstructions", "points"): {"None"},
    ("Lab", "start"): {"None"},
    ("sliced_wasserstein", "generator"): {"None"},
    ("check", "thing"): {"a class"},
    ("lint", "data_dim"): {"None"},
    # A folder of this name can be made.
    ("train", "folder"): {"a word"},
    ("create", "folder"): {"a word"},
    ("repair", "folder"): {"a word"},
}


def misuse(example: Example) -> Iterator[tuple[str, str, str]]:
    """What goes wrong with the refusal of wrong arguments, one by one."""
    for name, kind in product(example.arguments.keys() - {"self"}, WRONG):
        taken = OPTIONAL.get((example.function.__name__, name), set())
        if kind == "None" and example.arguments[name] is None:
            continue
        try:
            result = example.function(**{**example.arguments, name: WRONG[kind]})
            if inspect.isgenerator(result):
                next(result)
        except (ValueError, TypeError) as error:
            message = str(error)
            if "\n" in message or name not in message:
                yield name, kind, message
        except Exception as error:  # Whatever comes, it is to be shown.
            yield name, kind, repr(error)
        else:
            if kind not in taken:
                yield name, kind, "is taken"


@pytest.mark.parametrize("name", EXAMPLES)
def test_a_wrong_argument_is_named_in_one_line(name: str) -> None:
    assert list(misuse(EXAMPLES[name])) == []


@pytest.mark.parametrize("name", RUN_EXAMPLES)
def test_a_wrong_run_or_folder_is_named_in_one_line(
    name: str, run_examples: dict[str, Example], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert list(misuse(run_examples[name])) == []


def flat(value: Any) -> list[float]:
    """All numbers of a result, in order, but for times."""
    if isinstance(value, (bool, int, float, np.number)):
        return [float(value)]
    if isinstance(value, torch.Tensor):
        return [float(number) for number in value.detach().double().flatten()]
    if isinstance(value, Figure):
        drawn = [collection.get_offsets() for ax in value.axes for collection in ax.collections]
        return [float(number) for offsets in drawn for number in np.asarray(offsets).flatten()]

    parts: list[Any] = []
    if dataclasses.is_dataclass(value):
        parts = [getattr(value, field.name) for field in dataclasses.fields(value) if field.name != "seconds"]
    elif isinstance(value, nn.Module):
        parts = list(value.parameters())
    elif isinstance(value, dict):
        parts = list(value.values())
    elif isinstance(value, (tuple, list)):
        parts = list(value)
    return [number for part in parts for number in flat(part)]


def answer(example: Example, **others: Any) -> list[float]:
    """The numbers of a call with PyTorch's global generator at a fixed state."""
    torch.manual_seed(0)
    arguments = {**example.arguments, **others}
    for name, value in arguments.items():
        if isinstance(value, torch.Generator):
            arguments[name] = seeded()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        result = example.function(**arguments)
        if inspect.isgenerator(result):
            result = list(result)
    return flat(result)


@cache
def plain_answer(name: str) -> list[float]:
    return answer(EXAMPLES[name])


@contextmanager
def float64_by_default() -> Iterator[None]:
    torch.set_default_dtype(torch.float64)
    try:
        yield
    finally:
        torch.set_default_dtype(torch.float32)


MODES: dict[str, Callable[[], AbstractContextManager[Any]]] = {
    "no_grad": torch.no_grad,
    "inference_mode": torch.inference_mode,
    "float64": float64_by_default,
    "autocast": lambda: torch.autocast("cpu"),
}
CHOSEN_BY_THE_CALLER = {
    # These make what the caller's mode asks for, as PyTorch's own layers do.
    "float64": {"VAE", "Mixture", "make_prior"},
    "autocast": {"compute_vae_loss", "sample", "reconstruct", "decode_grid"},
}


@pytest.mark.parametrize("mode", MODES)
def test_a_mode_of_pytorch_changes_no_number(mode: str) -> None:
    for name in EXAMPLES.keys() - CHOSEN_BY_THE_CALLER.get(mode, set()):
        expected = plain_answer(name)
        with MODES[mode]():
            found = answer(EXAMPLES[name])
        assert found == expected, name


def test_a_mode_of_pytorch_changes_no_run(run_examples: dict[str, Example]) -> None:
    for name in ("train", "repair", "evaluate"):
        expected = numbers_of_run(run_examples[name])
        with float64_by_default(), torch.autocast("cpu"), torch.inference_mode():
            assert numbers_of_run(run_examples[name]) == expected, name


def numbers_of_run(example: Example) -> list[float]:
    result = example.function(**example.arguments)
    return flat(result.model if isinstance(result, swissroll.Run) else result)


def double_vae() -> nn.Module:
    return small_vae(decoder_sigma=0.5).double()


def half_vae() -> nn.Module:
    return small_vae(decoder_sigma=0.5).half()


def bfloat16_vae() -> nn.Module:
    return small_vae(decoder_sigma=0.5).bfloat16()


def inference_vae() -> nn.Module:
    with torch.inference_mode():
        return small_vae(decoder_sigma=0.5)


def own(kind: Callable[[], nn.Module]) -> Callable[[], nn.Module]:
    def make() -> nn.Module:
        module = exact_weights(kind())
        module.decoder_sigma = 0.5  # type: ignore[assignment]
        if isinstance(module, Keeps):
            module(POINTS)
        return module

    return make


MODEL_LIKES: dict[str, Callable[[], nn.Module]] = {
    "float64": double_vae,
    "half": half_vae,
    "bfloat16": bfloat16_vae,
    "made in inference mode": inference_vae,
    "a student's module": own(Students),
    "a student's module in inference mode": lambda: inference(own(Students)),
    "a student's float64 module": lambda: own(Students)().double(),
    "the notebook's reparameterize": own(lambda: NotebookSignature(2, 8, depth=1)),
    "one that stores tensors": own(lambda: Keeps(2, 8, depth=1)),
    "frozen": lambda: small_vae(decoder_sigma=0.5).requires_grad_(requires_grad=False),
    "in evaluation mode": lambda: small_vae(decoder_sigma=0.5).eval(),
}


def inference(make: Callable[[], nn.Module]) -> nn.Module:
    with torch.inference_mode():
        return make()


OF_A_MODEL = [name for name, example in EXAMPLES.items() if "model" in example.arguments]
DRAWING = {"measure", "compute_vae_loss", "evaluate_loss", "visualize_reconstructions"}
"""Functions that draw noise in the model's own precision, which decides the numbers that are drawn."""


@pytest.mark.parametrize("kind", MODEL_LIKES)
def test_a_model_of_any_kind_has_the_numbers_of_a_plain_vae(kind: str) -> None:
    for name in OF_A_MODEL:
        if kind == "a student's module in inference mode" and name == "compute_vae_loss":
            # PyTorch takes no gradient for such weights.
            with pytest.raises(ValueError, match=r"model failed: .*Inference tensors"):
                answer(EXAMPLES[name], model=MODEL_LIKES[kind]())
            continue
        expected = plain_answer(name)
        found = answer(EXAMPLES[name], model=MODEL_LIKES[kind]())
        assert np.isfinite(found).all(), name
        own_precision = "float64" in kind or (kind in ("half", "bfloat16") and name == "compute_vae_loss")
        if name in DRAWING and own_precision:
            assert len(found) == len(expected), name
            continue
        np.testing.assert_allclose(found, expected, rtol=1e-3, atol=1e-4, err_msg=name)


def rows_of_tensors(x: torch.Tensor) -> Any:
    return [row.requires_grad_() for row in x.clone()]


def read_only(x: torch.Tensor) -> Any:
    array = x.numpy().copy()
    array.flags.writeable = False
    return array


def in_inference_mode(x: torch.Tensor) -> torch.Tensor:
    with torch.inference_mode():
        return x.clone()


POINT_LIKES: dict[str, Callable[[torch.Tensor], Any]] = {
    "float64": lambda x: x.double(),
    "half": lambda x: x.half(),
    "bfloat16": lambda x: x.bfloat16(),
    "with gradient": lambda x: x.clone().requires_grad_(),
    "of inference mode": in_inference_mode,
    "an array": lambda x: x.numpy(),
    "a float64 array": lambda x: x.double().numpy(),
    "a read-only array": read_only,
    "a reversed array": lambda x: x.numpy()[::-1][::-1],
    "a big-endian array": lambda x: x.numpy().astype(">f4"),
    "lists": lambda x: x.tolist(),
    "a list of tensors": rows_of_tensors,
    "not contiguous": lambda x: x.t().contiguous().t() if x.ndim == 2 else x,
}


def points_of(example: Example) -> dict[str, torch.Tensor]:
    return {name: value for name, value in example.arguments.items() if isinstance(value, torch.Tensor)}


OF_POINTS = [name for name, example in EXAMPLES.items() if points_of(example)]


@pytest.mark.parametrize("kind", POINT_LIKES)
def test_points_of_any_kind_give_the_same_numbers(kind: str) -> None:
    for name in OF_POINTS:
        expected = plain_answer(name)
        others = {argument: POINT_LIKES[kind](value) for argument, value in points_of(EXAMPLES[name]).items()}
        tolerance = 0.02 if kind in ("half", "bfloat16") else 1e-5
        np.testing.assert_allclose(
            answer(EXAMPLES[name], **others), expected, rtol=tolerance, atol=tolerance, err_msg=name
        )


BAD_POINTS: dict[str, Callable[[torch.Tensor], Any]] = {
    "empty": lambda x: x[:0],
    "nan": lambda x: x * float("nan"),
    "infinite": lambda x: x + float("inf"),
    "complex": lambda x: x.to(torch.complex64),
    "sparse": lambda x: x.to_sparse(),
    "words": lambda x: x.numpy().astype(str),
    "three axes": lambda x: x[None, None],
    "masked": lambda x: np.ma.masked_array(x.numpy(), mask=True),
    "other width": lambda x: x[:, :1] if x.ndim == 2 else x[:3],
    "ragged": lambda x: [*x.tolist(), [[]]],
}
ANY_SHAPE = {
    # Any width is one, where nothing else says which.
    ("continuity", "mu"): {"other width"},
    ("continuity", "t"): {"three axes"},
    ("rows_lower_bound", "rows"): {"other width"},
    ("is_exact", "x"): set(BAD_POINTS),
}


@pytest.mark.parametrize("kind", BAD_POINTS)
def test_points_that_are_none_are_refused(kind: str) -> None:
    for name in OF_POINTS:
        for argument, value in points_of(EXAMPLES[name]).items():
            if kind in ANY_SHAPE.get((name, argument), ()):
                continue
            with pytest.raises(ValueError, match=argument) as caught:
                answer(EXAMPLES[name], **{argument: BAD_POINTS[kind](value)})
            assert "\n" not in str(caught.value)
