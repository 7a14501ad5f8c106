"""A command without what it needs says what to type, and that can be typed.

Oracle: the command line itself, which takes what the message names.
"""

from __future__ import annotations

import shlex
from collections.abc import Iterator

import pytest
from cyclopts import App

from swissroll.cli.app import app, main


def commands_of(group: App, *chain: str) -> Iterator[tuple[tuple[str, ...], App]]:
    for name in group:
        if not name.startswith("-"):
            yield (*chain, name), group[name]
            yield from commands_of(group[name], *chain, name)


def complaint_about(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> str:
    with pytest.raises(SystemExit) as ended:
        main(arguments)
    assert ended.value.code == 2
    said = capsys.readouterr()
    assert said.out == ""
    (line,) = said.err.splitlines()
    return line


def needs_something(command: App) -> bool:
    if command.default_command is None:
        return False
    return any(argument.required for argument in command.assemble_argument_collection())


IN_NEED = [chain for chain, command in commands_of(app) if needs_something(command)]


def test_many_commands_need_something() -> None:
    assert {("exercise", "check"), ("evaluate",), ("lint",), ("data", "check")} <= set(IN_NEED)


@pytest.mark.parametrize("chain", IN_NEED, ids=" ".join)
def test_a_command_without_what_it_needs_says_what_to_type(
    chain: tuple[str, ...], capsys: pytest.CaptureFixture[str]
) -> None:
    line = complaint_about(list(chain), capsys)
    said, example = line.split(" For example: swissroll ")
    assert said.startswith(f"swissroll: {' '.join(chain)} needs ")
    typed = shlex.split(example)
    assert tuple(typed[: len(chain)]) == chain
    app.parse_args(typed, exit_on_error=False, print_error=False)


def test_an_option_without_a_value_says_where_to_look(capsys: pytest.CaptureFixture[str]) -> None:
    line = complaint_about(["train", "--beta"], capsys)
    assert line == "swissroll: --beta needs a value. 'swissroll train --help' says which."
    line = complaint_about(["exercise", "build", "--target"], capsys)
    assert line == "swissroll: --target needs a value. 'swissroll exercise build --help' says which."
