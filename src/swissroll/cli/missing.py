"""What to type where an argument is missing."""

from __future__ import annotations

from cyclopts import MissingArgumentError

NEEDS = {
    "report": "the folder of a run",
    "evaluate": "the folder of a run",
    "figures": "the folder of a run or of a sweep",
    "repair": "the folder of a run",
    "encode": "the folder of a run, and the table to write",
    "reconstruct": "the folder of a run, and the table to write",
    "score": "the folder of a run, and the table to write",
    "sample": "the folder of a run, and the table to write",
    "export": "the folder of a run",
    "data sample": "a distribution ('swissroll data list' has all of them)",
    "data show": "a distribution ('swissroll data list' has all of them)",
    "data check": "the file of your table",
    "exercise check": "the notebook or the Python file to check",
    "exercise grade": "the folder that the submissions lie in",
    "exercise build": "what to build for",
    "lint": "a loss, a sampler or a model, as MODULE:NAME or FILE.py:NAME",
}
"""What each command cannot do without."""
EXAMPLES = {
    "report": "runs/001",
    "evaluate": "runs/001",
    "figures": "runs/001",
    "repair": "runs/001",
    "encode": "runs/001 --out codes.csv",
    "reconstruct": "runs/001 --out reconstructed.csv",
    "score": "runs/001 --out scores.csv",
    "sample": "runs/001 --out samples.csv",
    "export": "runs/001",
    "data sample": "swiss_roll",
    "data show": "swiss_roll",
    "data check": "points.csv",
    "exercise check": "exercise.ipynb",
    "exercise grade": "submissions",
    "exercise build": "--target gradescope",
    "lint": "losses.py:vae_loss",
}
"""What follows each command in an example that is whole."""


def say_missing(error: MissingArgumentError) -> tuple[str, str]:
    """What is missing, and what to type."""
    command = " ".join(error.command_chain or ())
    name = error.argument.name if error.argument is not None else "an argument"
    if error.keyword is not None or command not in NEEDS:
        return f"{error.keyword or name} needs a value.", f"'{f'swissroll {command}'.strip()} --help' says which."
    return f"{command} needs {NEEDS[command]}.", f"For example: swissroll {command} {EXAMPLES[command]}"
