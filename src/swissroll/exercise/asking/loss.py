"""Compute the loss of a solution, with a model that returns what it was told to."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from typing import Any

import torch
from torch import Tensor, nn

from .errors import as_answer, kind_of
from .finding import SAMPLER_NAMES, Found, roles_of
from .randomness import seed_everything
from .sampler import draw


class Probe(nn.Module):
    """A model that returns what it was told to, whatever it is asked; its latents are drawn as the solution draws."""

    def __init__(self, found: Found, recon: Tensor, mu: Tensor, head: Tensor, *, draws: bool = False) -> None:
        super().__init__()
        self.answers = (recon, mu, head)
        self.found = found
        self.draws = draws
        self.weight = nn.Parameter(torch.zeros(()))
        self.z = mu.detach() + 1.5
        self.handed = ""
        self.points: list[Any] = []
        self.latent_dim = mu.shape[-1]
        self.beta = 1.0

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """The reconstruction, mu and the head."""
        self.points.append(x)
        return self.answers

    def encode(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Mu and the head."""
        self.points.append(x)
        return self.answers[1:]

    def reparameterize(self, *arguments: Any) -> Tensor:  # noqa: ARG002
        """A draw, or a latent that is neither of them where there is none."""
        # A loss may estimate its KL term from the draw. The copies are there for a sampler that changes its arguments.
        if not self.draws:
            return self.z
        with suppress(Exception):
            drawn = draw(self.found, self.answers[1] * 1, self.answers[2] * 1)
            if drawn.shape == self.z.shape:
                self.z = drawn
        return self.z

    def decode(self, z: Tensor) -> Tensor:
        """The reconstruction; what was handed over is remembered."""
        self.handed = _what(z, self.z, self.answers[1])
        return self.answers[0]

    def encoder(self, x: Tensor) -> Tensor:
        """The points themselves."""
        self.points.append(x)
        return x

    def fc_mu(self, h: Tensor) -> Tensor:  # noqa: ARG002
        """Mu."""
        return self.answers[1]

    def fc_logvar(self, h: Tensor) -> Tensor:  # noqa: ARG002
        """The head."""
        return self.answers[2]

    decoder = decode
    reparametrize = reparameterize


def _whose(points: list[Any], x: Tensor) -> str:
    """Whether the points that a probe was handed are the loss's own, in whatever shape and type."""
    if not points:
        return ""
    own = all(
        isinstance(one, Tensor) and one.numel() == x.numel() and torch.allclose(one.detach().to(x).reshape(x.shape), x)
        for one in points
    )
    return "x" if own else "other"


def _what(handed: Any, z: Tensor, mu: Tensor) -> str:
    if isinstance(handed, Tensor):
        for name, value in (("z", z), ("mu", mu)):
            if handed.shape == value.shape and torch.equal(handed.detach(), value.detach()):
                return name
    return "other"


def own_probe(found: Found, recon: Tensor, mu: Tensor, head: Tensor, *, draws: bool = False) -> tuple[Any, Probe]:
    """The solution's own model, whose three steps are those of a probe."""
    if found.build is None:
        raise LookupError("There is no VAE.")
    probe = Probe(found, recon, mu, head, draws=draws)
    own: Any = found.build()
    own.encode = probe.encode
    own.decode = probe.decode
    for name in SAMPLER_NAMES:
        if hasattr(own, name):
            setattr(own, name, probe.reparameterize)
    return own, probe


def answer_loss(found: Found, request: Mapping[str, Any]) -> dict[str, Any]:
    """Compute the loss once for each case; see the head of the package."""
    if found.loss is None:
        raise LookupError("There is no compute_vae_loss.")
    roles = roles_of(found.loss)
    names = ("loss", "decoded", "points", "grad_recon", "grad_mu", "grad_head")
    said: dict[str, list[Any]] = {name: [] for name in names}
    shape: list[int] = []
    returned = ""
    x_changed = False

    for index, beta in enumerate(request["beta"]):
        leaves = {name: request[name][index].clone().requires_grad_() for name in ("recon", "mu", "head")}
        values: dict[str, Any] = {name: leaf * 1 for name, leaf in leaves.items()}
        values["x"] = request["x"][index].clone()
        values["beta"] = beta
        if request.get("seeds"):
            seed_everything(request["seeds"][index])
        try:
            probe = None
            if "model" in roles.values():
                own = request.get("probe") == "own"
                planted = {name: values[name] for name in leaves} | {"draws": request.get("draws", False)}
                plain = Probe(found, **planted)
                values["model"], probe = own_probe(found, **planted) if own else (plain, plain)
            result = found.loss(**{name: values[role] for name, role in roles.items()})
            returned = type(result).__name__
            loss = first_tensor(result)
            shape = list(loss.shape)
            if loss.numel() != 1:
                raise ValueError(f"the loss has the shape {tuple(loss.shape)}, not one number")
        except Exception as error:  # Anything may be raised by somebody else's code, and all of it is an answer.
            return as_answer(error, found) | {"case": index}

        said["loss"].append(float(loss.detach().double().reshape(())))
        said["decoded"].append("" if probe is None else probe.handed)
        said["points"].append("" if probe is None else _whose(probe.points, request["x"][index]))
        x_changed |= not torch.equal(values["x"], request["x"][index])
        if request.get("gradients"):
            gradients: tuple[Tensor | None, ...] = (None, None, None)
            if loss.requires_grad:
                gradients = torch.autograd.grad(loss.sum(), list(leaves.values()), allow_unused=True)
            for name, gradient in zip(leaves, gradients, strict=True):
                said[f"grad_{name}"].append(gradient)

    answered: dict[str, Any] = {"loss": torch.tensor(said["loss"], dtype=torch.float64)}
    answered |= {name: said[name] for name in ("decoded", "points")}
    answered |= {"shape": shape, "returned": returned, "x_changed": x_changed}
    return answered | {name: _stacked(said[name]) for name in ("grad_recon", "grad_mu", "grad_head")}


def first_tensor(result: Any) -> Tensor:
    """The loss itself of what a loss returned: a tensor, or the first one of several."""
    if isinstance(result, Mapping):
        named = [result[name] for name in ("loss", "total", "total_loss") if name in result]
        result = named[0] if named else next(iter(result.values()), None)
    elif isinstance(result, tuple | list) and result:
        result = result[0]
    if not isinstance(result, Tensor):
        raise TypeError(f"the loss is {kind_of(result)}, not a tensor")
    return result


def _stacked(gradients: list[Any]) -> Tensor | None:
    if not gradients or any(gradient is None for gradient in gradients):
        return None
    return torch.stack(gradients)
