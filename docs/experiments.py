"""Measure what width, latent dimension and beta do to the notebook's VAE; print the tables as Markdown.

    python docs/experiments.py width         hidden_dim 32, 256 (5 seeds), 1024 (3 seeds)
    python docs/experiments.py latent        latent_dim 1, 2, 4, 8 at fixed beta and at fixed decoder sigma (5 seeds)
    python docs/experiments.py beta          beta 0.0001 to 1 (3 seeds)

Each run takes 1000 steps with the notebook's other settings. Entries are mean ± standard deviation over seeds.

    held-out MSE      squared error of sampled reconstructions, averaged over points and dimensions
    rate, -ELBO       nats per point, on held-out points, at the decoder sigma that the loss implies
    active            latents whose posterior mean moves with the data (variance above 0.01)
    trustworthiness   whether neighbours in the latent space are neighbours along the roll; 1 is best
    encoder jump      longest step of the posterior mean along the roll, divided by the mean step
    decoder jump      the same for decoded steps on a straight line between two prior draws; median of 500 lines
    off the roll      mean distance of decoded prior draws from the roll, in data units
"""

from __future__ import annotations

import sys
from collections.abc import Iterable

import numpy as np
import torch
from sklearn.manifold import trustworthiness

from swissroll import VAE, Config, build, translate
from swissroll.data import CURVES
from swissroll.training import Terms

ROLL = CURVES["swiss_roll"]
Row = dict[str, float]
DIGITS = {
    "held-out MSE": 4,
    "rate": 2,
    "-ELBO": 2,
    "active": 1,
    "trustworthiness": 3,
    "encoder jump": 1,
    "decoder jump": 2,
    "off the roll": 3,
}
"""Columns and their decimals."""


def measure(model: VAE, held_out: Terms) -> Row:
    """What a trained model is worth: errors, rate, and two sides of continuity."""
    t = torch.linspace(ROLL.start, ROLL.stop, 1000)
    with torch.no_grad():
        mu = model.encode(ROLL.position(t))[0]
    steps = mu.diff(dim=0).norm(dim=1)
    ends = torch.randn(2, 500, 1, model.latent_dim, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        walks = model.decode(torch.lerp(ends[0], ends[1], torch.linspace(0, 1, 101)[:, None]))
    paces = walks.diff(dim=1).norm(dim=2)
    drawn = walks[:, [0, -1]].flatten(0, 1)  # The ends of the walks are draws from the prior.
    gaps = torch.cdist(drawn, ROLL.position(torch.linspace(ROLL.start, ROLL.stop, 4000))).amin(dim=1)
    return {
        "held-out MSE": held_out.mse,
        "rate": held_out.rate,
        "-ELBO": held_out.rate + held_out.distortion,
        "active": float((mu.var(dim=0) > 0.01).sum()),
        "trustworthiness": float(trustworthiness(t[:, None].numpy(), mu.numpy(), n_neighbors=10)),
        "encoder jump": float(steps.max() / steps.mean()),
        "decoder jump": float((paces.amax(dim=1) / paces.mean(dim=1)).median()),
        "off the roll": gaps.mean().item(),
    }


def train(config: Config) -> Row:
    """Train one run to its end and measure it."""
    training = build(config)
    *_, last = training
    assert last.held_out is not None  # noqa: S101 - the last step is always measured.
    return measure(training.engine.model, last.held_out)


def cells(rows: list[Row]) -> Iterable[str]:
    """Mean ± standard deviation of each column."""
    for name, digits in DIGITS.items():
        values = np.array([row[name] for row in rows])
        yield f"{values.mean():.{digits}f} ±\u00a0{values.std(ddof=1):.{digits}f}"


def table(label: str, settings: dict[str, list[Config]]) -> None:
    """Print one Markdown table, a row for each setting."""
    for index, (name, configs) in enumerate(settings.items()):
        rows = [train(config) for config in configs]
        if index == 0:
            names = [label, "seeds", *DIGITS]
            print(f"| {' | '.join(names)} |\n|{'---|' * len(names)}")
        print(f"| {name} | {len(rows)} | {' | '.join(cells(rows))} |", flush=True)
    print()


def width() -> None:
    """Hidden width: what the teaching notebook's VAE(2, 32) and VAE(2, 1024) vary."""
    seeds = {32: 5, 256: 5, 1024: 3}
    table("hidden_dim", {str(h): [Config(hidden_dim=h, seed=s) for s in range(n)] for h, n in seeds.items()})


def latent() -> None:
    """Latent dimension, with two different things held fixed."""
    sigma = translate(0.01, "mean", 2, 2).sigma
    at_beta: dict[str, list[Config]] = {}
    at_sigma: dict[str, list[Config]] = {}
    for dim in (1, 2, 4, 8):
        implied = translate(0.01, "mean", 2, dim).sigma
        at_beta[f"{dim} (sigma {implied:.4f})"] = [Config(latent_dim=dim, seed=s) for s in range(5)]
        beta = 0.01 * dim / 2
        at_sigma[f"{dim} (beta {beta:g})"] = [Config(latent_dim=dim, beta=beta, seed=s) for s in range(5)]
    print("Fixed beta = 0.01\n")
    table("latent_dim", at_beta)
    print(f"Fixed sigma = {sigma:.4f}\n")
    table("latent_dim", at_sigma)


def beta() -> None:
    """Beta, which trades reconstruction against continuity."""
    table("beta", {f"{b:g}": [Config(beta=b, seed=s) for s in range(3)] for b in (0.0001, 0.001, 0.01, 0.1, 1.0)})


if __name__ == "__main__":
    {"width": width, "latent": latent, "beta": beta}[sys.argv[1]]()
