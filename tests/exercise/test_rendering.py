"""What a check and a lint show in a notebook is read on light and dark pages alike."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from swissroll.exercise import rendering
from swissroll.exercise.checking import CheckResult
from swissroll.exercise.evidence import Evidence
from swissroll.exercise.linting import finding

NOTEBOOK = Path(__file__).resolve().parents[2] / "notebooks" / "solution.ipynb"


@pytest.mark.parametrize("style", [rendering.STYLE, finding.STYLE], ids=["check", "lint"])
def test_text_has_the_colour_of_the_page_that_it_lies_on(style: str) -> None:
    # A light notebook on a dark desktop: what the system prefers is not what the page shows.
    assert "prefers-color-scheme" not in style
    assert not re.search(r"[{;]color:", style)


def test_the_committed_solution_shows_todays_style() -> None:
    cells = json.loads(NOTEBOOK.read_text(encoding="utf-8"))["cells"]
    outputs = [output for cell in cells for output in cell.get("outputs", [])]
    shown = ["".join(output.get("data", {}).get("text/html", "")) for output in outputs]
    checks = [html for html in shown if "swissroll-check" in html]
    assert checks
    assert all(html.startswith(f"<style>{rendering.STYLE}</style>") for html in checks), "run: make notebooks"


def test_what_was_stopped_is_told_beside_what_failed() -> None:
    facts = {"signs": ["limit"], "answer": {"error": "TimeLimit"}}
    stopped = Evidence(law="reparameterize.runs", passed=None, line="reparameterize was stopped", facts=facts)
    unknown = Evidence(law="reparameterize.fresh", passed=None, line="This could not be checked.")
    failed = Evidence(law="kl.zero", passed=False, line="The KL term is 3.")
    result = CheckResult(evidence=(stopped, unknown, failed), misconceptions=(), conventions=())
    assert "Not checked: reparameterize was stopped." in str(result)
    assert str(result).count("Not checked") == 1
    assert "<h4>Not checked</h4><p>reparameterize was stopped.</p>" in result._repr_html_()
