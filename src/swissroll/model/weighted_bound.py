r"""The importance-weighted bound on the evidence, from K draws of the posterior of each point.

    L_K = E log of the mean over k of w_k,   w_k = p(x|z_k) p(z_k) / q(z_k|x),   z_1 .. z_K drawn from q(z|x)

It is the ELBO at K = 1, never falls with K, and comes to log p(x) as K grows. With -log p(x|z_k) = T_k and
log q(z_k|x) - log p(z_k) = R_k it is the log of the mean of exp(-(T_k + R_k)).

Source: Burda, Grosse and Salakhutdinov (2016), "Importance weighted autoencoders", equation 8.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor


def negative_bound(distortions: Tensor, rates: Tensor) -> Tensor:
    """-L_K averaged over points, in nats; a scalar that gradients flow from.

    Args:
        distortions: T_k of each draw and point, shape (K, B). A constant that they lack, the bound lacks.
        rates: R_k, shape (K, B).
    """
    log_weights = -(distortions + rates)
    return math.log(len(log_weights)) - torch.logsumexp(log_weights, dim=0).mean()
