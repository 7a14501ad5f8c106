"""What holds for the encoder's two outputs: two different ones, each of which can be any number that it stands for."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from swissroll.exercise.evidence import Evidence
from swissroll.exercise.laws.measured_model import SEEDS, ModelMeter, failed
from swissroll.exercise.laws.readings import Reading
from swissroll.exercise.laws.words import number

LAWS = ("range", "distinct", "deterministic", "consistent")
GAINS = (1.0, 2.5)
"""Sizes of the random weights: at the larger one outputs go far."""
MAX_BOUNDED = 1.01
"""Of a spread that is bounded by 1, with a small number added."""
MAX_STEP = 0.05
"""Average step of the head's rank between neighbours in mu, in parts of its spread; 1.15 where it is independent."""
MIN_VALUES = 0.2
"""Share of a head's values that differ from one another, for a function to be told from a constant."""
MIRRORED = 32
"""Points that are encoded once more with the sign of one coordinate turned."""
Array = NDArray[np.float64]


class HeadLaws:
    """The laws of the encoder's outputs.

    Args:
        encoded: What random networks encode points to; empty where there is no model that can be called.
        reading: How the sampler, or else the KL term, reads the head.
        of_sampler: Readings that the sampler's standard deviation matches.
        of_kl: Readings that the KL term matches, None where there is no loss.
        harmless_sign: Whether sampler and KL term take the head's square or absolute value alone.
    """

    def __init__(
        self,
        encoded: list[list[Any]],
        reading: Reading,
        of_sampler: Sequence[str],
        of_kl: Sequence[str] | None,
        harmless_sign: bool,
    ) -> None:
        self.reading = reading
        self.of_sampler = of_sampler
        self.of_kl = of_kl
        self.harmless_sign = harmless_sign
        self.encoded = encoded

    def judge(self) -> Iterator[Evidence]:
        """The evidence of each law, in the order of the questions."""
        for law in LAWS:
            judged: Evidence = getattr(self, f"_{law}")()
            yield judged

    def _values(self, index: int) -> Array:
        parts = [pair[0][index].double().flatten() for pair in self.encoded]
        return np.asarray(torch.cat(parts).numpy())

    def _range(self) -> Evidence:
        if not self.encoded:
            return _unknown("range")
        constant = self._constant()
        if constant:
            line = f"In every network that was tried, {constant} was the same for all points."
            return _failed("range", line, [f"{'mu' if constant == 'mu' else 'head'}-constant"])
        mu = self._values(0)
        head = self._values(1)
        # What is infinite at wild weights, such as an exponential, is no number of an ordinary network's.
        if np.isnan(mu).any() or np.isnan(head).any():
            line = "At random weights some of the encoder's outputs are no numbers."
            return _failed("range", line, ["head-not-finite"])
        mu = mu[np.isfinite(mu)]
        head = head[np.isfinite(head)]
        limit = limit_of(mu)
        if limit:
            return _failed("range", _say_limit("mu", mu), [f"mu-{limit}"])
        return self._range_of_head(head)

    def _range_of_head(self, head: Array) -> Evidence:
        name = "logvar" if self.reading.name == "log-variance" else f"the {self.reading.name}"
        if self.reading.is_positive:
            # At wild weights a softplus or an exponential rounds to 0, which is no sign of a missing constraint.
            if head.min() < 0 and not self.harmless_sign:
                share = float((head < 0).mean())
                line = f"For {share:.0%} of points at random weights, {name} is below 0."
                return _failed("range", line, ["head-not-positive"])
            if self.reading.name in ("standard deviation", "variance") and head.max() <= MAX_BOUNDED:
                # A spread of 1 at most is a log-variance of 0 at most.
                return _failed("range", _say_limit(name, head), ["head-negative"])
            return _held("range", f"Over random weights mu took both signs, and {name} was never read below 0.")
        limit = limit_of(head)
        if limit:
            return _failed("range", _say_limit(name, head), [f"head-{limit}"])
        return _held("range", f"Over random weights mu and {name} took both signs, and went beyond 1.")

    def _constant(self) -> str:
        """The output that is the same for all points; empty where there is none."""
        for name, index in (("mu", 0), ("logvar", 1)):
            if all(_is_constant(pair[0][index]) for pair in self.encoded):
                return name
        return ""

    def _distinct(self) -> Evidence:
        if not self.encoded:
            return _unknown("distinct")
        pairs = [pair[0] for pair in self.encoded]
        if all(mu.shape == head.shape and torch.equal(mu, head) for mu, head in pairs):
            return _failed("distinct", "mu and logvar were the same numbers for every point.", ["heads-equal"])
        if any(self._is_function(axis, other) for axis, other in self._columns()):
            line = "logvar follows from mu: wherever mu is the same, logvar is the same."
            return _failed("distinct", line, ["heads-equal"])
        return _held("distinct", "mu and logvar are different outputs.")

    def _columns(self) -> list[tuple[int, int]]:
        """Pairs of a dimension of mu and one of the head."""
        mu, head = self.encoded[0][0]
        return list(itertools.product(range(mu.shape[-1]), range(head.shape[-1])))

    def _is_function(self, of_mu: int, of_head: int) -> bool:
        """Whether a dimension of the head is one and the same function of a dimension of mu, in all networks."""
        pairs = [(mu[:, of_mu], head[:, of_head]) for (mu, head), _ in self.encoded]
        mu, head = (torch.cat(parts).double().numpy() for parts in zip(*pairs, strict=True))
        values, ranks = np.unique(head, return_inverse=True)
        if len(values) < MIN_VALUES * len(head):
            return False
        along = ranks[np.argsort(mu, kind="stable")]
        # Sorted by mu, a function of it takes small steps, and an output of its own steps as large as its spread. Ranks
        # keep single large values, such as those of an exponential, from being all of the spread.
        return float(np.abs(np.diff(along)).mean()) < MAX_STEP * float(along.std())

    def _deterministic(self) -> Evidence:
        if not self.encoded:
            return _unknown("deterministic")
        for first, second in self.encoded:
            for one, other in zip(first, second, strict=True):
                if not torch.allclose(one, other, rtol=1e-4, atol=1e-5, equal_nan=True):
                    line = "Encoding the same points twice gave two different results."
                    return _failed("deterministic", line, ["encoder-random"])
        for axis in (0, 1):
            if all(self._is_blind(pair[0], axis) for pair in self.encoded):
                line = f"Points that differ in the sign of coordinate {axis + 1} alone are encoded to the same numbers."
                return _failed("deterministic", line, ["encoder-blind"])
        return _held("deterministic", "Encoding the same points twice gave the same mu and logvar.")

    @staticmethod
    def _is_blind(pair: Sequence[torch.Tensor], axis: int) -> bool:
        """Whether points and their mirror images have the same mu and head."""
        mirrored = slice(MIRRORED * (axis + 1), MIRRORED * (axis + 2))
        return all(torch.allclose(part[:MIRRORED], part[mirrored], rtol=1e-5, atol=1e-6) for part in pair)

    def _consistent(self) -> Evidence:
        if self.of_kl is None or not self.of_kl or not self.of_sampler:
            return _unknown("consistent")
        both = [name for name in self.of_sampler if name in self.of_kl]
        if both:
            return _held("consistent", f"Sampler and KL term read the head as a {both[0]}.", reading=both[0])
        line = f"The sampler reads the head as a {self.of_sampler[0]}, the KL term as a {self.of_kl[0]}."
        signs = [f"heads-disagree:{self.of_sampler[0]}:{self.of_kl[0]}", "heads-disagree"]
        return _failed("consistent", line, signs)


