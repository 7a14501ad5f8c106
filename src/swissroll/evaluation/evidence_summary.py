"""A model's evidence on its data in one record: the mean log p(x), what inference loses, and the bound of any model."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache

import torch
from torch import Tensor

from swissroll.data import Curve, Distribution
from swissroll.data.curves import piece_of
from swissroll.evaluation.by_label import condition
from swissroll.evaluation.evidence import Evidence, measure_evidence
from swissroll.evaluation.lower_bound import LowerBound, nll_lower_bound
from swissroll.evaluation.uncertainty import standard_error
from swissroll.model.vae import VAE
from swissroll.reproducibility import rng

IMPORTANCE_SAMPLES = 200
"""Draws per point where the evidence is only bounded."""
BOUND_TOLERANCE = 5e-3
"""Width of the bracket of the lower bound, in nats: a finer one takes longer than all else that is measured."""
MAX_KEPT = 64
"""Lower bounds that a process keeps: runs of one sigma on the same data share theirs."""
EVIDENCE_PART = "the evidence"
LOWER_BOUND_PART = "its lower bound"


@dataclass(frozen=True, kw_only=True)
class EvidenceSummary:
    """The model's evidence on real points, in nats per point.

    Attributes:
        n: Points that it is the mean over.
        neg_log_evidence: Mean of -log p(x), or of the importance-weighted upper bound on it.
        neg_log_evidence_se: Standard error of that mean as an estimate for the whole distribution. Small, since only
            the difference from the mixture that reaches the lower bound is averaged.
        numerical_error: Error of that mean: of the quadrature, or of the bound's draws.
        bound: Whether ``neg_log_evidence`` is only a bound, as
            :func:`swissroll.evaluation.evidence.measure_evidence` says.
        inference_gap: Mean of log p(x) - ELBO: what inference loses.
        inference_gap_se: Its standard error, as above.
        lower_bound: Lowest mean negative log p(x) that any model with this decoder sigma can reach. None where the data
            have no curve, or where sigma is so small beside it that it would take minutes.
        lower_bound_error: Most by which the lowest value may lie above ``lower_bound``; None where there is none.
        above_lower_bound: Negative log evidence less its lower bound; None where there is none.
        slack: About how far the true value may be below ``neg_log_evidence`` where that is only a bound: twice of what
            ten times as many draws gained it; 0 where it is exact, None in files of earlier versions.
    """

    n: int
    neg_log_evidence: float
    neg_log_evidence_se: float
    numerical_error: float
    bound: bool
    inference_gap: float
    inference_gap_se: float
    lower_bound: float | None
    lower_bound_error: float | None
    above_lower_bound: float | None
    slack: float | None = None

    @property
    def surely_above(self) -> float | None:
        """How far the model is above its lower bound, in nats, whatever a bound in the evidence's place conceals."""
        return None if self.above_lower_bound is None else self.above_lower_bound - (self.slack or 0.0)


def summarize_evidence(
    model: VAE,
    distribution: Distribution,
    x: Tensor,
    *,
    sigma: float,
    seed: int,
    progress: Callable[[str], object] = lambda _: None,
) -> EvidenceSummary:
    """Measure the evidence on points of a distribution, and its lower bound.

    Args:
        model: The VAE; a conditional one under the label of each point, as ``model.given(labels)``.
        distribution: Where the points come from. Even points of its curve take the place of drawn ones where it has
            no noise.
        x: Points that were drawn from it, shape (N, D).
        sigma: Decoder standard deviation, in data units, above 0.
        seed: Decides the draws of an importance-weighted bound.
        progress: Called with the name of each of the two parts as it is done.

    Raises:
        ValueError: As :func:`swissroll.evaluation.evidence.measure_evidence` says.
    """
    curve = distribution.curve
    even = curve is not None and distribution.noise == 0
    if curve is not None and even:
        # Even points integrate over the curve; drawn ones would add their own scatter.
        t = curve.midpoints(len(x))
        x = curve.position(t).to(x.dtype)
        model = condition(model, distribution, t)

    found = measure_evidence(
        model,
        x,
        sigma=sigma,
        samples=IMPORTANCE_SAMPLES,
        generator=rng.generator(seed, "measure: importance"),
    )
    # Errors of quadrature may all have one sign; those of independent draws add up as squares.
    numerical_error = found.error.norm().item() / len(x) if found.bound else found.error.mean().item()
    progress(EVIDENCE_PART)

    lowest: AnyBound | None = None
    if curve is not None and model.given_labels is not None:
        lowest = bound_by_label(model.given_labels, curve, sigma, distribution.noise)
    elif curve is not None:
        lowest = _lower_bound(curve, sigma, distribution.noise)
    if curve is not None:
        progress(LOWER_BOUND_PART)

    neg_log_evidence, error = _mean(found, x.double(), lowest, even=even)
    return EvidenceSummary(
        n=len(x),
        neg_log_evidence=neg_log_evidence,
        neg_log_evidence_se=error,
        numerical_error=numerical_error,
        bound=found.bound,
        inference_gap=found.inference_gap.mean().item(),
        inference_gap_se=0.0 if even else standard_error(found.inference_gap),
        lower_bound=None if lowest is None else lowest.lower,
        lower_bound_error=None if lowest is None else lowest.upper - lowest.lower,
        above_lower_bound=None if lowest is None else neg_log_evidence - lowest.lower,
        slack=0.0 if found.gain is None else 2 * found.gain.mean().item(),
    )


