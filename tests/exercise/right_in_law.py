"""Whether a solution is right, by definition: computed in float64 on random inputs, and by no law of the checker's.

The oracles are ``torch.distributions`` and the noise of a right sampler at the same seed. Solutions that are the same
in law are right: noise is as good with the other sign, a layer's weights may have the other sign, any positive
function of a layer is a standard deviation, and each term may be a sum or a mean.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor
from torch.distributions import Normal, kl_divergence

Namespace = Mapping[str, Any]

RTOL = 1e-7
ATOL = 1e-9
WIDTH = 16


def is_right(source: str, origin: str, head: str) -> bool:
    """Whether a changed solution still is a right one.

    Args:
        source: Its code.
        origin: The code of the right solution that it was made of.
        head: What the encoder's second output is: "logvar" or "std".
    """
    default = torch.get_default_dtype()
    torch.set_default_dtype(torch.float64)
    try:
        with torch.random.fork_rng():
            changed = run(source)
            right = run(origin)
            parts = (
                encoder_is_right(changed, head),
                sampler_is_right(changed, right, head),
                forward_is_right(changed, right),
                loss_is_right(changed, head),
            )
            return all(parts)
    except Exception:  # Whatever a changed solution raises, it is no right one.
        return False
    finally:
        torch.set_default_dtype(default)


def run(source: str) -> dict[str, Any]:
    """The names that a solution's code defines."""
    names: dict[str, Any] = {}
    exec(compile(source, "mutant.py", "exec"), names)  # noqa: S102  The solutions are the tests' own.
    return names


def deviation_of(head: Tensor, kind: str) -> Tensor:
    """The standard deviation that a head stands for."""
    return torch.exp(head / 2) if kind == "logvar" else head


# The encoder: two outputs, each of a layer of its own, that can be any mean and any standard deviation.


def encoder_is_right(names: Namespace, head: str) -> bool:
    """Whether mu and the head are two functions of x, row by row, that take all values that they may."""
    torch.manual_seed(1)
    model = names["VAE"](latent_dim=3, hidden_dim=WIDTH)
    x = torch.randn(6, 2)
    outputs = model.encode(x)
    if any(output.shape != (6, 3) for output in outputs):
        return False
    alone = model.encode(x[2:3])
    if not all(torch.allclose(one, output[2:3]) for one, output in zip(alone, outputs, strict=True)):
        return False

    # Points that differ in the sign of one coordinate are other points.
    mirrored = model.encode(x * torch.tensor([1.0, -1.0]))
    if any(torch.allclose(one, other) for one, other in zip(mirrored, outputs, strict=True)):
        return False

    layers = {"fc_mu": model.fc_mu, "fc_logvar": model.fc_logvar}
    owners = [_owners(output, layers, model.encoder) for output in outputs]
    if any(len(owner) != 1 for owner in owners) or owners[0] == owners[1]:
        return False
    of_mu, of_head = (layers[next(iter(owner))] for owner in owners)
    means = _values(model, of_mu, 0)
    heads = _values(model, of_head, 1)
    return _takes_all(means, positive=False) and _takes_all(heads, positive=head == "std")


def _owners(output: Tensor, layers: Mapping[str, Any], encoder: Any) -> set[str]:
    """The heads' layers whose weights an output is trained through; none where it does not train the encoder."""
    weights = [*(layer.weight for layer in layers.values()), encoder[0].weight]
    gradients: tuple[Tensor | None, ...] = torch.autograd.grad(
        output.square().sum(), weights, allow_unused=True, retain_graph=True
    )
    if gradients[-1] is None or not gradients[-1].abs().max() > 0:
        return set()
    return {name for name, gradient in zip(layers, gradients, strict=False) if gradient is not None}


def _values(model: Any, layer: Any, index: int) -> Tensor:
    """An output at biases of its layer between -10^6 and 10^6, where the weights are zero."""
    values = []
    with torch.no_grad():
        layer.weight.zero_()
        for raw in (-1e6, -1e3, -30.0, -1.0, 0.0, 1e-3, 1.0, 30.0, 300.0, 1e6):
            layer.bias.fill_(raw)
            values.append(model.encode(torch.zeros(1, 2))[index][0, 0])
    return torch.stack(values)


def _takes_all(values: Tensor, *, positive: bool) -> bool:
    if torch.isnan(values).any():
        return False
    if positive:
        return bool(values.min() >= 0 and values.min() < 2e-3 and values.max() > 100)
    return bool(values.min() < -100 and values.max() > 100)


# The sampler: the latents of a right one at the same seed, or those with the noise turned.


