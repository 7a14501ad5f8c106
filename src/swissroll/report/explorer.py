"""What a run's page needs to decode the latent under the pointer, read there by ``web/explorer.js``."""

from __future__ import annotations

import base64
from typing import Any

import numpy as np
import torch
from torch import nn

from swissroll.model.vae import VAE
from swissroll.report.colours import COORDINATE_STOPS, DATA, POSTERIOR, REFERENCE
from swissroll.report.plots import Array, plane
from swissroll.report.scene import Scene, to_array

MAX_EMBEDDED_WEIGHTS = 400_000
"""A larger decoder (1.6 MB of weights) is embedded as a decoded grid, to keep the report under 4 MB."""
MAX_POINTS = 400
"""Most points that are drawn beside the pointer's."""
GRID_SIDE = 141
"""Points along each side of the decoded grid that stands for a large decoder."""


def embeds_decoder(model: VAE) -> bool:
    """Whether the page holds the decoder itself, and not a decoded grid."""
    # Another class may decode in another way than its layers say.
    if type(model) is not VAE:
        return False
    size = sum(weights.numel() for weights in model.decoder.parameters())
    return size <= MAX_EMBEDDED_WEIGHTS


def explorer_data(scene: Scene) -> dict[str, Any]:
    """Everything that the script reads, ready for JSON; arrays are little-endian float32 in base64."""
    means = scene.in_plane(scene.posterior[0])
    hues = None
    if scene.coordinate is not None:
        hues = _pack(_hues(scene.coordinate)[:MAX_POINTS])

    found = {
        "latentDim": scene.config.latent_dim,
        "plane": list(scene.plane),
        "latentExtent": scene.latent_extent,
        "dataExtent": scene.extent,
        "means": _pack(plane(means[:MAX_POINTS])),
        "points": _pack(plane(scene.points[:MAX_POINTS])),
        "hues": hues,
        "activation": scene.config.activation,
        "colours": {
            "data": DATA,
            "posterior": POSTERIOR,
            "reference": REFERENCE,
            "coordinate": COORDINATE_STOPS,
        },
    }

    if embeds_decoder(scene.model):
        found["layers"] = [_layer(layer) for layer in scene.model.decoder if isinstance(layer, nn.Linear)]
    else:
        found["grid"] = _decoded_grid(scene)
    return found


def _hues(coordinate: Array) -> Array:
    """A coordinate on [0, 1], from its smallest value to its largest."""
    low = float(coordinate.min())
    high = float(coordinate.max())
    return (coordinate - low) / (high - low)


def _layer(layer: nn.Linear) -> dict[str, Any]:
    return {
        "in": layer.in_features,
        "out": layer.out_features,
        "weight": _pack(to_array(layer.weight)),
        "bias": _pack(to_array(layer.bias)),
    }


def _decoded_grid(scene: Scene) -> dict[str, Any]:
    """The drawn latent plane, decoded on an even grid; a single latent's line is repeated across it."""
    extent = scene.latent_extent
    if scene.config.latent_dim == 1:
        line = torch.linspace(-extent, extent, GRID_SIDE)
        decoded = scene.decode(line[:, None].numpy())
        # In the script's grids the first axis varies slowest.
        decoded = decoded.repeat(GRID_SIDE, axis=0)
    else:
        decoded = to_array(scene.model.decode_grid(GRID_SIDE, extent, dims=scene.plane))

    return {"size": GRID_SIDE, "dim": decoded.shape[1], "values": _pack(decoded)}


def _pack(values: Array) -> str:
    little_endian = np.ascontiguousarray(values, dtype="<f4")
    return base64.b64encode(little_endian.tobytes()).decode()
