"""Sources of randomness: separate streams for separate purposes, all derived from one seed.

Two runs that differ in one setting share every stream, and with it all else that their shapes let them share.
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Generator, Tensor

from swissroll.config import Config
from swissroll.data import CURVES

STREAMS = ("initialisation", "data", "noise", "evaluation", "evaluation noise", "repair")
BLOCK = 16
"""PyTorch fills normal draws of a multiple of this size in blocks: several drawn at once are those drawn in turn."""


def stream(seed: int, name: str, device: torch.device | str = "cpu") -> Generator:
    """One of a run's independent sources of randomness, derived from its seed."""
    sequence = np.random.SeedSequence(seed, spawn_key=(STREAMS.index(name),))
    return Generator(device).manual_seed(int(sequence.generate_state(1, np.uint64)[0] >> 1))


class Draws:
    """What a run's steps draw: batches of points, and latent noise.

    However many steps are drawn at a time, on the CPU the numbers are the same to the last bit.

    Args:
        config: The run's settings.
        device: Where to draw.

    Attributes:
        generators: The sources, by the name of their stream.
    """

    def __init__(self, config: Config, device: torch.device | str = "cpu") -> None:
        self.config, self.device = config, device
        self.generators = {name: stream(config.seed, name, device) for name in ("data", "noise")}

    def points(self, n: int) -> Tensor:
        """The batches of the next n steps, shape (n, B, D), in data units."""
        config, curve = self.config, CURVES[self.config.dataset]
        batches = n if config.noise else 1  # Points and their noise come from one stream, in turn.
        drawn = [
            curve.sample(
                n // batches * config.batch_size,
                noise=config.noise,
                generator=self.generators["data"],
                device=self.device,
            )[0]
            for _ in range(batches)
        ]
        return torch.cat(drawn).view(n, config.batch_size, curve.data_dim)

    def latent_noise(self, n: int) -> Tensor:
        """Draws from N(0, I) for the latents of the next n steps, shape (n, B, L)."""
        shape = (self.config.batch_size, self.config.latent_dim)
        generator = self.generators["noise"]
        if shape[0] * shape[1] % BLOCK == 0:
            return torch.randn(n, *shape, generator=generator, device=self.device)
        return torch.stack([torch.randn(shape, generator=generator, device=self.device) for _ in range(n)])
