"""The catalogue of misconceptions, as data."""

from __future__ import annotations

from swissroll.exercise.misconceptions.draw import DRAW
from swissroll.exercise.misconceptions.error import ERROR
from swissroll.exercise.misconceptions.kl import KL
from swissroll.exercise.misconceptions.kl_reduction import KL_REDUCTION
from swissroll.exercise.misconceptions.misconception import Misconception
from swissroll.exercise.misconceptions.model import MODEL
from swissroll.exercise.misconceptions.noise import NOISE
from swissroll.exercise.misconceptions.objective import OBJECTIVE
from swissroll.exercise.misconceptions.sampler import SAMPLER

CATALOGUE: tuple[Misconception, ...] = (*NOISE, *SAMPLER, *DRAW, *KL, *KL_REDUCTION, *ERROR, *OBJECTIVE, *MODEL)
"""All entries, by the part of the code that they are in."""
BY_ID = {entry.id: entry for entry in CATALOGUE}
