"""What every test shares: fixed seeds, a browser where there is one, and a last word on what was skipped."""

from __future__ import annotations

import os
import random
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import hypothesis
import numpy as np
import pytest
import torch

CHROMIUM = Path("/usr/bin/chromium")

# Each run of the suite draws the same examples, so that a red run can be repeated.
# To look for new ones: pytest --hypothesis-profile=explore
hypothesis.settings.register_profile("same", deadline=None, derandomize=True)
hypothesis.settings.register_profile("explore", deadline=None)
hypothesis.settings.load_profile("same")


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


@pytest.fixture(scope="session")
def chromium() -> Path:
    """The browser that opens the reports. It is looked for when the first test asks, not when tests are collected."""
    if not CHROMIUM.exists() and "SWISSROLL_REQUIRE_BROWSER" not in os.environ:
        pytest.skip("needs Debian's chromium: apt-get install chromium")
    return CHROMIUM


@pytest.hookimpl(trylast=True)
def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Say what was skipped and what to install for it."""
    reports = terminalreporter.stats.get("skipped", [])
    reasons = Counter(report.longrepr[2].removeprefix("Skipped: ") for report in reports)
    for reason, count in sorted(reasons.items()):
        tests = "1 test" if count == 1 else f"{count} tests"
        terminalreporter.write_line(f"skipped {tests}: {reason}", yellow=True)
