"""Where a loss stops being a finite number.

Oracle: the operation that was written wrong on purpose, and its line.
"""

from __future__ import annotations

from typing import Any

import pytest
import torch

from swissroll.exercise.asking import answer, find

LOSS = "import torch\ndef compute_vae_loss(model, x, beta):\n    recon_x, mu, logvar = model(x)\n    return {}\n"
CASE = {
    "kind": "not finite",
    "recon": torch.full((1, 2, 2), 0.5),
    "x": torch.full((1, 2, 2), 0.25),
    "mu": torch.full((1, 2, 2), 0.5),
    "head": torch.full((1, 2, 2), 0.75),
    "beta": [1.0],
    "probe": "plain",
}


@pytest.mark.parametrize(
    ("loss", "kind", "of_recon", "of_latents"),
    [
        ("torch.log(-logvar.exp()).mean()", "logarithm", False, True),
        ("(x - recon_x).log().sum()", "logarithm", True, False),
        ("recon_x.sum() / (mu - mu).sum()", "division", True, True),
        ("1 / (x - x).sum()", "division", False, False),
        ("((x - recon_x) ** 0.5).mean() + mu.sum()", "power", True, False),
        ("torch.sqrt(-mu).exp().mean()", "root", False, True),
        ("torch.exp(1000 * logvar).sum() - torch.exp(1000 * logvar).sum()", "exponential", False, True),
        ("mu.sum()", "", False, False),
    ],
)
def test_the_operation_and_what_it_was_computed_from_are_named(
    loss: str, kind: str, of_recon: bool, of_latents: bool
) -> None:
    namespace: dict[str, Any] = {}
    exec(compile(LOSS.format(loss), "solution.py", "exec"), namespace)  # noqa: S102  The solutions are the tests' own.
    said = answer(find(namespace), CASE)
    line = 4 if kind else None
    assert said == {"kind": kind, "line": line, "of_recon": of_recon, "of_latents": of_latents}
