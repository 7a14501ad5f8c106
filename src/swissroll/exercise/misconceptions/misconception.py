"""One mistake and what it comes from."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, kw_only=True)
class Misconception:
    """One mistake: what gives it away, what it does, and what helps.

    Attributes:
        id: Its name in tables, such as "noise-shared-by-batch".
        name: What it is, in a few words.
        thought: What the student probably thought.
        law: Id of the question that gives it away.
        signs: What must have been seen, all of them: words of the evidence's ``signs``.
        effect: What it does to training.
        hint: A hint that does not give the answer away.
        read: Where to read.
        slot: Which part of the exercise's code it is in: a key of ``source.RIGHT``.
        code: The wrong lines, which stand in that part's place.
        formula: The function that the wrong code computes, by which it is told from others with the same signs: for the
            sampler its standard deviation s(mu, h), for the KL term k(mu, h), for the reconstruction term e(recon, x),
            for the weight of the KL term w(beta).
        variants: Other functions that the same mistake computes.
        centre: The centre a(mu, h) of the sampler's draws, where it is not mu.
        factor: The factor that the term has too much, from and to.
    """

    id: str
    name: str
    thought: str
    law: str
    signs: tuple[str, ...]
    effect: str
    hint: str
    read: str
    slot: str
    code: str
    formula: Callable[[Any, Any], Any] | None = None
    variants: tuple[Callable[[Any, Any], Any], ...] = ()
    centre: Callable[[Any, Any], Any] | None = None
    factor: tuple[float, float] | None = None

    @property
    def is_specific(self) -> bool:
        """Whether more than a sign gives it away."""
        return self.formula is not None or self.centre is not None or self.factor is not None
