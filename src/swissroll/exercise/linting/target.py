"""What somebody hands over to be judged: a loss, a KL term, a sampler, a score, or a model with its loss."""

from __future__ import annotations

import copy
import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import update_wrapper
from typing import Any

import torch
from torch import Tensor, nn

from swissroll.checks import short
from swissroll.exercise.asking import Found
from swissroll.exercise.asking.finding import LOSS_NAMES, ROLES, SAMPLER_NAMES, names_of, roles_of

Function = Callable[..., Any]

LOSS = "loss"
KL_TERM = "KL term"
SAMPLER = "sampler"
SCORE = "score"
MODEL = "model"
ADVICE = "Hand over one line of yours: lint(lambda recon, x, mu, logvar: your_loss(...))."
LATENT_ROLES = {"mu", "head"}


class WatchedLoss:
    """A loss, with what its calls show of it; losses of one value per point become their mean.

    Args:
        loss: The function.

    Attributes:
        seed: Given to PyTorch before each call, where it is not None.
        per_point: Whether it returned one value for each point.
        parts: Number of tensors that it returned, 1 where it returned the loss alone.
    """

    def __init__(self, loss: Function) -> None:
        update_wrapper(self, loss)
        self.__name__ = name_of(loss)
        self.__signature__ = inspect.signature(loss)
        self.loss = loss
        self.seed: int | None = None
        self.per_point = False
        self.parts = 1

    def __call__(self, *arguments: Any, **named: Any) -> Any:
        """What the loss returned, as one number where it is one for each point."""
        if self.seed is not None:
            # The CPU's alone: seeding every device at each call takes a minute.
            torch.default_generator.manual_seed(self.seed)
        result = self.loss(*arguments, **named)
        values = list(result.values()) if isinstance(result, Mapping) else result
        if isinstance(values, tuple | list):
            self.parts = sum(isinstance(value, Tensor) for value in values)
            return result

        # A batch of one, whose value is one number either way, says nothing.
        if isinstance(result, Tensor) and result.dim() == 1 and len(result) > 1:
            self.per_point = True
        return result.mean() if isinstance(result, Tensor) and result.dim() == 1 else result


@dataclass
class Target:
    """What is judged.

    Attributes:
        name: What the findings call it.
        kind: One of the five words at the head of this file.
        found: Its parts, as the laws ask them.
        loss: The loss among them, watched.
        model: The model, or None.
        score: A function of points alone, or None.
    """

    name: str
    kind: str
    found: Found = field(default_factory=Found)
    loss: WatchedLoss | None = None
    model: nn.Module | None = None
    score: Function | None = None

    @property
    def roles(self) -> dict[str, str]:
        """What each parameter of the loss is handed."""
        return {} if self.loss is None else roles_of(self.loss)


def name_of(thing: Any) -> str:
    """What a function or a model is called."""
    name = getattr(thing, "__name__", type(thing).__name__)
    return "the function" if name == "<lambda>" else str(name)


def first_of(result: Any) -> Any:
    """The loss itself, where a function returns it with its terms."""
    if isinstance(result, Mapping):
        return result.get("loss", next(iter(result.values()), None))
    return result[0] if isinstance(result, tuple | list) and result else result


def aim(thing: object, loss: Function | None = None) -> Target:
    """Find out what somebody handed over.

    Args:
        thing: A function, or a module with ``encode`` and ``decode``.
        loss: The loss of a module, where that is no method of it.

    Raises:
        ValueError: It is nothing that can be asked; the message says how to adapt it.
    """
    if isinstance(thing, nn.Module) and callable(getattr(thing, "encode", None)):
        return _of_model(thing, loss)
    if isinstance(thing, type):
        raise ValueError(f"thing must be a model or a function; got the class {thing.__name__}: make a model of it.")
    if isinstance(thing, nn.Module):
        raise ValueError(f"model must have encode(x) and decode(z); this {type(thing).__name__} has no encode.")
    if loss is not None:
        raise ValueError("loss= belongs to a model with encode and decode; hand over the loss alone.")
    if not callable(thing):
        raise ValueError(f"thing must be a function of tensors or a module with encode and decode; got {short(thing)}.")
    return _of_function(thing)


