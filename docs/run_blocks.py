"""Run what the pages tell a reader to run, and compare what is printed with what stands beside it.

    python docs/run_blocks.py                 every page
    python docs/run_blocks.py README.md       one page, or several
    python docs/run_blocks.py --slow          also what takes minutes
    python docs/run_blocks.py --write         put what was printed into the pages

Each page has a folder of its own, a copy of the files that git knows. There its blocks run from top to bottom, as a
reader would run them: a ``console`` block by the shell, ``python`` blocks in one session. The output of a command
stands below it in its block, or in a ``text`` block that follows. A comment above a block can say:

    <!-- not run: REASON -->      a server, a window, an installation
    <!-- slow: REASON -->         only with --slow
    <!-- runs as: COMMAND -->     another command with the same output, where the block's own first installs something

What is compared: words and whole numbers must be the same. Another number may differ by 15 %, by three units of its
last digit, or by twice the largest error (±) on its line. A whole number after "about" is an estimate, and may differ
by a half. (On the machine that printed the page all digits are the same. Elsewhere, and on the other engine, each step
of a training rounds in another way, and its end differs a little.) Numbers after ± are not compared, nor those on a
line that names a time or a speed; there minutes may stand for seconds.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from time import perf_counter

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))
from docs.fill import OUTPUT, fill_pages, output  # noqa: E402

PAGES = (ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md")))
BLOCK = re.compile(
    r"(?:<!-- (?P<mark>not run|slow|runs as): (?P<why>[^\n]*) -->\n+)?^```(?P<kind>\w+)\n(?P<text>.*?)^```$",
    re.DOTALL | re.MULTILINE,
)
COMMAND = re.compile(r"^\$ (?P<code>(?:.*\\\n)*.*)\n(?P<printed>(?:(?!\$ ).*\n)*)", re.MULTILINE)
GAP = re.compile(r"(?:\s|<!--.*?-->)*", re.DOTALL)
NUMBER = re.compile(r"(?:±\s?|about )?(?<![\w.])[-+]?\d[\d,]*(?:\.\d+)?(?:e[-+]?\d+)?(?!\w)")
TIMED = re.compile(r"\btime\b|/s\b|\bseconds\b|\d s\b")
TIME_UNIT = re.compile(r"(?<=\d )(?:s|min|h)\b")
RELATIVE, UNITS, ERRORS, ESTIMATE = 0.15, 3, 2, 0.5
END = "-- end of block --"
SESSION = f"""
import json, sys
names = {{"__name__": "__main__"}}
for line in sys.stdin:
    exec(compile(json.loads(line), "<block>", "exec"), names)
    print({END!r}, flush=True)
