"""The catalogue of misconceptions, as data."""

from __future__ import annotations

from swissroll.exercise.misconceptions.misconception import Misconception
from swissroll.exercise.misconceptions.sampler import SAMPLER

CATALOGUE: tuple[Misconception, ...] = (*SAMPLER,)
"""All entries, by the part of the code that they are in."""
BY_ID = {entry.id: entry for entry in CATALOGUE}
