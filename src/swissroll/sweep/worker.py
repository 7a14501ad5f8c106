"""What a worker process does: train the runs of a group, measure them, and hand their files back.

Only plain dicts, strings and bytes travel. Nothing heavy is imported before the number of threads is set.
"""

from __future__ import annotations

import os
import signal
import sys
import threading
import warnings
from collections.abc import Iterator, Sequence
from multiprocessing import parent_process
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from swissroll.config import Config
    from swissroll.training.many import Outcome

ENVIRONMENT = {
    "OMP_NUM_THREADS": "1",
    "OPENBLAS_NUM_THREADS": "1",
    "MKL_NUM_THREADS": "1",
    "XLA_PYTHON_CLIENT_PREALLOCATE": "false",
    "POT_BACKEND_DISABLE_JAX": "1",
    "POT_BACKEND_DISABLE_TENSORFLOW": "1",
}
"""One thread per worker: sums must not depend on the machine, nor workers wait for each other. A GPU is shared. POT
would import every array library that it finds."""


def prepare() -> None:
    """Set up a local worker: one thread, which ignores SIGINT and ends with the process that started it."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    os.environ.update(ENVIRONMENT)
    threading.Thread(target=_end_with_parent, daemon=True).start()


def _end_with_parent() -> None:
    """Without this, workers of a client that was killed would wait for work for ever."""
    parent = parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)


def compute_group(configs: list[dict[str, Any]]) -> list[dict[str, bytes]]:
    """Train and measure runs that share a shape.

    Args:
        configs: Their settings, as plain dicts.

    Returns:
        The files of each run's folder, by name.
    """
    if "torch" not in sys.modules:
        os.environ.update(ENVIRONMENT)
    import torch

    from swissroll.config import Config
    from swissroll.training.many import train_many

    # In a cluster's worker each task has its own thread, which starts with the process's number.
    torch.set_num_threads(1)

    files_of_runs = []
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for batch in batches([Config.from_dict(values) for values in configs]):
            for outcome in train_many(batch):
                files_of_runs.append(pack(outcome) | {"metrics.json": _measure(outcome)})
    return files_of_runs


def batches(configs: Sequence[Config]) -> Iterator[Sequence[Config]]:
    """Runs that are trained together: as many as a batch has members."""
    from swissroll.training.many import members_per_batch

    members = members_per_batch(configs[0])
    for start in range(0, len(configs), members):
        yield configs[start : start + members]


def pack(outcome: Outcome) -> dict[str, bytes]:
    """The files of a run that ended, by their names in its folder, as training it there would have left them."""
    from safetensors.torch import save

    from swissroll.runs.files import metadata, state_json
    from swissroll.runs.history import HEADER, history_row

    rows = map(history_row, outcome.records)
    state = state_json(outcome.status, outcome.step, divergence=outcome.divergence)
    return {
        "config.toml": outcome.config.to_toml(origin=outcome.origin).encode(),
        "history.csv": "".join([HEADER, *rows]).encode(),
        "model.safetensors": save(outcome.weights, metadata(outcome.config, outcome.step)),
        "state.json": state,
    }


def _measure(outcome: Outcome) -> bytes:
    """The metrics.json of a run that ended."""
    import numpy as np

    from swissroll.evaluation.evaluation import PastTraining, evaluate_trained
    from swissroll.evaluation.symptoms import LossHistory
    from swissroll.model.standardized import split_state
    from swissroll.training.build import build_model

    model = build_model(outcome.config)
    weights, _ = split_state(outcome.weights)
    model.load_state_dict(weights)

    def column(name: str) -> NDArray[np.float64]:
        return np.array([getattr(record.train, name) for record in outcome.records])

    past = PastTraining(
        steps=outcome.step,
        losses=LossHistory.of(outcome.config, column),
        diverged=outcome.status == "diverged",
        divergence=outcome.divergence,
    )
    return evaluate_trained(model, outcome.config, past).to_json()
