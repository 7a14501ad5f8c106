"""Seed every source of random numbers that a solution may draw from, and give the caller's back."""

from __future__ import annotations

import random
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import torch


@contextmanager
def own_random_numbers() -> Iterator[None]:
    """The caller's generators and default dtype are back afterwards."""
    python = random.getstate()
    legacy = np.random.get_state()  # noqa: NPY002  Solutions may draw from the global generator.
    default = torch.get_default_dtype()
    try:
        with torch.random.fork_rng():
            yield
    finally:
        random.setstate(python)
        np.random.set_state(legacy)  # noqa: NPY002
        torch.set_default_dtype(default)


def seed_everything(seed: int) -> None:
    """Seed PyTorch, NumPy and Python."""
    # torch.manual_seed takes some 40 ms on a machine without a GPU.
    torch.default_generator.manual_seed(seed)
    if torch.cuda.is_available():
        torch.cuda.manual_seed_all(seed)
    np.random.seed(seed % 2**32)  # noqa: NPY002
    random.seed(seed)


def next_numbers() -> list[float]:
    """One number of PyTorch's generator, of NumPy's and of Python's."""
    return [float(torch.rand(())), float(np.random.rand()), random.random()]  # noqa: NPY002, S311
