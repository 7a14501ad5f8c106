"""Many runs trained together, in memory: one after another on the reference engine, in lanes on the fast one."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from time import perf_counter
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from swissroll.config import Config
from swissroll.model.loss import Translation
from swissroll.training.engines.engine import State
from swissroll.training.loop import (
    DivergedError,
    Record,
    Terms,
    build,
    build_lanes,
    choose_engine,
    flops,
    implied,
    is_due,
)

if TYPE_CHECKING:
    from swissroll.training.engines.xla import XlaEngine

SHAPE = (
    "dataset",
    "noise",
    "latent_dim",
    "hidden_dim",
    "depth",
    "activation",
    "components",
    "decoder_variance",
    "reduction",
    "steps",
    "batch_size",
    "eval_every",
    "device",
    "engine",
)
"""The settings that runs of one program share."""
LANE_FLOPS = 5e7
"""Operations in a step of the lanes of one program: above, lanes no longer share a step's fixed cost."""
MOST_LANES = 32


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """A run that ended.

    Attributes:
        config: Its settings.
        records: What happened in each step.
        weights: The weights that it ended with.
        status: 'finished' or 'diverged'.
        message: What stopped it, where something did.
        step: Steps that the weights have seen.
    """

    config: Config
    records: list[Record]
    weights: State
    status: Literal["finished", "diverged"]
    message: str = ""
    step: int


def shape_of(config: Config) -> tuple[Hashable, ...]:
    """What runs must share to be lanes of one program."""
    return tuple(getattr(config, name) for name in SHAPE)


def lanes(config: Config) -> int:
    """How many runs of this shape one program should train together."""
    if choose_engine(config) == "torch":
        return 1
    return max(1, min(MOST_LANES, int(LANE_FLOPS / flops(config))))


def train_together(configs: Sequence[Config]) -> list[Outcome]:
    """Train runs that share a shape, each to its end.

    Args:
        configs: Their settings; with the fast engine each is a lane.

    Returns:
        One outcome each, in order. A run whose numbers were not finite does not raise an error: its outcome says so.

    Raises:
        ValueError: The configs do not share a shape, or their device or engine is not on this machine.
    """
    if len({shape_of(config) for config in configs}) > 1:
        raise ValueError(f"Runs that are trained together must share {', '.join(SHAPE)}.")
    if len(configs) < 2 or choose_engine(configs[0]) == "torch":
        return [train_alone(config) for config in configs]
    return _train_lanes(configs)


def train_alone(config: Config) -> Outcome:
    """Train one run to its end, or to a number that is not finite, in memory."""
    training, message = build(config), ""
    records: list[Record] = []
    try:
        records.extend(training)
    except DivergedError as error:
        message = str(error)
    return Outcome(
        config=config,
        records=records,
        weights=training.engine.weights(),
        status="diverged" if message else "finished",
        message=message,
        step=training.step,
    )


class _Burst(NamedTuple):
    """Steps of all lanes: those done before, their rows (n, R, .), held-out rows (R, .), seconds a step and run."""

    done: int
    rows: NDArray[Any]
    held_out: NDArray[Any] | None
    seconds: float


def _train_lanes(configs: Sequence[Config]) -> list[Outcome]:
    """Train one lane a config. One that diverges does not touch the others, and is trained again alone for its end."""
    first, engine = configs[0], build_lanes(configs)
    bursts: list[_Burst] = []
    while engine.steps_taken < first.steps:
        bursts.append(_burst(first, engine))
    rows, finite = np.concatenate([burst.rows for burst in bursts]), engine.finite_lanes()
    finite &= np.isfinite(rows).all(axis=(0, 2))
    for held_out in (burst.held_out for burst in bursts if burst.held_out is not None):
        finite &= np.isfinite(held_out).all(axis=1)
    return [
        Outcome(
            config=config,
            records=_records(bursts, lane, implied(config)),
            weights=engine.weights(lane),
            status="finished",
            step=first.steps,
        )
        if finite[lane]
        else train_alone(config)
        for lane, config in enumerate(configs)
    ]


def _burst(config: Config, engine: XlaEngine) -> _Burst:
    began, done = perf_counter(), engine.steps_taken
    n = _length(config, done, engine.longest)
    rows = engine.take_all(n, _length(config, done + n, engine.longest))
    seconds = (perf_counter() - began) / n / len(rows[0])
    held_out = engine.measure_all() if is_due(config, done + n) else None
    return _Burst(done, rows, held_out, seconds)


def _length(config: Config, step: int, longest: int) -> int:
    """Steps from ``step`` to the next measurement, as far as the engine goes at once."""
    return max(0, min(longest, config.steps - step, config.eval_every - step % config.eval_every))


def _records(bursts: list[_Burst], lane: int, translation: Translation) -> list[Record]:
    records = []
    for done, rows, held_out, seconds in bursts:
        measured = None if held_out is None else Terms.of(held_out[lane].tolist(), translation)
        for i, row in enumerate(rows[:, lane].tolist(), 1):
            last = i == len(rows)
            terms = Terms.of(row, translation)
            records.append(Record(step=done + i, train=terms, held_out=measured if last else None, seconds=seconds))
    return records
