"""A model's evidence on its data in one record: the mean log p(x), what inference loses, and the bound of any model."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from torch import Tensor

from swissroll import rng
from swissroll.data import Curve, Distribution
from swissroll.evaluation.evidence import measure_evidence
from swissroll.evaluation.lower_bound import LowerBound, nll_lower_bound
from swissroll.evaluation.uncertainty import standard_error
from swissroll.model.vae import VAE

EVIDENCE_PART = "the evidence"
LOWER_BOUND_PART = "its lower bound"


@dataclass(frozen=True, kw_only=True)
class EvidenceSummary:
    """The model's evidence on real points, in nats per point.

    Attributes:
        n: Points that it is the mean over.
        neg_log_evidence: Mean of -log p(x), or of the importance-weighted upper bound on it.
        neg_log_evidence_se: Standard error of that mean as an estimate for the whole distribution; 0 for a curve
            without noise, where the points are spread evenly along the curve.
        numerical_error: Error of that mean: of the quadrature, or of the bound's draws.
        bound: Whether ``neg_log_evidence`` is only a bound, as
            :func:`swissroll.evaluation.evidence.measure_evidence` says.
        inference_gap: Mean of log p(x) - ELBO: what inference loses.
        inference_gap_se: Its standard error, as above.
        lower_bound: Lowest mean negative log p(x) that any model with this decoder sigma can reach. None where the data
            have no curve, or where sigma is so small beside it that it would take minutes.
        lower_bound_error: Most by which the lowest value may lie above ``lower_bound``; None where there is none.
        above_lower_bound: Negative log evidence less its lower bound; None where there is none.
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
        model: The VAE.
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
        x = curve.position(curve.midpoints(len(x))).to(x.dtype)

    found = measure_evidence(model, x, sigma=sigma, generator=rng.generator(seed, "measure: importance"))
    neg_log_evidence = -found.log_p.mean().item()

    # Errors of quadrature may all have one sign; those of independent draws add up as squares.
    numerical_error = found.error.norm().item() / len(x) if found.bound else found.error.mean().item()
    progress(EVIDENCE_PART)

    lowest = None
    if curve is not None:
        lowest = _lower_bound(curve, sigma, distribution.noise)
        progress(LOWER_BOUND_PART)

    return EvidenceSummary(
        n=len(x),
        neg_log_evidence=neg_log_evidence,
        neg_log_evidence_se=0.0 if even else standard_error(found.log_p),
        numerical_error=numerical_error,
        bound=found.bound,
        inference_gap=found.inference_gap.mean().item(),
        inference_gap_se=0.0 if even else standard_error(found.inference_gap),
        lower_bound=None if lowest is None else lowest.lower,
        lower_bound_error=None if lowest is None else lowest.upper - lowest.lower,
        above_lower_bound=None if lowest is None else neg_log_evidence - lowest.lower,
    )


def _lower_bound(curve: Curve, sigma: float, noise: float) -> LowerBound | None:
    """The bound of any model; None where it would take minutes."""
    try:
        return nll_lower_bound(curve, sigma, noise=noise)
    except ValueError:
        return None
