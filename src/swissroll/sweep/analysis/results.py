"""The table of a sweep: one row per run, in the sweep's own order, read from the runs' folders.

The table holds no timing, so a sweep that was killed and resumed ends in the same bytes as one that was not.
"""

from __future__ import annotations

import csv
import io
import json
import math
import os
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any, Literal

from swissroll import checks
from swissroll.config import Config
from swissroll.evaluation.measures import MEASURES, Measure
from swissroll.sweep.plan import FIELDS, Sweep, read_sweep, run_name

COLUMNS = (
    "loss",
    "mse",
    "rate",
    "distortion",
    "neg_elbo",
    "active",
    "aggregate_c2st",
    "off_median",
    "off_p90",
    "off_p99",
    "off_p999",
    "strays",
    "coverage",
    "ks",
    "w2",
    "sliced_w2",
    "energy",
    "mmd",
    "c2st",
    "jumps",
    "monotonicity",
    "trustworthiness",
    "neg_log_evidence",
    "above_lower_bound",
    "inference_gap",
)
METRICS: dict[str, Measure] = {name: MEASURES[name] for name in COLUMNS}
"""The measured columns: losses and errors of fresh points, distances of decoded prior samples without noise."""
FIT_METRICS = ("off_median", "off_p90", "off_p99", "off_p999", "strays", "coverage", "ks")
CONTINUITY_METRICS = ("jumps", "monotonicity", "trustworthiness")
RENAMED_KEYS = {
    "two_sample": "c2st",
    "tears": "jumps",
    "torn": "jump_fraction",
    "floor_sd": "noise_floor_sd",
    "floor_error": "lower_bound_error",
    "above_floor": "above_lower_bound",
}
"""Keys of metrics.json in version 0.1, and what they are called now."""
RENAMED_KEYS_OF_RECORDS = {
    "sampled_mse": {"mse": "posterior_mean_mse", "sampled_mse": "mse", "elbo": "neg_elbo"},
    "log_evidence": {
        "log_evidence": "neg_log_evidence",
        "standard_error": "neg_log_evidence_se",
        "error": "numerical_error",
        "gap": "inference_gap",
    },
    "off_median": {"gap": "longest_gap"},
}
"""The same for records up to version 0.2 whose keys meant different things; each is known by one of its keys."""
NEGATED_KEYS = ("elbo", "log_evidence")
"""Keys up to version 0.2 whose number had the other sign."""


@dataclass(frozen=True, kw_only=True)
class Row:
    """A planned run.

    Attributes:
        name: The name of its folder in ``runs``.
        config: Its settings.
        setting: Its level on each axis, beta as the sweep quotes it. Runs that differ in the seed alone share it.
        status: How it ended; 'missing' if it is not on disk yet.
        message: What stopped it; empty if nothing did.
        diagnosis: The name of its diagnosis.
        values: What was measured, by the names of :data:`METRICS`; empty unless the run finished.
        learned_sigma: The decoder's standard deviation at the end of the run; nan unless the run finished.
        bounds_evidence: Whether its negative log evidence is only an upper bound, by importance-weighted draws.
    """

    name: str
    config: Config
    setting: dict[str, Any]
    status: Literal["finished", "diverged", "missing"]
    message: str = ""
    diagnosis: str = ""
    values: dict[str, float] = field(default_factory=dict)
    learned_sigma: float = math.nan
    bounds_evidence: bool = False

    @cached_property
    def sigma(self) -> float:
        """The decoder's standard deviation, implied or learned, in data units; nan where it is not known."""
        from swissroll.training.build import loss_of

        if self.config.finds_variance:
            return self.learned_sigma
        return loss_of(self.config).sigma


@dataclass(frozen=True, kw_only=True)
class Table:
    """A sweep's runs.

    Attributes:
        folder: The sweep's folder; the folder of a run is ``folder / "runs" / name``.
        axes: The levels of each axis, that is the values of each setting that has several. The seed is no axis.
        seeds: The seeds.
        hold: What stays as quoted where the latent dimension changes: beta or sigma.
        rows: One per planned run, in the sweep's order.
    """

    folder: Path
    axes: dict[str, tuple[Any, ...]]
    seeds: tuple[int, ...]
    hold: str
    rows: list[Row]

    @property
    def is_of_own_rows(self) -> bool:
        """Whether the runs are of a person's own table."""
        return any(row.config.data is not None for row in self.rows)

    def measure(self, metric: str) -> Measure:
        """What people read of a metric of these runs."""
        found = METRICS[metric]
        return found.of_table if self.is_of_own_rows else found


