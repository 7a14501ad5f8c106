"""What every test shares: fixed seeds, a browser where there is one, and a last word on what was skipped."""

from __future__ import annotations

import os
import random
import signal
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import hypothesis
import numpy as np
import pytest
import torch

from tests.oracles import Opened, few_points_measured, pictures_undrawn

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

CHROMIUM = Path("/usr/bin/chromium")
LONG_FILES = {"test_tutorial.py", "test_xla.py", "test_cluster.py", "test_runner.py", "test_run.py"}

# Each run of the suite draws the same examples, so that a red run can be repeated.
# To look for new ones: pytest --hypothesis-profile=explore
hypothesis.settings.register_profile("same", deadline=None, derandomize=True)
hypothesis.settings.register_profile("explore", deadline=None)
hypothesis.settings.load_profile("same")

# A suite that a script started in the background ignores Ctrl-C. So would the commands that its tests interrupt.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)


def seed_everything() -> None:
    """Seed the three global generators that a test may draw from."""
    random.seed(0)
    np.random.seed(0)  # noqa: NPY002  The global generator is the one to be seeded.
    torch.manual_seed(0)


@pytest.fixture(scope="module", autouse=True)
def _seed_module() -> None:
    """Seed before the fixtures of a module."""
    seed_everything()


@pytest.fixture(autouse=True)
def _seed_test(_seed_module: None) -> Iterator[None]:
    """Seed before each test, and give back the number of threads that it was given."""
    threads = torch.get_num_threads()
    seed_everything()

    yield

    torch.set_num_threads(threads)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with the files that take longest, so that two workers end at about the same time."""
    items.sort(key=lambda item: item.path.name not in LONG_FILES)


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """The browser that opens the reports. It is looked for when a test asks for it, not when tests are collected."""
    if not CHROMIUM.exists() and "SWISSROLL_REQUIRE_BROWSER" not in os.environ:
        pytest.skip("needs Debian's chromium: apt-get install chromium")

    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=str(CHROMIUM), args=["--no-sandbox", "--disable-gpu"])
        yield started
        started.close()


@pytest.fixture
def opened(browser: Browser) -> Opened:
    """Opens the report of a folder; fails on a request to elsewhere and on an error in the page."""

    @contextmanager
    def open_report(folder: Path, **options: Any) -> Iterator[Page]:
        problems: list[str] = []
        page = browser.new_page(**({"viewport": {"width": 1000, "height": 800}} | options))
        # On a busy machine, too.
        page.set_default_timeout(120_000)
        page.on("pageerror", lambda error: problems.append(str(error)))
        page.on(
            "request",
            lambda r: None if r.url.startswith(("file:", "data:", "blob:", "about:")) else problems.append(r.url),
        )
        page.goto((folder / "report.html").resolve().as_uri())

        yield page

        page.close()
        assert problems == []

    return open_report


@pytest.fixture(scope="module")
def few_points() -> Iterator[None]:
    """Measure a model on 100 points instead of 1000, here and in other processes: where a test is not about numbers."""
    with few_points_measured():
        yield


@pytest.fixture(scope="module")
def no_pictures() -> Iterator[None]:
    """Leave a report's pictures undrawn, which takes most of its time: where a test is not about how it looks."""
    with pictures_undrawn():
        yield


def what_helps(reason: str) -> str:
    """A reason for skipping, with the command that installs what was absent."""
    absent = reason.removeprefix("could not import '").partition("'")[0]
    requirement = {"jax": "jax>=0.8", "distributed": "distributed>=2025.1"}.get(absent)
    return f"needs {absent}: pip install '{requirement}'" if requirement else reason


@pytest.hookimpl(trylast=True)
def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Say what was skipped and what to install for it."""
    reports = terminalreporter.stats.get("skipped", [])
    reasons = Counter(what_helps(report.longrepr[2].removeprefix("Skipped: ")) for report in reports)
    for reason, count in sorted(reasons.items()):
        tests = "1 test" if count == 1 else f"{count} tests"
        terminalreporter.write_line(f"skipped {tests}: {reason}", yellow=True)
