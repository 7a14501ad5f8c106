"""The system's randomness, which code seeds its own generators with: the same numbers in each process.

A solution may draw from a generator that nobody seeded, such as ``numpy.random.default_rng()``. What is measured of it
would differ each time in its last digits, and a grading that is resumed would end in other bytes.
"""

from __future__ import annotations

import os
import random
from functools import partial
from typing import Any

import torch


def repeat_entropy() -> None:
    """Let what seeds generators come from a fixed stream, which goes on from one generator to the next.

    Covers :func:`os.urandom` and so :mod:`secrets` and NumPy's generators, Python's :class:`random.Random`, and
    ``torch.seed``. Not the clock, nor ``torch.Generator.seed``. It is for a process that ends with the code it runs.
    """
    stream = random.Random(0)  # noqa: S311  Nothing is kept secret with it.
    os.urandom = stream.randbytes
    vars(random)["_urandom"] = stream.randbytes

    seed = random.Random.seed

    def seed_python(generator: random.Random, a: Any = None, version: int = 2) -> None:
        seed(generator, stream.getrandbits(64) if a is None else a, version)

    vars(random).update(seed=partial(seed_python, random._inst))
    random.Random.seed = seed_python  # type: ignore[assignment, method-assign]

    def seed_torch() -> int:
        number = stream.getrandbits(63)
        torch.manual_seed(number)
        return number

    torch.seed = torch.random.seed = seed_torch
