"""Steps a second of `swissroll train`'s own loop against the notebook's plain loop, side by side in one process.

Each round times both, one after the other, so that a machine whose speed drifts slows both; the ratio is the median
over rounds. The lab's side is everything that `swissroll train` does while it trains: records, held-out
measurements, snapshots and checkpoints on disk, and the bar. Run it with `make bench`.
"""

from __future__ import annotations

import argparse
import io
import statistics
import tempfile
import time
from pathlib import Path

import torch
from torch import nn
from tqdm import tqdm

from swissroll import generate_swiss_roll
from swissroll.cli import train_run
from swissroll.config import Config
from swissroll.run import create

STEPS = {32: 2000, 256: 1000, 1024: 500}


class PlainVAE(nn.Module):
    """The notebook's network, written plainly."""

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

    def forward(self, x: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        """Encode, draw, decode."""
        h = self.encoder(x)
        mu, logvar = self.fc_mu(h), self.fc_logvar(h)
        z = mu + torch.randn_like(logvar) * torch.exp(0.5 * logvar)
        return self.decoder(z), mu, logvar


def notebook_loop(width: int, steps: int) -> float:
    """Seconds that the notebook's loop takes: plain Adam, two reads of the loss a step, a bar with the loss."""
    model = PlainVAE(width)
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
    losses = []
    start = time.perf_counter()
    bar = tqdm(range(steps), file=io.StringIO())
    for _ in bar:
        x = generate_swiss_roll(128)
        recon_x, mu, logvar = model(x)
        loss = torch.mean((recon_x - x) ** 2) - 0.005 * torch.mean(1 + logvar - mu.pow(2) - logvar.exp())
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
        bar.set_postfix({"loss": loss.item()})
    return time.perf_counter() - start


def lab_loop(width: int, steps: int) -> float:
    """Seconds that `swissroll train` takes between its first step and its finished folder."""
    with tempfile.TemporaryDirectory() as folder:
        run = create(Path(folder) / "run", Config(hidden_dim=width, steps=steps))
        start = time.perf_counter()
        train_run(run, quiet=False, stream=io.StringIO())
        return time.perf_counter() - start


def main() -> None:
    """Print a markdown table of medians."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=5)
    rounds = parser.parse_args().rounds
    print(
        "| hidden | notebook, steps/s | swissroll train, steps/s | ratio (min to max) |\n|---|---|---|---|", flush=True
    )
    for width, steps in STEPS.items():
        notebook_loop(width, steps // 10)
        lab_loop(width, steps // 10)
        times = [(notebook_loop(width, steps), lab_loop(width, steps)) for _ in range(rounds)]
        ratios = sorted(plain / ours for plain, ours in times)
        plain, ours = (steps / statistics.median(column) for column in zip(*times, strict=True))
        median = statistics.median(ratios)
        print(
            f"| {width} | {plain:.0f} | {ours:.0f} | {median:.2f} ({ratios[0]:.2f} to {ratios[-1]:.2f}) |", flush=True
        )


if __name__ == "__main__":
    main()
