"""Errors that say what helps, as data. Their text names no command: only the command line knows how it is called.

raise FixableError(f"{folder} already exists.", Fix.CHOOSE_ANOTHER_FOLDER, folder=folder)
"""

from __future__ import annotations

from enum import Enum
from pathlib import Path


class Fix(Enum):
    """What helps. The value is the sentence that Python shows; a word in braces is a fact that the error carries.

    ``swissroll.cli.terminal`` has the command line of each.
    """

    CHOOSE_ANOTHER_FOLDER = "Choose another folder."
    CHOOSE_ANOTHER_FILE = "Choose another file, or move this one away."
    RESUME_OR_CHOOSE_ANOTHER_FOLDER = "Choose another folder, or resume the run in {folder}."
    TRAIN_A_RUN = "Train one, or name the folder of another."
    RESUME = "Resume the run in {folder}."
    TRAIN_AGAIN_ON_ANOTHER_DEVICE = "Train again from {path} on another device, in a new folder."
    MOVE_AND_RESUME = "Move {move} away, then resume the run in {folder}."
    MOVE_AND_TRY_AGAIN = "Move {move} away, and try again."
    COPY_HISTORY = "Copy history.csv from {origin} again."
    TRAIN_AGAIN = "Put back a copy of it, or train again from {path} in a new folder; what is here can stay."
    PUT_BACK_CONFIG = "Put it back: {report} lists the settings."
    CORRECT_CONFIG = "Correct it: {report} lists the settings."
    NAME_TOML_FILE = "Name an existing TOML file."
    CORRECT_TOML_FILE = "Correct it, or name another."
    OPEN_WITH_SOLUTION = "Open it with exercise.solution_run.open_run, which runs that code."
    TRAIN_WITH_PRIOR = "Train another run from {path}, which has such a prior from its first step on."
    MOVE_AND_REPAIR_ORIGINAL = (
        "Move {move} away, then repair the original again with {components} components: {origin}."
    )

    START_A_SWEEP = "Start one, or name the folder of another."
    START_SWEEP_FROM_FILE = "Start a sweep from {path}."
    CONTINUE_SWEEP = "Continue the sweep in {folder}."
    REPORT_SWEEP = "Write the report of the sweep in {folder}, or name one of its runs."
    MOVE_AND_CONTINUE_SWEEP = "Move {move} away, then continue the sweep in {folder}, which computes it again."
    VARY_A_SETTING = "Name a setting to vary, and its values."
    CORRECT_SWEEP = "Correct it, or move it away and name the values that the sweep was begun with."
    RESTORE_SWEEP_OR_CHOOSE_ANOTHER_FOLDER = (
        "Put back the sweep.toml of these runs, name the values that they were begun with, or choose another folder."
    )
    LEAVE_OUT_OR_CHOOSE_ANOTHER_FOLDER = "Leave out {setting}, or choose another folder."
    NAME_ALL_VALUES = "To add runs beside it, name all values of {setting}: {values}."

    LEAVE_PRIOR = "Set it to false."
    INSTALL_JAX = "Install JAX, or choose engine 'torch'."
    INSTALL_ZUKO = "Install zuko, or choose prior 'gaussians'."
    MEND_JAX = "Mend that, or choose engine 'torch'."
    PUT_BACK_TABLE = "Put it back, or write into config.toml, as data, where it is now."
    RESTORE_TABLE = "Put back the old one; or train again on this one, in a new folder."
    CHOOSE_COLUMNS = "Choose the columns to use: {columns}."
    INSTALL_PANDAS = "Install pandas, and pyarrow for Parquet; or save the table as NPY, which needs neither."
    INSTALL_ONNX = "Install onnx and onnxscript, or choose the format 'torch'."
    INSTALL_DASK = "Install Dask, or use the processes of this machine."
    START_SCHEDULER = "Start a scheduler on host {host}, port {port}."


class FixableError(ValueError):
    """Something that cannot be used as it is, and what helps.

    Args:
        reason: What is wrong: sentences without advice.
        fix: What helps, where something does.
        folder: The folder that it is about, where there is one.
        path: The file that it is about, where there is one.
        facts: What else the fix needs.

    Attributes:
        reason, fix, folder, path: As above.
        facts: All facts by name, ``folder`` and ``path`` included.
    """

    def __init__(
        self,
        reason: str,
        fix: Fix | None = None,
        *,
        folder: Path | None = None,
        path: Path | None = None,
        **facts: object,
    ) -> None:
        self.reason = reason
        self.fix = fix
        self.folder = folder
        self.path = path
        self.facts = {"folder": folder, "path": path, **facts}
        advice = "" if fix is None else " " + fix.value.format(**self.facts)
        super().__init__(reason + advice)
