"""Recipes by name: settings that improve on the notebook's."""

from __future__ import annotations

from typing import Any

BEST: dict[str, Any] = {
    "activation": "silu",
    "initialization": "he",
    "components": 20,
    "refit_prior": True,
    "lr": 1e-2,
    "lr_schedule": "cosine",
    "warmup": 50,
}
PRESETS: dict[str, dict[str, Any]] = {
    "notebook": {},
    "best": BEST,
    "best-long": BEST
    | {"steps": 10_000, "components": 50, "lr": 5e-3, "warmup": 200, "beta_start": 0.03, "beta": 0.001},
}
"""Recipes by name: what each sets differently from the notebook's defaults."""
