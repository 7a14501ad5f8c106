"""A run's weights in few characters, for a page that looks at them and goes on training from the last ones.

Those of the end are exact (float32). Those on the way are for looking at. They are whole numbers times a scale for each
row of a tensor: of 16 bits where there is room for all of them, else of 7 bits, which moves what a network of 256 units
decodes by about a pixel. Each is kept as its difference from the one after it, and the last from the end.
"""

from __future__ import annotations

import base64
import zlib
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from swissroll.model.vae import VAE
from swissroll.report.plots import Array
from swissroll.report.scene import to_array
from swissroll.runs.selection import spread

FINE_BITS = 16
COARSE_BITS = 7
TYPE_OF_BITS = {FINE_BITS: "<i2", COARSE_BITS: "<i1"}
LEAST_CHARACTERS = {FINE_BITS: 1.0, COARSE_BITS: 0.1}
"""Characters that a weight of a snapshot takes at least, about: what cannot fit is not tried."""


def pack_weights(end: VAE, snapshots: Mapping[int, VAE], steps: Sequence[int], last: int, room: int) -> dict[str, Any]:
    """The weights of a run, ready for JSON; ``web/lab/parts.js`` reads them.

    Args:
        end: The model of the last step.
        snapshots: Models by step.
        steps: Those of them that are wanted, in order.
        last: The last step.
        room: Characters that they may take. The end's are always there; of the others as many as fit.
    """
    layout = [{"name": name, "shape": list(weights.shape)} for name, weights in end.state_dict().items()]
    size = sum(weights.numel() for weights in end.state_dict().values())

    def pack(chosen: Sequence[int], bits: int) -> dict[str, Any]:
        text = _pack(end, [snapshots[step] for step in chosen], bits)
        return {"layout": layout, "steps": [*chosen, last], "bits": bits, "text": text}

    def may_fit(count: int, bits: int) -> bool:
        return bool(count * size * LEAST_CHARACTERS[bits] <= room)

    for bits in (FINE_BITS, COARSE_BITS):
        found = pack(steps, bits) if may_fit(len(steps), bits) else None
        if found and len(found["text"]) <= room:
            return found

    # The first is farthest from the others, and takes most.
    others = steps[1:]
    count = len(others)
    while count > 0:
        found = pack(spread(others, count), COARSE_BITS) if may_fit(count, COARSE_BITS) else None
        if found and len(found["text"]) <= room:
            return found
        count = min(count - 1, int(0.9 * count)) if found else count - 1
    return pack([], COARSE_BITS)


def _pack(end: VAE, models: Sequence[VAE], bits: int) -> str:
    """Scales, the end, and then each snapshot from the last to the first, deflated."""
    rows = [_rows(model) for model in [*models, end]]
    scales = [_scales([of_model[place] for of_model in rows], bits) for place in range(len(rows[0]))]
    numbers = [_whole_numbers(of_model, scales, bits) for of_model in rows]

    parts = [np.concatenate(scales).astype("<f4").tobytes(), _end_bytes(rows[-1])]
    for before, after in zip(numbers[-2::-1], numbers[:0:-1], strict=True):
        # They wrap around, and so do the page's.
        parts.append(_by_place(before - after))

    # Of numbers that are nearly noise, but for zeros, the search for repeats is slow and finds no more than this.
    packer = zlib.compressobj(9, zlib.DEFLATED, 15, 9, zlib.Z_RLE)
    return base64.b64encode(packer.compress(b"".join(parts)) + packer.flush()).decode()


def _rows(model: VAE) -> list[Array]:
    """Each tensor of a model as a matrix, whose rows are scaled one by one."""
    tensors = map(to_array, model.state_dict().values())
    return [values.reshape(len(values) if values.ndim > 1 else 1, -1) for values in tensors]


def _scales(of_models: Sequence[Array], bits: int) -> Array:
    """Of each row, its largest value in any model as a share of the largest whole number."""
    largest: Array = np.max([np.abs(rows).max(axis=1) for rows in of_models], axis=0)
    return largest.astype("<f4") / np.float32(2 ** (bits - 1) - 1)


def _whole_numbers(rows: Sequence[Array], scales: Sequence[Array], bits: int) -> Array:
    """Weights in units of their row's scale, to the nearest whole number, one tensor after the other."""
    found = []
    for values, scale in zip(rows, scales, strict=True):
        unit = np.where(scale > 0, scale, 1).astype(np.float64)[:, None]
        # As JavaScript rounds: halves go up.
        found.append(np.floor(values.astype(np.float64) / unit + 0.5).reshape(-1))
    return np.concatenate(found).astype(TYPE_OF_BITS[bits])


def _end_bytes(rows: Sequence[Array]) -> bytes:
    """Exact weights. The sign goes to the last bit, so that the first byte is that of the exponent alone."""
    bits = np.concatenate([values.reshape(-1) for values in rows]).astype("<f4").view("<u4")
    return _by_place(((bits << 1) | (bits >> 31)).astype("<u4"))


def _by_place(values: Array) -> bytes:
    """The bytes of numbers: of all of them the lowest, then the next, and so on. The highest ones repeat."""
    return np.ascontiguousarray(values).view("u1").reshape(len(values), -1).T.tobytes()
