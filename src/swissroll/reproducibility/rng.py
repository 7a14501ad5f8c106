"""Sources of randomness: one for each purpose, all derived from one seed.

Two runs that differ in one setting share every source, and with it everything else that their shapes let them share.
What a run draws and what a measurement draws come from different sources, so measuring never changes a run.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    import torch
    from torch import Generator

PURPOSES = {
    # What a run draws.
    "initialisation": 0,
    "data": 1,
    "noise": 2,
    "evaluation": 3,
    "evaluation noise": 4,
    "repair": 5,
    # Which rows of a table are held out.
    "split": 6,
    # What a measurement of a model draws.
    "measure: data": 1000,
    "measure: noise floors": 1001,
    "measure: posterior": 1002,
    "measure: prior": 1003,
    "measure: decoder noise": 1004,
    "measure: aggregate noise floors": 1005,
    "measure: importance": 1006,
    "measure: tails": 1007,
    "measure: noise of the tails": 1008,
    "measure: tails of the data": 1009,
    "measure: training rows": 1010,
    "measure: importance of training rows": 1011,
    # What a density of a table draws.
    "density: calibration": 2000,
    "density: samples": 2001,
}
"""Each purpose's key beside the seed. A key must never change: it decides the bits of every run."""


def generator(seed: int, purpose: str, device: torch.device | str = "cpu") -> Generator:
    """One of the independent sources of randomness that a seed decides.

    Args:
        seed: The run's seed.
        purpose: One of :data:`PURPOSES`.
        device: Where it draws.

    Raises:
        KeyError: The purpose is unknown.
    """
    from torch import Generator

    sequence = np.random.SeedSequence(seed, spawn_key=(PURPOSES[purpose],))

    # Half of the state: PyTorch takes seeds below 2^63.
    state = int(sequence.generate_state(1, np.uint64)[0] >> 1)

    return Generator(device).manual_seed(state)
