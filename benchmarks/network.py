"""The notebook's network, data, loss and loop, written plainly; needs nothing but PyTorch."""

from __future__ import annotations

import io
import math

import torch
from torch import Tensor, nn
from tqdm import tqdm

from benchmarks.shapes import BETA, LR


class PlainVAE(nn.Module):
    """The notebook's network."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.encoder = nn.Sequential(
            nn.Linear(2, width), nn.ReLU(), nn.Linear(width, width), nn.ReLU(), nn.Linear(width, width), nn.ReLU()
        )
        self.fc_mu, self.fc_logvar = nn.Linear(width, 2), nn.Linear(width, 2)
        self.decoder = nn.Sequential(
            nn.Linear(2, width), nn.ReLU(), nn.Linear(width, width), nn.ReLU(),
            nn.Linear(width, width), nn.ReLU(), nn.Linear(width, 2),
        )  # fmt: skip

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Encode, draw, decode."""
        h = self.encoder(x)
        mu, logvar = self.fc_mu(h), self.fc_logvar(h)
        z = mu + torch.randn_like(logvar) * torch.exp(0.5 * logvar)
        return self.decoder(z), mu, logvar


def plain_roll(n: int) -> Tensor:
    """Fresh points of the roll, shape (n, 2)."""
    t = 1.5 * math.pi * (1 + 2 * torch.rand(n))
    return torch.stack([t * torch.cos(t), t * torch.sin(t)], dim=1) / 15.0


def plain_loss(model: nn.Module, x: Tensor) -> Tensor:
    """The notebook's loss of a batch, a scalar."""
    recon_x, mu, logvar = model(x)
    kl = -0.5 * torch.mean(1 + logvar - mu.pow(2) - logvar.exp())
    return torch.mean((recon_x - x) ** 2) + BETA * kl


def train_plain(model: nn.Module, steps: int, batch: int = 128) -> list[float]:
    """The notebook's loop: plain Adam, two reads of the loss a step, a bar with the loss; returns the losses."""
    optimizer = torch.optim.Adam(model.parameters(), lr=LR)
    losses = []
    bar = tqdm(range(steps), file=io.StringIO())
    for _ in bar:
        loss = plain_loss(model, plain_roll(batch))
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
        bar.set_postfix({"loss": loss.item()})
    return losses