def _of_model(model: nn.Module, loss: Function | None) -> Target:
    own: Any = model
    kind = type(model)
    found = Found(vae=kind, build=lambda **_: copy.deepcopy(model), model=copy.deepcopy(model))
    for name in SAMPLER_NAMES:
        if callable(getattr(own, name, None)):
            found.is_method = not isinstance(inspect.getattr_static(kind, name, None), staticmethod | classmethod)
            found.reparameterize = getattr(kind, name, None) if found.is_method else getattr(own, name)
            break

    methods = (getattr(own, name, None) for name in LOSS_NAMES)
    chosen = loss or next((method for method in methods if callable(method)), None)
    target = Target(kind.__name__, MODEL, found, model=model)
    if chosen is not None:
        _put_loss(target, chosen)
    return target


def _of_function(function: Function) -> Target:
    try:
        inspect.signature(function)
    except (TypeError, ValueError):
        raise ValueError(f"{name_of(function)} does not say which arguments it takes. {ADVICE}") from None
    names = names_of(function)
    target = Target(name_of(function), LOSS)
    if len(names) == 1:
        target.kind = SCORE
        target.score = function
        return target

    if _takes_latents_alone(names) or (name_of(function) in SAMPLER_NAMES and len(names) == 2):
        return _of_latents(function, target)
    _put_loss(target, function)
    return target


def _takes_latents_alone(names: list[str]) -> bool:
    lowered = {name.lower() for name in names}
    return len(names) == 2 and all(lowered & ROLES[role] for role in LATENT_ROLES)


def _of_latents(function: Function, target: Target) -> Target:
    """A function of mu and a head: a sampler where it returns latents, else a KL term."""
    shape = (6, 3)
    mu = torch.linspace(-1, 1, 18).reshape(shape)
    head = torch.linspace(0.2, 1.2, 18).reshape(shape)
    with torch.random.fork_rng([]):
        try:
            first = function(mu.clone(), head.clone())
        except Exception:  # Anything may be raised by somebody else's code: the laws will say what it is.
            first = None

    # A draw has the shape of mu; so has a KL term of single numbers, which says in its name what it is.
    is_latents = isinstance(first, Tensor) and first.shape == shape and "kl" not in target.name.lower()
    if is_latents or target.name in SAMPLER_NAMES:
        target.kind = SAMPLER
        target.found.reparameterize = function
        return target

    target.kind = KL_TERM
    _put_loss(target, _with_squares(function, names_of(function)[1]))
    return target


def _with_squares(kl: Function, head: str) -> Function:
    """A loss whose reconstruction term is ours, so that only the KL term says something."""

    def loss(recon: Tensor, x: Tensor, mu: Tensor, beta: float, **named: Tensor) -> Tensor:
        value: Tensor = kl(mu, named[head])
        if value.dim() == 2:
            value = value.sum(dim=1)
        error = (recon - x).square()
        # Reduced over points as the KL term is.
        return beta * value + (error.sum(dim=1) if value.dim() else error.sum())

    return _declared(loss, name_of(kl), ["recon", "x", "mu", head, "beta"])


def _declared(function: Function, name: str, parameters: list[str]) -> Function:
    """A function that says which parameters it takes."""
    kind = inspect.Parameter.POSITIONAL_OR_KEYWORD
    function.__name__ = name
    function.__signature__ = inspect.Signature([inspect.Parameter(word, kind) for word in parameters])  # type: ignore[attr-defined]
    return function


def fix_beta(target: Target) -> None:
    """Judge a loss at beta 1, as one that takes none."""
    given: Any = target.loss
    roles = target.roles
    beta = next(name for name, role in roles.items() if role == "beta")

    def loss(**named: Any) -> Any:
        return given.loss(**named, **{beta: 1.0})

    _put_loss(target, _declared(loss, given.__name__, [name for name in roles if name != beta]))


def _put_loss(target: Target, loss: Function) -> None:
    try:
        roles = roles_of(loss)
    except TypeError:
        names = ", ".join(names_of(loss)) or "no arguments"
        raise ValueError(f"{name_of(loss)} takes {names}: which is which is not known. {ADVICE}") from None
    if not {"model", "x"} <= set(roles.values()) and not {"recon", "x", "mu", "head"} <= set(roles.values()):
        names = ", ".join(names_of(loss))
        raise ValueError(f"{name_of(loss)} takes {names}, where a loss takes four tensors. {ADVICE}")
    target.loss = WatchedLoss(loss)
    target.found.loss = target.loss
