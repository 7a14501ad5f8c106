"""The notebook's settings, and the shapes and cost of its network; needs nothing."""

from __future__ import annotations

BETA, LR = 0.01, 1e-3


def layers(width: int) -> list[tuple[int, int]]:
    """Inputs and outputs of every linear layer, in the order of the data's way through them."""
    encoder = [(2, width), (width, width), (width, width)]
    decoder = [(2, width), (width, width), (width, width), (width, 2)]
    return [*encoder, (width, 2), (width, 2), *decoder]


def step_flops(width: int, batch: int = 128) -> int:
    """Floating-point operations of the matrix products of one training step, exactly.

    A product of (B, I) by (I, O) takes 2 B I O. Each layer takes three: forward, by the weights' gradient and by the
    inputs' gradient; the points themselves need no gradient.
    """
    products = [2 * batch * inputs * outputs for inputs, outputs in layers(width)]
    return 3 * sum(products) - products[0]
