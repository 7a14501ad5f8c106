"""The progress bar of a fit."""

from __future__ import annotations

from types import TracebackType
from typing import Any, Self

from swissroll.checks import amount


class Bar:
    """A bar over the steps of all trainings.

    Where it was not asked for, it shows in a terminal alone, and only of a fit that takes over a second.

    Args:
        total: Steps of all trainings.
        asked: Whether to show it anywhere and at once.
    """

    def __init__(self, total: int, *, asked: bool) -> None:
        from tqdm.auto import tqdm

        self._at = (0, 0)
        disable = False if asked else None
        self._bar: Any = tqdm(total=total, unit=" steps", delay=0.0 if asked else 1.0, disable=disable, leave=asked)

    def advance(self, latents: int, step: int, held_out: float) -> None:
        """Move to a step of the training with so many latents, and show the held-out log density."""
        training, before = self._at
        # To refresh at once would show what waits for its second.
        self._bar.set_postfix_str(f"{amount(latents, 'latent')}, held-out rows {held_out:.3f} nats", refresh=False)
        self._bar.update(step - (before if training == latents else 0))
        self._at = (latents, step)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._bar.close()
