"""Everything that is timed, by name.

A contender is made for a width, a batch and a number of models, and gives one or more ways to take steps: those of one
contender differ in a setting that its user is free to choose (threads, where noise is drawn), and the fastest counts.
Its imports are its own: the peers run in an environment without swissroll, the rest in one without the peers.
"""

from __future__ import annotations

import io
import os
import tempfile
from collections.abc import Callable
from dataclasses import dataclass, fields
from pathlib import Path
from time import perf_counter
from typing import Any

HELD = "BENCHMARK_HELD_TO_A_CORE"
"""A variable of the environment that is set where a process is."""
Run = Callable[[int], float]
"""Takes so many steps and returns the seconds they took."""


class MissingError(Exception):
    """A contender that cannot run here; the message says why."""


@dataclass(frozen=True, kw_only=True)
class Setting:
    """What a contender is made for.

    Attributes:
        width: Units in each hidden layer.
        batch: Points in a step.
        models: Models that one call trains.
        workers: Processes that share them.
    """

    width: int
    batch: int = 128
    models: int = 1
    workers: int = 1


@dataclass(frozen=True, kw_only=True)
class Contender:
    """Ways to take steps, by name.

    Attributes:
        ways: The ways; where there are several, the fastest counts.
        unit: Steps come in multiples of it.
        first: Least steps worth timing.
    """

    ways: dict[str, Run]
    unit: int = 1
    first: int = 1


def _timed(run: Callable[[int], object]) -> Run:
    def timed(steps: int) -> float:
        start = perf_counter()
        run(steps)
        return perf_counter() - start

    return timed


def _with_threads(run: Run) -> dict[str, Run]:
    """A PyTorch loop on one thread and on all."""
    import torch

    def on(threads: int) -> Run:
        def threaded(steps: int) -> float:
            torch.set_num_threads(threads)
            return run(steps)

        return threaded

    return {f"threads {n}": on(n) for n in sorted({1, torch.get_num_threads()})}


def notebook(setting: Setting) -> Contender:
    """The notebook's loop with as many threads as PyTorch takes by itself."""
    from benchmarks.network import PlainVAE, train_plain

    return Contender(ways={"": _timed(lambda steps: train_plain(PlainVAE(setting.width), steps, setting.batch))})


def notebook_one(setting: Setting) -> Contender:
    """The notebook's loop on one thread."""
    ways = _with_threads(notebook(setting).ways[""])
    return Contender(ways={"": ways["threads 1"]})


def lightning(setting: Setting) -> Contender:
    """Lightning's trainer, barebones."""
    from benchmarks.peers import train_lightning

    return Contender(ways=_with_threads(lambda steps: train_lightning(setting.width, steps, setting.batch)[0]))


def pythae(setting: Setting) -> Contender:
    """Pythae's trainer, its loader in the same process or in one of its own."""
    from benchmarks.peers import train_pythae

    ways = _with_threads(lambda steps: train_pythae(setting.width, steps, setting.batch))
    beside = _with_threads(lambda steps: train_pythae(setting.width, steps, setting.batch, workers=1))
    return Contender(ways=ways | {"threads 1, loader beside": beside["threads 1"]}, first=20)


def scan(setting: Setting) -> Contender:
    """The scan written by hand in JAX; the environment decides its threads."""
    _tune_xla()
    from benchmarks.scan import CHUNK, Scan

    ways = {
        name: _timed(Scan(setting.width, setting.batch, ahead=ahead).run)
        for name, ahead in (("drawn ahead", True), ("drawn inside", False))
    }
    return Contender(ways=ways, unit=CHUNK)


def ours(setting: Setting, engine: str) -> Contender:
    """`swissroll train`'s own loop: records, measurements, snapshots and checkpoints on disk, and the bar."""
    from swissroll.cli.train import train_run
    from swissroll.runs.run import create

    extra = engine_settings(engine)

    def run(steps: int) -> float:
        from swissroll.config import Config

        config = Config(hidden_dim=setting.width, batch_size=setting.batch, steps=steps, **extra)
        with tempfile.TemporaryDirectory() as folder:
            made = create(Path(folder) / "run", config)
            start = perf_counter()
            train_run(made, quiet=False, stream=io.StringIO())
            return perf_counter() - start

    return Contender(ways={"": run}, unit=100)


