"""The exercise's code in parts, so that one of them can be replaced by a wrong one."""

from __future__ import annotations

import textwrap

from swissroll.exercise.misconceptions.misconception import Misconception

RIGHT = {
    "heads": "mu = self.fc_mu(h)\nlogvar = self.fc_logvar(h)\nreturn mu, logvar",
    "sampler": "std = torch.exp(0.5 * logvar)\neps = torch.randn_like(std)\nreturn mu + eps * std",
    "output": "nn.Linear(hidden_dim, 2),",
    "decoder": "nn.Linear(latent_dim, hidden_dim),\nnn.ReLU(),\nnn.Linear(hidden_dim, hidden_dim),\nnn.ReLU(),",
    "forward": "mu, logvar = self.encode(x)\nz = self.reparameterize(mu, logvar)\nreturn self.decode(z), mu, logvar",
    "call": "recon_x, mu, logvar = model(x)",
    "error": "recon_loss = torch.mean((recon_x - x) ** 2)",
    "kl": "kl_loss = -0.5 * torch.mean(1 + logvar - mu.pow(2) - torch.exp(logvar))",
    "total": "loss = recon_loss + beta * kl_loss\nreturn loss",
}
"""The parts of a right solution, in the notebook's convention."""

TEMPLATE = """\
import torch
import torch.nn as nn
import torch.nn.functional as F
import numpy as np


class VAE(nn.Module):
    def __init__(self, latent_dim=2, hidden_dim=256):
        super().__init__()
        self.encoder = nn.Sequential(
            nn.Linear(2, hidden_dim),
            nn.ReLU(),
            nn.Linear(hidden_dim, hidden_dim),
            nn.ReLU(),
        )
        self.fc_mu = nn.Linear(hidden_dim, latent_dim)
        self.fc_logvar = nn.Linear(hidden_dim, latent_dim)
        self.decoder = nn.Sequential(
{decoder}
{output}
        )

    def encode(self, x):
        h = self.encoder(x)
{heads}

    def reparameterize(self, mu, logvar):
{sampler}

    def decode(self, z):
        return self.decoder(z)

    def forward(self, x):
{forward}


def compute_vae_loss(model, x, beta):
{call}
{error}
{kl}
{total}
"""

INDENT = {"decoder": 12, "output": 12, "heads": 8, "sampler": 8, "forward": 8}


def solution(**parts: str) -> str:
    """The source of a whole solution; parts that are given replace the right ones.

    Raises:
        KeyError: There is no part of this name.
    """
    unknown = parts.keys() - RIGHT.keys()
    if unknown:
        raise KeyError(f"there is no part {', '.join(sorted(unknown))}")
    chosen = RIGHT | parts
    return TEMPLATE.format(**{slot: textwrap.indent(code, " " * INDENT.get(slot, 4)) for slot, code in chosen.items()})


def wrong_solution(misconception: Misconception) -> str:
    """The source of a whole solution that has one misconception and is right otherwise."""
    return solution(**{misconception.slot: misconception.code})
