"""A network that may take a label beside its input, which makes its model one of q(z|x, c) and p(x|z, c).

Source: Sohn, Lee and Yan (2015), "Learning structured output representation using deep conditional generative
models", with p(z) for p(z|x).
"""

from __future__ import annotations

import copy
from collections.abc import Sequence
from typing import Self

import torch
from torch import Generator, Tensor, nn

from swissroll import checks
from swissroll.config import MAX_LABELS


class Conditional(nn.Module):
    """What a VAE has for labels: their shares, the model under one of them, and rows with labels behind them.

    Args:
        label_shares: Share of each label among the data, C numbers above 0 that sum to 1; None where it takes no label.

    Attributes:
        given_labels: Numbers of the labels that :meth:`given` gave, shape (N,), or (1,) of one for all rows; else None.

    Raises:
        ValueError: The shares are no such numbers.
    """

    label_shares: Tensor | None
    given_labels: Tensor | None = None

    def __init__(self, label_shares: Sequence[float] | None = None) -> None:
        super().__init__()
        self.register_buffer("label_shares", None if label_shares is None else _check_shares(label_shares))

    @property
    def label_count(self) -> int:
        """C, labels that the model is conditional on; 0 where it is not conditional."""
        return 0 if self.label_shares is None else len(self.label_shares)

    def given(self, label: int | Tensor) -> Self:
        """The model under a label: a VAE with the same weights, whose encoder and decoder take that label.

        Args:
            label: Its number, from 0; or that of each of N points, shape (N,), int64. Then the VAE takes N rows at a
                time, or a multiple of it: N for one draw of all, N for the next.

        Raises:
            ValueError: The model is not conditional, or has no such label.
        """
        if self.label_shares is None:
            raise ValueError("This model is not conditional: make it as VAE(label_shares=...), or leave the label out.")
        labels = torch.as_tensor(label, device=self.label_shares.device).reshape(-1)
        if labels.is_floating_point() or not bool(((labels >= 0) & (labels < self.label_count)).all()):
            found = checks.short(label if isinstance(label, int) else labels.tolist())
            raise ValueError(f"label must be whole numbers from 0 to {self.label_count - 1}; got {found}.")
        # A shallow copy shares the weights.
        conditioned = copy.copy(self)
        conditioned.given_labels = labels.long()
        return conditioned

    def given_draws(self, n: int, *, generator: Generator | None = None) -> Self:
        """The model under labels that are drawn by their shares, one for each of n latents.

        It is the model itself, and nothing is drawn, where it is not conditional or has its label.
        """
        if self.label_shares is None or self.given_labels is not None:
            return self
        return self.given(torch.multinomial(self.label_shares, n, replacement=True, generator=generator))

    def _given_in_turn(self, n: int) -> Self:
        """The model under one label after the other, for n latents; itself as for :meth:`given_draws`."""
        if self.label_shares is None or self.given_labels is not None:
            return self
        return self.given(torch.arange(n, device=self.label_shares.device) % self.label_count)

    def _beside_label(self, rows: Tensor) -> Tensor:
        """Points or latents, shape (B, ...), as encoder and decoder take them: with their labels, one-hot, behind."""
        if not self.label_count:
            return rows
        if self.given_labels is None:
            raise ValueError("This model is conditional on a label: say which, as model.given(label).")
        labels = nn.functional.one_hot(self.given_labels, self.label_count).to(rows)
        if len(labels) == 1:
            return torch.cat([rows, labels.expand(rows.shape[0], -1)], dim=1)
        if rows.shape[0] % len(labels):
            raise ValueError(f"The model was given {len(labels)} labels, and {rows.shape[0]} rows do not fit them.")
        return torch.cat([rows, labels.repeat(rows.shape[0] // len(labels), 1)], dim=1)


def _check_shares(shares: Sequence[float]) -> Tensor:
    """Shares of labels, shape (C,), float64."""
    found = checks.numbers("label_shares", shares)
    is_list = found.ndim == 1 and 2 <= len(found) <= MAX_LABELS
    if not is_list or not bool((found > 0).all()) or abs(float(found.sum()) - 1) > 1e-6:
        raise ValueError(
            f"label_shares must be 2 to {MAX_LABELS} numbers above 0 that sum to 1; got {checks.short(shares)}."
        )
    return found