def engine_settings(engine: str) -> dict[str, Any]:
    """The setting that chooses an engine; raises MissingError where that engine is not here."""
    from swissroll.config import Config

    if "engine" in {field.name for field in fields(Config)}:
        return {"engine": engine}
    if engine != "torch":
        raise MissingError("this version of swissroll has one engine, torch")
    return {}


def batch(setting: Setting, engine: str) -> Contender:
    """Several runs of one shape trained in one process as a sweep's worker does it, neither measured nor written."""
    from swissroll.config import Config

    extra = engine_settings(engine)
    try:
        from swissroll.training.many import members_per_batch as most
        from swissroll.training.many import train_many
    except ImportError:
        raise MissingError("this version of swissroll trains one run at a time") from None

    def run(steps: int) -> None:
        base: Any = {"hidden_dim": setting.width, "batch_size": setting.batch, "steps": steps, "threads": 1, **extra}
        configs = [Config(**base, seed=seed) for seed in range(setting.models)]
        together = most(configs[0])
        for first in range(0, len(configs), together):
            outcomes = train_many(configs[first : first + together])
            if {outcome.status for outcome in outcomes} != {"finished"}:
                raise RuntimeError("a run of the benchmark diverged")

    return Contender(ways={"": _timed(run)}, unit=100)


def sweep(setting: Setting, engine: str) -> Contender:
    """A whole sweep by the executor, from the plan to the last folder: its workers start, train, measure and end."""
    extra = engine_settings(engine)
    try:
        from swissroll.sweep.pools import LocalPool
        from swissroll.sweep.runner import compute, define, open_sweep
    except ImportError:
        raise MissingError("this version of swissroll has no sweeps") from None

    def run(steps: int) -> None:
        values = {"hidden_dim": setting.width, "batch_size": setting.batch, "steps": steps, "seeds": setting.models}
        pool = LocalPool(setting.workers)
        with tempfile.TemporaryDirectory() as parent:
            folder = Path(parent) / "sweep"
            made = define(folder, values | extra)
            with open_sweep(folder, made) as groups:
                for ended in compute(folder, made, groups, pool):
                    if ended is not None and ended.reason:
                        raise RuntimeError(ended.reason)
        pool.close(now=False)

    return Contender(ways={"": _timed(run)}, unit=100)


def products(setting: Setting, by: str) -> Contender:
    """The matrix products of the network's steps, with nothing between them."""
    _tune_xla()
    from benchmarks import ceiling

    make = {"torch": ceiling.step_torch, "jax": ceiling.step_jax}[by]
    return Contender(ways={"": make(setting.width, setting.batch)}, unit=ceiling.SCANNED)


def large(_: Setting, by: str) -> Contender:
    """Large matrix products; a step is one of them."""
    _tune_xla()
    from benchmarks import ceiling

    return Contender(ways={"": ceiling.large_torch if by == "torch" else ceiling.large_jax()})


MAKERS: dict[str, Callable[[Setting], Contender]] = {
    "notebook": notebook,
    "notebook-one": notebook_one,
    "lightning": lightning,
    "pythae": pythae,
    "scan": scan,
    "ours-torch": lambda setting: ours(setting, "torch"),
    "ours-xla": lambda setting: ours(setting, "xla"),
    "batch-torch": lambda setting: batch(setting, "torch"),
    "batch-xla": lambda setting: batch(setting, "xla"),
    "sweep-torch": lambda setting: sweep(setting, "torch"),
    "sweep-xla": lambda setting: sweep(setting, "xla"),
    "products-torch": lambda setting: products(setting, "torch"),
    "products-jax": lambda setting: products(setting, "jax"),
    "large-torch": lambda setting: large(setting, "torch"),
    "large-jax": lambda setting: large(setting, "jax"),
}
PEERS = ("lightning", "pythae")


def hold_to(core: int) -> None:
    """Keep this process, and the thread pools it is yet to make, on one core."""
    os.environ |= {"OMP_NUM_THREADS": "1", HELD: "1"}
    if hasattr(os, "sched_setaffinity"):
        there = sorted(os.sched_getaffinity(0))
        os.sched_setaffinity(0, {there[core % len(there)]})


def _tune_xla() -> None:
    """What a user of JAX would set on one core: no thread pool inside an operation."""
    if os.environ.get(HELD):
        os.environ["XLA_FLAGS"] = f"{os.environ.get('XLA_FLAGS', '')} --xla_cpu_multi_thread_eigen=false"
