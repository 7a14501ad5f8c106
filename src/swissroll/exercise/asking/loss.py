"""Compute the loss of a solution, with a model that returns what it was told to."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from typing import Any

import torch
from torch import Tensor, nn

from .errors import as_answer, kind_of
from .finding import Found, roles_of
from .not_finite import first_not_finite
from .randomness import seed_everything
from .sampler import draw


class Probe(nn.Module):
    """A model that returns what it was told to, whatever it is asked; its latents are drawn as the solution draws."""

    def __init__(self, found: Found, recon: Tensor, mu: Tensor, head: Tensor, *, draws: bool = False) -> None:
        super().__init__()
        self.found = found
        self.draws = draws
        self.weight = nn.Parameter(torch.zeros(()))
        for name in found.sampler_names:
            setattr(self, name, self.reparameterize)
        self.latent_dim = mu.shape[-1]
        self.beta = 1.0
        self.instruct(recon, mu, head)

    def instruct(self, recon: Tensor, mu: Tensor, head: Tensor) -> None:
        """Tell it what to return, and forget what it was handed."""
        self.answers = (recon, mu, head)
        self.z = mu.detach() + 1.5
        self.handed = ""
        self.points: list[Any] = []

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """The reconstruction, mu and the head."""
        self.points.append(x)
        return self.answers

    def encode(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Mu and the head."""
        self.points.append(x)
        return self.answers[1:]

    def reparameterize(self, *arguments: Any, **keywords: Any) -> Tensor:  # noqa: ARG002
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


def _whose(points: list[Any], x: Tensor) -> str:
    """Whether the points that a probe was handed are the loss's own, in whatever shape and type."""
    if not points:
        return ""
    return "x" if all(_is_same(one, x) for one in points) else "other"


def _shift(points: list[Any], x: Tensor) -> float:
    """How far the points that a probe was handed lie from the loss's own, on average; 0 where that is not known."""
    shifts = [
        float((one.detach().to(x) - x).mean()) for one in points if isinstance(one, Tensor) and one.shape == x.shape
    ]
    return shifts[0] if shifts else 0.0


def _is_same(one: Any, x: Tensor) -> bool:
    if not isinstance(one, Tensor) or one.numel() != x.numel():
        return False
    if one.shape == x.shape and torch.equal(one, x):
        return True
    return torch.allclose(one.detach().to(x).reshape(x.shape), x)


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
    for name in found.sampler_names:
        if hasattr(own, name):
            setattr(own, name, probe.reparameterize)
    return own, probe


def _probe_for(found: Found, request: Mapping[str, Any]) -> tuple[Any, Probe]:
    """What the loss is handed as its model, and the probe that answers in it."""
    draws = bool(request.get("draws", False))
    first = [request[name][0] for name in ("recon", "mu", "head")]
    if request.get("probe") == "own":
        return own_probe(found, *first, draws=draws)
    plain = Probe(found, *first, draws=draws)
    return plain, plain


def _gradients(loss: Tensor, leaves: Mapping[str, Tensor]) -> dict[str, Tensor | None]:
    """Those that reach the reconstruction, mu and the head."""
    if not loss.requires_grad:
        return dict.fromkeys(leaves)
    gradients = torch.autograd.grad(loss.sum(), list(leaves.values()), allow_unused=True)
    return dict(zip(leaves, gradients, strict=True))


def answer_not_finite(found: Found, request: Mapping[str, Any]) -> dict[str, Any]:
    """Find where the loss of one case stops being a finite number; see the head of the package."""
    if found.loss is None:
        raise LookupError("There is no compute_vae_loss.")
    loss = found.loss
    roles = roles_of(loss)
    model, probe = _probe_for(found, request)

    def compute(leaves: dict[str, Tensor]) -> None:
        probe.instruct(leaves["recon"], leaves["mu"], leaves["head"])
        values = {**leaves, "x": request["x"][0].clone(), "beta": request["beta"][0], "model": model}
        loss(**{name: values[role] for name, role in roles.items()})

    return first_not_finite(found, compute, {name: request[name][0] for name in ("recon", "mu", "head")})


def answer_loss(found: Found, request: Mapping[str, Any]) -> dict[str, Any]:
    """Compute the loss once for each case; see the head of the package."""
    if found.loss is None:
        raise LookupError("There is no compute_vae_loss.")
    roles = roles_of(found.loss)
    names = ("loss", "decoded", "points", "shift", "grad_recon", "grad_mu", "grad_head")
    said: dict[str, list[Any]] = {name: [] for name in names}
    model, probe = _probe_for(found, request)
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
            probe.instruct(values["recon"], values["mu"], values["head"])
            values["model"] = model
            result = found.loss(**{name: values[role] for name, role in roles.items()})
            returned = type(result).__name__
            loss = first_tensor(result)
            shape = list(loss.shape)
            if loss.numel() != 1:
                raise ValueError(f"the loss has the shape {tuple(loss.shape)}, not one number")
        except Exception as error:  # Anything may be raised by somebody else's code, and all of it is an answer.
            return as_answer(error, found) | {"case": index}

        said["loss"].append(float(loss.detach().double().reshape(())))
        said["decoded"].append(probe.handed)
        said["points"].append(_whose(probe.points, request["x"][index]))
        said["shift"].append(_shift(probe.points, request["x"][index]))
        x_changed |= not torch.equal(values["x"], request["x"][index])
        if request.get("gradients"):
            for name, gradient in _gradients(loss, leaves).items():
                said[f"grad_{name}"].append(gradient)

    answered: dict[str, Any] = {"loss": torch.tensor(said["loss"], dtype=torch.float64)}
    answered |= {name: said[name] for name in ("decoded", "points", "shift")}
    answered |= {"shape": shape, "returned": returned, "x_changed": x_changed, "training": bool(model.training)}
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
