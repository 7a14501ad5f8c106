"""A sampler, measured: z = a(mu, h) + s(mu, h) * noise, with the functions a and s and the noise each by itself.

The same seed gives the same noise, so that draws at two places are compared number by number and not statistically:
z(mu, h) = alpha + beta z(base) holds exactly, with beta = s(mu, h) / s(base).
"""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from swissroll.exercise.laws.words import LIMITS, STUBS
from swissroll.exercise.subject import Subject

Array = NDArray[np.float64]

BASE_MU = 0.7
BASE_HEAD = 0.6
HEADS = (-6.0, -4.0, -2.5, -1.2, -0.5, 0.0, 0.25, 0.5, 1.0, 1.5, 2.0, 3.0)
MEANS = (-2.0, -0.8, 0.0, 1.3)
SHAPES = ((512, 4), (512, 2), (128, 2), (1000, 2), (64, 2), (32, 2), (5, 2), (1, 2))
"""Shapes that are tried until one of them works; 128 and 1000 are the exercise's own."""
SMALL = (128, 2)
"""The shape that a slow sampler is measured at."""
SAMPLE = 40_000
SMALL_CALLS = 1200
MAX_NUMBERS = 2048
"""That are drawn in one question, which has a second: some loop over them in Python."""
MAX_CALLS = 150
"""In one question: a message holds 1,000 tensors, and the answer to a call up to five."""
LINES_OF_A_LOOP = 0.1
"""Lines of Python per number, above which a sampler loops over points, and one large call takes it long."""
LINES_OF_A_SLOW_LOOP = 1.0
"""Above which it is asked at a smaller shape: it loops over single numbers."""
MAX_LINES = 200_000
"""Lines of Python that a sample may take a slow sampler, some 10 microseconds each."""
MAX_RESIDUAL = 2e-3
"""Largest relative remainder at which z is a linear function of the base's; rounding leaves 1e-6."""


@dataclass
class MeasuredSampler:
    """What a sampler does.

    Attributes:
        error: The answer where not one shape could be drawn, else None.
        shape: The shape that the functions are measured at.
        repeatable: Whether the same seed gives the same noise.
        base: Draws at mu 0.7 and head 0.6.
        reference: The draws there that others are compared with: of several seeds where one seed's are all alike.
        heads: Heads that could be drawn at.
        ratio: s(h) / s(base) at each of them.
        offset: alpha at each of them.
        means: Means that could be drawn at.
        mean_ratio: s at each of them, in parts of the base's.
        mean_offset: alpha at each of them.
        is_linear: Whether z is a linear function of one and the same noise everywhere.
        failed_heads: Heads at which it raised, or gave no number.
        lines_per_number: Lines of Python that one more number takes; 0 where nothing loops over them.
        sample: Draws at the base for statistics, of any shape.
    """

    error: dict[str, Any] | None = None
    shape: tuple[int, int] = (0, 0)
    repeatable: bool = True
    base: Array = field(default_factory=lambda: np.empty((0, 0)))
    reference: Array = field(default_factory=lambda: np.empty((0, 0)))
    heads: Array = field(default_factory=lambda: np.empty(0))
    ratio: Array = field(default_factory=lambda: np.empty(0))
    offset: Array = field(default_factory=lambda: np.empty(0))
    means: Array = field(default_factory=lambda: np.empty(0))
    mean_ratio: Array = field(default_factory=lambda: np.empty(0))
    mean_offset: Array = field(default_factory=lambda: np.empty(0))
    is_linear: bool = True
    failed_heads: list[float] = field(default_factory=list)
    lines_per_number: float = 0.0
    sample: Array = field(default_factory=lambda: np.empty(0))

    @property
    def is_constant(self) -> bool:
        """Whether all draws of one call at one mu and head are the same number."""
        return _is_constant(self.base)


def _is_constant(draws: Array) -> bool:
    return bool(np.ptp(draws) <= 1e-6 * (1 + np.abs(draws).max()))


def filled(shape: tuple[int, int], mu: float, head: float) -> dict[str, Tensor]:
    """Arguments that are the same everywhere."""
    return {"mu": torch.full(shape, mu), "head": torch.full(shape, head)}


