"""A person's own rows as what points come from: split, standardised, and drawn in shuffled passes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Generator, Tensor

from swissroll import checks
from swissroll.data.column_names import clean_name, shorten
from swissroll.data.curves import Curve
from swissroll.data.distribution import Distribution, Sample
from swissroll.data.label_names import clean_labels, name_labels
from swissroll.data.standardization import Standardization
from swissroll.reproducibility import rng

HELD_OUT = 0.1
"""Share of the rows that training never sees, by default."""
POSITION_BYTES = 8
"""Bytes at the end of a state of :class:`ShuffledRows` that hold the rows already drawn of its pass."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Points:
    """Rows of numbers, some of them held out: a :class:`swissroll.data.Distribution` in model coordinates.

    Make one with :meth:`of`.

    Attributes:
        name: How messages and pictures call it.
        columns: Names of the D columns.
        standardization: The map between data units and the model coordinates of all points here.
        train: What training draws from, shape (N, D), float32, in model coordinates.
        held_out: What it never sees, shape (M, D), float32, in model coordinates.
        train_rows: Where the rows of ``train`` were among those given, shape (N,), counted from 0.
        held_out_rows: Where those of ``held_out`` were, shape (M,).
        label: What colours the rows in pictures, one value for each row given, numbers or text; None without.
        label_name: What the label is called.
        notes: What to know before reading a density of these rows, a sentence or two each.
    """

    name: str
    columns: tuple[str, ...]
    standardization: Standardization
    train: Tensor
    held_out: Tensor
    train_rows: NDArray[np.int64]
    held_out_rows: NDArray[np.int64]
    label: NDArray[Any] | None = None
    label_name: str | None = None
    notes: tuple[str, ...] = ()

    @classmethod
    def of(
        cls,
        rows: Any,
        *,
        columns: Sequence[str] | None = None,
        label: Any = None,
        label_name: str | None = None,
        held_out: float = HELD_OUT,
        seed: int = 0,
        name: str = "points",
        standardization: Standardization | None = None,
        notes: Sequence[str] = (),
    ) -> Points:
        """Split rows and bring them into model coordinates.

        Args:
            rows: Shape (N, D), in data units.
            columns: Names of the columns; x1, x2, ... by default.
            label: One value for each row, numbers or text, that colours pictures.
            label_name: What it is called; 'label' by default.
            held_out: Share of the rows that training never sees, above 0 and below 1.
            seed: Decides which rows those are.
            name: How messages and pictures call the rows.
            standardization: The map into model coordinates; by default that of the training rows.
            notes: What to know before reading a density of these rows.

        Raises:
            NotFiniteError: A number is not finite.
            ValueError: Shapes do not fit, a column has one value only, or a part of the split is too small.
        """
        x = checks.points("rows", rows).numpy()
        checks.real("held_out", held_out, 0, 1, open_low=True)
        checks.whole("seed", seed, 0, 2**63 - 1)
        names = _column_names(columns, x.shape[1])
        labels = _label_values(label, len(x))

        count = max(1, round(held_out * len(x)))
        if len(x) - count < 2:
            verb = "is" if count == 1 else "are"
            raise ValueError(
                f"{name} has {checks.amount(len(x), 'row')}, of which {count} {verb} held out; training needs "
                "at least 2. Collect more, or hold out fewer."
            )
        order = torch.randperm(len(x), generator=rng.generator(seed, "split")).numpy()
        apart = np.sort(order[:count])
        kept = np.sort(order[count:])
        used = standardization or _standardization_of(x[kept], names, name)
        z = torch.from_numpy(used.standardize(x).astype(np.float32))
        return cls(
            name=name,
            columns=names,
            standardization=used,
            train=z[kept],
            held_out=z[apart],
            train_rows=kept,
            held_out_rows=apart,
            label=labels,
            label_name=None if labels is None else clean_name(label_name or "label"),
            notes=tuple(notes),
        )

    @property
    def data_dim(self) -> int:
        """D, columns of a row."""
        return len(self.columns)

    @property
    def curve(self) -> Curve | None:
        """None: nothing is known of where the rows come from."""
        return None

    @property
    def noise(self) -> float:
        """0: nothing is known of their noise."""
        return 0.0

    @property
    def coordinate_name(self) -> str:
        """What colours a point."""
        return self.label_name or "label"

    @property
    def variance(self) -> float:
        """Variance of the training rows in model coordinates, averaged over columns."""
        return float(self.train.double().var(dim=0, correction=0).mean())

    @property
    def categories(self) -> tuple[str, ...] | None:
        """The different labels in order, where they are text; the coordinate of a point counts them from 0."""
        if self.label is None or self.label.dtype.kind in "fiu":
            return None
        return tuple(map(str, np.unique(self.label)))

    def coordinates(self, rows: NDArray[np.int64]) -> Tensor | None:
        """The label of some of the rows given as numbers, shape (N,), float32; None without a label."""
        if self.label is None:
            return None
        numbers = self.label
        if self.categories is not None:
            numbers = np.unique(self.label, return_inverse=True)[1]
        return torch.from_numpy(numbers[rows].astype(np.float32))

    @cached_property
    def label_names(self) -> tuple[str, ...]:
        """The different labels in order, numbers too; what a conditional model calls them.

        Raises:
            ValueError: The rows have no labels, or one value of them, or too many.
        """
        return name_labels(self.label, f"{self.name}, label {self.coordinate_name!r}")

    @cached_property
    def train_labels(self) -> Tensor:
        """Number of the label of each training row, its place among :attr:`label_names`, shape (N,), int64."""
        return self._number_labels()[torch.from_numpy(self.train_rows)]

    @cached_property
    def label_shares(self) -> tuple[float, ...]:
        """Share of each label among the training rows.

        Raises:
            ValueError: As for :attr:`label_names`; or all rows of a label are held out.
        """
        counts = torch.bincount(self.train_labels, minlength=len(self.label_names))
        if not bool(counts.all()):
            lacking = self.label_names[int(counts.argmin())]
            raise ValueError(
                f"{self.name}, label {self.coordinate_name!r}: all rows of {shorten(lacking)!r} are held out. "
                "Remove them, or hold out other rows by another seed."
            )
        return tuple((counts.double() / len(self.train_labels)).tolist())

    def _number_labels(self) -> Tensor:
        """Number of the label of each row given, shape (N,), int64."""
        _ = self.label_names
        numbers: NDArray[np.int64] = np.unique(np.asarray(self.label), return_inverse=True)[1]
        return torch.from_numpy(numbers.astype(np.int64))

    def number_labels(self, coordinate: Tensor) -> Tensor:
        """Numbers of labels from the coordinates of rows, shape (N,), int64."""
        if self.categories is not None:
            return coordinate.long()
        values = torch.from_numpy(np.unique(np.asarray(self.label)).astype(np.float32))
        return torch.searchsorted(values.to(coordinate.device), coordinate)

    def sample(self, n: int, *, generator: Generator | None = None, device: torch.device | str = "cpu") -> Sample:
        """Draw n training rows, without replacement until each was drawn; then all over again.

        Raises:
            ValueError: n is outside its range.
        """
        checks.whole("n", n, 1, 10**9)
        passes = -(-n // len(self.train))
        drawn = torch.cat([_permutation(len(self.train), generator) for _ in range(passes)])[:n]
        return self._sample_of(self.train, self.train_rows, drawn, device)

    def sample_held_out(
        self, n: int | None = None, *, generator: Generator | None = None, device: torch.device | str = "cpu"
    ) -> Sample:
        """Held-out rows in the place of fresh points: all in order, or n of them at random where there are more.

        Raises:
            ValueError: n is outside its range.
        """
        if n is not None:
            checks.whole("n", n, 1, 10**9)
        drawn = torch.arange(len(self.held_out))
        if n is not None and n < len(drawn):
            drawn = _permutation(len(drawn), generator)[:n]
        return self._sample_of(self.held_out, self.held_out_rows, drawn, device)

    def _sample_of(self, points: Tensor, rows: NDArray[np.int64], drawn: Tensor, device: torch.device | str) -> Sample:
        coordinate = self.coordinates(rows[drawn.numpy()])
        return Sample(points[drawn].to(device), None if coordinate is None else coordinate.to(device))


class ShuffledRows:
    """Draws the training rows of points in shuffled passes, each row once in a pass, and can be put back.

    It stands where a sampler has a generator: its state holds the generator's at the start of the pass, and how many
    rows of the pass were drawn. So a run goes on after any step, however many are drawn at a time.

    Args:
        points: Whose training rows.
        generator: Orders the passes; on the CPU.
    """

    def __init__(self, points: Points, generator: Generator) -> None:
        self.points = points
        self.generator = generator
        self._begin_pass()

    def draw(self, n: int) -> Tensor:
        """The next n rows, shape (n, D), in model coordinates, on the CPU."""
        return self.points.train[self.draw_places(n)]

    def draw_places(self, n: int) -> Tensor:
        """Places of the next n rows among the training rows, shape (n,)."""
        parts = []
        while n:
            if self.position == len(self.order):
                self._begin_pass()
            part = self.order[self.position : self.position + n]
            parts.append(part)
            self.position += len(part)
            n -= len(part)
        return torch.cat(parts)

    def get_state(self) -> Tensor:
        """All that the next rows depend on, a tensor of bytes."""
        position = np.array([self.position], dtype="<i8").view(np.uint8)
        return torch.cat([self.start, torch.from_numpy(position)])

    def set_state(self, state: Tensor) -> None:
        """Go to a state; raises RuntimeError where it is none of these rows."""
        position = int(state[-POSITION_BYTES:].numpy().view("<i8")[0]) if len(state) > POSITION_BYTES else -1
        if not 0 <= position <= len(self.points.train):
            raise RuntimeError("The state of the shuffled rows does not fit the table.")
        start = state[:-POSITION_BYTES].clone()
        if not torch.equal(start, self.start):
            self.generator.set_state(start)
            self._begin_pass()
        self.position = position

    def _begin_pass(self) -> None:
        self.start = self.generator.get_state()
        self.order = _permutation(len(self.points.train), self.generator)
        self.position = 0


def unseen_points(distribution: Distribution, n: int, *, generator: Generator | None = None) -> Sample:
    """N points that training does not draw; of a person's own rows, as many of those held out, or all of them."""
    if isinstance(distribution, Points):
        return distribution.sample_held_out(n, generator=generator)
    return distribution.sample(n, generator=generator)


def _permutation(n: int, generator: Generator | None) -> Tensor:
    """A permutation of n numbers on the CPU, wherever the generator is."""
    device = "cpu" if generator is None else generator.device
    return torch.randperm(n, generator=generator, device=device).cpu()


def _column_names(columns: Sequence[str] | None, data_dim: int) -> tuple[str, ...]:
    if columns is None:
        return tuple(f"x{number}" for number in range(1, data_dim + 1))
    names = tuple(map(clean_name, columns))
    if len(names) != data_dim or len(set(names)) < data_dim:
        raise ValueError(f"columns must be {data_dim} different names; got {checks.short(columns)}.")
    return names


def _label_values(label: Any, count: int) -> NDArray[Any] | None:
    if label is None:
        return None
    values = np.asarray(label)
    if values.shape != (count,):
        raise ValueError(f"label must be one value for each of the {count} rows; got shape {values.shape}.")
    return values if values.dtype.kind in "fiu" else clean_labels(values.astype(np.str_), "label")


def _standardization_of(rows: NDArray[np.float64], columns: tuple[str, ...], name: str) -> Standardization:
    """That of the training rows; a column that varies in the others alone is named."""
    constant = np.ptp(rows, axis=0) == 0
    if constant.any():
        column = int(constant.argmax())
        raise ValueError(
            f"{name}, column {shorten(columns[column])!r}: all {len(rows)} training rows are {rows[0, column]:g}; "
            "only held-out rows differ. Leave it out, or hold out other rows by another seed."
        )
    return Standardization.of(rows)
