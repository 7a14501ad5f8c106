"""Submissions that do what no solution should, and some that are as they should be."""

from __future__ import annotations

RIGHT = """
import torch
import torch.nn as nn


class VAE(nn.Module):
    def __init__(self, latent_dim=2, hidden_dim=16):
        super().__init__()
        self.encoder = nn.Sequential(nn.Linear(2, hidden_dim), nn.ReLU())
        self.fc_mu = nn.Linear(hidden_dim, latent_dim)
        self.fc_logvar = nn.Linear(hidden_dim, latent_dim)
        self.decoder = nn.Sequential(nn.Linear(latent_dim, hidden_dim), nn.ReLU(), nn.Linear(hidden_dim, 2))

    def encode(self, x):
        h = self.encoder(x)
        return self.fc_mu(h), self.fc_logvar(h)

    def reparameterize(self, mu, logvar):
        std = torch.exp(0.5 * logvar)
        eps = torch.randn_like(std)
        return mu + eps * std

    def decode(self, z):
        return self.decoder(z)

    def forward(self, x):
        mu, logvar = self.encode(x)
        return self.decode(self.reparameterize(mu, logvar)), mu, logvar


def compute_vae_loss(model, x, beta):
    recon_x, mu, logvar = model(x)
    recon_loss = torch.mean((recon_x - x) ** 2)
    kl_loss = -0.5 * torch.mean(1 + logvar - mu.pow(2) - torch.exp(logvar))
    return recon_loss + beta * kl_loss
"""


def with_sampler(body: str, before: str = "") -> str:
    """The right solution with another body of reparameterize, and lines in front of it all.

    Args:
        body: Lines that are run before the right ones.
        before: Code at the head of the file.
    """
    lines = "".join(f"        {line}\n" for line in body.splitlines())
    head = "    def reparameterize(self, mu, logvar):\n"
    return before + RIGHT.replace(head, head + lines)


def with_loss(body: str) -> str:
    """The right solution, with lines at the head of compute_vae_loss."""
    lines = "".join(f"    {line}\n" for line in body.splitlines())
    head = "def compute_vae_loss(model, x, beta):\n"
    return RIGHT.replace(head, head + lines)