def encode_randomly(meter: ModelMeter) -> list[list[Any]]:
    """Mu and the head, twice, of random networks; empty where the model cannot be called."""
    found = []
    for seed in SEEDS:
        x = _with_mirrored(meter.points(256, seed, spread=1.5))
        answered = meter.ask(x, seed, gain=GAINS[seed % 2], plant=True)
        if failed(answered):
            return []
        outputs = answered["outputs"]
        pair = answered["encoded"] or [[outputs["mu"], outputs["head"]]] * 2
        if any(part.shape[:1] != (256,) for part in pair[0]):
            return []
        found.append(pair)
    return found


def is_head_positive(encoded: list[list[Any]]) -> bool:
    """Whether the head was above 0 in all random networks, as a standard deviation is and a logarithm is not."""
    return bool(encoded) and all(bool((pair[0][1] >= 0).all()) for pair in encoded)


def _is_constant(output: torch.Tensor) -> bool:
    """Whether an output is the same for all points."""
    return bool(torch.allclose(output, output[:1], rtol=1e-5, atol=1e-6))


def _with_mirrored(x: torch.Tensor) -> torch.Tensor:
    """Points of which some are the first ones with the sign of one coordinate turned."""
    first = x[:MIRRORED]
    turned = [first * torch.tensor(signs) for signs in ((-1.0, 1.0), (1.0, -1.0))]
    return torch.cat([first, *turned, x[3 * MIRRORED :]])


def limit_of(values: Array) -> str:
    """What keeps outputs from being any number: "" or the name of an activation."""
    low = float(values.min())
    high = float(values.max())
    if low == high:
        return "constant"
    if low >= 0:
        # A saturated sigmoid is 0 as well, and 1 as often.
        # A softplus of large negative numbers rounds to 0, but on its way there it is small.
        is_smooth = float(((values > 0) & (values < 1e-3)).mean()) > 2e-3
        if high > 1.0 + 1e-6 and float((values == 0).mean()) > 0.2 and not is_smooth:
            return "relu"
        return "sigmoid" if high <= 1.0 + 1e-6 else "positive"
    if high <= 0:
        return "negative"
    if max(abs(low), abs(high)) <= 1:
        return "tanh"
    return ""


def _say_limit(name: str, values: Array) -> str:
    low = number(float(values.min()))
    high = number(float(values.max()))
    return f"Over random weights and points, {name} lay between {low} and {high}, however large the weights were."


def _held(law: str, line: str, **facts: Any) -> Evidence:
    return Evidence(law=f"heads.{law}", passed=True, line=line, facts=facts)


def _failed(law: str, line: str, signs: list[str], **facts: Any) -> Evidence:
    return Evidence(law=f"heads.{law}", passed=False, line=line, facts={"signs": signs, **facts})


def _unknown(law: str) -> Evidence:
    return Evidence(law=f"heads.{law}", passed=None, line="This could not be checked.")
