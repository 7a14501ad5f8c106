"""Misconceptions about the sampler."""

from __future__ import annotations

from swissroll.exercise.misconceptions.misconception import Misconception

SAMPLER: tuple[Misconception, ...] = ()
