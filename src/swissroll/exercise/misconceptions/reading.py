"""Where to read, and formulas that several entries share."""

from __future__ import annotations

from typing import Any

import numpy as np

TRICK = "Kingma and Welling (2014), section 2.4: the reparameterization trick."
BOUND = "Kingma and Welling (2014), section 2.2: the variational bound."
CLOSED_FORM = "Kingma and Welling (2014), appendix B: the KL divergence of two Gaussians."
OUTPUTS = "Kingma and Welling (2014), appendix C: Gaussian encoders and decoders."
CONVENTIONS = "The page 'The two loss conventions' of the documentation."
BETA = "Higgins et al. (2017), section 2: what beta weighs."
AUTOGRAD = "PyTorch's notes on autograd: which operations keep the graph."
MODES = "PyTorch's notes on train() and eval(): what they are for."
BROADCASTING = "PyTorch's notes on broadcasting: what happens to a dimension of size 1."

TO_NAN = "After one step all weights are nan, and stay so: nothing is learned."
NOT_FINITE = (
    "Print each term by itself: which one is nan or inf? Look for a division by something that may be 0, the logarithm "
    "or root of something that may be 0 or below, and an exponential of a large number."
)


def kl(mu: Any, head: Any) -> Any:
    """The closed form for a log-variance, in nats."""
    return 0.5 * (mu**2 + np.exp(head) - 1 - head)


def spread(mu: Any, head: Any) -> Any:  # noqa: ARG001
    """The standard deviation of a log-variance."""
    return np.exp(head / 2)
