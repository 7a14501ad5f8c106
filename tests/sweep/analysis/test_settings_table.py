"""The page's table against table.csv."""

import csv
import re
from collections import defaultdict

import numpy as np
import pytest

from swissroll.sweep.analysis.results import METRICS, Table
from tests.sweep.analysis.oracles import page_text


def test_the_settings_table_holds_the_means_of_table_csv(table: Table) -> None:
    groups = defaultdict(list)
    with (table.folder / "table.csv").open(encoding="utf-8") as file:
        for row in csv.DictReader(file):
            groups[row["latent_dim"], row["beta"], row["lr"]].append(row["mse"])
    html = page_text(table.folder).split('<table class="settings">')[1].split("</table>")[0]
    rows = re.findall(r"<tr>(.*?)</tr>", html.split("<tbody>")[1], flags=re.DOTALL)
    assert len(rows) == len(groups) == 8
    column = [re.sub("<.*?>", "", h) for h in re.findall(r"<th.*?</th>", html)].index(METRICS["mse"].label)
    for row, values in zip(rows, groups.values(), strict=True):
        key = re.findall(r'data-key="(.*?)"', row)[column]
        if all(values):
            assert float(key) == pytest.approx(np.mean([float(v) for v in values]))
        else:
            assert key == ""
