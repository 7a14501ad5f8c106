"""A saved density: the same after loading, and no file does harm. Oracle: the estimator that was saved."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file

from swissroll import VAEDensity
from swissroll.density import files
from tests.density.oracles import fitted, moons, of_moons


@pytest.mark.parametrize("latent_dim", [1, 3])
def test_a_loaded_density_is_the_one_that_was_saved(tmp_path: Path, latent_dim: int) -> None:
    model = of_moons(latent_dim, 3)
    model.save(tmp_path / "density.safetensors")
    loaded = VAEDensity.load(tmp_path / "density.safetensors")

    rows = moons(20, columns=3)
    for method in ("score_samples", "transform", "anomaly_probability", "reconstruct"):
        np.testing.assert_array_equal(getattr(loaded, method)(rows), getattr(model, method)(rows))
    np.testing.assert_array_equal(loaded.sample(5), model.sample(5))
    assert loaded.get_params() == model.get_params()
    assert str(loaded.diagnosis_) == str(model.diagnosis_)
    assert loaded.coverage_ == model.coverage_
    np.testing.assert_array_equal(loaded.history_["held_out"], model.history_["held_out"])


def test_names_of_columns_are_kept(tmp_path: Path) -> None:
    pandas = pytest.importorskip("pandas")
    frame = pandas.DataFrame(moons(), columns=["metres", "volts"])
    fitted(frame).save(tmp_path / "density.safetensors")
    loaded: Any = VAEDensity.load(tmp_path / "density.safetensors")
    np.testing.assert_array_equal(loaded.feature_names_in_, ["metres", "volts"])


def altered(change: Callable[[dict[str, torch.Tensor], dict[str, Any]], None]) -> Callable[[Path], None]:
    """Writes the file of a density with something in it changed."""

    def write(path: Path) -> None:
        of_moons().save(path)
        tensors, facts = files.read(path)
        change(tensors, facts)
        save_file(tensors, path, {files.KEY: json.dumps(facts)})

    return write


def widen(tensors: dict[str, torch.Tensor], facts: dict[str, Any]) -> None:
    del facts
    tensors["encoder.0.weight"] = torch.zeros(10**5, 2, dtype=torch.float64)


def spoil(tensors: dict[str, torch.Tensor], facts: dict[str, Any]) -> None:
    del facts
    tensors["fc_mu.bias"][0] = float("nan")


def drop(tensors: dict[str, torch.Tensor], facts: dict[str, Any]) -> None:
    del facts
    del tensors["prior.means"]


def cut(path: Path) -> None:
    of_moons().save(path)
    path.write_bytes(path.read_bytes()[:500])


HOSTILE: dict[str, Callable[[Path], object]] = {
    "missing": lambda _: None,
    "no safetensors": lambda path: path.write_bytes(b"hello"),
    "a header of 2^60 bytes": lambda path: path.write_bytes((2**60).to_bytes(8, "little") + b"{}"),
    "cut short": cut,
    "another file of tensors": lambda path: save_file({"a": torch.zeros(1)}, path),
    "sizes that no memory holds": altered(widen),
    "a weight that is not finite": altered(spoil),
    "a weight less": altered(drop),
    "parameters of a list": altered(lambda _, facts: facts.update(parameters=[])),
    "an unknown parameter": altered(lambda _, facts: facts.update(parameters={"colour": "red"})),
    "a parameter out of range": altered(lambda _, facts: facts["parameters"].update(max_steps=-1)),
    "other names": altered(lambda _, facts: facts.update(feature_names=["a"])),
    "a weight above 1": altered(lambda _, facts: facts.update(background_weight=1.5)),
    "a power that is no number": altered(lambda _, facts: facts.update(tail_exponent=float("nan"))),
    "a power below 0": altered(lambda _, facts: facts.update(tail_exponent=-1.0)),
    "another format": altered(lambda _, facts: facts.update(format=99)),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_a_file_that_is_no_density_is_refused_in_one_line(name: str, tmp_path: Path) -> None:
    path = tmp_path / "density.safetensors"
    HOSTILE[name](path)
    with pytest.raises(ValueError, match=r"density\.safetensors") as caught:
        VAEDensity.load(path)
    assert "\n" not in str(caught.value)


def test_a_path_that_is_no_file_is_said(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"safetensors is not there\. Name a file that VAEDensity\.save wrote\.$"):
        VAEDensity.load(tmp_path / "gone.safetensors")
    with pytest.raises(ValueError, match=r"is a folder\. Name a file that VAEDensity\.save wrote\.$"):
        VAEDensity.load(tmp_path)


def test_a_file_that_is_too_large_is_not_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    of_moons().save(tmp_path / "density.safetensors")
    monkeypatch.setattr(files, "MAX_BYTES", 100)
    with pytest.raises(ValueError, match="at most 100"):
        VAEDensity.load(tmp_path / "density.safetensors")


def test_weights_lie_under_the_names_of_a_vae(tmp_path: Path) -> None:
    of_moons().save(tmp_path / "density.safetensors")
    tensors = load_file(tmp_path / "density.safetensors")
    weights = {name: values for name, values in tensors.items() if name in of_moons().model_.state_dict()}
    of_moons().model_.load_state_dict(weights)
