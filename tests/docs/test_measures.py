"""The tables of docs/measures.md against what the code writes and prints: nothing undocumented, nothing made up."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from swissroll.config import Config
from swissroll.evaluation.distances import NAMES
from swissroll.evaluation.evaluation import Evaluation
from swissroll.evaluation.measures import MEASURES, heading
from swissroll.evaluation.tables import generated_rows, model_rows, summary_rows
from swissroll.runs.evaluate import evaluate
from swissroll.runs.files import state_json
from swissroll.runs.history import COLUMNS
from swissroll.sweep.analysis.results import METRICS, write_table
from swissroll.sweep.plan import Sweep
from swissroll.training.loop import DivergedError
from tests.oracles import SMALL, few_points_measured, trained_run

PAGE = (Path(__file__).parents[2] / "docs" / "measures.md").read_text(encoding="utf-8")
SETS = ("grid", "prior", "noisy_prior", "shared_noise")
WITHOUT_REGISTRY = {"sigma": "decoder sigma, data units"}
"""Numbers that are a setting or a weight, not measured."""


def table_below(heading_or_line: str) -> list[list[str]]:
    """The rows of the first table behind a line of the page, without its head."""
    below = PAGE[PAGE.index(heading_or_line) :]
    found = re.search(r"(?:^\|.*\n)+", below, flags=re.MULTILINE)
    assert found is not None
    rows = [line.strip("|").split("|") for line in found[0].splitlines()[2:]]
    return [[cell.strip() for cell in row] for row in rows]


def names_in(cell: str) -> list[str]:
    return re.findall(r"`([\w.]+)`", cell)


@pytest.fixture(scope="module")
def evaluated(tmp_path_factory: pytest.TempPathFactory) -> Evaluation:
    run = trained_run(tmp_path_factory.mktemp("documented") / "run", SMALL)
    with few_points_measured():
        return evaluate(run)


def test_the_table_of_numbers_has_every_name_with_the_text_that_is_printed() -> None:
    rows = table_below("## Every number by name")
    documented = {names_in(row[0])[0]: row[1] for row in rows}
    assert documented == {name: heading(name) for name in MEASURES} | WITHOUT_REGISTRY
    assert all(len(row) == 5 and all(row) for row in rows)


def test_every_row_that_is_printed_is_in_the_table_of_numbers(evaluated: Evaluation) -> None:
    assert evaluated.metrics is not None
    printed = [*summary_rows(evaluated), *model_rows(evaluated.metrics), *generated_rows(evaluated.metrics)]
    documented = {row[1] for row in table_below("## Every number by name")}
    plain = {"steps", "training time", "decoder sigma, implied, data units"}
    assert {row[0] for row in printed} - documented == plain


def test_the_columns_of_the_history() -> None:
    assert [names_in(row[0])[0] for row in table_below("## Columns of history.csv")] == list(COLUMNS)


def test_the_columns_of_a_sweeps_table(tmp_path: Path) -> None:
    sweep = Sweep.of({"beta": [0.01, 0.1], "seeds": 1, "steps": 7})
    write_table(sweep, tmp_path)
    columns = (tmp_path / "table.csv").read_text(encoding="utf-8").splitlines()[0].split(",")

    documented: list[str] = []
    for row in table_below("## Columns of table.csv"):
        of_this_sweep = {"each axis, such as `beta`": ["beta"], "other settings": ["steps"]}
        documented += of_this_sweep.get(row[0], names_in(row[0]))
    assert documented == columns
    assert set(METRICS) <= set(documented)


def paths_in(value: Any, path: str = "") -> Iterator[str]:
    """The paths of the leaves of nested dicts, with general words for the sets of points and the distances."""
    if not isinstance(value, dict):
        yield path
        return
    for key, item in value.items():
        word = key
        if key in SETS:
            word = "SET"
            # Without noise in the data or in the decoder there is no such set.
            if item is None:
                continue
        if key in NAMES:
            word = "DISTANCE"
        yield from paths_in(item, f"{path}.{word}" if path else word)


def test_the_keys_of_metrics_json(evaluated: Evaluation) -> None:
    written = set(paths_in(json.loads(evaluated.to_json())))
    documented: list[str] = []
    for row in table_below("## Keys of metrics.json"):
        documented += names_in(row[0])
    assert sorted(documented) == sorted(written)


def test_the_keys_of_state_json() -> None:
    diverged = DivergedError(3, "KL", 0.1)
    written = set(paths_in(json.loads(state_json("diverged", 2, repaired_from="run", divergence=diverged))))
    documented: list[str] = []
    for row in table_below("`state.json` says how a run ended:"):
        documented += names_in(row[0])
    assert sorted(documented) == sorted(written)


def test_a_name_means_one_thing() -> None:
    """No two numbers are printed alike, and no number is called what a setting is called."""
    assert len({heading(name) for name in MEASURES}) == len(MEASURES)
    assert not set(MEASURES) & set(Config.__dataclass_fields__)