def sampler_is_right(changed: Namespace, right: Namespace, head: str) -> bool:
    """Whether z is mu + s * noise with the noise of a right sampler, or with minus it; and so are its gradients."""
    models = [names["VAE"](latent_dim=2, hidden_dim=WIDTH) for names in (changed, right)]
    signs: set[float] = set()
    for index, shape in enumerate(((6, 2), (1, 3), (4, 1), (9, 2))):
        torch.manual_seed(100 + index)
        mu = torch.randn(shape)
        value = torch.rand(shape) * 2 + 0.2 if head == "std" else torch.randn(shape)
        came, wanted = (_draw(model, mu, value, index) for model in models)
        if came[0].shape != shape:
            return False
        found = [sign for sign in (1.0, -1.0) if _is_turned(came, wanted, mu, sign)]
        if not found:
            return False
        signs.add(found[0])
    return len(signs) == 1


def _draw(model: Any, mu: Tensor, head: Tensor, seed: int) -> tuple[Tensor, Tensor, Tensor]:
    """A draw, and the gradients of the sum of its squares to mu and the head."""
    torch.manual_seed(seed)
    leaves = [mu.clone().requires_grad_(), head.clone().requires_grad_()]
    z = model.reparameterize(*leaves)
    # Each draw's own derivatives: with a random cotangent no two of them can cancel.
    cotangent = torch.linspace(0.5, 1.5, z.numel()).reshape(z.shape)
    of_mu, of_head = torch.autograd.grad((z * cotangent).sum(), leaves)
    return z.detach(), of_mu, of_head


def _is_turned(came: tuple[Tensor, ...], wanted: tuple[Tensor, ...], mu: Tensor, sign: float) -> bool:
    return (
        torch.allclose(came[0] - mu, sign * (wanted[0] - mu), RTOL, ATOL)
        and torch.allclose(came[1], wanted[1], RTOL, ATOL)
        and torch.allclose(came[2], sign * wanted[2], RTOL, ATOL)
    )


# The forward pass: what encode says, a draw from it, and the decoder's answer to that draw.


def forward_is_right(changed: Namespace, right: Namespace) -> bool:
    """Whether the model decodes what a right sampler draws (or that with the noise turned), and returns all three."""
    torch.manual_seed(7)
    model = changed["VAE"](latent_dim=2, hidden_dim=WIDTH)
    other = right["VAE"](latent_dim=2, hidden_dim=WIDTH)
    x = torch.randn(5, 2)
    for training in (True, False):
        model.train(training)
        handed: list[Tensor] = []
        model.decoder.register_forward_pre_hook(lambda _, arguments, handed=handed: handed.append(arguments[0]))
        torch.manual_seed(8)
        recon, mu, head = model(x)
        encoded = model.encode(x)
        torch.manual_seed(8)
        z = other.reparameterize(*encoded)
        if len(handed) != 1 or not torch.equal(mu, encoded[0]) or not torch.equal(head, encoded[1]):
            return False
        if not any(torch.allclose(handed[0] - mu, sign * (z - mu), RTOL, ATOL) for sign in (1, -1)):
            return False
        if not torch.allclose(recon, model.decoder(handed[0]), RTOL, ATOL):
            return False
    # The reconstruction and both outputs train the encoder through both heads.
    recon, mu, head = model(x)
    weights = [model.encoder[0].weight, model.fc_mu.weight, model.fc_logvar.weight]
    torch.autograd.grad(mu.sum() + head.sum(), weights, retain_graph=True)
    gradients = torch.autograd.grad(recon.square().sum(), weights)
    return all(bool(gradient.abs().max() > 0) for gradient in gradients)


# The loss: a E + beta b K with the sums E and K of their definitions, and weights a and b that a choice explains.


class Shape(NamedTuple):
    """Points, data dimensions and latent dimensions of a batch."""

    batch: int
    data: int
    latent: int


SHAPES = (Shape(1, 2, 2), Shape(3, 2, 2), Shape(5, 2, 2), Shape(3, 2, 1), Shape(3, 2, 5), Shape(3, 4, 2))
BATCHES = 5


class Fitted(NamedTuple):
    """A loss at one shape: a E + constant + beta b K."""

    a: float
    b: float
    constant: float


def loss_is_right(names: Namespace, head: str) -> bool:
    """Whether the loss is the squared error and beta times the divergence, each a sum or a mean, and trains both."""
    fits = {}
    for shape in SHAPES:
        fitted = _fit(names["compute_vae_loss"], shape, head)
        if fitted is None:
            return False
        fits[shape] = fitted
    return any(_is_choice(fits, powers) for powers in itertools.product((0, -1), repeat=4))


