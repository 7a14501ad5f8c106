"""What a run's steps draw: batches of points and latent noise, each from a source of its own."""

from __future__ import annotations

import torch
from torch import Tensor

from swissroll.config import Config
from swissroll.data import Distribution, LabelledPoints, Points, labels_of, open_distribution
from swissroll.data.points import ShuffledRows
from swissroll.reproducibility import rng
from swissroll.training.engines.engine import Source

RANDN_BLOCK = 16
"""PyTorch fills normal draws of a multiple of this size in blocks: several drawn at once are those drawn in turn."""


class Sampler:
    """Draws what a run's steps need.

    However many steps are drawn at a time, on the CPU the numbers are the same to the last bit.

    Args:
        config: The run's settings.
        device: Where to draw.
        distribution: What the points come from; the config's by default.

    Attributes:
        generators: The sources of randomness, by their purpose. That of a person's own rows also keeps its place in
            the pass over them.
    """

    def __init__(
        self, config: Config, device: torch.device | str = "cpu", *, distribution: Distribution | None = None
    ) -> None:
        self.config = config
        self.device = device
        self.distribution = distribution or open_distribution(config)
        self.noise = rng.generator(config.seed, "noise", device)
        self.generators: dict[str, Source]

        if isinstance(self.distribution, Points):
            self.rows = ShuffledRows(self.distribution, rng.generator(config.seed, "data"))
            self.generators = {"data": self.rows, "noise": self.noise}
        else:
            self.data = rng.generator(config.seed, "data", device)
            self.generators = {"data": self.data, "noise": self.noise}

    def draw_points(self, steps: int) -> Tensor:
        """The batches of the next steps, shape (steps, B, D), in the units of the distribution."""
        batch_size = self.config.batch_size
        shape = (steps, batch_size, self.distribution.data_dim)
        if isinstance(self.distribution, Points):
            return self.rows.draw(steps * batch_size).view(shape).to(self.device)

        # A point of a curve takes one number. Others take several from one source in turn, as do noisy points, so their
        # batches are drawn one by one.
        if self.distribution.curve is None or self.distribution.noise:
            drawn = torch.cat([self._draw(batch_size) for _ in range(steps)])
        else:
            drawn = self._draw(steps * batch_size)

        return drawn.view(shape)

    def draw_batch(self) -> Tensor | LabelledPoints:
        """The batch of the next step, shape (B, D), as :meth:`draw_points` gives it; conditional runs with labels."""
        batch_size = self.config.batch_size
        if not self.config.conditional:
            return self.draw_points(1)[0]
        if isinstance(self.distribution, Points):
            places = self.rows.draw_places(batch_size)
            found = LabelledPoints(self.distribution.train[places], self.distribution.train_labels[places])
            return LabelledPoints(*(part.to(self.device) for part in found))
        drawn = self.distribution.sample(batch_size, generator=self.data, device=self.device)
        return LabelledPoints(drawn.points, labels_of(self.distribution, drawn.coordinate))

    def draw_latent_noise(self, steps: int) -> Tensor:
        """Draws from N(0, I) for the latents of the next steps, shape (steps, B, L)."""
        shape = (self.config.batch_size, self.config.latent_dim)

        if shape[0] * shape[1] % RANDN_BLOCK == 0:
            return torch.randn(steps, *shape, generator=self.noise, device=self.device)

        return torch.stack([torch.randn(shape, generator=self.noise, device=self.device) for _ in range(steps)])

    def _draw(self, n: int) -> Tensor:
        return self.distribution.sample(n, generator=self.data, device=self.device).points
