"""What computes losses of a solution, and the averages of one that draws random numbers."""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from contextlib import suppress
from typing import Any

import numpy as np
import torch

from swissroll.exercise.laws.cases import Array, Case
from swissroll.exercise.subject import Subject

WANTED = 0.01
"""Standard error of a random loss's average, in parts of it, that is wanted."""
REPEATS = 16
"""How often a random loss is computed for that."""
MAX_COPIES = 64
"""Of the rows of a batch, each of which draws noise of its own: an average within one call."""
PER_QUESTION = 100
DEVIATIONS = 7.0
"""Standard errors that an average of :data:`REPEATS` may lie off: one in 200,000 does. Twice, it accuses."""


class LossError(Exception):
    """A loss that could not be computed.

    Attributes:
        answer: What the solution said.
    """

    def __init__(self, answer: Mapping[str, Any]) -> None:
        self.answer = dict(answer)
        super().__init__(str(answer.get("message")))


class LossMeter:
    """Computes losses of a solution.

    A loss that draws random numbers, such as one that estimates the KL term, is computed many times, with the same
    numbers for each case; then its average is judged, within what the average itself is uncertain by. Where that takes
    too many times, the batch stands in each of them several times over.

    Args:
        subject: The solution.
        probe: The model that it is handed: "plain", or "own".
        has_beta: Whether it takes a beta.
        draws: Whether the latent that it asks for is drawn by the solution's own sampler, which works.
        seed: Of a random loss.

    Attributes:
        repeats: How often each loss is computed: once, unless it is random.
        copies: How often each row of a batch stands in it: once, unless the loss is random.
        is_calm_at_zero: Whether it is not at beta 0, where a random KL term does not count.
        kl_beta: The beta at which the KL term is measured, None where it is the slope of beta.
        error_beta: The beta at which the reconstruction term is measured, None where it is the loss at beta 0.
    """

    def __init__(self, subject: Subject, probe: str, has_beta: bool, *, draws: bool = False, seed: int = 0) -> None:
        self.subject = subject
        self.probe = probe
        self.has_beta = has_beta
        self.draws = draws
        self.seed = seed
        self.repeats = 1
        self.copies = 1
        self.is_calm_at_zero = False
        # A loss without beta is the same at each.
        self.kl_beta = None if has_beta else 1.0
        self.error_beta = None if has_beta else 1.0

    @property
    def is_random(self) -> bool:
        """Whether the loss draws random numbers."""
        return self.repeats > 1

    def listen(self, case: Case) -> None:
        """Find out whether the loss is random, and how often it has to be computed."""
        self.repeats = REPEATS
        losses = self.samples([case])
        with suppress(LossError):
            # A loss may take no beta of 0.
            losses = self.samples([case, case._replace(beta=0.0)])
        spread = losses.std(axis=1)
        size = np.abs(losses).mean(axis=1) + 1e-12
        is_random = spread > 1e-6 * size
        self.is_calm_at_zero = self.has_beta and not is_random[-1]
        wanted = (spread[0] / size[0] / WANTED) ** 2
        self.repeats = REPEATS if is_random.any() else 1
        self.copies = int(np.clip(np.ceil(wanted / REPEATS), 1, MAX_COPIES)) if is_random.any() else 1

    @property
    def seeds(self) -> list[int] | None:
        """One for each time that a random loss is computed; None for one that is not."""
        return [1 + self.seed + index for index in range(self.repeats)] if self.is_random else None

    def ask(self, cases: list[Case], seeds: list[int] | None = None, *, gradients: bool = False) -> dict[str, Any]:
        """The losses of cases of one shape; raises LossError where one of them fails."""
        answered = self.subject.ask({**self._request("loss", cases), "gradients": gradients, "seeds": seeds})
        if "error" in answered:
            raise LossError(answered)
        for name in ("grad_recon", "grad_mu", "grad_head"):
            if answered[name] is not None:
                # A row's gradient is that of all its copies.
                answered[name] = answered[name].unflatten(1, (self.copies, -1)).sum(dim=1)
        return answered

    def _request(self, kind: str, cases: list[Case]) -> dict[str, Any]:
        request: dict[str, Any] = {"kind": kind, "probe": self.probe, "draws": self.draws}
        for name in ("recon", "x", "mu", "head"):
            rows = torch.stack([getattr(case, name) for case in cases])
            request[name] = rows.repeat(1, self.copies, 1)
        return {**request, "beta": [case.beta for case in cases]}

    def ask_not_finite(self, case: Case) -> dict[str, Any]:
        """The answer to where the loss of a case stops being a finite number."""
        return self.subject.ask(self._request("not finite", [case]))

    def samples(self, cases: list[Case]) -> Array:
        """Losses, shape (n, repeats)."""
        if not self.is_random:
            return np.asarray(self.ask(cases)["loss"].numpy())[:, None]
        losses = np.empty((len(cases), self.repeats))
        calm = [index for index, case in enumerate(cases) if case.beta == 0 and self.is_calm_at_zero]
        if calm:
            losses[calm] = self.ask([cases[index] for index in calm])["loss"].numpy()[:, None]
        random = [index for index in range(len(cases)) if index not in calm]
        each = list(itertools.product(random, range(self.repeats)))
        # A question has a second of processor time.
        for start in range(0, len(each), PER_QUESTION):
            part = each[start : start + PER_QUESTION]
            answered = self.ask([cases[index] for index, _ in part], [1 + self.seed + index for _, index in part])
            rows = [row for row, _ in part]
            losses[rows, [column for _, column in part]] = answered["loss"].numpy()
        return losses

    def values(self, cases: list[Case]) -> Array:
        """Losses, shape (n,)."""
        return np.asarray(self.samples(cases).mean(axis=1))

    def kl_samples(self, cases: list[Case]) -> Array:
        """K of cases, shape (n, repeats): the slope of beta, or the loss itself, whose E is to be 0."""
        if self.kl_beta is not None:
            return self.samples([case._replace(beta=self.kl_beta) for case in cases])
        both = [case._replace(beta=0.0) for case in cases] + [case._replace(beta=1.0) for case in cases]
        values = self.samples(both).reshape(2, len(cases), -1)
        return np.asarray(values[1] - values[0])

    def kl_values(self, cases: list[Case]) -> Array:
        """K of cases, shape (n,)."""
        return np.asarray(self.kl_samples(cases).mean(axis=1))

    def errors(self, cases: list[Case]) -> Array:
        """E of cases, shape (n,): the loss at beta 0, or the loss less that of the same cases without an error."""
        if self.error_beta is None:
            return self.values([case._replace(beta=0.0) for case in cases])
        weighed = [case._replace(beta=self.error_beta) for case in cases]
        perfect = [case._replace(recon=case.x) for case in weighed]
        return np.asarray(self.values(weighed) - self.values(perfect))


def standard_error(samples: Array) -> Array:
    """Of the average over the last dimension."""
    count = samples.shape[-1]
    return np.asarray(samples.std(axis=-1) / max(count - 1, 1) ** 0.5)
