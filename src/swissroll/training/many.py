"""Many runs trained in memory: one after another on the reference engine, as members of a batch on the fast one."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from time import perf_counter
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from swissroll import checks
from swissroll.checks import NotFiniteError
from swissroll.config import Config, require_config
from swissroll.data import open_distribution
from swissroll.model.loss import Loss
from swissroll.model.terms import LossTerms
from swissroll.reproducibility.modes import ordinary_modes
from swissroll.training.build import beside_weights, build, build_batch, choose_engine, flops, loss_of, refitted_weights
from swissroll.training.engines.engine import State
from swissroll.training.loop import DivergedError, Record, Terms, chunk_length, is_due

if TYPE_CHECKING:
    from swissroll.training.engines.xla_batch import XlaBatch

SHAPE_FIELDS = (
    "dataset",
    "noise",
    "data_digest",
    "conditional",
    "label_values",
    "columns",
    "held_out",
    "latent_dim",
    "hidden_dim",
    "depth",
    "activation",
    "posterior",
    "prior",
    "components",
    "decoder_variance",
    "mmd_weight",
    "reduction",
    "free_bits",
    "max_error",
    "importance_samples",
    "steps",
    "batch_size",
    "eval_every",
    "device",
    "engine",
)
"""The settings that runs of one program share."""
MAX_BATCH_FLOPS = 5e7
"""Operations in a step of the members of one batch: above, members no longer share a step's fixed cost."""
MAX_MEMBERS = 32


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """A run that ended.

    Attributes:
        config: Its settings.
        records: What happened in each step.
        weights: The weights that it ended with; of a table, with its standardization beside them.
        step: Steps that the weights have seen.
        divergence: What stopped it, where a number was not finite.
        neighbours: Runs that were members of its batch beside it.
    """

    config: Config
    records: list[Record]
    weights: State
    step: int
    divergence: DivergedError | None = None
    neighbours: int = 0

    @property
    def status(self) -> Literal["finished", "diverged"]:
        """How it ended."""
        return "finished" if self.divergence is None else "diverged"

    @property
    def message(self) -> str:
        """What stopped it, in words; empty where nothing did."""
        return "" if self.divergence is None else str(self.divergence)

    @property
    def origin(self) -> str:
        """What its settings alone do not give, in words; empty where they give the run to the last bit."""
        if not self.neighbours:
            return ""
        others = "another one" if self.neighbours == 1 else f"{self.neighbours} others"
        return (
            f"This run was trained in one batch with {others}. Trained alone, the same settings give the same run but "
            "for rounding, which grows with the steps."
        )


def shape_of(config: Config) -> tuple[Hashable, ...]:
    """What runs must share to be members of one batch."""
    return tuple(getattr(config, name) for name in SHAPE_FIELDS)


def members_per_batch(config: Config) -> int:
    """How many runs of this shape one program should train together."""
    if choose_engine(config) == "torch":
        return 1
    return max(1, min(MAX_MEMBERS, int(MAX_BATCH_FLOPS / flops(config))))


def train_many(configs: Sequence[Config]) -> list[Outcome]:
    """Train runs that share a shape, each to its end.

    Args:
        configs: Their settings; with the fast engine each is a member of one batch.

    Returns:
        One outcome each, in order. A run whose numbers were not finite does not raise an error: its outcome says so.

    Raises:
        ValueError: The configs do not share a shape, or their device or engine is not on this machine.
    """
    checks.instance("configs", configs, Sequence, "settings of runs, such as [swissroll.Config(seed=1)]")
    for config in configs:
        require_config(config, "configs")
    if len({shape_of(config) for config in configs}) > 1:
        raise ValueError(f"Runs that are trained together must share {', '.join(SHAPE_FIELDS)}.")
    if len(configs) < 2 or choose_engine(configs[0]) == "torch":
        return [train_one(config) for config in configs]
    return _train_batch(configs)


def train_one(config: Config) -> Outcome:
    """Train one run to its end, or to a number that is not finite, in memory."""
    training = build(config)
    records: list[Record] = []
    divergence = None
    try:
        # Keeps the records of a run that diverges: a list of the generator would be lost.
        records.extend(training)
    except DivergedError as error:
        divergence = error
    return Outcome(
        config=config,
        records=records,
        weights=training.weights(),
        step=training.step,
        divergence=divergence,
    )


