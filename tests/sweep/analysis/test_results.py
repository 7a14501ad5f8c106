"""The table of a sweep against the files that it is read from."""

import dataclasses
import json
import shutil
from pathlib import Path

import pytest

from swissroll.runs.errors import RunError
from swissroll.sweep.analysis.results import Table, read_table
from tests.sweep.analysis.oracles import page_text


def test_metrics_json_and_the_page_agree_on_the_diagnosis(table: Table) -> None:
    row = next(r for r in table.rows if r.status == "finished")
    written = json.loads((table.folder / "runs" / row.name / "metrics.json").read_text(encoding="utf-8"))
    assert row.diagnosis == written["diagnosis"]["name"]
    assert row.diagnosis in page_text(table.folder)
    assert dataclasses.asdict(row)["setting"] == row.setting


@pytest.mark.parametrize(
    ("file", "content", "why"),
    [
        ("metrics.json", "{", "it is not JSON"),
        ("metrics.json", "[1, 2]", "it has no 'metrics'"),
        ("metrics.json", '{"metrics": {"sigma": 1.0}, "diagnosis": {"name": ""}}', "it has no number 'reconstruction'"),
        ("metrics.json", '{"metrics": [1], "diagnosis": 2}', "it does not hold what a measurement writes"),
        ("state.json", '{"step": 30}', "it has no 'status'"),
        ("state.json", "\x00", "it is not JSON"),
        ("metrics.json", None, ""),
    ],
)
def test_a_damaged_run_is_told_in_one_line_by_its_file_and_setting(
    file: str, content: str | None, why: str, table: Table, tmp_path: Path
) -> None:
    folder = tmp_path / "sweep"
    shutil.copytree(table.folder, folder)
    row = next(r for r in table.rows if r.status == "finished")
    path = folder / "runs" / row.name / file
    path.unlink()
    if content is not None:
        path.write_text(content, encoding="utf-8")

    with pytest.raises(RunError) as caught:
        read_table(folder)
    line = str(caught.value).partition(" Move ")[0]
    whose = f"the run of latent_dim 1, beta 0.001, lr 0.01, seed {row.config.seed}"
    assert line == (f"{path}: damaged ({why}; {whose})." if content is not None else f"{path} is missing ({whose}).")