"""


@dataclass(frozen=True)
class Step:
    """One command or one python block, and where its printed output stands in the page.

    Attributes:
        line: Line of the page, from 1.
        code: What to run.
        in_shell: Whether the shell runs it; else the page's python session does.
        mark: 'not run', 'slow', 'runs as', or nothing.
        why: What stands after the mark.
        printed: Start and end of its output in the page; equal where none is shown.
        is_filled: Whether that output is put there by fill.py.
    """

    line: int
    code: str
    in_shell: bool
    mark: str
    why: str
    printed: tuple[int, int]
    is_filled: bool = False


def find_steps(page: str) -> list[Step]:
    """What a page tells a reader to run, from top to bottom."""
    blocks = list(BLOCK.finditer(page))
    steps = []
    for index, block in enumerate(blocks):
        if block["kind"] not in ("console", "python"):
            continue
        line = page.count("\n", 0, block.start("text"))
        mark, why = block["mark"] or "", block["why"] or ""
        following = blocks[index + 1] if index + 1 < len(blocks) else None
        below, is_filled = output_below(page, block, following)
        if block["kind"] == "python":
            steps.append(Step(line, block["text"], False, mark, why, below, is_filled))
            continue
        for command in COMMAND.finditer(block["text"]):
            start = block.start("text")
            inside = (start + command.start("printed"), start + command.end("printed"))
            is_last = command.end() == len(block["text"])
            shown, filled = (below, is_filled) if is_last and inside[0] == inside[1] else (inside, False)
            steps.append(Step(line, command["code"], True, mark, why, shown, filled))
    return steps


def output_below(page: str, block: re.Match[str], following: re.Match[str] | None) -> tuple[tuple[int, int], bool]:
    """The span of a text block right below a block, and whether fill.py fills it."""
    if following is None or following["kind"] != "text":
        return (block.end(), block.end()), False
    gap = page[block.end() : following.start()]
    if not GAP.fullmatch(gap):
        return (block.end(), block.end()), False
    return following.span("text"), "<!-- output/" in gap


@dataclass
class Reader:
    """Somebody who follows a page, in a folder of their own."""

    folder: Path
    session: subprocess.Popen[str] | None = field(default=None)

    def run(self, step: Step) -> tuple[str, str]:
        """What a step prints, and what went wrong, if anything did."""
        code = step.why if step.mark == "runs as" else step.code
        return self.run_command(code) if step.in_shell else self.run_python(code)

    def run_command(self, command: str) -> tuple[str, str]:
        """Run a command of a console block."""
        done = subprocess.run(  # noqa: S603
            ["bash", "-c", command],  # noqa: S607
            cwd=self.folder,
            env=self.environment(),
            capture_output=True,
            text=True,
            check=False,
            stdin=subprocess.DEVNULL,
        )
        return done.stdout, f"{done.stderr[-2000:]}\nexit code {done.returncode}" if done.returncode else ""

    def run_python(self, code: str) -> tuple[str, str]:
        """Run a python block in the page's session."""
        told = self.folder / "stderr.txt"
        if self.session is None:
            with told.open("w") as messages:
                self.session = subprocess.Popen(  # noqa: S603
                    [sys.executable, "-c", SESSION],
                    cwd=self.folder,
                    env=self.environment(),
                    stdin=subprocess.PIPE,
                    stdout=subprocess.PIPE,
                    stderr=messages,
                    text=True,
                )
        assert self.session.stdin is not None  # noqa: S101
        assert self.session.stdout is not None  # noqa: S101
        self.session.stdin.write(json.dumps(code) + "\n")
        self.session.stdin.flush()

        printed: list[str] = []
        for line in self.session.stdout:
            if line.rstrip("\n") == END:
                return "".join(printed), ""
            printed.append(line)
        self.leave()
        return "".join(printed), told.read_text(encoding="utf-8")[-2000:]

    def environment(self) -> dict[str, str]:
        """The commands of this interpreter, and the code of the copy."""
        path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
        return os.environ | {"PATH": path, "PYTHONPATH": str(self.folder / "src"), "MPLBACKEND": "Agg"}

    def leave(self) -> None:
        """End the python session."""
        if self.session is not None:
            self.session.communicate()
        self.session = None


def find_differences(shown: str, printed: str) -> Iterator[str]:
    """Each line that a page shows otherwise than it was printed."""
    shown_lines, printed_lines = shown.strip().splitlines(), printed.strip().splitlines()
    for index in range(max(len(shown_lines), len(printed_lines))):
        here = "".join(shown_lines[index : index + 1])
        there = "".join(printed_lines[index : index + 1])
        if not says_the_same(here, there):
            yield f"  page:    {here}\n  printed: {there}"


def says_the_same(shown: str, printed: str) -> bool:
    """Whether two lines have the same words, and numbers that agree."""
    if TIMED.search(printed):
        return words(TIME_UNIT.sub("s", shown)) == words(TIME_UNIT.sub("s", printed))
    if words(shown) != words(printed):
        return False

    numbers = NUMBER.findall(shown)
    errors = [to_float(number) for number in numbers if number.startswith("±")]
    error = max(errors, default=0.0)
    return all(agree(a, b, error) for a, b in zip(numbers, NUMBER.findall(printed), strict=True))


def words(line: str) -> str:
    """A line without its numbers, and without how wide it is."""
    return " ".join(NUMBER.sub("#", re.sub(r"-{3,}", "---", line)).split())