def read_table(folder: str | os.PathLike[str]) -> Table:
    """Read a sweep's runs.

    Raises:
        ValueError: The folder is not a sweep, or a run in it is damaged.
    """
    place = checks.folder("folder", folder)
    sweep = read_sweep(place)
    rows = list(read_rows(sweep, place))
    return Table(folder=place, axes=sweep.axes, seeds=sweep.seeds, hold=sweep.hold, rows=rows)


def require_table(value: object) -> None:
    """Require a sweep's table; raises ValueError otherwise."""
    checks.instance("table", value, Table, "a sweep's table, such as read_table('sweeps/001')")


def read_rows(sweep: Sweep, folder: Path) -> Iterator[Row]:
    """Read a sweep's runs one by one, in its order."""
    for index, config in enumerate(sweep.configs()):
        run = folder / "runs" / run_name(config)
        yield _read_row(run, config, sweep.setting(index))


def _read_row(run: Path, config: Config, setting: dict[str, Any]) -> Row:
    from swissroll.runs.files import explain_damage

    if not (run / "state.json").exists():
        return Row(name=run.name, config=config, setting=setting, status="missing")

    # People know a run by its settings, not by the name of its folder.
    levels = [f"{axis} {level}" for axis, level in setting.items()]
    whose = f"the run of {', '.join([*levels, f'seed {config.seed}'])}"

    metrics = run / "metrics.json"
    try:
        state = _read_record(run / "state.json", "step", "status", "message")
        found = with_new_keys(_read_record(metrics, "metrics", "diagnosis"))
        return _row_of_ended(run, config, setting, state, found)
    except _DamagedError as error:
        raise explain_damage(error.path, error.why, whose) from None
    except KeyError as error:
        raise explain_damage(metrics, f"it has no number {error}", whose) from None
    except (AttributeError, TypeError):
        raise explain_damage(metrics, "it does not hold what a measurement writes", whose) from None


class _DamagedError(Exception):
    """A file of a run that cannot be used, and why."""

    def __init__(self, path: Path, why: str) -> None:
        super().__init__(why)
        self.path = path
        self.why = why


def _read_record(path: Path, *keys: str) -> dict[str, Any]:
    """What a JSON file of a run holds, which must have these keys."""
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise _DamagedError(path, "it is missing") from None
    except OSError as error:
        raise _DamagedError(path, f"it cannot be read: {error.strerror}") from None
    except ValueError:
        raise _DamagedError(path, "it is not JSON") from None

    missing = [key for key in keys if not isinstance(found, dict) or key not in found]
    if missing:
        raise _DamagedError(path, f"it has no {missing[0]!r}")
    record: dict[str, Any] = found
    return record


def _row_of_ended(run: Path, config: Config, setting: dict[str, Any], state: Any, found: Any) -> Row:
    """The row of a run that finished or diverged, from its state.json and its metrics.json."""
    from swissroll.runs.run import require_end

    step = state["step"]
    status = state["status"]
    require_end(run, step, config)
    if status not in ("finished", "diverged") or (step == config.steps) != (status == "finished"):
        raise _DamagedError(run / "state.json", f"it says {status!r:.60} after {step} of {config.steps} steps")

    metrics = found["metrics"]
    diagnosis = found["diagnosis"]
    if status == "diverged" or metrics is None:
        return Row(
            name=run.name,
            config=config,
            setting=setting,
            status="diverged",
            message=state["message"] or diagnosis["evidence"],
            diagnosis=diagnosis["name"],
        )

    return Row(
        name=run.name,
        config=config,
        setting=setting,
        status="finished",
        message=state["message"] or "",
        diagnosis=diagnosis["name"],
        values=_values(config, found),
        learned_sigma=metrics["sigma"],
        bounds_evidence=bool((metrics["evidence"] or {}).get("bound")),
    )


def with_new_keys(value: Any) -> Any:
    """Metrics under the names of this version, from the metrics.json of any earlier one."""
    if isinstance(value, list):
        return [with_new_keys(item) for item in value]
    if not isinstance(value, dict):
        return value

    names = RENAMED_KEYS | {"floor": "noise_floor" if "floor_sd" in value else "lower_bound"}
    for mark, of_record in RENAMED_KEYS_OF_RECORDS.items():
        if mark in value:
            names |= of_record

    found = {}
    for key, item in value.items():
        of_item = with_new_keys(item)
        if key in NEGATED_KEYS and of_item is not None:
            of_item = -of_item
        found[names.get(key, key)] = of_item
    return found


