"""A run that is trained with somebody's solution to the exercise, and the right run of the same settings beside it.

solution.py   the solution's code, beside the files of every run
right/        the right run: same start, data and noise
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

from swissroll.config import Config, read_origin
from swissroll.errors import Fix
from swissroll.exercise.solution import Solution, SolutionVAE, read_solution, require_settings
from swissroll.runs.errors import RunError
from swissroll.runs.files import replace_file
from swissroll.runs.run import SOLUTION, SOLUTION_ORIGIN, Run, create, is_of_solution, load, make_folder
from swissroll.training.build import Plan, build, decide
from swissroll.training.loop import Training

RIGHT = "right"


@dataclass(frozen=True)
class SolutionRun(Run):
    """A run that is trained with the code of a solution, which lies in its folder."""

    @cached_property
    def solution(self) -> Solution:
        """The solution; its code is run when this is first asked for."""
        return read_solution(self.folder / SOLUTION)

    def make_model(self) -> SolutionVAE:
        """The solution's VAE before training."""
        return self.solution.make_model(self.config)

    def make_training(self, plan: Plan) -> Training:
        """The training by the solution's loss."""
        return build(plan, loss=self.solution.make_loss(plan.config), model=self.make_model())

    @property
    def right(self) -> Run:
        """The right run of the same settings; its folder is made where it is not there."""
        folder = self.folder / RIGHT
        return load(folder) if (folder / "config.toml").is_file() else create(folder, self.config)


def settings_for_solution(config: Config) -> Config:
    """Settings with the engine and the device that a solution is trained with.

    Raises:
        ValueError: A setting is one that the exercise's code does not have.
    """
    require_settings(config)
    return decide(replace(config, engine="torch", device="cpu")).config


def create_with_solution(folder: Path, config: Config, solution: Solution) -> SolutionRun:
    """Make a run's folder with its settings and a solution's code, ready to be trained.

    Args:
        folder: It must not exist, or be empty.
        config: As :func:`settings_for_solution` gives them.
        solution: The solution.

    Raises:
        RunError: The folder exists and is not empty, or cannot be made.
    """
    code = solution.submission.source.encode()
    run = make_folder(folder, config, origin=_origin(code))
    replace_file(run.folder / SOLUTION, code)
    return SolutionRun(run.folder)


def open_run(folder: Path) -> Run:
    """Open a run's folder, whether it was trained with a solution or not. A solution's code runs when it is needed.

    Raises:
        RunError: The folder holds no run, or its solution.py is gone or was changed.
    """
    if not (folder / "config.toml").is_file():
        return load(folder)
    _ = Run(folder).config  # Settings that cannot be read are refused with what helps.
    if not is_of_solution(folder):
        return load(folder)
    path = folder / SOLUTION
    if not path.is_file():
        raise RunError(f"{path} is gone, whose code this run is trained with. Put it back.", path=path)
    if read_origin(folder / "config.toml") != _origin(path.read_bytes()):
        what = "was changed since this run began. Undo that, or train with it in a new folder."
        raise RunError(f"{path} {what}", Fix.CHOOSE_ANOTHER_FOLDER, path=path)
    run = SolutionRun(folder)
    _ = run.config
    return run


def _origin(code: bytes) -> str:
    digest = hashlib.sha256(code).hexdigest()[:16]
    return f"{SOLUTION_ORIGIN} (SHA-256 begins with {digest}). These settings without it train the right run."
