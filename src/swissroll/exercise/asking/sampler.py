"""Call the sampler of a solution."""

from __future__ import annotations

from collections.abc import Mapping
from types import SimpleNamespace
from typing import Any

import torch
from torch import Tensor, nn

from .errors import as_answer, kind_of
from .finding import Found
from .randomness import seed_everything


def answer_draw(found: Found, request: Mapping[str, Any]) -> dict[str, Any]:
    """Call the sampler once for each entry; see the head of the package."""
    return {"draws": [_draw_once(found, call) for call in request["calls"]]}


def _draw_once(found: Found, call: Mapping[str, Any]) -> dict[str, Any]:
    try:
        cotangent = call.get("cotangent")
        leaves = [call[name].clone().requires_grad_(cotangent is not None) for name in ("mu", "head")]
        # As in a network, the arguments are results themselves and no leaves.
        mu, head = (leaf * 1 if cotangent is not None else leaf for leaf in leaves)
        if found.is_method:
            _model_of(found, call.get("training", True), mu)
        if call.get("seed") is not None:
            seed_everything(call["seed"])
        z = draw(found, mu, head)

        if not isinstance(z, Tensor):
            raise TypeError(f"reparameterize returned {kind_of(z)}, not a tensor")
        drawn = {"z": z.detach().clone(), "mu_after": mu.detach().clone(), "head_after": head.detach().clone()}
        return drawn | {"next": float(torch.rand(()))} | _pull_back(z, leaves, cotangent)
    except Exception as error:  # Anything may be raised by somebody else's code, and all of it is an answer.
        return as_answer(error, found)


def draw(found: Found, mu: Tensor, head: Tensor) -> Any:
    """What the sampler returns."""
    if found.reparameterize is None:
        raise LookupError("There is no reparameterize.")
    if not found.is_method:
        return found.reparameterize(mu, head)
    model = found.model if found.model is not None else _model_of(found, training=True, like=mu)
    return found.reparameterize(model, mu, head)


def _model_of(found: Found, training: bool, like: Tensor) -> Any:
    """The model that the method is called on: one for all calls, as noise may be kept in it."""
    if found.model is None:
        found.model = _new_model(found)
    if isinstance(found.model, nn.Module):
        found.model.train(training)
        found.model.to(dtype=like.dtype)
    else:
        found.model.training = training
    return found.model


def _new_model(found: Found) -> Any:
    if found.build is None or found.vae is None:
        return SimpleNamespace(training=True)
    try:
        return found.build()
    except Exception:  # What is wrong with the model is told of where the model is asked.
        bare = found.vae.__new__(found.vae)
        nn.Module.__init__(bare)
        return bare


def _pull_back(z: Tensor, leaves: list[Tensor], cotangent: Tensor | None) -> dict[str, Tensor | None]:
    gradients: tuple[Tensor | None, ...] = (None, None)
    if cotangent is not None and z.requires_grad and z.shape == cotangent.shape:
        gradients = torch.autograd.grad((z * cotangent).sum(), leaves, allow_unused=True)
    return {"grad_mu": gradients[0], "grad_head": gradients[1]}
