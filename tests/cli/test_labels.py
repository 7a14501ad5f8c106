"""A conditional run used as a person types it. Oracles: the model's own answers under each label, and tables' text."""

from __future__ import annotations

import csv
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

import swissroll
from swissroll.cli.app import main
from swissroll.config import Config
from swissroll.data import label_name, label_names, open_distribution
from swissroll.evaluation.evidence import score
from tests.oracles import trained_run

pandas = pytest.importorskip("pandas")
TINY = Config(steps=20, hidden_dim=8, depth=1, batch_size=32, eval_every=20, snapshot_every=20, conditional=True)
X = np.random.default_rng(5).normal(size=(60, 2)) * (3.0, 200.0) + (1.0, 1e4)
KINDS = ["red", "blue, dark", "red"] * 20
Call = Callable[..., tuple[int, str, str]]


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a table and three runs: of rings, of the table, and one that is not conditional."""
    folder = tmp_path_factory.mktemp("labels")
    frame = pandas.DataFrame({"kind": KINDS, "a": X[:, 0], "b": X[:, 1]})
    frame.to_csv(folder / "points.csv", index=False)
    trained_run(folder / "rings", replace(TINY, dataset="rings"))
    trained_run(folder / "table", replace(TINY, data=str(folder / "points.csv"), label="kind"))
    trained_run(folder / "plain", replace(TINY, conditional=False))
    return folder


@pytest.fixture
def call(runs: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Call:
    """Runs a command where the runs lie; what it is told to write goes to a folder that is emptied before."""
    monkeypatch.chdir(runs)
    shutil.rmtree(runs / "out", ignore_errors=True)

    def run(*arguments: str) -> tuple[int, str, str]:
        capsys.readouterr()
        with pytest.raises(SystemExit) as ended:
            main([*arguments])
        out, err = capsys.readouterr()
        return int(ended.value.code or 0), out, err

    return run


def read(path: str) -> list[dict[str, str]]:
    with Path(path).open(encoding="utf-8") as file:
        return list(csv.DictReader(file))


def test_samples_are_those_of_their_label(call: Call) -> None:
    code, out, _ = call("sample", "table", "-n", "20", "--label", "red", "--no-noise", "--out", "out/red.csv")
    assert code == 0
    assert "p(x | kind = red)" in out
    rows = [[float(row["a"]), float(row["b"])] for row in read("out/red.csv")]
    model = swissroll.load("table").model
    generator = swissroll.reproducibility.rng.generator(42, "measure: prior")
    expected = model.given(1).sample(20, noise=False, generator=generator)
    np.testing.assert_allclose(rows, expected.numpy(), rtol=1e-6)


@pytest.mark.parametrize("ending", ["csv", "tsv", "parquet"])
def test_samples_without_a_label_say_theirs_and_can_be_scored(call: Call, ending: str) -> None:
    assert call("sample", "table", "-n", "30", "--out", f"out/drawn.{ending}")[0] == 0
    code, out, err = call("score", "table", "--data", f"out/drawn.{ending}", "--out", "out/scores.csv", "--quiet")
    assert (code, err) == (0, "")
    assert "log p(x | kind) by quadrature" in out
    found = [float(row["log_density"]) for row in read("out/scores.csv")]

    frame = pandas.read_parquet("out/drawn.parquet") if ending == "parquet" else pandas.read_csv(
        f"out/drawn.{ending}", sep="\t" if ending == "tsv" else ","
    )  # fmt: skip
    assert set(frame["kind"]) == {"red", "blue, dark"}
    labels = torch.tensor((frame["kind"] == "red").to_numpy().astype(int))
    model = swissroll.load("table").model
    np.testing.assert_allclose(found, score(model.given(labels), frame[["a", "b"]].to_numpy()).log_p, rtol=1e-6)


def test_labels_of_a_dataset_are_numbers(call: Call) -> None:
    assert call("sample", "rings", "-n", "30", "--out", "out/rings.npy")[0] == 0
    rows = np.load("out/rings.npy")
    assert rows.shape == (30, 3)
    assert set(rows[:, 2]) <= {0.0, 1.0, 2.0}
    assert call("sample", "rings", "-n", "30", "--out", "out/rings.csv")[0] == 0
    assert read("out/rings.csv")[0].keys() == {"x1", "x2", "piece"}
    assert call("encode", "rings", "--data", "out/rings.csv", "--out", "out/encoded.csv")[0] == 0


@pytest.mark.parametrize(
    ("name", "columns"),
    [
        ("rings", "x1,x2,t,piece"),
        ("moons", "x1,x2,t,piece"),
        ("pinwheel", "x1,x2,petal"),
        ("eight_gaussians", "x1,x2,component"),
        ("checkerboard", "x1,x2,square"),
        ("swiss_roll", "x1,x2,t"),
    ],
)
def test_sampled_points_have_the_column_that_a_conditional_run_takes(call: Call, name: str, columns: str) -> None:
    assert call("data", "sample", name, "-n", "200", "--coordinate", "--out", "out/points.csv")[0] == 0
    rows = read("out/points.csv")
    assert ",".join(rows[0]) == columns
    if name == "rings":
        radius = [(float(row["x1"]) ** 2 + float(row["x2"]) ** 2) ** 0.5 for row in rows]
        order = sorted({round(found, 2) for found in radius})
        rings = {row["piece"]: order.index(round(found, 2)) for row, found in zip(rows, radius, strict=True)}
        assert len(order) == len(rings) == 3
        for row, found in zip(rows, radius, strict=True):
            assert rings[row["piece"]] == order.index(round(found, 2))
    if name != "swiss_roll":
        source = open_distribution(replace(TINY, dataset=name, conditional=False))  # type: ignore[arg-type]
        assert {row[label_name(source)] for row in rows} == set(label_names(source))


def test_a_conditional_run_scores_points_that_were_sampled_from_its_dataset(call: Call) -> None:
    assert call("data", "sample", "rings", "-n", "40", "--coordinate", "--out", "out/points.csv")[0] == 0
    code, out, err = call("score", "rings", "--data", "out/points.csv", "--out", "out/scores.csv", "--quiet")
    assert (code, err) == (0, "")
    assert "log p(x | piece) by quadrature" in out


def test_rows_are_encoded_and_decoded_under_their_labels(call: Call) -> None:
    assert call("encode", "table", "--data", "points.csv", "--out", "out/encoded.csv", "--quiet")[0] == 0
    assert call("reconstruct", "table", "--data", "points.csv", "--out", "out/back.csv", "--quiet")[0] == 0
    labels = torch.tensor([kind == "red" for kind in KINDS]).long()
    model = swissroll.load("table").model.given(labels)
    rows = torch.from_numpy(X)
    found = [float(row["z1"]) for row in read("out/encoded.csv")]
    np.testing.assert_allclose(found, model.encode(rows)[0][:, 0].detach(), rtol=1e-5, atol=1e-6)
    back = [float(row["b"]) for row in read("out/back.csv")]
    np.testing.assert_allclose(back, model.reconstruct(rows)[:, 1], rtol=1e-6)


def test_a_runs_own_rows_have_their_labels(call: Call) -> None:
    assert call("score", "table", "--out", "out/own.csv", "--quiet")[0] == 0
    kinds = {(f"{a:.6f}", f"{b:.4f}"): kind for (a, b), kind in zip(X.tolist(), KINDS, strict=True)}
    for row in read("out/own.csv"):
        assert kinds[f"{float(row['a']):.6f}", f"{float(row['b']):.4f}"] == row["kind"]


def test_an_export_is_of_one_label(call: Call) -> None:
    assert call("export", "rings", "--format", "torch", "--label", "2", "--out", "out/export")[0] == 0
    z = torch.randn(5, 2)
    program = torch.export.load("out/export/decoder.pt2").module()
    torch.testing.assert_close(program(z), swissroll.load("rings").network.given(2).decode(z), rtol=0, atol=2e-6)
    assert '"label": "2"' in Path("out/export/model.json").read_text()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("sample", "table", "--label", "rad", "--out", "out/x.csv"), "no label 'rad'. Did you mean 'red'?"),
        (("sample", "plain", "--label", "red", "--out", "out/x.csv"), "plain is not conditional on a label."),
        (("sample", "table", "--out", "out/x.npy"), ".npy holds numbers, and the labels are text"),
        (("export", "rings"), "rings is conditional on a label. Name one with --label: 0, 1, 2."),
        (("score", "table", "--data", "unlabelled.csv", "--out", "out/x.csv"), "has no column 'kind'"),
        (
            ("score", "table", "--data", "unknown.csv", "--out", "out/x.csv"),
            "row 2, label 'kind': the run has no label",
        ),
        (("encode", "table", "--data", "empty.csv", "--out", "out/x.csv"), "row 1, label 'kind': there is no value"),
        (("lab", "rings"), "The lab does not compute conditional=True"),
        (("train", "--conditional", "--out", "out/x"), "swiss_roll has one part and no labels"),
        (("train", "--data", "points.csv", "--conditional", "--out", "out/x"), "name its column as label"),
        (
            ("train", "--data", "points.csv", "--columns", "a,b", "--label", "a", "--conditional", "--out", "out/x"),
            "label 'a' has 60 different values; a conditional model takes 2 to 50",
        ),
        (
            ("train", "--dataset", "rings", "--conditional", "--engine", "xla", "--out", "out/x"),
            "Choose engine 'torch'",
        ),
    ],
)
def test_what_is_wrong_with_a_label_is_said_in_one_line(call: Call, arguments: tuple[str, ...], message: str) -> None:
    Path("unlabelled.csv").write_text("a,b\n1,2\n")
    Path("unknown.csv").write_text("a,b,kind\n1,2,red\n1,2,green\n")
    Path("empty.csv").write_text("a,b,kind\n1,2,\n1,2,red\n")
    code, out, err = call(*arguments)
    assert (code, out) == (2, "")
    assert message in err
    lines = [line for line in err.splitlines() if "note:" not in line]
    assert len(lines) == 1
    assert not Path("out").exists()
