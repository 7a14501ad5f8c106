"""What the measured numbers are called: one name, one label and one unit for each, wherever it is shown.

A name is that of the attribute, of the key in metrics.json and of the column in table.csv and history.csv. What each
number means is in docs/measures.md.
"""

from __future__ import annotations

import textwrap
from typing import Literal, NamedTuple


class Measure(NamedTuple):
    """What people read of a number.

    Attributes:
        label: Its name for readers.
        unit: Its unit; empty where it has none.
        better: Whether low or high values are better; None where neither is.
    """

    label: str
    unit: str
    better: Literal["low", "high"] | None

    @property
    def heading(self) -> str:
        """The label with its unit, such as 'rate, nats per point'."""
        return f"{self.label}, {self.unit}" if self.unit else self.label

    @property
    def of_table(self) -> Measure:
        """The same of a table's rows: what is in data units elsewhere is in standard deviations of the columns."""
        return self._replace(unit=self.unit.replace("data units", "standard deviations"))


NATS = "nats per point"
MEASURES: dict[str, Measure] = {
    "loss": Measure("loss", "", "low"),
    "mse": Measure("reconstruction MSE, posterior draw", "squared data units", "low"),
    "posterior_mean_mse": Measure("reconstruction MSE, posterior mean", "squared data units", "low"),
    "kl": Measure("KL from the prior per latent dimension", NATS, None),
    "rate": Measure("rate", NATS, None),
    "distortion": Measure("distortion", NATS, None),
    "neg_elbo": Measure("negative ELBO", NATS, "low"),
    "active": Measure("active units", "", None),
    "aggregate_c2st": Measure("C2ST accuracy, aggregate posterior against prior", "", "low"),
    "off_median": Measure("off the curve, median", "data units", "low"),
    "off_p90": Measure("off the curve, 90th percentile", "data units", "low"),
    "off_p99": Measure("off the curve, 99th percentile", "data units", "low"),
    "off_p999": Measure("off the curve, 99.9th percentile", "data units", "low"),
    "strays": Measure("share of strays", "", "low"),
    "coverage": Measure("share of the curve covered", "", "high"),
    "longest_gap": Measure("longest gap", "share of t", "low"),
    "ks": Measure("KS distance of t from uniform", "", "low"),
    "w2": Measure("W2 to real points", "data units", "low"),
    "sliced_w2": Measure("sliced W2 to real points", "data units", "low"),
    "energy": Measure("energy distance to real points", "", "low"),
    "mmd": Measure("MMD to real points", "", "low"),
    "c2st": Measure("C2ST accuracy against real points", "", "low"),
    "jumps": Measure("jumps along the data's curve", "", "low"),
    "monotonicity": Measure("monotonicity along the data's curve", "", None),
    "trustworthiness": Measure("trustworthiness of the latent space", "", "high"),
    "neg_log_evidence": Measure("negative log evidence", NATS, "low"),
    "above_lower_bound": Measure("negative log evidence above its lower bound", NATS, "low"),
    "overfit": Measure("negative log evidence, held-out rows above training rows", NATS, "low"),
    "inference_gap": Measure("inference gap", NATS, "low"),
}
"""Every measured number that has a name of its own, by this name."""


def axis_label(measure: Measure, width: int = 24) -> str:
    """The heading of a number beside an axis, in lines of so many characters; without its unit if it takes three."""
    lines = textwrap.wrap(measure.heading, width)
    if len(lines) > 2:
        lines = textwrap.wrap(measure.label, width)
    return "\n".join(lines)


def heading(name: str) -> str:
    """The label of a number with its unit."""
    return MEASURES[name].heading
