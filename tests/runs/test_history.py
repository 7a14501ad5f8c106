"""Damage to a run's files: harmless where it can be, and told with advice that loses nothing where it is not.

Oracle: the run before the damage.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

import swissroll
from swissroll.errors import Fix
from swissroll.runs.errors import RunError
from swissroll.runs.history import COLUMNS, read_last_step
from swissroll.runs.run import Run, create
from swissroll.runs.training import advance
from tests.oracles import SMALL, trained_run

Change = Callable[[bytes], bytes]

HARMLESS: dict[str, Change] = {
    "no last line break": lambda data: data[:-1],
    "a blank line": lambda data: data + b"\n",
    "blank lines": lambda data: data.replace(b"\n", b"\n\n"),
    "line breaks of Windows": lambda data: data.replace(b"\n", b"\r\n"),
    "a byte order mark": lambda data: b"\xef\xbb\xbf" + data,
}
DAMAGE: dict[str, tuple[Change, str]] = {
    "half a row": (lambda data: data[:-40], "does not hold the 60 steps"),
    "no last row": (lambda data: data[: data[:-1].rfind(b"\n") + 1], "does not hold the 60 steps"),
    "semicolons": (lambda data: data.replace(b",", b";"), "separated by ';', as some spreadsheets write them"),
    "a decimal comma": (lambda data: data.replace(b".", b","), "line 2, '1,0,.*does not have"),
    "a word": (lambda data: data.replace(b"\n17,", b"\nseventeen,"), "line 18, 'seventeen,.*does not have"),
    "no header": (lambda data: data[data.find(b"\n") + 1 :], "does not hold the 60 steps"),
    "nothing": (lambda _: b"", "does not hold the 60 steps"),
    "bytes": (lambda data: b"\xff\xfe" + data, "history.csv: damaged"),
}


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Run:
    return trained_run(tmp_path_factory.mktemp("runs") / "whole")


def copy_with(whole: Run, folder: Path, change: Change) -> Run:
    shutil.copytree(whole.folder, folder)
    path = folder / "history.csv"
    path.write_bytes(change(path.read_bytes()))
    return swissroll.load(folder)


@pytest.mark.parametrize("change", HARMLESS.values(), ids=HARMLESS)
def test_what_an_editor_does_to_a_history_is_harmless(change: Change, whole: Run, tmp_path: Path) -> None:
    run = copy_with(whole, tmp_path / "run", change)
    run.require_whole()
    for name in COLUMNS[:-1]:
        np.testing.assert_array_equal(run.history[name], whole.history[name])
    assert read_last_step(run.folder / "history.csv") == 60


@pytest.mark.parametrize(("change", "why"), DAMAGE.values(), ids=DAMAGE)
def test_damage_to_a_history_is_told_with_advice_that_keeps_the_weights(
    change: Change, why: str, whole: Run, tmp_path: Path
) -> None:
    run = copy_with(whole, tmp_path / "run", change)
    with pytest.raises(RunError, match=why) as caught:
        run.require_whole()
    assert caught.value.fix is Fix.TRAIN_AGAIN
    assert "safetensors" not in str(caught.value)


def test_the_history_of_a_repaired_copy_is_the_originals(whole: Run, tmp_path: Path) -> None:
    from swissroll.runs.fit_prior import repair

    copy = repair(whole, tmp_path / "copy", components=2)
    path = copy.folder / "history.csv"
    path.write_bytes(b"")
    with pytest.raises(RunError) as caught:
        swissroll.load(copy.folder).require_whole()
    assert caught.value.fix is Fix.COPY_HISTORY
    shutil.copy(Path(str(caught.value.facts["origin"])) / "history.csv", path)
    swissroll.load(copy.folder).require_whole()


@pytest.mark.parametrize("damage", [b"", b"{", b"[]", b"\xff"])
def test_the_weights_say_that_a_run_is_finished_where_its_state_is_lost(
    damage: bytes, whole: Run, tmp_path: Path
) -> None:
    run = copy_with(whole, tmp_path / "run", lambda data: data)
    path = run.folder / "state.json"
    path.write_bytes(damage)
    with pytest.raises(RunError) as caught:
        _ = run.status
    assert caught.value.fix is Fix.MOVE_AND_TRY_AGAIN
    assert caught.value.facts["move"] == path

    path.unlink()
    assert run.status == "finished"
    assert list(advance(run)) == []
    for name in ("model.safetensors", "history.csv"):
        assert (run.folder / name).read_bytes() == (whole.folder / name).read_bytes()


def test_a_stopped_run_whose_state_is_lost_goes_on(tmp_path: Path) -> None:
    run = create(tmp_path / "run", SMALL)
    for record in advance(run):
        if record.step == 33:
            break
    (run.folder / "state.json").unlink()
    assert swissroll.load(run.folder).status == "unfinished"
    assert [record.step for record in advance(run)] == list(range(34, 61))


def test_weights_without_their_settings_are_not_called_nothing(whole: Run, tmp_path: Path) -> None:
    shutil.copytree(whole.folder, tmp_path / "run")
    (tmp_path / "run/config.toml").unlink()
    with pytest.raises(RunError, match=r"its config.toml is gone.* Put it back: .*report.html lists the settings"):
        swissroll.load(tmp_path / "run")
