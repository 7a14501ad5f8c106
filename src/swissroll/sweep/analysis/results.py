"""The table of a sweep: one row a run, in the sweep's own order, read from the runs' folders.

No timing is in it: a sweep that was killed and started again ends in the same bytes.
"""

from __future__ import annotations

import csv
import io
import json
import math
from collections import Counter
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Literal, NamedTuple

from swissroll.config import Config
from swissroll.sweep.plan import FIELDS, Sweep, read_sweep, run_name


class Metric(NamedTuple):
    """What a column holds.

    Attributes:
        label: Its name for readers.
        unit: Its unit, or nothing.
        better: Whether low or high values are better; None where neither is.
    """

    label: str
    unit: str
    better: Literal["low", "high"] | None


METRICS: dict[str, Metric] = {
    "loss": Metric("held-out loss", "", "low"),
    "mse": Metric("squared error of a posterior draw", "squared data units", "low"),
    "rate": Metric("rate", "nats a point", None),
    "distortion": Metric("distortion", "nats a point", None),
    "neg_elbo": Metric("negative ELBO", "nats a point", "low"),
    "active": Metric("active units", "", None),
    "prior_c2st": Metric("C2ST accuracy, aggregate posterior against prior", "share", "low"),
    "off_median": Metric("off the curve, median", "data units", "low"),
    "off_p90": Metric("off the curve, 90th percentile", "data units", "low"),
    "coverage": Metric("share of the curve covered", "share", "high"),
    "ks": Metric("KS distance of t from uniform", "", "low"),
    "w2": Metric("W2 to real points", "data units", "low"),
    "sliced_w2": Metric("sliced W2", "data units", "low"),
    "energy": Metric("energy distance", "", "low"),
    "mmd": Metric("MMD", "", "low"),
    "c2st": Metric("C2ST accuracy against real points", "share", "low"),
    "jumps": Metric("jumps along the curve", "", "low"),
    "monotonicity": Metric("monotonicity along the curve", "", None),
    "trustworthiness": Metric("trustworthiness of the latent space", "", "high"),
    "neg_log_evidence": Metric("negative log evidence", "nats a point", "low"),
    "above_lower_bound": Metric("negative log evidence above its lower bound", "nats a point", "low"),
    "gap": Metric("gap of the ELBO", "nats a point", "low"),
}
"""The measured columns. Losses and errors are of fresh points; distances are those of prior samples without noise."""
OLD_KEYS = {
    "two_sample": "c2st",
    "tears": "jumps",
    "torn": "jump_fraction",
    "floor_sd": "noise_floor_sd",
    "floor_error": "lower_bound_error",
    "above_floor": "above_lower_bound",
}
"""Keys of metrics.json in version 0.1, and what they are called now."""
EVIDENCE = ("neg_log_evidence", "above_lower_bound", "gap")


@dataclass(frozen=True, kw_only=True)
class Row:
    """A planned run.

    Attributes:
        name: Its folder's name in ``runs``.
        config: Its settings.
        setting: Its value on each axis, beta as it is quoted. Runs that differ in the seed alone share it.
        status: How it ended; 'missing' where it is not there yet.
        message: What stopped it, where something did.
        diagnosis: What the doctor calls it.
        values: What was measured, by the names of :data:`METRICS`; empty unless the run finished.
        learned_sigma: The decoder's standard deviation, where the run finished and learned it.
    """

    name: str
    config: Config
    setting: dict[str, Any]
    status: Literal["finished", "diverged", "missing"]
    message: str = ""
    diagnosis: str = ""
    values: dict[str, float] = field(default_factory=dict)
    learned_sigma: float = math.nan

    @property
    def sigma(self) -> float:
        """The decoder's standard deviation, implied or learned, in data units; nan where it is not known."""
        from swissroll.training.build import translation_of

        fixed = self.config.decoder_variance == "fixed"
        return translation_of(self.config).sigma if fixed else self.learned_sigma


@dataclass(frozen=True, kw_only=True)
class Table:
    """A sweep's runs.

    Attributes:
        folder: The sweep's folder; a run's is ``folder / "runs" / name``.
        axes: The values of each setting that has several, the seed left out.
        seeds: The seeds.
        hold: What stays as quoted where the latent dimension changes: beta or sigma.
        rows: One a planned run, in the sweep's order.
    """

    folder: Path
    axes: dict[str, tuple[Any, ...]]
    seeds: tuple[int, ...]
    hold: str
    rows: list[Row]


def read_table(folder: Path) -> Table:
    """Read a sweep's runs.

    Raises:
        ValueError: The folder is no sweep, or a run in it is damaged.
    """
    sweep = read_sweep(folder)
    return Table(folder=folder, axes=sweep.axes, seeds=sweep.seeds, hold=sweep.hold, rows=list(rows(sweep, folder)))


def rows(sweep: Sweep, folder: Path) -> Iterator[Row]:
    """A sweep's runs one by one, in its order."""
    for index, config in enumerate(sweep.configs()):
        name, setting = run_name(config), sweep.setting(index)
        yield _row(folder / "runs" / name, config, setting, evidence=sweep.evidence)


