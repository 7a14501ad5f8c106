"""The modes of PyTorch that a caller may be in, and that change what the same code computes.

with ordinary_modes():
    measure(...)
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

import torch

FULL_PRECISION = ("ieee", "none")
"""What PyTorch calls products of float32 numbers that are not rounded to fewer digits first."""


@contextmanager
def ordinary_modes(*, gradients: bool = False, threads: int | None = None) -> Iterator[None]:
    """Compute as PyTorch does by default, whatever the caller chose; also a decorator.

    Left behind for the time being are inference mode (whose tensors autograd refuses), automatic casts and products of
    a lower precision, another default precision and another default device.

    Args:
        gradients: Whether operations are recorded for gradients.
        threads: CPU threads, whose number may decide a sum's last bit; as many as there are by default.
    """
    with ExitStack() as modes:
        # Leaving inference mode turns gradients on, so they are chosen after it.
        if torch.is_inference_mode_enabled():
            modes.enter_context(torch.inference_mode(False))
        if torch.is_grad_enabled() != gradients:
            modes.enter_context(torch.set_grad_enabled(gradients))

        # One empty tensor tells the default device; to ask for it by name takes ten times as long.
        made = torch.empty(0)
        if made.device.type != "cpu":
            modes.enter_context(torch.device("cpu"))
        if made.dtype != torch.float32:
            _set_until_closed(modes, made.dtype, torch.float32, torch.set_default_dtype)
        if threads is not None and threads != torch.get_num_threads():
            _set_until_closed(modes, torch.get_num_threads(), threads, torch.set_num_threads)

        for device in ("cpu", "cuda"):
            if torch.is_autocast_enabled(device):
                modes.enter_context(torch.autocast(device, enabled=False))
        backends: Any = torch.backends
        for products in (backends.mkldnn.matmul, backends.cuda.matmul):
            _round_nothing(modes, products)
        yield


def _round_nothing(modes: ExitStack, products: Any) -> None:
    """Have products of float32 numbers computed in full precision until the modes close."""
    before = products.fp32_precision
    if before not in FULL_PRECISION:
        _set_until_closed(modes, before, "ieee", lambda value: setattr(products, "fp32_precision", value))


def _set_until_closed(modes: ExitStack, before: Any, value: Any, set_value: Callable[[Any], object]) -> None:
    """Set something now, and back when the modes close."""
    modes.callback(set_value, before)
    set_value(value)
