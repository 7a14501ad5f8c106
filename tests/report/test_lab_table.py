"""A table in the lab's page. Oracles: the file's own cells, and the package's evidence of the same rows."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch.distributions import Normal

from swissroll.config import Config
from swissroll.data.own_table import open_table
from swissroll.evaluation.evidence import measure_evidence
from swissroll.report.lab_start import OPENING_SETTINGS, start_of_config, start_of_run
from swissroll.report.lab_table import MAX_HELD_OUT, MAX_TRAINING_ROWS, choose_held_out
from swissroll.runs.run import Run
from tests.oracles import trained_run
from tests.web.conftest import PRELUDE
from tests.web.javascript import LAB, needs_node, run_script

pytest.importorskip("pandas", reason="reads the table")

SMALL = Config(hidden_dim=16, depth=1, activation="tanh", steps=60, batch_size=64, snapshot_every=20, eval_every=20)
SCALES = (10.0, 0.001, 3e5)


def write_table(path: Path, columns: int, count: int = 300) -> np.ndarray[Any, Any]:
    """A bent cloud whose columns have units far apart, and a label; returns its numbers as they stand in the file."""
    angle = np.random.default_rng(3).uniform(0, 3, count)
    parts = [np.cos(angle), np.sin(angle), angle]
    lines = [",".join([*[f"weight {k}" for k in range(columns)], "kind"])]
    for row in range(count):
        cells = [f"{500 * (k - 1) + SCALES[k] * parts[k][row]:.7g}" for k in range(columns)]
        lines.append(",".join([*cells, "red" if angle[row] < 1 else "blue"]))
    path.write_text("\n".join(lines), encoding="utf-8")
    return np.array([[float(cell) for cell in line.split(",")[:-1]] for line in lines[1:]])


def run_on_table(folder: Path, columns: int = 2, **settings: Any) -> Run:
    write_table(folder / "mine.csv", columns)
    config = replace(SMALL, data=str(folder / "mine.csv"), label="kind", **settings)
    return trained_run(folder / "run", config)


@needs_node
@pytest.mark.parametrize("columns", [2, 3])
def test_the_page_has_the_cells_of_the_file(columns: int, tmp_path: Path) -> None:
    rows = write_table(tmp_path / "mine.csv", columns)
    config = Config(data=str(tmp_path / "mine.csv"), label="kind")
    script = """
    const { unpackStart } = await load("parts.js");
    const { pointsCsv } = await load("written_tables.js");
    const { points } = await unpackStart(input);
    const text = (values) => pointsCsv({ points: values, coordinate: null, units: points.units }, points.dims);
    const { coordinate: colours, label } = points;
    answer({ train: text(points.values), held: text(points.held_out), colours, label });
    """
    found = run_script(script, json.loads(json.dumps(start_of_config(config))))

    head = ",".join(f"weight {k}" for k in range(columns))
    parts = [found[name].splitlines() for name in ("train", "held")]
    assert [lines[0] for lines in parts] == [head, head]
    read = np.array([[float(cell) for cell in line.split(",")] for lines in parts for line in lines[1:]])
    deviations = rows.std(axis=0)
    assert len(read) == len(rows)
    order = np.lexsort(rows.T), np.lexsort(read.T)
    np.testing.assert_allclose(read[order[1]] / deviations, rows[order[0]] / deviations, rtol=0, atol=1e-5)
    assert (set(found["colours"]), found["label"]) == ({0, 1}, "kind")


@needs_node
@pytest.mark.parametrize(
    "settings",
    [{}, {"latent_dim": 1}, {"decoder_variance": "learned", "beta": 1.0, "components": 3}],
    ids=["two-latents", "one-latent", "learned-sigma"],
)
@pytest.mark.parametrize("columns", [2, 3])
def test_the_pages_evidence_is_the_packages_in_the_units_of_the_table(
    columns: int, settings: dict[str, Any], tmp_path: Path
) -> None:
    run = run_on_table(tmp_path, columns, **settings)
    script = """
    const { unpackStart } = await load("parts.js");
    const { Session } = await load("session.js");
    const { Watched } = await load("watched.js");
    const { points, snapshots, history, settings } = await unpackStart(input.start);
    const session = new Session(kernel, { settings, points, snapshots, history });
    session.isWatched = true;
    const watched = new Watched(kernel, session.begin());
    const view = { density: false, posterior: false, plane: [0, 1], point: null };
    const told = {};
    // The first evidence of a run is of few rows, and that of the next moment of all.
    for (const beta of [0.5, 1]) {
      watched.show({ ...session.frame(0), beta, view });
      while (!watched.isIdle) Object.assign(told, watched.work(50));
    }
    const { training } = session;
    const { heldOutNoise: noise, sigma } = training;
    answer({ evidence: told.evidence, measured: training.measure(), noise, sigma });
    """
    found = run_script(PRELUDE % str(LAB) + script, {"start": json.loads(json.dumps(start_of_run(run)))})

    rows = choose_held_out(open_table(run.config), run.config)
    restored = run.standardization.restore(rows.double().numpy())  # type: ignore[union-attr]
    wanted = measure_evidence(run.model, torch.from_numpy(restored))
    evidence = found["evidence"]
    assert evidence["rows"] == len(rows) == 30
    assert evidence["value"] == pytest.approx(-float(wanted.log_p.mean()), abs=1e-3)
    assert evidence["gap"] == pytest.approx(float((wanted.log_p - wanted.elbo).mean()), abs=2e-3)
    assert evidence["lower_bound"] is None

    with torch.no_grad():
        mu, logvar = run.model.encode(torch.from_numpy(restored))
        drawn = mu + (logvar / 2).exp() * torch.tensor(found["noise"]).view_as(mu)
        sigma = found["sigma"] * torch.tensor(run.standardization.scale)  # type: ignore[union-attr]
        log_p = Normal(run.model.decode(drawn), sigma).log_prob(torch.from_numpy(restored)).sum(dim=1)
    assert found["measured"]["distortion"] == pytest.approx(-float(log_p.mean()), rel=1e-4)


def test_the_history_has_the_unit_of_the_table(tmp_path: Path) -> None:
    run = run_on_table(tmp_path)
    history = start_of_run(run)["history"]
    log_volume = float(np.log(run.standardization.scale).sum())  # type: ignore[union-attr]
    at = history["step"].index(40)
    row = run.history[39]
    assert history["distortion"][at] == pytest.approx(float(row.distortion) + log_volume, rel=1e-5)
    assert history["held_out_distortion"][at] == pytest.approx(float(row.held_out_distortion) + log_volume, rel=1e-5)
    assert history["rate"][at] == pytest.approx(float(row.rate), rel=1e-5)
    assert history["loss"][at] == pytest.approx(float(row.loss), rel=1e-5)


def test_of_a_large_table_the_page_has_a_sample_and_says_so(tmp_path: Path) -> None:
    rows = np.random.default_rng(0).normal(size=(7000, 2))
    np.save(tmp_path / "large.npy", rows)
    table = start_of_config(Config(data=str(tmp_path / "large.npy")))["table"]
    assert (table["row_count"], table["of_rows"]) == (5000, 6300)
    assert len(table["rows"]) == pytest.approx(5000 * 2 * 4 * 4 / 3, abs=4)
    assert len(table["held_out"]) == pytest.approx(512 * 2 * 4 * 4 / 3, abs=4)


@needs_node
def test_the_page_says_which_rows_it_holds() -> None:
    script = """
    const { sayRows } = await load("table.js");
    const part = (count) => new Float32Array(2 * count);
    const points = { dims: 2, values: part(5000), held_out: part(512), name: "large.npy" };
    answer([sayRows({ ...points, of_rows: 6300 }), sayRows({ ...points, of_rows: 5000 })]);
    """
    some, every = run_script(script)
    assert some.startswith(
        "The page holds 5,000 of the 6,300 training rows, drawn at random, of large.npy, and the 512"
    )
    assert every.startswith("The page holds the 5,000 training rows of large.npy, and the 512 held-out rows")


@pytest.mark.parametrize(("columns", "advice"), [(1, "has 1."), (4, "has 4: choose some of them by columns, such as")])
def test_other_numbers_of_columns_are_refused_in_one_line(columns: int, advice: str, tmp_path: Path) -> None:
    np.save(tmp_path / "mine.npy", np.random.default_rng(0).normal(size=(50, columns)))
    with pytest.raises(ValueError, match="shows tables of 2 or 3 columns, and mine") as refused:
        start_of_config(Config(data=str(tmp_path / "mine.npy")))
    assert advice in str(refused.value)
    assert "\n" not in str(refused.value)


@needs_node
def test_a_numeric_label_colours_from_its_lowest_value_to_its_highest(tmp_path: Path) -> None:
    lines = [f"{k % 7},{k * k % 11},{2000 + k}" for k in range(40)]
    (tmp_path / "mine.csv").write_text("\n".join(["a,b,year", *lines]), encoding="utf-8")
    config = Config(data=str(tmp_path / "mine.csv"), label="year")
    script = "const { unpackStart } = await load('parts.js'); answer((await unpackStart(input)).points.coordinate);"
    colours = run_script(script, json.loads(json.dumps(start_of_config(config))))
    years = np.sort(open_table(config).train_rows) / 39
    expected = (years - years.min()) / (years.max() - years.min())
    np.testing.assert_allclose(np.sort(colours), expected, atol=1e-6)


@needs_node
def test_bounds_and_opening_settings_are_the_pages() -> None:
    script = """
    const { DEFAULTS, MAX_POINTS, NOTEBOOK } = await load("settings.js");
    const opened = Object.entries(DEFAULTS).filter(([name, value]) => value !== NOTEBOOK[name]);
    answer({ points: MAX_POINTS, opened: Object.fromEntries(opened) });
    """
    assert run_script(script) == {"points": MAX_TRAINING_ROWS, "opened": OPENING_SETTINGS}
    assert MAX_HELD_OUT == 512