def ask_draws(subject: Subject, calls: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The answers to some calls; an answer that is an error stands for each of them."""
    # Calls without a seed belong together: each question begins with the same random numbers.
    if len(calls) > 1 and all(call["seed"] is not None for call in calls):
        size = min(MAX_CALLS, max(1, MAX_NUMBERS // max(call["mu"].numel() for call in calls)))
        draws = []
        for start in range(0, len(calls), size):
            draws += _ask_together(subject, calls[start : start + size])
        return draws
    return _ask_together(subject, calls)


def _ask_together(subject: Subject, calls: list[dict[str, Any]]) -> list[dict[str, Any]]:
    answered = subject.ask({"kind": "draw", "calls": calls})
    if "error" in answered:
        return [answered] * len(calls)
    return list(answered["draws"])


def is_squeezed(draw: dict[str, Any], shape: tuple[int, int]) -> bool:
    """Whether a draw has the shape of mu without the dimensions of size 1."""
    squeezed = tuple(size for size in shape if size != 1)
    return "z" in draw and squeezed != shape and tuple(draw["z"].shape) == squeezed


def as_array(draw: Mapping[str, Any], shape: tuple[int, int]) -> Array | None:
    """The latents of a draw; None where there are none of this shape, or not all are numbers."""
    if "error" in draw or tuple(draw["z"].shape) != shape:
        return None
    z = np.asarray(draw["z"].double().numpy())
    return z if bool(np.isfinite(z).all()) else None


def measure_sampler(subject: Subject, seed: int) -> MeasuredSampler:
    """Measure the sampler of a solution; seeds that differ give other noise."""
    shape = (0, 0)
    lines_per_number = 0.0
    answers: list[dict[str, Any]] = []
    for shape in SHAPES:
        answers = _draw_four_times(subject, shape, seed)
        lines_per_number = max(lines_per_number, _lines_per_number(answers, shape))
        is_slow = lines_per_number > LINES_OF_A_SLOW_LOOP and shape != SMALL
        if (as_array(answers[0], shape) is not None and not is_slow) or answers[0].get("error") in FATAL:
            break

    first = as_array(answers[0], shape)
    second = as_array(answers[1], shape)
    if first is None or second is None:
        return MeasuredSampler(error=answers[0])

    repeatable = bool(np.allclose(first, second, rtol=1e-5, atol=1e-6))
    found = MeasuredSampler(shape=shape, base=first, repeatable=repeatable)
    found.lines_per_number = lines_per_number
    _measure_functions(subject, found, seed)
    return found


def _draw_four_times(subject: Subject, shape: tuple[int, int], seed: int) -> list[dict[str, Any]]:
    """Twice with one seed, once with another, and once at half of the rows."""
    call = filled(shape, BASE_MU, BASE_HEAD)
    half = filled((max(1, shape[0] // 2), shape[1]), BASE_MU, BASE_HEAD)
    # What a first call alone does, such as an import, is not counted.
    return ask_draws(
        subject,
        [
            {**call, "seed": seed},
            {**call, "seed": seed, "counted": True},
            {**call, "seed": seed + 1},
            {**half, "seed": seed, "counted": True},
        ],
    )


def _lines_per_number(answers: list[dict[str, Any]], shape: tuple[int, int]) -> float:
    """Counted and not timed, so that a slow machine asks for the same evidence as a fast one."""
    rows, columns = shape
    whole = int(answers[1].get("lines", 0))
    if rows == 1 or "error" in answers[3]:
        return whole / (rows * columns)
    return (whole - int(answers[3]["lines"])) / ((rows - rows // 2) * columns)


FATAL = LIMITS | STUBS | {"LookupError", "NameError"}
"""Errors that another shape does not mend."""


def _measure_functions(subject: Subject, found: MeasuredSampler, seed: int) -> None:
    # Without a seed that is obeyed, only many draws tell.
    shape = found.shape if found.repeatable else (max(found.shape[0], SAMPLE // 2), found.shape[1])
    places = [(BASE_MU, head) for head in HEADS] + [(mean, BASE_HEAD) for mean in MEANS] + [(BASE_MU, BASE_HEAD)]
    # One number for a whole batch tells nothing of the size of its noise: several seeds do.
    seeds = [seed + index for index in range(4)] if found.is_constant else [seed]
    calls = [{**filled(shape, *place), "seed": one} for place, one in itertools.product(places, seeds)]
    answers = ask_draws(subject, calls)
    found.error = next((one for one in answers if one.get("error") in LIMITS), None)
    drawn = [as_array(draw, shape) for draw in answers]
    arrays = [_joined(drawn[start : start + len(seeds)]) for start in range(0, len(drawn), len(seeds))]
    if arrays[-1] is not None and not found.repeatable:
        found.base = arrays[-1]
    found.reference = found.base if arrays[-1] is None else arrays[-1]

    along_heads = _compare(found, HEADS, arrays[: len(HEADS)])
    found.heads = along_heads[0]
    found.ratio = along_heads[1]
    found.offset = along_heads[2]
    found.failed_heads = [head for head in HEADS if head not in along_heads[0]]
    along_means = _compare(found, MEANS, arrays[len(HEADS) : -1])
    found.means = along_means[0]
    found.mean_ratio = along_means[1]
    found.mean_offset = along_means[2]


def _joined(arrays: list[Array | None]) -> Array | None:
    present = [z for z in arrays if z is not None]
    return np.concatenate(present) if len(present) == len(arrays) else None


def _compare(
    found: MeasuredSampler, places: tuple[float, ...], arrays: list[Array | None]
) -> tuple[Array, Array, Array]:
    """Where there are draws, and their slope and intercept over the base's."""
    rows = []
    for place, z in zip(places, arrays, strict=True):
        if z is None:
            continue
        if _is_constant(found.reference):
            rows.append((place, 0.0, float(z.mean())))
        elif found.repeatable:
            rows.append((place, *_line(found, z)))
        else:
            slope = float(z.std() / found.reference.std())
            rows.append((place, slope, float(z.mean() - slope * found.reference.mean())))
    table = np.array(rows, dtype=float).reshape(-1, 3)
    return table[:, 0], table[:, 1], table[:, 2]


def _line(found: MeasuredSampler, z: Array) -> tuple[float, float]:
    x = found.reference.ravel()
    y = z.ravel()
    centred = x - x.mean()
    slope = float((centred * (y - y.mean())).sum() / (centred**2).sum())
    intercept = float(y.mean() - slope * x.mean())
    remainder = y - intercept - slope * x
    if np.abs(remainder).max() > MAX_RESIDUAL * (np.abs(y - y.mean()).max() + 1e-3 * np.abs(y).max() + 1e-6):
        found.is_linear = False
    return slope, intercept


def draw_sample(subject: Subject, found: MeasuredSampler, seed: int, *, many_calls: bool) -> Array:
    """Draws at the base for statistics: of one large call, or of many small ones where a call's are not independent.

    Returns:
        One row per draw, shape (n, columns); empty where it cannot be drawn.
    """
    rows, columns = found.shape
    large = (SAMPLE // columns, columns)
    is_quick = found.lines_per_number <= LINES_OF_A_LOOP
    if not many_calls and is_quick:
        call = {**filled(large, BASE_MU, BASE_HEAD), "seed": seed}
        z = as_array(ask_draws(subject, [call])[0], large)
        if z is not None:
            return z

    shape = (min(rows, 2), columns) if many_calls else found.shape
    count = SMALL_CALLS if many_calls else min(2000, SAMPLE // (rows * columns) + 1)
    if not is_quick:
        count = min(count, int(MAX_LINES / found.lines_per_number / (shape[0] * shape[1])) + 1)
    calls = [{**filled(shape, BASE_MU, BASE_HEAD), "seed": seed + index} for index in range(count)]
    arrays = [as_array(draw, shape) for draw in ask_draws(subject, calls)]
    present = [z for z in arrays if z is not None]
    if not present:
        return np.empty((0, columns))
    if many_calls:
        # Where points share noise, coordinates may each have their own, and the other way round.
        if not np.allclose(found.base, found.base[:, :1]):
            return np.stack([z[0] for z in present])
        return np.stack([z[:1, 0] if np.allclose(found.base, found.base[:1]) else z[:, 0] for z in present])
    return np.concatenate(present)
