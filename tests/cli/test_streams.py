"""What is computed does not depend on who listens: streams that are closed, full or gone."""

from __future__ import annotations

import errno
import os
import select
import subprocess
import sys
from pathlib import Path

import pytest

from swissroll.cli.app import main

# What is measured and drawn is tested elsewhere.
pytestmark = pytest.mark.usefixtures("few_points", "no_pictures")

TRAIN = ["train", "--steps", "20", "--hidden-dim", "4", "--batch-size", "8", "--out", "run"]
FULL = Path("/dev/full")


def run_with(redirection: str, arguments: list[str], folder: Path) -> subprocess.CompletedProcess[str]:
    script = f'exec "$0" "$@" {redirection}'
    command = ["sh", "-c", script, sys.executable, "-m", "swissroll", *arguments]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)


def steps_on_disk(folder: Path) -> int:
    return len((folder / "run/history.csv").read_text(encoding="utf-8").splitlines()) - 1


@pytest.mark.parametrize(("redirection", "quiet"), [("2>&-", True), (">&- 2>&- <&-", False), ("2>/dev/full", False)])
def test_a_run_is_trained_to_its_end_whoever_listens(redirection: str, quiet: bool, tmp_path: Path) -> None:
    if "full" in redirection and not FULL.exists():
        pytest.skip("needs /dev/full")
    done = run_with(redirection, [*TRAIN, *(["--quiet"] if quiet else [])], tmp_path)
    assert (done.returncode, steps_on_disk(tmp_path)) == (0, 20)
    assert (tmp_path / "run/report.html").is_file()
    if ">&- 2" not in redirection:
        assert done.stdout.splitlines()[-1] == "report: run/report.html"


@pytest.mark.parametrize("unbuffered", ["", "1"])
def test_a_line_is_seen_at_once(unbuffered: str) -> None:
    code = "import sys, time; from swissroll.cli.streams import prepare_streams; prepare_streams()\n"
    code += "print('seen', file=sys.stderr); time.sleep(3600)"
    environment = os.environ | {"PYTHONUNBUFFERED": unbuffered}
    command = [sys.executable, "-c", code]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True, env=environment) as process:
        assert process.stderr is not None
        is_ready = select.select([process.stderr], [], [], 300)[0]
        process.kill()
    assert is_ready


def test_every_command_works_without_standard_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    sweep = ["sweep", "--beta", "0.1", "--seeds", "1", "--engine", "torch", "--workers", "1", *TRAIN[1:-1], "sweep"]
    for arguments in (TRAIN, ["report", "run"], ["evaluate", "run"], ["repair", "run", "--components", "2"], sweep):
        # As Python starts where the stream is closed.
        monkeypatch.setattr(sys, "stderr", None)
        with pytest.raises(SystemExit) as ended:
            main(arguments)
        assert ended.value.code == 0
        assert "report: " in capsys.readouterr().out
        sys.stderr.close()


@pytest.mark.skipif(not FULL.exists(), reason="needs /dev/full")
def test_a_full_standard_output_is_one_line_and_the_run_is_whole(tmp_path: Path) -> None:
    done = run_with(">/dev/full", [*TRAIN, "--quiet"], tmp_path)
    told = f"swissroll: standard output: {os.strerror(errno.ENOSPC)}. What went to folders is whole.\n"
    assert (done.returncode, done.stderr) == (2, told)
    assert (tmp_path / "run/report.html").is_file()


def test_bad_input_is_never_told_on_standard_output(tmp_path: Path) -> None:
    done = run_with("2>&-", ["train", "--stepz", "3"], tmp_path)
    assert (done.returncode, done.stdout) == (2, "")


def test_a_reader_that_goes_ends_the_command_as_it_ends_a_tool_of_the_shell(tmp_path: Path) -> None:
    # 'yes' ends at the same signal; a shell calls that 128 + 13.
    script = '"$0" "$@" | true; echo ${PIPESTATUS[0]}; yes | true; echo ${PIPESTATUS[0]}'
    command = ["bash", "-c", script, sys.executable, "-m", "swissroll", "train", "--help"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    ours, of_yes = done.stdout.split()
    assert (ours, done.stderr) == (of_yes, "")


def test_a_file_does_not_take_the_number_of_a_closed_stream(tmp_path: Path) -> None:
    """What a library in C prints to stream 2 would end in that file."""
    code = (
        "from swissroll.cli.streams import prepare_streams; prepare_streams()\n"
        "import os; file = open('file', 'w'); os.write(2, b'a warning'); os.write(1, b'another')\n"
        "print(file.fileno(), file=file)"
    )
    subprocess.run(["sh", "-c", 'exec "$0" "$@" >&- 2>&- <&-', sys.executable, "-c", code], cwd=tmp_path, check=True)
    assert int((tmp_path / "file").read_text(encoding="utf-8")) > 2
