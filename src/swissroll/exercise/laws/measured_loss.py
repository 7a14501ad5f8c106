"""A loss, measured: L = E(recon, x) + beta K(mu, head), with the functions E and K each by itself.

The loss is affine in beta, so the reconstruction term E is the loss at beta 0 and the KL term K the slope. Where beta
weighs something else, each term is measured at a beta at which it is there. Where all numbers of a batch are alike,
K = k(mu, head) B^p L^q D^r: k is one number's term, and the powers are the reduction.
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch

from swissroll.exercise.laws.cases import BASE, Array, Shape, filled, generic_case
from swissroll.exercise.laws.loss_meter import DEVIATIONS, LossError, LossMeter, standard_error
from swissroll.exercise.laws.weights import BETAS, Weights
from swissroll.exercise.laws.words import NOT_FINITE

SHAPES = (
    *(Shape(1, 2, 2), Shape(4, 2, 2), Shape(8, 2, 2), Shape(2, 2, 1), Shape(2, 2, 3), Shape(2, 2, 5)),
    *(Shape(2, 3, 2), Shape(2, 6, 2)),
)
"""Shapes at which the reduction is measured, beside the base."""
MEANS = (-2.0, -1.1, -0.4, 0.0, 0.7, 1.6)
POSITIVE = (0.2, 0.35, 0.6, 1.0, 1.5, 2.0, 2.6)
NEGATIVE = (-3.0, -1.8, -0.9, -0.3, 0.0)
RESIDUALS = (-2.5, -1.4, -0.7, -0.3, -0.1, 0.0, 0.1, 0.3, 0.7, 1.4, 2.5)
UNIT_RESIDUALS = (-0.35, -0.2, -0.1, 0.0, 0.1, 0.2, 0.35)
POINTS = (-0.8, 0.3, 0.6)
UNIT_POINTS = (0.4, 0.5, 0.6)
PLACE = (0.8, 0.5)
"""Mu and head at which the reduction is measured."""
RESIDUAL = 0.9


@dataclass
class MeasuredLoss:
    """What a loss does.

    Attributes:
        error: The answer where it could not be computed, else None.
        first: The answer at a generic place.
        not_finite: Whether it is no finite number at any ordinary place.
        unit_interval: Whether it takes data and reconstructions between 0 and 1 alone.
        weights: How much each term counts at several values of beta; None where that could not be computed.
        kl: K at the base shape, columns mu, head, K.
        kl_samples: K at these places, for each time that a random loss was computed: shape (n, repeats).
        kl_moved: The part of K that changes where the points, and their perfect reconstructions, lie elsewhere.
        kl_failed: Whether it raised, or gave no number, at heads of 0 and below.
        kl_by_shape: K at :data:`PLACE` by shape; nan where it could not be computed.
        kl_errors: Standard error of each of them, where the loss is random.
        squares: E at the base shape, columns recon, x, E.
        error_by_shape: What one residual adds to E, by shape.
        depends: E at other mu and heads, less E at the first: 0 where the reconstruction term is one.
        kl_mixed: K of batches in which one row, or one column, differs, less the mean of its parts, in parts of it.
        mixed_errors: Standard errors of these.
        error_mixed: The same of E.
        is_random: Whether the loss draws random numbers.
        copies: How often each row stood in its batch.
    """

    error: dict[str, Any] | None = None
    first: dict[str, Any] = field(default_factory=dict)
    not_finite: bool = False
    unit_interval: bool = False
    weights: Weights | None = None
    kl: Array = field(default_factory=lambda: np.empty((0, 3)))
    kl_samples: Array = field(default_factory=lambda: np.empty((0, 1)))
    kl_moved: float = 0.0
    kl_failed: bool = False
    kl_by_shape: dict[Shape, float] = field(default_factory=dict)
    kl_errors: dict[Shape, float] = field(default_factory=dict)
    squares: Array = field(default_factory=lambda: np.empty((0, 3)))
    error_by_shape: dict[Shape, float] = field(default_factory=dict)
    depends: float = 0.0
    kl_mixed: dict[str, float] = field(default_factory=dict)
    mixed_errors: dict[str, float] = field(default_factory=dict)
    error_mixed: dict[str, float] = field(default_factory=dict)
    is_random: bool = False
    copies: int = 1

    @property
    def kl_uncertain(self) -> Array:
        """How far each K may lie off because the loss is random, shape (n,); 0 where it is not."""
        return DEVIATIONS * standard_error(self.kl_samples)


def measure_loss(meter: LossMeter) -> MeasuredLoss:
    """Measure the loss of a solution."""
    found = MeasuredLoss()
    try:
        found.first = meter.ask([generic_case(0.7, unit_interval=False)])
        if not bool(torch.isfinite(found.first["loss"]).all()):
            raise LossError({"error": NOT_FINITE, "message": "no finite number for points outside of 0 to 1."})
    except LossError as error:
        found.error = error.answer
        found.unit_interval = True
        try:
            found.first = meter.ask([generic_case(0.7, unit_interval=True)])
        except LossError:
            return found
        found.not_finite = not bool(torch.isfinite(found.first["loss"]).all())
        if found.not_finite:
            return found

    meter.listen(generic_case(0.7, unit_interval=found.unit_interval))
    found.is_random = meter.is_random
    found.copies = meter.copies
    for measure in (_measure_weights, _measure_kl, _measure_squares, _measure_shapes, _measure_mixtures):
        try:
            measure(meter, found)
        except LossError as error:
            found.error = found.error or error.answer
    return found


def _measure_weights(meter: LossMeter, found: MeasuredLoss) -> None:
    case = generic_case(1.0, unit_interval=found.unit_interval)
    perfect = case._replace(recon=case.x)
    moved = case._replace(mu=case.mu - 2, head=case.head + 0.8)
    cases = [case, perfect, moved._replace(recon=case.x), moved]
    rows = [meter.values([case._replace(beta=beta) for case in cases]) for beta in BETAS[1:]]
    at_zero = np.full(len(cases), np.nan)
    raises = True
    with suppress(LossError):
        at_zero = meter.values([case._replace(beta=0.0) for case in cases])
        raises = False
    generic, at_perfect, elsewhere, generic_elsewhere = np.stack([at_zero, *rows], axis=1)
    found.weights = Weights(
        losses=generic,
        error=generic - at_perfect,
        kl=elsewhere - at_perfect,
        generic_kl=generic_elsewhere - generic,
        raises_at_zero=raises,
    )
    if meter.has_beta:
        meter.kl_beta = found.weights.kl_beta
        meter.error_beta = found.weights.error_beta


def _measure_kl(meter: LossMeter, found: MeasuredLoss) -> None:
    rows = []
    samples = []
    for heads in (POSITIVE, NEGATIVE):
        places = table_of(MEANS, heads)
        cases = [filled(BASE, x=0.3, recon=0.3, mu=mu, head=head, beta=1.0) for mu, head in places]
        try:
            slopes = meter.kl_samples(cases)
        except LossError:
            if heads is POSITIVE:
                raise
            found.kl_failed = True
            continue
        rows.append(np.column_stack([places, slopes.mean(axis=1)]))
        samples.append(slopes)
    case = generic_case(1.0, unit_interval=True)
    elsewhere = [case._replace(x=x, recon=x) for x in (case.x, 0.9 - case.x.flip(0) / 2)]
    here, there = meter.kl_values(elsewhere)
    found.kl_moved = float(abs(there - here) / max(abs(here), abs(there), 1e-12))
    joined = np.concatenate(rows)
    finite = np.isfinite(joined[:, 2])
    found.kl_failed = found.kl_failed or not bool(finite.all())
    found.kl = joined[finite]
    found.kl_samples = np.concatenate(samples)[finite]


def table_of(first: tuple[float, ...], second: tuple[float, ...]) -> Array:
    """All pairs, shape (n, 2)."""
    return np.array(np.meshgrid(first, second, indexing="ij")).reshape(2, -1).T


def _measure_squares(meter: LossMeter, found: MeasuredLoss) -> None:
    points = UNIT_POINTS if found.unit_interval else POINTS
    residuals = UNIT_RESIDUALS if found.unit_interval else RESIDUALS
    places = table_of(points, residuals)
    cases = [filled(BASE, x=x, recon=x + r, mu=0.8, head=0.5, beta=0.0) for x, r in places]
    errors = meter.errors(cases)
    found.squares = np.column_stack([places[:, 0] + places[:, 1], places[:, 0], errors])

    moved = [
        filled(BASE, x=0.3, recon=0.5, mu=mu, head=head, beta=0.0) for mu, head in ((0.8, 0.5), (-1.0, 1.2), (0.1, 0.3))
    ]
    values = meter.errors(moved)
    found.depends = float(np.abs(values - values[0]).max())


def _measure_shapes(meter: LossMeter, found: MeasuredLoss) -> None:
    x = 0.5 if found.unit_interval else -0.4
    step = 0.3 if found.unit_interval else RESIDUAL
    for shape in (BASE, *SHAPES):
        place = {"mu": PLACE[0], "head": PLACE[1], "beta": 1.0}
        try:
            slopes = meter.kl_samples([filled(shape, x=x, recon=x, **place)])
            found.kl_by_shape[shape] = float(slopes.mean())
            found.kl_errors[shape] = float(standard_error(slopes.ravel()))
            near_and_far = [filled(shape, x=x, recon=recon, **place) for recon in (x, x + step)]
            found.error_by_shape[shape] = float(np.diff(meter.errors(near_and_far))[0])
        except LossError as error:
            found.kl_by_shape.setdefault(shape, float("nan"))
            found.error_by_shape[shape] = float("nan")
            # Another number of data dimensions than two is nothing that the exercise promises.
            if shape.data == BASE.data:
                found.error = found.error or error.answer


def _measure_mixtures(meter: LossMeter, found: MeasuredLoss) -> None:
    """Batches in which one row or one column differs: each number is to count by its share."""
    shape = Shape(4, 2, 3)
    x = 0.5 if found.unit_interval else 0.2
    step = 0.3 if found.unit_interval else 1.2
    one = filled(shape, x=x, recon=x, mu=0.8, head=0.5, beta=1.0)
    other = filled(shape, x=x, recon=x, mu=-1.4, head=1.3, beta=1.0)
    far = filled(shape, x=x, recon=x + step, mu=0.8, head=0.5, beta=1.0)
    places: list[tuple[str, int, int]] = [("row", index, -1) for index in range(4)]
    places += [("column", -1, index) for index in range(3)]

    kl_cases = [one, other]
    error_cases = [one, far]
    shares = []
    for _, row, column in places:
        latent = torch.zeros(shape.batch, shape.latent, dtype=torch.bool)
        coordinate = torch.zeros(shape.batch, shape.data, dtype=torch.bool)
        for mask in (latent, coordinate):
            if row >= 0:
                mask[row] = True
            elif column < mask.shape[1]:
                mask[:, column] = True
        kl_cases.append(
            one._replace(mu=torch.where(latent, other.mu, one.mu), head=torch.where(latent, other.head, one.head))
        )
        error_cases.append(one._replace(recon=torch.where(coordinate, far.recon, one.recon)))
        shares.append((float(latent.double().mean()), float(coordinate.double().mean())))

    samples = meter.kl_samples(kl_cases)
    slopes = samples.mean(axis=1)
    errors = meter.errors(error_cases)
    uncertain = standard_error(samples) / max(abs(slopes[1] - slopes[0]), 1e-12)
    for (kind, row, column), (kl_share, error_share), slope, error, one_uncertain in zip(
        places, shares, slopes[2:], errors[2:], uncertain[2:], strict=True
    ):
        name = f"{kind} {max(row, column)}"
        found.mixed_errors[name] = float(one_uncertain + kl_share * uncertain[1] + (1 - kl_share) * uncertain[0])
        found.kl_mixed[name] = _excess(slopes, kl_share, slope)
        found.error_mixed[name] = _excess(errors, error_share, error)


def _excess(ends: Array, share: float, value: float) -> float:
    expected = ends[0] + share * (ends[1] - ends[0])
    return float((value - expected) / max(abs(ends[1] - ends[0]), 1e-12))
