"""The modes of PyTorch that a caller may be in, and that change what the same code computes.

with ordinary_modes():
    measure(...)
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

import torch


@contextmanager
def ordinary_modes(*, gradients: bool = False) -> Iterator[None]:
    """Compute as PyTorch does by default, whatever the caller chose; also a decorator.

    Left behind for the time being are inference mode (whose tensors autograd refuses), automatic casts to a lower
    precision, another default precision and another default device.

    Args:
        gradients: Whether operations are recorded for gradients.
    """
    precision = torch.get_default_dtype()
    with ExitStack() as modes:
        # Leaving inference mode turns gradients on, so they are chosen after it.
        modes.enter_context(torch.inference_mode(False))
        modes.enter_context(torch.set_grad_enabled(gradients))
        if torch.get_default_device().type != "cpu":
            modes.enter_context(torch.device("cpu"))
        for device in ("cpu", "cuda"):
            if torch.is_autocast_enabled(device):
                modes.enter_context(torch.autocast(device, enabled=False))

        torch.set_default_dtype(torch.float32)
        try:
            yield
        finally:
            torch.set_default_dtype(precision)


@contextmanager
def training_modes() -> Iterator[None]:
    """As :func:`ordinary_modes` with gradients, and nearly free where nothing was chosen: steps are many and short."""
    is_default = (
        torch.is_grad_enabled()
        and not torch.is_inference_mode_enabled()
        and torch.get_default_dtype() is torch.float32
        and not torch.is_autocast_enabled("cpu")
        and not torch.is_autocast_enabled("cuda")
    )
    if is_default:
        yield
        return
    with ordinary_modes(gradients=True):
        yield
