"""Rows of a person's own table as the lab's page takes them: standardised, with the scale that leads back."""

from __future__ import annotations

import base64
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from swissroll.config import Config
from swissroll.data.column_names import join_names
from swissroll.data.own_table import open_table
from swissroll.data.points import Points
from swissroll.reproducibility import rng

PAGE_COLUMNS = (2, 3)
"""Columns of a table that the page has pictures of."""
MAX_TRAINING_ROWS = 5000
"""Most rows to train on in the page; ``web/lab/settings.js`` has the same bound."""
MAX_HELD_OUT = 512
"""Most rows that the page measures a run on, as many as it draws of a distribution."""


def pack_table(config: Config) -> dict[str, Any]:
    """The rows of a config's table, ready for JSON; ``web/lab/parts.js`` reads them.

    Both parts are shuffled, so that the first rows of each are as good as any: a file may lie in order.

    Raises:
        ValueError: The table cannot be used, or is gone.
    """
    points = open_table(config)
    map_back = points.standardization
    train = points.sample(min(len(points.train), MAX_TRAINING_ROWS), generator=rng.generator(config.seed, "data"))
    packed = {
        "name": points.name,
        "columns": list(points.columns),
        "mean": list(map_back.mean),
        "scale": list(map_back.scale),
        "log_volume": map_back.log_volume,
        "rows": _pack(train.points),
        "row_count": len(train.points),
        "of_rows": len(points.train),
        "held_out": _pack(choose_held_out(points, config)),
        "recipe": _recipe(config),
    }
    if train.coordinate is not None:
        packed |= {"label": points.coordinate_name, "colours": _pack(_shares(train.coordinate))}
    return packed


def choose_held_out(points: Points, config: Config) -> Tensor:
    """The held-out rows that the page measures on, in its order, shape (M, D), standardised."""
    order = torch.randperm(len(points.held_out), generator=rng.generator(config.seed, "evaluation"))
    return points.held_out[order[:MAX_HELD_OUT]]


def columns_beyond_the_page(config: Config) -> str:
    """Why the page cannot show a table, as a sentence that says what to do; empty where it can."""
    points = open_table(config)
    if points.data_dim in PAGE_COLUMNS:
        return ""
    reason = f"The lab shows tables of 2 or 3 columns, and {points.name} has {points.data_dim}"
    if points.data_dim == 1:
        return f"{reason}."
    return f"{reason}: choose some of them by columns, such as {join_names(points.columns[:2])!r}."


def held_rows_sentence(config: Config) -> str:
    """What a page with the lab gives away to whoever gets it; empty where that is no row of a table."""
    if config.data is None:
        return ""
    points = open_table(config)
    count = min(len(points.train), MAX_TRAINING_ROWS) + min(len(points.held_out), MAX_HELD_OUT)
    return f"the page holds {count:,} rows of {points.name}, which anybody can read who gets the file."


def _recipe(config: Config) -> dict[str, Any]:
    """Settings that name the table. A page travels, so of the path it has the file's name alone."""
    return {
        "data": Path(str(config.data)).name,
        "columns": config.columns,
        "label": config.label,
        "held_out": config.held_out,
    }


def _shares(coordinate: Tensor) -> Tensor:
    """Colours from 0 to 1 of values of a label."""
    above_lowest = coordinate - coordinate.min()
    return above_lowest / above_lowest.max().clamp(min=torch.finfo(torch.float32).tiny)


def _pack(values: Tensor) -> str:
    """Float32 numbers, little-endian, as base64."""
    return base64.b64encode(values.contiguous().numpy().astype("<f4").tobytes()).decode()