def _mean(found: Evidence, x: Tensor, lowest: AnyBound | None, *, even: bool) -> tuple[float, float]:
    """Mean of -log p(x) over the distribution, and its standard error, from the points (N, D).

    The mixture that reaches the lower bound is a control variate: its own mean is known, and a good model's log
    density differs from it by about as much at every point.
    """
    values = -found.log_p
    known = 0.0
    if lowest is not None:
        values = values + lowest.log_density(x)
        known = lowest.value

    if even:
        # Even points have no scatter; what every other one of them says differs by the error of the sum.
        error = (values[::2].mean() - values[1::2].mean()).abs().item() / 2
        return known + values.mean().item(), error
    return known + values.mean().item(), standard_error(values)


@dataclass(frozen=True, kw_only=True)
class LowerBoundByLabel:
    """The lowest mean of -log p(x|c): the mean of the bounds of each label alone, in nats per point.

    Attributes:
        labels: Of N points, shape (N,).
        bounds: One for each label.
        shares: Share of each label.
    """

    labels: Tensor
    bounds: Sequence[LowerBound]
    shares: Sequence[float]

    @property
    def value(self) -> float:
        """Reached by a mixture for each label."""
        return self._mean([bound.value for bound in self.bounds])

    @property
    def lower(self) -> float:
        """No model is below it."""
        return self._mean([bound.lower for bound in self.bounds])

    @property
    def upper(self) -> float:
        """``value``, with the numerical error of entropies."""
        return self._mean([bound.upper for bound in self.bounds])

    def log_density(self, x: Tensor) -> Tensor:
        """Log density of the mixture of each point's label at the points (N, D), in nats, shape (N,), float64."""
        found = torch.empty(len(x), dtype=torch.float64)
        for label, bound in enumerate(self.bounds):
            chosen = self.labels == label
            found[chosen] = bound.log_density(x[chosen])
        return found

    def _mean(self, values: list[float]) -> float:
        return sum(share * value for share, value in zip(self.shares, values, strict=True))


AnyBound = LowerBound | LowerBoundByLabel


def bound_by_label(labels: Tensor, curve: Curve, sigma: float, noise: float) -> LowerBoundByLabel | None:
    """The bound of any conditional model of the points of a curve with these labels, shape (N,): its pieces."""
    bounds = []
    for piece in range(curve.pieces):
        bound = _lower_bound(piece_of(curve, piece), sigma, noise)
        if bound is None:
            return None
        bounds.append(bound)
    return LowerBoundByLabel(labels=labels.cpu(), bounds=bounds, shares=[1 / curve.pieces] * curve.pieces)


@lru_cache(maxsize=MAX_KEPT)
def _lower_bound(curve: Curve, sigma: float, noise: float) -> LowerBound | None:
    """The bound of any model; None where it would take minutes."""
    try:
        return nll_lower_bound(curve, sigma, noise=noise, tolerance=BOUND_TOLERANCE)
    except ValueError:
        return None
