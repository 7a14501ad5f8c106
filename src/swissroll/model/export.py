"""A trained encoder and decoder for other programs: ONNX, or a program of ``torch.export``; no code of this package.

Each of the two is a file of its own: a graph computes all its outputs from all its inputs, and who decodes has no rows
to encode. What comes in and goes out is in data units; the map of a table is part of the graph, in float64.
"""

from __future__ import annotations

import copy
import json
import logging
import warnings
from io import BytesIO
from typing import Any, Literal

import torch
from torch import Tensor, nn

from swissroll.data.standardization import Standardization, multiply_rows
from swissroll.errors import Fix, FixableError
from swissroll.model.standardized import StandardizedVAE
from swissroll.model.vae import VAE
from swissroll.reproducibility.modes import ordinary_modes

Format = Literal["onnx", "torch"]
ENDINGS: dict[Format, str] = {"onnx": ".onnx", "torch": ".pt2"}
EXAMPLE_ROWS = 3
"""Rows of the batch that a graph is traced with; any number fits afterwards."""


class _Affine(nn.Module):
    """The map of a table into model coordinates, and back, with its matrices made before anything is traced."""

    mean: Tensor
    scale: Tensor
    whitening: Tensor | None
    inverse: Tensor | None

    def __init__(self, standardization: Standardization) -> None:
        super().__init__()
        self.register_buffer("mean", torch.tensor(standardization.mean, dtype=torch.float64))
        self.register_buffer("scale", torch.tensor(standardization.scale, dtype=torch.float64))
        matrix = standardization.whitening
        whitening = None if matrix is None else torch.tensor(matrix, dtype=torch.float64)
        self.register_buffer("whitening", whitening)
        self.register_buffer("inverse", None if whitening is None else torch.linalg.inv(whitening))

    def standardize(self, x: Tensor) -> Tensor:
        z = (x - self.mean) / self.scale
        if self.whitening is not None:
            z = multiply_rows(z, self.whitening)
        return z

    def restore(self, z: Tensor) -> Tensor:
        z = z.to(torch.float64)
        if self.inverse is not None:
            z = multiply_rows(z, self.inverse)
        return z * self.scale + self.mean


class _Part(nn.Module):
    """A VAE's network and the map of its table, where it has one."""

    def __init__(self, network: VAE, standardization: Standardization | None) -> None:
        super().__init__()
        self.network = network
        self.affine = None if standardization is None else _Affine(standardization)


class _Encoder(_Part):
    """Rows to the mean and the standard deviation of q(z|x)."""

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        if self.affine is not None:
            x = self.affine.standardize(x).to(self.network.dtype)
        mu, logvar = self.network.encode(x)
        return mu, torch.exp(0.5 * logvar)


class _Decoder(_Part):
    """Latents to the mean of p(x|z)."""

    def forward(self, z: Tensor) -> Tensor:
        decoded = self.network.decode(z)
        return decoded if self.affine is None else self.affine.restore(decoded)


@ordinary_modes()
def export_model(
    model: VAE | StandardizedVAE, file_format: Format, columns: list[str], *, label: str | None = None
) -> dict[str, bytes]:
    """The files of an exported model, by name: encoder, decoder, and what they do not say, as model.json.

    Args:
        model: The model; of a table, in data units, whose rows are float64.
        file_format: What to write.
        columns: Names of the D columns.
        label: Name of the label that a conditional model was given.

    Raises:
        FixableError: ONNX is asked for, and what writes it is not installed.
    """
    if file_format == "onnx":
        require_onnx()
    network = model.vae if isinstance(model, StandardizedVAE) else model
    standardization = model.standardization if isinstance(model, StandardizedVAE) else None
    rows = torch.zeros(EXAMPLE_ROWS, model.data_dim, dtype=network.dtype if standardization is None else torch.float64)
    latents = torch.zeros(EXAMPLE_ROWS, model.latent_dim, dtype=network.dtype)

    ending = ENDINGS[file_format]
    parts: list[tuple[str, nn.Module, Tensor, str, list[str]]] = [
        ("encoder", _Encoder(_without(network, "decoder", "prior"), standardization), rows, "x", ["z_mean", "z_sd"]),
        (
            "decoder",
            _Decoder(_without(network, "encoder", "prior", "fc_mu", "fc_logvar"), standardization),
            latents,
            "z",
            ["x"],
        ),
    ]
    files = {}
    for name, module, example, given, found in parts:
        program = _trace(module.eval(), example, given)
        files[name + ending] = _as_onnx(program, given, found) if file_format == "onnx" else _as_program(program)
    described = _describe(model, network, columns) | ({} if label is None else {"label": label})
    files["model.json"] = json.dumps(described, indent=1).encode()
    return files


def _without(network: VAE, *names: str) -> VAE:
    """A VAE with the same weights, but for some of its parts, so that a file holds what it needs alone."""
    part = copy.copy(network)
    part._modules = {name: module for name, module in network._modules.items() if name not in names}
    part._parameters = dict.fromkeys(network._parameters)
    return part


def require_onnx() -> None:
    """Raise FixableError where what writes ONNX is not installed."""
    try:
        import onnx
        import onnxscript  # noqa: F401
    except ModuleNotFoundError as error:
        raise FixableError(f"ONNX needs {error.name}, which is not installed.", Fix.INSTALL_ONNX) from None
    del onnx


def _trace(module: nn.Module, example: Tensor, given: str) -> Any:
    """The program of a module, for any number of rows."""
    rows = torch.export.Dim("rows", min=1)
    return torch.export.export(module, (example,), dynamic_shapes={given: {0: rows}})


def _as_program(program: Any) -> bytes:
    file = BytesIO()
    with warnings.catch_warnings():
        # Of weights on other devices, which these are not.
        warnings.simplefilter("ignore")
        torch.export.save(program, file)
    return file.getvalue()


def _as_onnx(program: Any, given: str, found: list[str]) -> bytes:
    """A graph with named inputs and outputs, and its weights in the same file."""
    # Of a library that no model here needs.
    registration = logging.getLogger("torch.onnx._internal.exporter._registration")
    registration.setLevel(logging.ERROR)
    with warnings.catch_warnings():
        # Of the library's own use of what it has deprecated itself.
        warnings.simplefilter("ignore")
        made = torch.onnx.export(program, input_names=[given], output_names=found, dynamo=True, verbose=False)
    if made is None:
        raise RuntimeError("torch.onnx.export returned nothing.")
    content: bytes = made.model_proto.SerializeToString()
    return content


def _describe(model: VAE | StandardizedVAE, network: VAE, columns: list[str]) -> dict[str, Any]:
    """What draws and densities need beside the two graphs: columns, noise in each, and the prior."""
    sigma = model.decoder_sigma
    if isinstance(sigma, Tensor):
        noise: Any = sigma.tolist()
    else:
        noise = None if sigma is None else [sigma] * len(columns)

    components = network.prior.components()
    prior: Any = type(network.prior).__name__
    if components is not None:
        names = ("log_weights", "means", "standard_deviations")
        prior = {name: values.tolist() for name, values in zip(names, components, strict=True)}
    return {"columns": columns, "latent_dim": model.latent_dim, "decoder_sigma": noise, "prior": prior}
