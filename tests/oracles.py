"""Models and runs whose worth is known, shared by the tests."""

from __future__ import annotations

import inspect
import os
import subprocess
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING

import psutil
import pytest
import torch
from torch import Generator, Tensor

import swissroll
from swissroll.config import Config
from swissroll.data import Curve
from swissroll.evaluation.geometry import project
from swissroll.evaluation.metrics import measure
from swissroll.model.vae import VAE
from swissroll.runs.run import Run, create
from swissroll.runs.training import advance
from swissroll.training.build import build
from swissroll.training.loop import DivergedError

if TYPE_CHECKING:
    from playwright.sync_api import Page

    from swissroll.report.scene import Scene

Opened = Callable[..., "AbstractContextManager[Page]"]

FEW_POINTS = Path(__file__).parent / "few_points"
"""Where Python finds the file by which a process measures on few points."""

# A run of a second whose folder holds one of each: held-out losses, snapshots, a last step between them.
SMALL = Config(steps=60, hidden_dim=16, batch_size=32, eval_every=20, snapshot_every=25)


@contextmanager
def few_points_measured() -> Iterator[None]:
    """Measure models on a few points instead of 1000, here and in the processes that are started meanwhile."""
    defaults = inspect.unwrap(measure).__kwdefaults__
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(defaults, "n", 100)
        patch.setenv("PYTHONPATH", str(FEW_POINTS), prepend=os.pathsep)
        yield


def empty_pictures(scene: Scene, progress: Callable[[str], object] = lambda _: None) -> dict[str, str]:
    """An empty address for each picture of a report, by name."""
    from swissroll.report.figures import available

    names = [*available(scene), "animation"]
    for name in names:
        progress(name)
    return dict.fromkeys(names, "")


@contextmanager
def pictures_undrawn() -> Iterator[None]:
    """Write reports of runs and of sweeps whose pictures are empty."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("swissroll.report.page._draw_pictures", empty_pictures)
        patch.setattr("swissroll.sweep.analysis.page.vector_uri", lambda _: "")
        yield


def seeded(seed: int = 0) -> Generator:
    """A generator of its own, so that a test does not depend on the global one."""
    return Generator().manual_seed(seed)


def trained_model(config: Config) -> VAE:
    """The model at the end of a run that has no folder."""
    training = build(config)
    for _ in training:
        pass
    return training.engine.model


def trained_run(folder: Path, config: Config = SMALL) -> Run:
    """A run that was trained in a folder until it finished or diverged."""
    run = create(folder, config)
    with suppress(DivergedError):
        for _ in advance(run):
            pass
    return swissroll.load(folder)


class Perfect(VAE):
    """A VAE whose prior draws are points of the curve: z is the normal quantile of t's share of its range.

    Args:
        curve: The curve that it knows.
        logvar: Log-variance of q(z|x), small so that a reconstruction is the point itself.
    """

    def __init__(self, curve: Curve, logvar: float = -14.0) -> None:
        super().__init__(1, 4, data_dim=curve.data_dim)
        self.curve = curve
        self.known_logvar = logvar

    def encode(self, x: Tensor) -> tuple[Tensor, Tensor]:
        length = self.curve.stop - self.curve.start
        share = (project(self.curve, x).t - self.curve.start) / length
        z = torch.special.ndtri(share.clamp(1e-9, 1 - 1e-9))[:, None]
        return z.to(x), torch.full_like(z, self.known_logvar).to(x)

    def decode(self, z: Tensor) -> Tensor:
        length = self.curve.stop - self.curve.start
        share = torch.special.ndtr(z[:, 0].double()).clamp(0, 1 - 1e-12)
        return self.curve.position(self.curve.start + length * share).to(z)


def wait_for_end(process: subprocess.Popen[str], seconds: float = 300) -> tuple[str, str]:
    """What a command that must end printed; one that does not end is killed, and its test is red."""
    try:
        return process.communicate(timeout=seconds)
    except subprocess.TimeoutExpired:
        for child in psutil.Process(process.pid).children(recursive=True):
            child.kill()
        process.kill()
        raise
