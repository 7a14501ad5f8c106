"""The labels of points, which a conditional model is given: numbers from 0, each with a name.

Those of a person's own rows are the values of a column. Those of the distributions here are the parts that they are
made of: the Gaussians of a mixture, the squares of a board, the pieces of a curve.
"""

from __future__ import annotations

from typing import NamedTuple

from torch import Tensor

from swissroll.data.distribution import Distribution
from swissroll.data.points import Points


class LabelledPoints(NamedTuple):
    """Points with a label each.

    Attributes:
        points: Shape (N, D).
        labels: Numbers of their labels, shape (N,), int64.
    """

    points: Tensor
    labels: Tensor


def label_names(distribution: Distribution) -> tuple[str, ...]:
    """Names of the labels of a distribution's points, in their order.

    Raises:
        ValueError: The points have no labels, or too many different ones, or training rows lack one.
    """
    if isinstance(distribution, Points):
        return distribution.label_names
    return tuple(map(str, range(len(label_shares(distribution)))))


def label_name(distribution: Distribution) -> str:
    """What the labels of a distribution's points are called: as a column of a table, or as the parts of a dataset."""
    if distribution.curve is not None:
        return "piece"
    name: str = getattr(distribution, "coordinate_name", "label")
    return name


def label_shares(distribution: Distribution) -> tuple[float, ...]:
    """Share of each label among the points, those of a table among its training rows; they sum to 1.

    Raises:
        ValueError: As :func:`label_names` says.
    """
    curve = distribution.curve
    if curve is not None and curve.pieces > 1:
        # Each piece takes an equal share of t.
        return (1 / curve.pieces,) * curve.pieces
    shares: tuple[float, ...] = getattr(distribution, "label_shares", ())
    if len(shares) < 2:
        raise ValueError(
            f"{distribution.name} has one part and no labels, and conditional needs labels. Choose a dataset of "
            "several parts, such as eight_gaussians, pinwheel or rings; or a table with a label."
        )
    return shares


def labels_of(distribution: Distribution, coordinate: Tensor | None) -> Tensor:
    """Labels of points with this coordinate, shape (N,), as :class:`swissroll.data.Sample` has it; int64.

    Raises:
        ValueError: As :func:`label_names` says.
    """
    _ = label_shares(distribution)
    if coordinate is None:
        raise ValueError(f"These points of {distribution.name} have no label.")
    if distribution.curve is not None:
        return distribution.curve.piece(coordinate)
    if isinstance(distribution, Points):
        return distribution.number_labels(coordinate)
    # A mixture's point has the number of its part.
    return coordinate.long()
