"""The progress bar of a fit."""

from __future__ import annotations

from types import TracebackType
from typing import Any, Self


class Bar:
    """A bar over the steps of all trainings; nothing where it is not to be shown.

    Args:
        total: Steps of all trainings.
        shown: Whether to show it.
    """

    def __init__(self, total: int, *, shown: bool) -> None:
        self._bar: Any = None
        self._at = (0, 0)
        if shown:
            from tqdm.auto import tqdm

            self._bar = tqdm(total=total, unit=" steps")

    def advance(self, latents: int, step: int, held_out: float) -> None:
        """Move to a step of the training with so many latents, and show the held-out log density."""
        if self._bar is None:
            return
        training, before = self._at
        self._bar.update(step - (before if training == latents else 0))
        self._bar.set_postfix_str(f"{latents} latents, held-out rows {held_out:.3f} nats")
        self._at = (latents, step)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._bar is not None:
            self._bar.close()
