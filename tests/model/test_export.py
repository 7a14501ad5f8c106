"""An exported model gives the numbers of the model itself, but for the rounding of single precision."""

from __future__ import annotations

import io
import json
import os
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch

from swissroll.data import Standardization
from swissroll.model import StandardizedVAE
from swissroll.model.export import export_model
from swissroll.model.vae import VAE
from tests.oracles import seeded

TOLERANCE = 2e-6
"""Largest difference, in units of the standardised data: some twenty roundings of single precision, 6e-8 each."""
MAP = Standardization((1.0, 1e4, -3.0), (3.0, 200.0, 1e-3), ((1.0, 0.2, 0.0), (0.2, 1.0, 0.1), (0.0, 0.1, 1.0)))


def of_table(**settings: Any) -> StandardizedVAE:
    return StandardizedVAE(VAE(2, 8, data_dim=3, generator=seeded(), **settings), MAP)


MODELS: dict[str, Callable[[], Any]] = {
    "linear": lambda: VAE(1, 8, depth=0, generator=seeded()),
    "full covariance, relu": lambda: VAE(2, 8, depth=1, posterior="full", generator=seeded()),
    "table, softplus, learned variance": lambda: of_table(activation="softplus", learned_variance=True),
    "table, silu, mixture": lambda: of_table(activation="silu", components=4),
    "elu": lambda: VAE(3, 8, activation="elu", generator=seeded()),
    "table, tanh": lambda: of_table(activation="tanh", depth=1),
}
ALL = "SWISSROLL_EXPORT_ALL" in os.environ
"""Whether to export all of them in both formats, which takes a minute."""


def rows_of(model: Any, count: int) -> torch.Tensor:
    rows = torch.randn(count, model.data_dim, generator=seeded(1), dtype=torch.float64)
    return torch.from_numpy(MAP.restore(rows)) if isinstance(model, StandardizedVAE) else rows.float()


def require_same(found: Any, expected: torch.Tensor, scale: torch.Tensor | float = 1.0) -> None:
    """Require numbers of one precision that differ by rounding alone."""
    found = torch.as_tensor(found)
    assert found.dtype == expected.dtype
    assert float(((found - expected).abs() / scale).max()) < TOLERANCE


@torch.no_grad()
def compare(model: Any, run_encoder: Any, run_decoder: Any) -> None:
    scale = torch.tensor(MAP.scale) if isinstance(model, StandardizedVAE) else 1.0
    for count in (1, 7, 50):
        x = rows_of(model, count)
        mu, logvar = model.encode(x)
        mean, deviation = run_encoder(x)
        require_same(mean, mu)
        require_same(deviation, torch.exp(0.5 * logvar))
        require_same(run_decoder(mu), model.decode(mu), scale)


@pytest.mark.parametrize("name", MODELS if ALL else ["linear", "table, silu, mixture"])
def test_a_program_of_torch_gives_the_models_numbers(name: str) -> None:
    model = MODELS[name]()
    files = export_model(model, "torch", ["a"] * model.data_dim)
    encoder, decoder = (torch.export.load(io.BytesIO(files[f"{part}.pt2"])).module() for part in ("encoder", "decoder"))
    compare(model, encoder, decoder)


@pytest.mark.parametrize("name", MODELS if ALL else ["table, softplus, learned variance"])
def test_onnx_gives_the_models_numbers(name: str) -> None:
    pytest.importorskip("onnxscript")
    onnxruntime = pytest.importorskip("onnxruntime")
    model = MODELS[name]()
    files = export_model(model, "onnx", ["a"] * model.data_dim)
    encoder, decoder = (onnxruntime.InferenceSession(files[f"{part}.onnx"]) for part in ("encoder", "decoder"))
    assert [output.name for output in encoder.get_outputs()] == ["z_mean", "z_sd"]
    compare(
        model,
        lambda x: encoder.run(["z_mean", "z_sd"], {"x": x.numpy()}),
        lambda z: decoder.run(["x"], {"z": z.numpy()})[0],
    )


def test_what_a_graph_does_not_say_lies_beside_it() -> None:
    model = of_table(components=2, learned_variance=True, depth=0)
    told = json.loads(export_model(model, "torch", ["a", "b", "c"])["model.json"])
    assert told["columns"] == ["a", "b", "c"]
    sigma = model.decoder_sigma
    assert sigma is not None
    np.testing.assert_allclose(told["decoder_sigma"], sigma.tolist())
    weights = np.exp(told["prior"]["log_weights"])
    assert weights.sum() == pytest.approx(1)
    assert np.array(told["prior"]["means"]).shape == (2, 2)