class _Chunk(NamedTuple):
    """Steps of all members.

    Attributes:
        done: Steps done before.
        rows: Loss terms of each step and member, shape (n, R, 3) or (n, R, 4).
        held_out: Loss terms of each member's held-out points, shape (R, 3) or (R, 4); None where not measured.
        seconds: Time per step and run.
    """

    done: int
    rows: NDArray[Any]
    held_out: NDArray[Any] | None
    seconds: float


def _train_batch(configs: Sequence[Config]) -> list[Outcome]:
    """Train one member per config.

    A member that diverges does not touch the others, and is trained again alone to find its end.
    """
    first = configs[0]
    chunks: list[_Chunk] = []
    # One thread: PyTorch draws here, and its idle threads would take cores from those that compute.
    with ordinary_modes(gradients=True, threads=1):
        batch = build_batch(configs)
        while batch.steps_taken < first.steps:
            chunks.append(_run_chunk(first, batch))
        finite = batch.finite_members() & _finite_throughout(chunks)

        if any(config.refit_prior for config in configs):
            finite &= _refit_priors(configs, batch, finite)
            # The last step is always measured: now under the weights that the runs end with.
            chunks[-1] = chunks[-1]._replace(held_out=batch.measure())
            finite &= _finite_throughout(chunks[-1:])

    outcomes = []
    for member, config in enumerate(configs):
        if not finite[member]:
            outcomes.append(train_one(config))
            continue
        records = _records_of(chunks, member, loss_of(config))
        weights = batch.weights(member) | beside_weights(open_distribution(config))
        outcomes.append(
            Outcome(
                config=config,
                records=records,
                weights=weights,
                step=first.steps,
                neighbours=len(configs) - 1,
            )
        )
    return outcomes


def _refit_priors(configs: Sequence[Config], batch: XlaBatch, finite: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Fit the priors of finite members whose configs ask for it to their aggregate posteriors.

    Returns:
        Whether each member's posterior draws were finite, where there were any, shape (R,).
    """
    could = np.ones(len(configs), dtype=bool)
    weights = [batch.weights(member) for member in range(len(configs))]
    for member, config in enumerate(configs):
        if config.refit_prior and finite[member]:
            try:
                weights[member] = refitted_weights(config, weights[member])
            except NotFiniteError:
                could[member] = False

    batch.load_weights(weights)
    return could


def _finite_throughout(chunks: list[_Chunk]) -> NDArray[np.bool_]:
    """Whether every number that was measured of a member is finite, shape (R,)."""
    finite: NDArray[np.bool_] = np.isfinite(np.concatenate([chunk.rows for chunk in chunks])).all(axis=(0, 2))
    for chunk in chunks:
        if chunk.held_out is not None:
            finite &= np.isfinite(chunk.held_out).all(axis=1)
    return finite


def _run_chunk(config: Config, batch: XlaBatch) -> _Chunk:
    done = batch.steps_taken
    n = _chunk_length(config, done, batch.max_chunk)

    began = perf_counter()
    rows = batch.run_steps(n, prefetch=_chunk_length(config, done + n, batch.max_chunk))
    seconds = (perf_counter() - began) / n / len(rows[0])

    held_out = batch.measure() if is_due(config, done + n) else None
    return _Chunk(done, rows, held_out, seconds)


def _chunk_length(config: Config, step: int, max_chunk: int) -> int:
    """Steps from ``step`` to the next measurement, as far as the engine goes at once."""
    return chunk_length(step, steps=config.steps, max_chunk=max_chunk, periods=(config.eval_every,))


def _records_of(chunks: list[_Chunk], member: int, loss: Loss) -> list[Record]:
    """The records of one member's steps."""
    records = []
    for chunk in chunks:
        for i, row in enumerate(chunk.rows[:, member].tolist(), start=1):
            is_last = i == len(chunk.rows)
            held_out = None
            if is_last and chunk.held_out is not None:
                held_out = _terms_of(chunk.held_out[member].tolist(), loss)
            records.append(
                Record(
                    step=chunk.done + i,
                    train=_terms_of(row, loss),
                    held_out=held_out,
                    seconds=chunk.seconds,
                )
            )
    return records


def _terms_of(row: list[float], loss: Loss) -> Terms:
    return Terms.of(LossTerms(*row), loss)
