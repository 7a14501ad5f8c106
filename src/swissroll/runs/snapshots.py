"""The snapshots of a run: weights after some of its steps, each read when it is asked for."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

from swissroll.model.vae import VAE
from swissroll.runs.selection import spread

MAX_FRAMES = 30
"""Most snapshots that a film shows."""


class Snapshots(Mapping[int, VAE]):
    """The VAE after each step that has a snapshot, by the step. A run may have very many: none is kept.

    Args:
        paths: The file of each step, in the order of the steps.
        read: Makes a model of a file.
    """

    def __init__(self, paths: dict[int, Path], read: Callable[[Path], VAE]) -> None:
        self._paths = paths
        self._read = read

    def __getitem__(self, step: int) -> VAE:
        return self._read(self._paths[step])

    def __iter__(self) -> Iterator[int]:
        return iter(self._paths)

    def __len__(self) -> int:
        return len(self._paths)

    def __repr__(self) -> str:
        return f"<{len(self)} snapshots, of steps {min(self)} to {max(self)}>" if self else "<no snapshots>"


def step_of_snapshot(path: Path) -> int:
    """The step after which a snapshot was taken, from its file's name."""
    return int(path.stem.removeprefix("step-"))


def film_steps(snapshots: Mapping[int, VAE]) -> list[int]:
    """The steps of a run's film: at most :data:`MAX_FRAMES` that have a snapshot, evenly spread."""
    return spread(list(snapshots), MAX_FRAMES)
