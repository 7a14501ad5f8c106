"""A config's own table. Oracles: the file's rows, and hashlib."""

import hashlib
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from swissroll.config import Config, digest, read_config
from swissroll.data import Points, data_dim_of, open_distribution, record_table
from swissroll.data.column_names import join_names, split_names

ROWS = np.random.default_rng(0).normal(size=(40, 3)) * [3.0, 0.1, 1.0] + [5.0, -1.0, 0.0]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    found = tmp_path / "points.npy"
    np.save(found, ROWS)
    return found


def test_a_config_opens_its_table(path: Path) -> None:
    points = open_distribution(Config(data=str(path), columns="x3,x1", held_out=0.25))
    assert isinstance(points, Points)
    assert (points.name, points.columns, len(points.held_out)) == ("points.npy", ("x3", "x1"), 10)
    restored = points.standardization.restore(points.train)
    np.testing.assert_allclose(restored, ROWS[points.train_rows][:, [2, 0]], rtol=1e-5, atol=1e-5)


def test_a_path_is_taken_too(path: Path) -> None:
    assert Config(data=path) == Config(data=str(path))  # type: ignore[arg-type]


def test_what_is_written_down_is_enough_to_go_on(path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    recorded = record_table(Config(data="points.npy"))
    assert recorded.data == str(path)
    assert recorded.columns == "x1,x2,x3"
    assert recorded.data_digest == hashlib.sha256(path.read_bytes()).hexdigest()

    file = tmp_path / "config.toml"
    file.write_text(recorded.to_toml(), encoding="utf-8")
    monkeypatch.chdir("/")
    assert read_config(file) == recorded
    assert "dataset" not in file.read_text(encoding="utf-8")


def test_a_config_without_a_table_says_nothing_of_one() -> None:
    assert "held_out" not in Config().to_toml()
    assert record_table(Config()) == Config()


def test_the_digest_is_of_the_content_and_not_of_the_place(path: Path, tmp_path: Path) -> None:
    recorded = record_table(Config(data=str(path)))
    moved = tmp_path / "elsewhere.npy"
    moved.write_bytes(path.read_bytes())
    assert digest(record_table(Config(data=str(moved)))) == digest(recorded)
    np.save(moved, ROWS + 1)
    assert digest(record_table(Config(data=str(moved)))) != digest(recorded)


def test_a_table_that_changed_is_refused(path: Path) -> None:
    recorded = record_table(Config(data=str(path)))
    np.save(path, ROWS[::-1])
    with pytest.raises(ValueError, match=r"is not the table that this run was begun with: .* Put back the old one"):
        open_distribution(recorded)


def test_a_table_that_is_gone_is_refused_and_its_dimensions_are_known(path: Path) -> None:
    recorded = record_table(Config(data=str(path)))
    path.unlink()
    with pytest.raises(ValueError, match=r"is gone, .* Put it back, or write into config\.toml, as data"):
        open_distribution(recorded)
    assert data_dim_of(recorded) == 3


def test_seeds_split_a_table_differently(path: Path) -> None:
    config = Config(data=str(path))
    first, again, other = (open_distribution(replace(config, seed=seed)) for seed in (1, 1, 2))
    assert isinstance(first, Points)
    assert isinstance(other, Points)
    assert first is again
    assert not np.array_equal(first.held_out_rows, other.held_out_rows)


@pytest.mark.parametrize("names", [["a"], ["a", "b c"], ["a,b", 'say "x"', "c"]])
def test_names_with_commas_stand_in_quotation_marks(names: list[str]) -> None:
    assert split_names(join_names(names)) == names


@pytest.mark.parametrize("text", ["a\nb", "a\rb,c", "a," + "b" * 200_000 + "\n,c"])
def test_a_line_break_between_names_is_refused_in_one_line(text: str) -> None:
    with pytest.raises(ValueError, match="columns are names with commas between them") as caught:
        split_names(text)
    assert len(str(caught.value).splitlines()) == 1
    assert len(str(caught.value)) < 300


@pytest.mark.parametrize(
    ("settings", "told"),
    [
        ({"data": "x.csv", "dataset": "moons"}, "dataset and data both say where points come from"),
        ({"data": "x.csv", "noise": 0.1}, "noise is added to a dataset, and data names a table"),
        ({"columns": "a"}, "columns is of a table, and data names none"),
        ({"label": "a"}, "label is of a table"),
        ({"held_out": 0.2}, "held_out is of a table"),
        ({"data": " "}, "data must be text that is not empty"),
        ({"data": "x.csv", "held_out": 0.95}, "held_out must be a finite number above 0 and at most 0.9"),
    ],
)
def test_settings_that_contradict_one_another_are_refused(settings: dict[str, object], told: str) -> None:
    with pytest.raises(ValueError, match=told):
        Config(**settings)  # type: ignore[arg-type]
