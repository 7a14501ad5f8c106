"""Words of commands. Oracle: a shell, which gives back the word that it was told."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from swissroll.report.shell import quote

WORDS = [
    "plain",
    "my run/seed 1",
    "it's",
    'a"b',
    "$HOME",
    "`id`",
    "a\\b",
    "*",
    "ä",
    "two\nlines",
    "tab\there",
    "é\udcff'\\\n",
]


@pytest.mark.parametrize("word", WORDS)
def test_a_shell_gives_the_word_back(word: str) -> None:
    bash = shutil.which("bash")
    if bash is None:
        pytest.skip("needs bash")
    told = subprocess.run([bash, "-c", f"printf %s {quote(word)}"], capture_output=True, check=True)
    assert told.stdout == os.fsencode(word)
    assert "\n" not in quote(word)


def test_a_path_that_begins_with_a_dash_is_not_taken_for_a_flag() -> None:
    assert quote(Path("-x")) == "./-x"
    assert quote(Path("-my run")) == "'./-my run'"
    assert quote("--beta") == "--beta"
