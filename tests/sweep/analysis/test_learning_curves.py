"""The curves against the histories on disk."""

from collections import defaultdict

import numpy as np

from swissroll.sweep.analysis.learning_curves import draw_learning_curves
from swissroll.sweep.analysis.results import Table


def test_learning_curves_end_at_the_runs_last_measurement(table: Table) -> None:
    figure = draw_learning_curves(table)
    drawn = {round(float(np.asarray(line.get_ydata())[-1]), 9) for line in figure.axes[0].lines}
    first = [r for r in table.rows if r.status == "finished" and r.setting["beta"] == 0.001]
    ends = defaultdict(list)
    for row in first:
        history = (table.folder / "runs" / row.name / "history.csv").read_text().splitlines()
        head, last = history[0].split(","), history[-1].split(",")
        ends[row.setting["latent_dim"]].append(float(last[head.index("held_out_mse")]))
    assert drawn == {round(float(np.median(v)), 9) for v in ends.values()}