def to_float(number: str) -> float:
    return float(number.removeprefix("±").removeprefix("about ").replace(",", ""))


def agree(shown: str, printed: str, error: float = 0.0) -> bool:
    """Whether two numbers, as they are written, are close enough; ``error`` is the largest on their line."""
    if shown == printed or shown.startswith("±"):
        return True
    difference = abs(to_float(shown) - to_float(printed))
    if shown.startswith("about "):
        return difference <= ESTIMATE * to_float(shown)
    if not any(mark in shown + printed for mark in ".e"):
        return False

    decimals = len(shown.partition("e")[0].partition(".")[2])
    unit = 0.0 if "e" in shown else 10.0**-decimals
    allowed = max(RELATIVE * abs(to_float(shown)), UNITS * unit, ERRORS * error)
    return difference <= allowed * (1 + 1e-9)


def follow(page: Path, folder: Path, *, slow: bool = False, write: bool = False) -> bool:
    """Run a page's steps in a folder, say of each how it went, and return whether all of them went well."""
    text = page.read_text(encoding="utf-8")
    reader, replaced, is_right = Reader(folder), [], True
    for step in find_steps(text):
        name = f"{page.name}:{step.line + 1}: {step.code.splitlines()[0]}"
        if step.mark == "not run" or (step.mark == "slow" and not slow):
            print(f"{step.mark:8}            {name}  ({step.why})", flush=True)
            continue

        start = perf_counter()
        printed, failure = reader.run(step)
        shown = text[slice(*step.printed)]
        differences = list(find_differences(shown, printed)) if shown.strip() else []
        verdict = "FAILED" if failure else "DIFFERS" if differences else "same" if shown.strip() else "runs"
        print(f"{verdict:8} {perf_counter() - start:8.1f} s  {name}", flush=True)
        print("\n".join([failure] * bool(failure) + differences), end="\n" * bool(failure or differences), flush=True)
        is_right &= not failure and not differences
        if shown.strip() and not failure and not step.is_filled:
            replaced.append((step.printed, printed.strip("\n") + "\n"))
    reader.leave()
    for name, differences in made_again(text, folder):
        print(f"DIFFERS             {page.name}: docs/output/{name}\n" + "\n".join(differences), flush=True)
        is_right = False

    if write:
        for (start_at, end_at), printed in reversed(replaced):
            text = text[:start_at] + printed + text[end_at:]
        page.write_text(text, encoding="utf-8")
    return is_right


def made_again(page: str, folder: Path) -> Iterator[tuple[str, list[str]]]:
    """The outputs that steps wrote into docs/output otherwise than the page shows them."""
    for shown in OUTPUT.finditer(page):
        made = folder / "docs" / "output" / shown[1]
        if made.exists():
            differences = list(find_differences(shown[0], output(shown[1], made.parent)))
            if differences:
                yield shown[1], differences


def copy_tree(folder: Path) -> None:
    """Copy the files that git knows, as they are now."""
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=True).stdout  # noqa: S607
    for name in filter(None, listed.split("\0")):
        if (ROOT / name).is_file():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, folder / name)


def keep_made(folder: Path) -> None:
    """Keep the tables and pictures that slow steps made in a copy."""
    for name in ("output", "pictures"):
        shutil.copytree(folder / "docs" / name, ROOT / "docs" / name, dirs_exist_ok=True)


def main() -> int:
    """Follow the pages; the exit code is 1 where one of them says something else than what happens."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("pages", type=Path, nargs="*", default=PAGES)
    parser.add_argument("--slow", action="store_true", help="also what takes minutes")
    parser.add_argument("--write", action="store_true", help="put what was printed into the pages")
    given = parser.parse_args()
    is_right = True
    for page in given.pages:
        with tempfile.TemporaryDirectory() as folder:
            copy_tree(Path(folder))
            is_right &= follow(page, Path(folder), slow=given.slow, write=given.write)
            if given.write and given.slow:
                keep_made(Path(folder))
    if given.write:
        fill_pages()
    return 0 if is_right else 1


if __name__ == "__main__":
    sys.exit(main())
