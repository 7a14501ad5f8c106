"""Call the sampler of a solution."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from dataclasses import replace
from types import FrameType
from typing import Any

import torch
from torch import Tensor, nn

from .errors import as_answer, kind_of
from .finding import Found
from .randomness import next_numbers, seed_everything


def answer_draw(found: Found, request: Mapping[str, Any]) -> dict[str, Any]:
    """Call the sampler once for each entry; see the head of the package."""
    return {"draws": [_draw_once(found, call) for call in request["calls"]]}


def _draw_once(found: Found, call: Mapping[str, Any]) -> dict[str, Any]:
    try:
        cotangent = call.get("cotangent")
        leaves = [call[name].clone().requires_grad_(cotangent is not None) for name in ("mu", "head")]
        # As in a network, the arguments are results themselves and no leaves.
        mu, head = (leaf * 1 if cotangent is not None else leaf for leaf in leaves)
        if found.is_method and call.get("sizes") and found.build is not None:
            found = replace(found, model=found.build(**call["sizes"]))
        elif found.is_method:
            _model_of(found, call.get("training", True))
        if call.get("seed") is not None:
            seed_everything(call["seed"])
        z, lines = _counted(lambda: draw(found, mu, head)) if call.get("counted") else (draw(found, mu, head), None)

        if not isinstance(z, Tensor):
            raise TypeError(f"reparameterize returned {kind_of(z)}, not a tensor")
        drawn = {"z": z.detach().clone(), "mu_after": mu.detach().clone(), "head_after": head.detach().clone()}
        return drawn | {"lines": lines, "next": next_numbers()} | _pull_back(z, leaves, cotangent)
    except Exception as error:  # Anything may be raised by somebody else's code, and all of it is an answer.
        return as_answer(error, found)


def _counted(compute: Callable[[], Any]) -> tuple[Any, int]:
    """What is computed, and how many lines of Python that takes, each turn of a loop counted."""
    lines = 0

    def trace(_frame: FrameType, event: str, _argument: Any) -> Any:
        nonlocal lines
        lines += event == "line"
        return trace

    before = sys.gettrace()
    sys.settrace(trace)
    try:
        return compute(), lines
    finally:
        sys.settrace(before)


def answer_elsewhere(found: Found, request: Mapping[str, Any]) -> dict[str, Any]:
    """Call the sampler in float64 and on every device; see the head of the package."""
    options: dict[str, dict[str, Any]] = {"float64": {"dtype": torch.float64}}
    if torch.cuda.is_available():
        options["cuda"] = {"device": "cuda"}
    if torch.backends.mps.is_available():
        options["mps"] = {"device": "mps"}
    return {name: _draw_there(found, request, option) for name, option in options.items()}


def _draw_there(found: Found, request: Mapping[str, Any], option: dict[str, Any]) -> dict[str, Any]:
    try:
        mu, head = (request[name].to(**option) for name in ("mu", "head"))
        z = draw(found, mu, head)
        if not isinstance(z, Tensor) or (z.shape, z.dtype, z.device) != (mu.shape, mu.dtype, mu.device):
            raise TypeError(f"what came is {kind_of(z)} of another shape, kind or device")
        return {}
    except Exception as error:  # Anything may be raised by somebody else's code, and all of it is an answer.
        return as_answer(error, found)


def draw(found: Found, mu: Tensor, head: Tensor) -> Any:
    """What the sampler returns."""
    if found.reparameterize is None:
        raise LookupError("There is no reparameterize.")
    if not found.is_method:
        return found.reparameterize(mu, head)
    model = found.model if found.model is not None else _model_of(found, training=True)
    return found.reparameterize(model, mu, head)


def _model_of(found: Found, training: bool) -> Any:
    """The model that the method is called on: one for all calls, as noise may be kept in it."""
    if found.model is None:
        found.model = _new_model(found)
    # It walks through all modules, which takes ten times as long as a draw.
    if found.model.training != training:
        found.model.train(training)
    return found.model


class _NoModel:
    """Stands where a method's model would, if there were one."""

    training = True

    def train(self, mode: bool) -> None:
        """Take the mode."""
        self.training = mode


def _new_model(found: Found) -> Any:
    if found.build is None or found.vae is None:
        return _NoModel()
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