def _values(config: Config, found: dict[str, Any]) -> dict[str, float]:
    """The columns of a run, from its metrics.json, without those that could not be measured."""
    from swissroll.model.loss import Loss

    metrics = found["metrics"]
    error = metrics["reconstruction"]
    latent = metrics["latent"]
    prior = metrics["prior"]

    rate = latent["rate"]
    loss = found.get("loss")
    if loss is None:
        # Up to version 0.2 the file did not hold it.
        of_config = Loss.of(config, metrics["data_dim"])
        loss = of_config.value_of_rate(mse=error["mse"], distortion=error["distortion"], rate=rate)

    values = {
        "loss": loss,
        "mse": error["mse"],
        "rate": rate,
        "distortion": error["distortion"],
        "neg_elbo": error["neg_elbo"],
        "active": latent["active"],
        "aggregate_c2st": latent["aggregate"]["c2st"]["value"],
    }
    values |= _pick(prior["fit"], FIT_METRICS)
    values |= {name: distance["value"] for name, distance in prior["distances"].items()}
    values |= _pick(latent["continuity"], CONTINUITY_METRICS)
    if metrics["evidence"] is not None:
        values |= _evidence_values(metrics["evidence"])

    return {name: values[name] for name in METRICS if values.get(name) is not None}


def _pick(found: dict[str, Any] | None, names: Iterable[str]) -> dict[str, Any]:
    """These numbers; none of them where the data have no curve to measure them against."""
    return {} if found is None else {name: found[name] for name in names if name in found}


def _evidence_values(evidence: dict[str, Any]) -> dict[str, Any]:
    return {
        "neg_log_evidence": evidence["neg_log_evidence"],
        "above_lower_bound": evidence["above_lower_bound"],
        "inference_gap": evidence["inference_gap"],
    }


def write_table(sweep: Sweep, folder: Path) -> Counter[str]:
    """Write a sweep's table.csv.

    Returns:
        How many of its runs have each status.
    """
    from swissroll.runs.files import replace_file

    columns = _columns(sweep)
    counts: Counter[str] = Counter()
    file = io.StringIO()
    writer = csv.writer(file, lineterminator="\n")
    writer.writerow(columns)

    for row in read_rows(sweep, folder):
        counts[row.status] += 1
        fields = _fields(sweep, row)
        writer.writerow([_text(fields.get(name)) for name in columns])

    replace_file(folder / "table.csv", file.getvalue().encode())
    return counts


def _columns(sweep: Sweep) -> list[str]:
    axes = [_axis_column(sweep, name) for name in sweep.axes]
    shared = _shared_columns(sweep)

    columns = ["name", "status", *axes, "seed", *shared, "sigma"]
    columns += METRICS
    columns += ["bounds_evidence", "diagnosis", "message"]
    return columns


def _axis_column(sweep: Sweep, axis: str) -> str:
    """The name of an axis's column: where sigma is held, a run's own beta is not the beta that the sweep quotes."""
    quoted = sweep.hold == "sigma" and axis in ("beta", "beta_start")
    return f"quoted_{axis}" if quoted else axis


def _shared_columns(sweep: Sweep) -> list[str]:
    """Settings that are the same in all runs and not at their defaults; and each run's own beta where sigma is held."""
    columns: set[str] = set()
    for name, values in sweep.values.items():
        default = getattr(Config, name)
        if len(values) == 1 and values[0] != default:
            columns.add(name)

    if sweep.hold == "sigma":
        columns.add("beta")
        if "beta_start" in sweep.values:
            columns.add("beta_start")

    return [name for name in FIELDS if name in columns]


def _fields(sweep: Sweep, row: Row) -> dict[str, Any]:
    """All that a row of table.csv may hold, by column."""
    fields = asdict(row.config)
    fields |= {_axis_column(sweep, axis): level for axis, level in row.setting.items()}
    fields |= row.values
    fields["name"] = row.name
    fields["status"] = row.status
    fields["bounds_evidence"] = row.bounds_evidence if "neg_log_evidence" in row.values else None
    fields["diagnosis"] = row.diagnosis
    fields["message"] = row.message
    fields["sigma"] = row.sigma
    return fields


def _text(value: Any) -> str:
    """A field of table.csv; numbers with all their digits."""
    if value is None:
        return ""
    if isinstance(value, str):
        return value
    return repr(value)
