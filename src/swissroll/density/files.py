"""A fitted estimator as one file of tensors with metadata: loading it runs no code.

The file is a safetensors file. Its tensors are the weights, the standardization, and the numbers that scores need; what
is no array lies in its metadata as JSON. All sizes are bounded before anything is read.
"""

from __future__ import annotations

import json
import math
from dataclasses import asdict
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Generator, Tensor

from swissroll.density.background import Background
from swissroll.density.calibration import Calibration, Coverage
from swissroll.density.choice import Candidate
from swissroll.density.density import Density
from swissroll.density.doctor import Finding
from swissroll.density.fitting import ACTIVATION
from swissroll.model.standardized import PREFIX, StandardizedVAE, standardization_from, standardization_state
from swissroll.model.vae import VAE

if TYPE_CHECKING:
    from swissroll.density.estimator import VAEDensity

Loaded = TypeVar("Loaded", bound="VAEDensity")

KEY = "swissroll.VAEDensity"
"""Name of the metadata, and what tells such a file from others."""
FORMAT = 2
HISTORY = "history."
OWN = "calibration.log_densities"
BACKGROUND = "background."
HELD_OUT_ROWS = "held_out_rows"
MAX_BYTES = 2**28
"""Largest file that is read."""


def write(path: str | PathLike[str], tensors: dict[str, Tensor], facts: dict[str, Any]) -> Path:
    """Write tensors and facts; returns where they lie.

    Raises:
        ValueError: The file cannot be written.
    """
    file = Path(path)
    metadata = {KEY: json.dumps({"format": FORMAT, **facts}, allow_nan=True)}
    try:
        save_file({name: value.contiguous() for name, value in tensors.items()}, file, metadata)
    except (OSError, SafetensorError) as error:
        raise ValueError(
            f"{file}: cannot be written ({_line(error)}). Name a file in a folder that is there."
        ) from None
    return file


def read(path: str | PathLike[str]) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """Tensors and facts of a file that :func:`write` wrote.

    Raises:
        ValueError: It is not there, is no such file, or is damaged.
    """
    file = Path(path)
    if not file.is_file():
        what = "is a folder" if file.is_dir() else "is not there"
        raise ValueError(f"{file} {what}. Name a file that VAEDensity.save wrote.")
    try:
        size = file.stat().st_size
        if size > MAX_BYTES:
            raise ValueError(f"{file} has {size:,} bytes; a saved VAEDensity has at most {MAX_BYTES:,}.")
        with safe_open(file, framework="pt") as opened:
            metadata = opened.metadata() or {}
            if KEY not in metadata:
                raise ValueError(f"{file} is no saved VAEDensity. VAEDensity.save writes one.")
            tensors = {name: opened.get_tensor(name) for name in opened.keys()}  # noqa: SIM118 - no mapping
        facts = json.loads(metadata[KEY])
    except (SafetensorError, OSError, RecursionError) as error:
        raise damaged(file, error) from None
    except json.JSONDecodeError as error:
        raise damaged(file, error) from None
    if not isinstance(facts, dict) or facts.get("format") != FORMAT:
        raise ValueError(f"{file} was saved by another version. Fit and save it again with this one.")
    return tensors, facts


def damaged(path: Path, why: object) -> ValueError:
    """The error of a file that cannot be read."""
    return ValueError(f"{path}: cannot be read as a saved VAEDensity ({_line(why)}). Fit and save it again.")


def _line(error: object) -> str:
    text = " ".join(str(error).split())
    return text if len(text) <= 120 else text[:117] + "..."


def save(path: str | PathLike[str], estimator: VAEDensity) -> None:
    """Write a fitted estimator.

    Raises:
        ValueError: The file cannot be written.
    """
    density = estimator._density
    tensors = dict(density.model.state_dict())
    tensors |= {HISTORY + name: torch.from_numpy(values) for name, values in estimator.history_.items()}
    tensors[OWN] = torch.from_numpy(estimator._calibration.own_log_densities)
    cloud = density.background
    tensors |= {BACKGROUND + name: value for name, value in standardization_state(cloud.standardization).items()}
    tensors[HELD_OUT_ROWS] = torch.from_numpy(estimator.held_out_rows_)

    parameters = estimator.get_params()
    # A generator's state is none of a density's business.
    if isinstance(parameters["random_state"], np.random.RandomState):
        parameters["random_state"] = None
    names = getattr(estimator, "feature_names_in_", None)
    candidates = estimator.evidence_table_ or ()
    facts = {
        "parameters": {name: _plain(value) for name, value in parameters.items()},
        "feature_names": None if names is None else [str(name) for name in names],
        "seed": density.seed,
        "background_weight": density.weight,
        "background_freedom": density.background.freedom,
        "tail_exponent": estimator._calibration.exponent,
        "best_step": estimator.best_step_,
        "held_out_score": list(estimator.held_out_score_),
        "coverage": [asdict(each) for each in estimator.coverage_],
        "candidates": [asdict(each) for each in candidates],
        "diagnosis": asdict(estimator.diagnosis_),
    }
    write(path, tensors, facts)


