"""What helps, as the command line says it: with the command to run, its paths quoted for a shell."""

from pathlib import Path

import pytest

from swissroll.cli.terminal import FIXES, advice_line, fix_line
from swissroll.errors import Fix, FixableError
from swissroll.evaluation.advice import Action, Advice
from swissroll.evaluation.wording import advice_text

FOLDER = Path("my runs/a")


def test_every_fix_has_its_line() -> None:
    assert set(FIXES) == set(Fix)


def test_paths_are_quoted_for_a_shell() -> None:
    error = FixableError("It is damaged.", Fix.RESUME, folder=FOLDER)
    assert fix_line(error) == "To resume it: swissroll train --resume 'my runs/a'"


@pytest.mark.parametrize(
    ("advice", "line"),
    [
        (
            Advice(action=Action.FIT_PRIOR, preset="best"),
            (
                "Fit the prior to the aggregate posterior, in training with --preset best, or now with: "
                "swissroll repair 'my runs/a'"
            ),
        ),
        (
            Advice(action=Action.FIT_PRIOR),
            "Fit the prior to the aggregate posterior: swissroll repair 'my runs/a'",
        ),
        (
            Advice(action=Action.FINISH_RUN, folder="my runs/a"),
            "Finish this run first: swissroll train --resume 'my runs/a'",
        ),
        (
            Advice(action=Action.TRAIN_PRESET, preset="best"),
            "The prior is fitted already; train a decoder with it: swissroll train --preset best",
        ),
        (
            Advice(action=Action.NOTHING, preset="best-long"),
            "Nothing ails this model. For a sharper one: swissroll train --preset best-long",
        ),
        (Advice(action=Action.NOTHING), "Nothing ails this model."),
        (Advice(setting="beta", factor=0.1), "Divide beta by ten."),
    ],
)
def test_an_action_is_a_command_here_alone(advice: Advice, line: str) -> None:
    assert advice_line(advice, FOLDER) == line
    in_python = advice_text(advice)
    assert "swissroll" not in in_python
    assert "--" not in in_python
