"""Figures whatever a user's own matplotlib settings are: the same bytes."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from io import BytesIO
from pathlib import Path

import matplotlib
import numpy as np
import pytest
import torch

from swissroll import visualize_latent_space, visualize_reconstructions
from swissroll.config import Config
from swissroll.report.export import encode_figure
from swissroll.report.figures import available, draw
from swissroll.report.film import film_gif
from swissroll.report.html import vector_uri
from swissroll.report.scene import Scene
from swissroll.report.style import house_style
from swissroll.training.build import build_model

HOSTILE = """
text.usetex: True
font.family: cursive
font.size: 31
figure.facecolor: black
axes.facecolor: black
savefig.facecolor: red
savefig.dpi: 37
savefig.bbox: tight
savefig.transparent: True
figure.autolayout: True
figure.dpi: 41
axes.grid: True
axes.titlesize: 40
lines.linewidth: 9
lines.marker: x
scatter.edgecolors: red
patch.force_edgecolor: True
image.origin: lower
image.interpolation: nearest
legend.frameon: True
xtick.major.size: 20
xtick.minor.visible: True
axes.unicode_minus: False
path.simplify: False
svg.fonttype: path
svg.hashsalt: other
pdf.fonttype: 3
pdf.compression: 0
backend: ps
"""


@contextmanager
def settings_of_a_user(folder: Path) -> Iterator[None]:
    """What a matplotlibrc file in a user's home does."""
    file = folder / "matplotlibrc"
    file.write_text(HOSTILE, encoding="utf-8")
    with matplotlib.rc_context(fname=file):
        yield


def scene() -> Scene:
    config = Config(hidden_dim=8)
    model = build_model(config)
    names = ("loss", "mse", "rate", "held_out_loss", "held_out_mse", "held_out_rate")
    step = np.arange(1.0, 21.0)
    return Scene(config, model, {0: model, 20: model}, {"step": step} | dict.fromkeys(names, 1 / step))


def drawn_figures() -> dict[str, object]:
    """Every figure of a run, as its page and as a paper have it, the film, and the notebook's pictures."""
    whole = scene()
    found: dict[str, object] = {"animation": film_gif(whole)}
    for name in available(whole):
        found[name] = vector_uri(draw(name, whole))
    found["pdf"] = encode_figure(draw("generated", whole), "pdf", dpi=50)
    found["svg"] = encode_figure(draw("posterior", whole), "svg", dpi=50)

    for draw_picture in (visualize_latent_space, visualize_reconstructions):
        torch.manual_seed(0)
        file = BytesIO()
        draw_picture(whole.model, 100).savefig(file)
        found[draw_picture.__name__] = file.getvalue()
    return found


def test_a_users_settings_change_no_byte_of_a_figure(tmp_path: Path) -> None:
    plain = drawn_figures()
    with settings_of_a_user(tmp_path):
        assert matplotlib.rcParams["text.usetex"]
        drawn = drawn_figures()
        assert matplotlib.rcParams["font.size"] == 31
    assert [name for name in plain if plain[name] != drawn[name]] == []


def test_a_matplotlibrc_file_changes_no_byte_of_a_figure(tmp_path: Path) -> None:
    (tmp_path / "matplotlibrc").write_text(HOSTILE, encoding="utf-8")
    script = """
import sys
from matplotlib.figure import Figure
from swissroll.report.export import encode_figure
from swissroll.report.style import house_style
from swissroll.training.build import build_model
with house_style():
    figure = Figure()
    figure.subplots().plot([1, 2], [0, 1])
sys.stdout.buffer.write(encode_figure(figure, "svg", dpi=50))
"""
    line = [sys.executable, "-c", script]
    hostile = os.environ | {"MATPLOTLIBRC": str(tmp_path / "matplotlibrc")}
    plain = subprocess.run(line, capture_output=True, check=True, cwd=tmp_path.parent)
    drawn = subprocess.run(line, capture_output=True, check=True, cwd=tmp_path.parent, env=hostile)
    assert len(plain.stdout) > 1000
    assert drawn.stdout == plain.stdout


def test_a_style_inside_another_leaves_it_in_force() -> None:
    before = matplotlib.rcParams["font.size"]
    with house_style():
        with house_style():
            pass
        assert matplotlib.rcParams["font.size"] == 9
    assert matplotlib.rcParams["font.size"] == before

    with pytest.raises(ZeroDivisionError), house_style():
        _ = 1 / 0
    assert matplotlib.rcParams["font.size"] == before
