"""The right solutions that mutants are made of: the notebook's, one by distributions and one by sums and helpers."""

from __future__ import annotations

from typing import NamedTuple

from swissroll.exercise.misconceptions.source import solution


class Origin(NamedTuple):
    """A right solution.

    Attributes:
        source: Its code.
        functions: Names of the functions that are changed.
        head: What the encoder's second output is: "logvar" or "std".
    """

    source: str
    functions: tuple[str, ...]
    head: str


NOTEBOOK = solution(
    sampler="std = torch.exp(0.5 * logvar)\nnoise = torch.randn_like(std)\nreturn mu + std * noise",
    kl="kl_loss = 0.5 * torch.mean(mu**2 + torch.exp(logvar) - 1 - logvar)",
)

DISTRIBUTIONS = (
    solution(
        heads="mu = self.fc_mu(h)\nstd = F.softplus(self.fc_logvar(h)) + 1e-4\nreturn mu, std",
        sampler="q = Normal(mu, std)\nreturn q.rsample()",
        forward="mu, std = self.encode(x)\nz = self.reparameterize(mu, std)\nreturn self.decode(z), mu, std",
        call="recon_x, mu, std = model(x)",
        error="recon_loss = -Normal(recon_x, 0.4).log_prob(x).sum(dim=1).mean()",
        kl="kl_loss = kl_divergence(Normal(mu, std), Normal(0.0, 1.0)).sum(dim=-1).mean()",
        total="return recon_loss + beta * kl_loss",
    )
    .replace("import numpy as np", "from torch.distributions import Normal, kl_divergence")
    .replace("reparameterize(self, mu, logvar)", "reparameterize(self, mu, std)")
)

SUMS = (
    solution(
        sampler="noise = torch.randn(mu.shape[0], mu.shape[1])\nreturn noise * torch.sqrt(logvar.exp()) + mu",
        error="error = squared_distance(x, recon_x)",
        kl="rate = kl_to_prior(mu, logvar)",
        total="return torch.sum(error + beta * rate) / x.shape[0]",
    )
    + """

def squared_distance(x, recon_x):
    difference = x - recon_x
    return (difference * difference).sum(dim=1)


def kl_to_prior(mu, logvar):
    variance = logvar.exp()
    std = variance.sqrt()
    per_dimension = (mu.square() + variance) / 2 - torch.log(std) - 0.5
    return per_dimension.sum(dim=1)
"""
)

MODEL = ("encode", "reparameterize", "forward", "compute_vae_loss")

ORIGINS = {
    "notebook": Origin(NOTEBOOK, MODEL, "logvar"),
    "distributions": Origin(DISTRIBUTIONS, MODEL, "std"),
    "sums": Origin(SUMS, (*MODEL, "squared_distance", "kl_to_prior"), "logvar"),
}
