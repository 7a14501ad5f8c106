"""The script that follows the pages runs what a reader would, and sees what a page says wrongly."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from docs.run_blocks import PAGES, ROOT, Reader, find_differences, find_steps, follow

PAGE = """
Make a file, and look at it.

```console
$ echo 0.123 > made
$ cat made
0.125
$ cat made
```

```text
0.123
```

<!-- not run: it would never end -->
```console
$ sleep 1000
```

```python
x = 1
print(open("made").read().strip())
```

<!-- output/made.txt -->

```text
0.123
```

<!-- end -->

```python
print(x)
```

This is no output:

```text
2
```
"""


def follow_text(text: str, folder: Path, **options: bool) -> bool:
    page = folder / "page.md"
    page.write_text(text, encoding="utf-8")
    return follow(page, folder, **options)


def test_steps_are_found_with_what_they_print() -> None:
    steps = find_steps(PAGE)
    assert [PAGE[slice(*step.printed)] for step in steps] == ["", "0.125\n", "0.123\n", "", "0.123\n", ""]
    assert [step.mark for step in steps] == ["", "", "", "not run", "", ""]
    assert [step.in_shell for step in steps] == [True] * 4 + [False] * 2
    assert PAGE.splitlines()[steps[0].line].startswith("$ echo")


def test_a_page_that_says_what_happens_is_right(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert follow_text(PAGE, tmp_path)
    told = capsys.readouterr().out
    assert "it would never end" in told
    assert told.count("same") == 3


@pytest.mark.parametrize(
    ("right", "wrong"), [("0.125", "0.225"), ("cat made", "cat male"), ("print(x)", "print(y)"), ("x = 1", "x = ")]
)
def test_a_page_that_says_something_else_is_wrong(right: str, wrong: str, tmp_path: Path) -> None:
    assert not follow_text(PAGE.replace(right, wrong), tmp_path)


def test_what_was_printed_is_put_into_the_page(tmp_path: Path) -> None:
    assert follow_text(PAGE, tmp_path, write=True)
    assert (tmp_path / "page.md").read_text(encoding="utf-8") == PAGE.replace("0.125", "0.123")


def test_what_takes_minutes_runs_when_it_is_asked_for(tmp_path: Path) -> None:
    page = "<!-- slow: minutes -->\n```console\n$ false\n```\n"
    assert follow_text(page, tmp_path)
    assert not follow_text(page, tmp_path, slow=True)


def test_a_table_that_a_step_makes_again_is_compared_with_the_page(tmp_path: Path) -> None:
    (tmp_path / "docs" / "output").mkdir(parents=True)
    made = "<!-- output/made.md -->\n\n| 0.500 |\n\n<!-- end -->\n"
    page = "```console\n$ echo '| 0.500 |' > docs/output/made.md\n```\n\n"
    assert follow_text(page + made, tmp_path)
    assert not follow_text(page + made.replace("0.5", "0.7"), tmp_path)


@pytest.mark.parametrize(
    ("shown", "printed", "agrees"),
    [
        ("loss  0.0222", "loss 0.0222", True),
        ("loss 0.0222", "loss 0.0229", True),
        ("loss 0.0222", "loss 0.0322", False),
        ("loss 0.0222", "rate 0.0222", False),
        ("jumps 0", "jumps 1", False),
        ("gap 0.001", "gap 0.004", True),
        ("0.50 ± 0.02", "0.51 ± 0.09", True),
        ("0.50 ± 0.02", "0.70 ± 0.02", False),
        ("training time 4.2 s", "training time 71.0 s", True),
        ("z1 1.88, z2 1.54", "z1 1.88, z2 1.04", False),
        ("5.1e-13 nats", "5.2e-13 nats", True),
        ("a\nb", "a", False),
        ("-------", "---------", True),
        ("gap 0.0112  0.0067 ± 0.0013", "gap 0.0092  0.0067 ± 0.0013", True),  # Within twice the error on its line.
        ("gap 0.0112  0.0067 ± 0.0013", "gap 0.0082  0.0067 ± 0.0013", False),
        ("about 7 seeds would decide", "about 9 seeds would decide", True),  # An estimate.
        ("about 7 seeds would decide", "about 11 seeds would decide", False),
        ("7 seeds would decide", "9 seeds would decide", False),
        ("time   4 min", "time   56 s", True),
        ("time 7 min", "time 7 kg", False),
    ],
)
def test_words_must_be_the_same_and_numbers_about_the_same(shown: str, printed: str, agrees: bool) -> None:
    assert (not list(find_differences(shown, printed))) == agrees


def test_the_tutorials_gradients_are_those_that_it_shows(tmp_path: Path) -> None:
    page = (ROOT / "docs" / "tutorial.md").read_text(encoding="utf-8")
    (step,) = [step for step in find_steps(page) if "def gradients" in step.code]
    reader = Reader(tmp_path)
    printed, failure = reader.run(replace(step, code=f"import torch\n{step.code}"))
    reader.leave()
    assert failure == ""
    assert list(find_differences(page[slice(*step.printed)], printed)) == []


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_block_is_found_and_what_does_not_run_says_why(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    steps = find_steps(text)
    assert sum(step.in_shell for step in steps) == text.count("\n$ ")
    assert sum(not step.in_shell for step in steps) == text.count("\n```python\n")
    assert all(len(step.why) > 5 for step in steps if step.mark)