def load(path: str | PathLike[str], estimator: Loaded) -> Loaded:
    """Read what :func:`save` wrote into an estimator.

    Raises:
        ValueError: It is not there, is no such file, or is damaged.
    """
    tensors, facts = read(path)
    try:
        return _fill(estimator, tensors, facts)
    except (KeyError, TypeError, ValueError, RuntimeError, OverflowError, AttributeError) as error:
        raise damaged(Path(path), error) from None


def _fill(estimator: Loaded, tensors: dict[str, Tensor], facts: dict[str, Any]) -> Loaded:
    history = {name: tensors.pop(name).numpy() for name in list(tensors) if name.startswith(HISTORY)}
    own = _numbers(tensors.pop(OWN))
    cloud = {name.removeprefix(BACKGROUND): tensors.pop(name) for name in list(tensors) if name.startswith(BACKGROUND)}
    background = Background(standardization_from(cloud), int(facts["background_freedom"]))
    held_out_rows = tensors.pop(HELD_OUT_ROWS).numpy()

    estimator.set_params(**facts["parameters"])
    estimator._check_parameters()
    weight = _share("background_weight", facts)
    estimator._density = Density(_model_of(tensors), background, weight, int(facts["seed"]))
    estimator._calibration = Calibration(np.sort(own), _power("tail_exponent", facts))
    estimator.history_ = {name.removeprefix(HISTORY): values for name, values in history.items()}
    estimator.held_out_rows_ = held_out_rows
    estimator.best_step_ = int(facts["best_step"])
    mean, error = facts["held_out_score"]
    estimator.held_out_score_ = (float(mean), float(error))
    estimator.coverage_ = tuple(Coverage(**each) for each in facts["coverage"])
    estimator.evidence_table_ = tuple(Candidate(**each) for each in facts["candidates"]) or None
    estimator.diagnosis_ = Finding(**facts["diagnosis"])
    estimator.n_features_in_ = estimator.model_.data_dim
    names = facts["feature_names"]
    if names is not None:
        if len(names) != estimator.n_features_in_:
            raise ValueError("its columns have other names")
        estimator.feature_names_in_ = np.array([str(name) for name in names], dtype=object)
    return estimator


def _model_of(tensors: dict[str, Tensor]) -> StandardizedVAE:
    """The model of a state; its sizes are read from the weights, and must be those of all weights together."""
    standardization = standardization_from(tensors)
    width, data_dim = tensors["encoder.0.weight"].shape
    depth = sum(name.startswith("encoder.") and name.endswith(".weight") for name in tensors)
    components, latents = tensors["prior.means"].shape

    # Counted before anything is made of it: a file may name sizes that no memory holds.
    hidden = width * (data_dim + 1) + (depth - 1) * width * (width + 1)
    decoder = width * (latents + 1) + (depth - 1) * width * (width + 1) + data_dim * (width + 1)
    count = hidden + 2 * latents * (width + 1) + decoder + components * (2 * latents + 1) + 1
    weights = [value for name, value in tensors.items() if not name.startswith(PREFIX)]
    if count != sum(value.numel() for value in weights):
        raise ValueError("its weights are of no one model")
    if not all(bool(torch.isfinite(value).all()) for value in weights):
        raise ValueError("a weight is not finite")

    vae = VAE(
        latents,
        width,
        data_dim=data_dim,
        depth=depth,
        activation=ACTIVATION,
        components=components,
        learned_variance=True,
        generator=Generator(),
    )
    model = StandardizedVAE(vae.double(), standardization)
    model.load_state_dict(tensors)
    return model


def _share(name: str, facts: dict[str, Any]) -> float:
    """A number above 0 and below 1."""
    value = float(facts[name])
    if not 0 < value < 1:
        raise ValueError(f"its {name} is no share")
    return value


def _power(name: str, facts: dict[str, Any]) -> float:
    """A finite number above 0."""
    value = float(facts[name])
    if not 0 < value < math.inf:
        raise ValueError(f"its {name} is no power above 0")
    return value


def _numbers(values: Tensor) -> NDArray[np.float64]:
    """Finite numbers, shape (N,)."""
    numbers: NDArray[np.float64] = values.to(torch.float64).numpy()
    if numbers.ndim != 1 or not len(numbers) or not np.isfinite(numbers).all():
        raise ValueError("its calibration is not numbers")
    return numbers


def _plain(value: Any) -> Any:
    return value.item() if isinstance(value, np.generic) else value
