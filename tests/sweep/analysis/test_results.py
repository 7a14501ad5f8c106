"""The table of a sweep against the files that it is read from."""

import dataclasses
import json

from swissroll.sweep.analysis.results import Table
from tests.sweep.analysis.oracles import page_text


def test_metrics_json_and_the_page_agree_on_the_diagnosis(table: Table) -> None:
    row = next(r for r in table.rows if r.status == "finished")
    written = json.loads((table.folder / "runs" / row.name / "metrics.json").read_text(encoding="utf-8"))
    assert row.diagnosis == written["diagnosis"]["name"]
    assert row.diagnosis in page_text(table.folder)
    assert dataclasses.asdict(row)["setting"] == row.setting