def _is_choice(fits: Mapping[Shape, Fitted], powers: tuple[int, ...]) -> bool:
    """Whether sums or means over points, coordinates and latents explain the weights of the two terms."""
    of_points, of_coordinates, of_latents, of_rate = powers
    errors = []
    rates = []
    for shape, fitted in fits.items():
        shared = shape.batch**of_points
        errors.append(fitted.a / shared / shape.data**of_coordinates)
        rates.append(fitted.b / shared / shape.latent**of_latents / shape.data**of_rate)
    if not np.allclose(errors, errors[0], RTOL, ATOL) or not np.allclose(rates, rates[0], RTOL, ATOL):
        return False

    # The error's weight is that of a decoder's sigma. The divergence has its own weight, or the whole is multiplied;
    # a multiple of half the square and the divergence is told from a divergence without its half by its size alone.
    a = errors[0]
    b = rates[0]
    allowed = [1.0, a, *([2 * a] if a < 0.5 else [])]
    if not any(math.isclose(b, weight, rel_tol=1e-7) for weight in allowed):
        return False
    return all(_is_constant_of(a, fitted, shape, powers) for shape, fitted in fits.items())


def _is_constant_of(a: float, fitted: Fitted, shape: Shape, powers: tuple[int, ...]) -> bool:
    """Whether a constant is 0, or that of a Gaussian's log-density with the standard deviation of the weight."""
    numbers = shape.batch ** (1 + powers[0]) * shape.data ** (1 + powers[1])
    of_gaussian = numbers / 2 * math.log(2 * math.pi / (2 * a))
    return any(math.isclose(fitted.constant, one, rel_tol=1e-6, abs_tol=1e-8) for one in (0.0, of_gaussian))


def _fit(loss: Any, shape: Shape, head: str) -> Fitted | None:
    generator = torch.Generator().manual_seed(sum(shape))
    rows = []
    for _ in range(BATCHES):
        recon, x = torch.rand((2, shape.batch, shape.data), generator=generator) * 4 - 2
        mu, raw = torch.rand((2, shape.batch, shape.latent), generator=generator) * 3 - 1.5
        value = raw.abs() + 0.2 if head == "std" else raw
        case = (recon, x, mu, value)
        at = [float(_loss_of(loss, case, beta)) for beta in (0.0, 1.0, 2.5)]
        if not math.isclose(at[2], at[0] + 2.5 * (at[1] - at[0]), rel_tol=1e-7, abs_tol=1e-9):
            return None
        rows.append((*_terms(case, head), at[0], at[1] - at[0], case))

    squares = np.array([float(row[0]) for row in rows])
    divergences = np.array([float(row[1]) for row in rows])
    design = np.column_stack([squares, np.ones(BATCHES)])
    errors = np.array([row[2] for row in rows])
    rates = np.array([row[3] for row in rows])
    a, constant = np.linalg.lstsq(design, errors, rcond=None)[0]
    b = float(rates @ divergences / (divergences @ divergences))
    if not (a > 0 and b > 0 and np.allclose(design @ (a, constant), errors, RTOL, ATOL)):
        return None
    if not np.allclose(b * divergences, rates, RTOL, ATOL):
        return None
    fitted = Fitted(float(a), b, float(constant))
    return fitted if all(_has_gradients(loss, row[4], head, fitted) for row in rows[:2]) else None


def _loss_of(loss: Any, case: tuple[Tensor, ...], beta: float) -> Tensor:
    recon, x, mu, value = case
    handed: list[Tensor] = []

    def model(points: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        handed.append(points)
        return recon, mu, value

    result = loss(model, x.clone(), beta)
    if len(handed) != 1 or not torch.equal(handed[0], x):
        raise ValueError("the model was handed other points than the loss")
    if not isinstance(result, Tensor) or result.numel() != 1:
        raise TypeError("the loss is not one number")
    return result.reshape(())


def _terms(case: tuple[Tensor, ...], head: str) -> tuple[Tensor, Tensor]:
    """The sums of the squared error and of the divergence, over everything."""
    recon, x, mu, value = case
    q = Normal(mu, deviation_of(value, head))
    prior = Normal(torch.zeros_like(mu), torch.ones_like(mu))
    return (recon - x).square().sum(), kl_divergence(q, prior).sum()


def _has_gradients(loss: Any, case: tuple[Tensor, ...], head: str, fitted: Fitted) -> bool:
    """Whether the loss's gradients to the reconstruction, mu and the head are those of its formula."""
    recon, x, mu, value = case
    beta = 0.7

    def gradients(of_loss: bool) -> tuple[Tensor, ...]:
        leaves = [tensor.clone().requires_grad_() for tensor in (recon, mu, value)]
        moved = (leaves[0], x, leaves[1], leaves[2])
        if of_loss:
            return torch.autograd.grad(_loss_of(loss, moved, beta), leaves)
        squares, divergence = _terms(moved, head)
        return torch.autograd.grad(fitted.a * squares + beta * fitted.b * divergence, leaves)

    return all(
        torch.allclose(one, other, RTOL, ATOL) for one, other in zip(gradients(True), gradients(False), strict=True)
    )
