"""The catalogue's mistakes in other writings than its own."""

from __future__ import annotations

from tests.exercise.writings.loss import LOSS
from tests.exercise.writings.model import MODEL
from tests.exercise.writings.sampler import SAMPLER
from tests.exercise.writings.writing import Writing

WRITINGS: tuple[Writing, ...] = (*SAMPLER, *LOSS, *MODEL)

PAIRS: list[tuple[dict[str, str], set[str]]] = [
    (
        {
            "sampler": "return mu + torch.exp(logvar) * torch.randn(1, mu.shape[1])",
            "kl": "kl_loss = (mu ** 2 + logvar.exp() - 1 - logvar).mean()",
        },
        {"noise-shared-by-batch", "std-is-variance", "kl-no-half"},
    ),
    (
        {
            "sampler": "return mu + torch.exp(logvar / 2) * torch.rand_like(mu)",
            "kl": "kl_loss = 0.5 * (-(mu ** 2) + logvar.exp() - 1 + logvar).mean()",
        },
        {"noise-uniform", "kl-mean-sign", "kl-logvar-sign"},
    ),
]
"""Several mistakes in one solution, and what is to be named."""