def _row(run: Path, config: Config, setting: dict[str, Any], *, evidence: bool) -> Row:
    from swissroll.runs.files import RunError, require_end

    if not (run / "state.json").exists():
        return Row(name=run.name, config=config, setting=setting, status="missing")
    try:
        state = json.loads((run / "state.json").read_text(encoding="utf-8"))
        found = with_new_keys(json.loads((run / "metrics.json").read_text(encoding="utf-8")))
        require_end(run, state["step"])
        finished = state["status"] == "finished" and found["metrics"] is not None
        return Row(
            name=run.name,
            config=config,
            setting=setting,
            status="finished" if finished else "diverged",
            message=state["message"] or ("" if finished else found["diagnosis"]["evidence"]),
            diagnosis=found["diagnosis"]["name"],
            values=_values(config, found["metrics"], evidence=evidence) if finished else {},
            learned_sigma=found["metrics"]["sigma"] if finished else math.nan,
        )
    except RunError:
        raise
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ValueError(
            f"{run}: damaged ({error!r:.80}). Remove that folder, then 'swissroll sweep --out {run.parent.parent}'."
        ) from None


def _values(config: Config, metrics: dict[str, Any], *, evidence: bool) -> dict[str, float]:
    """The columns of a run, from its metrics.json; those that could not be measured are left out.

    A run that was evaluated by itself has evidence that the others have not, and shows none.
    """
    error, latent, prior = metrics["reconstruction"], metrics["latent"], metrics["prior"]
    found = {
        "loss": _loss(config, error, latent["rate"], metrics["data_dim"]),
        "mse": error["sampled_mse"],
        "rate": latent["rate"],
        "distortion": error["distortion"],
        "neg_elbo": None if error["elbo"] is None else -error["elbo"],
        "active": latent["active"],
        "prior_c2st": latent["aggregate"]["c2st"]["value"],
        **{name: prior["fit"][name] for name in ("off_median", "off_p90", "coverage", "ks")},
        **{name: distance["value"] for name, distance in prior["distances"].items()},
        **{name: latent["continuity"][name] for name in ("jumps", "monotonicity", "trustworthiness")},
        **_evidence(metrics["evidence"] if evidence else None),
    }
    return {name: found[name] for name in METRICS if found.get(name) is not None}


def with_new_keys(value: Any) -> Any:
    """Metrics as this version names them, from those of any earlier version."""
    if isinstance(value, list):
        return [with_new_keys(item) for item in value]
    if not isinstance(value, dict):
        return value

    # A distance and the evidence both had a floor; only a distance's had a standard deviation.
    floor = "noise_floor" if "floor_sd" in value else "lower_bound"
    names = OLD_KEYS | {"floor": floor}
    return {names.get(key, key): with_new_keys(item) for key, item in value.items()}


def _evidence(found: dict[str, Any] | None) -> dict[str, Any]:
    if found is None:
        return {}
    return {
        "neg_log_evidence": -found["log_evidence"],
        "above_lower_bound": found["above_lower_bound"],
        "gap": found["gap"],
    }


def _loss(config: Config, error: dict[str, Any], rate: float, data_dim: int) -> float:
    """The config's loss, of its error and a rate a point."""
    learned = config.decoder_variance == "learned"
    term = error["distortion"] if learned else data_dim * error["sampled_mse"]
    if config.reduction == "mean":
        return float(term / data_dim + config.beta * rate / config.latent_dim)
    return float(term + config.beta * rate)


def write_table(sweep: Sweep, folder: Path) -> Counter[str]:
    """Write a sweep's table.csv; returns how many of its runs have which status."""
    from swissroll.runs.files import replace_file

    columns, counts = _columns(sweep), Counter[str]()
    file = io.StringIO()
    writer = csv.writer(file, lineterminator="\n")
    writer.writerow(columns)
    for row in rows(sweep, folder):
        counts[row.status] += 1
        cells = _cells(sweep, row)
        writer.writerow([_text(cells.get(name)) for name in columns])
    replace_file(folder / "table.csv", file.getvalue().encode())
    return counts


def _columns(sweep: Sweep) -> list[str]:
    measured = [name for name in METRICS if sweep.evidence or name not in EVIDENCE]
    axes = [_axis(sweep, name) for name in sweep.axes]
    return ["name", "status", *axes, "seed", *_others(sweep), "sigma", *measured, "diagnosis", "message"]


def _axis(sweep: Sweep, name: str) -> str:
    """An axis's column: where sigma is held, a run's own beta is not the one that the sweep quotes."""
    return f"quoted_{name}" if sweep.hold == "sigma" and name in ("beta", "beta_start") else name


def _others(sweep: Sweep) -> list[str]:
    """Settings that are no axis and not at their defaults everywhere."""
    own = {"beta", *(sweep.values.keys() & {"beta_start"})} if sweep.hold == "sigma" else set()
    changed = {name for name, found in sweep.values.items() if len(found) == 1 and found[0] != getattr(Config, name)}
    return [name for name in FIELDS if name in changed | own]


def _cells(sweep: Sweep, row: Row) -> dict[str, Any]:
    axes = {_axis(sweep, name): value for name, value in row.setting.items()}
    told = {"name": row.name, "status": row.status, "diagnosis": row.diagnosis, "message": row.message}
    return asdict(row.config) | axes | told | row.values | {"sigma": row.sigma}


def _text(value: Any) -> str:
    return "" if value is None else value if isinstance(value, str) else repr(value)
