"""Build the model of a solution, call it, and see what its decoder is handed."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import Tensor, nn

from .errors import kind_of
from .finding import Found, in_order, names_of
from .randomness import seed_everything

TRACED_POINTS = 16
"""Points on which weights are moved one by one."""


def answer_model(found: Found, request: Mapping[str, Any]) -> dict[str, Any]:
    """Call the model twice on the same points; see the head of the package."""
    if found.build is None:
        raise LookupError("There is no VAE.")
    seed_everything(request["seed"])
    model: Any = found.build(**request["sizes"])
    x = request["x"]
    if request.get("gain") is not None:
        _draw_weights(model, request["gain"])
    model.train(request["training"])

    encoded = _encode_twice(model, x)
    planted = bool(request.get("plant")) and _plant(model, found.sampler_names)
    handed: list[Tensor] = []
    ask_again = _watch_decoder(model, handed)

    first = model(x)
    calls = len(handed)
    model(x)
    outputs = _outputs(first, x, handed[0] if handed else None)
    recon = outputs["recon"]

    return {
        "encoded": encoded,
        "outputs": {**{name: part.detach() for name, part in outputs.items()}, "count": len(first)},
        "planted": planted,
        "handed": handed[0].detach().clone() if handed else None,
        "handed_again": handed[calls].detach().clone() if len(handed) > calls else None,
        "redecoded": ask_again(handed[0]).detach() if handed else None,
        "gradients": _gradients(model, recon),
        "bend": _bend(ask_again, handed[0]) if handed else None,
        "detached": _detached(model, x[:TRACED_POINTS], request["seed"], handed) if request.get("trace") else {},
    }


def _draw_weights(model: nn.Module, gain: float) -> None:
    """Random weights that keep the size of what passes through at gain 1."""
    with torch.no_grad():
        for weight in model.parameters():
            if weight.dim() > 1:
                weight.normal_(0, gain * (2 / weight[0].numel()) ** 0.5)
            else:
                weight.normal_(0, 0.3)


def _encode_twice(model: Any, x: Tensor) -> list[list[Tensor]] | None:
    encode = getattr(model, "encode", None)
    if not callable(encode):
        return None
    with torch.no_grad():
        results = [encode(x) for _ in range(2)]
    if not all(isinstance(result, tuple | list) and len(result) == 2 for result in results):
        return None
    return [[part.detach() for part in result] for result in results]


def planted_latent(mu: Tensor, head: Tensor) -> Tensor:
    """What a planted sampler returns: tells its arguments apart."""
    return 2 * mu - head + 1


def _plant(model: Any, sampler_names: tuple[str, ...]) -> bool:
    """Put a sampler without noise in the place of the model's own; says whether there was one."""
    names = [name for name in sampler_names if callable(getattr(model, name, None))]
    for name in names:
        setattr(model, name, _planted_for(getattr(model, name)))
    return bool(names)


def _planted_for(sampler: Callable[..., Any]) -> Callable[..., Tensor]:
    """A planted sampler that is called as the model's own is: by position or by name."""
    parameters = names_of(sampler)

    def planted(*arguments: Any, **keywords: Any) -> Tensor:
        return planted_latent(*in_order(parameters, arguments, keywords))

    return planted


def _watch_decoder(model: Any, handed: list[Tensor]) -> Callable[[Tensor], Tensor]:
    """Remember what the decoder is handed; returns the decoder as it was."""
    decode = getattr(model, "decode", None)
    decoder = getattr(model, "decoder", None)

    if callable(decode):

        def watched(z: Tensor) -> Any:
            handed.append(z)
            return decode(z)

        model.decode = watched

    if isinstance(decoder, nn.Module):

        def remember(module: nn.Module, arguments: tuple[Any, ...]) -> None:  # noqa: ARG001
            # A decoder that is asked through decode was counted there.
            if arguments and not any(arguments[0] is z for z in handed):
                handed.append(arguments[0])

        decoder.register_forward_pre_hook(remember)

    def ask_again(z: Tensor) -> Tensor:
        count = len(handed)
        result: Tensor = decode(z) if callable(decode) else decoder(z)  # type: ignore[misc]
        del handed[count:]
        return result

    return ask_again


def _outputs(output: Any, x: Tensor, z: Tensor | None) -> dict[str, Tensor]:
    """The reconstruction, mu and the head among what a model returned, by their shapes and order."""
    if isinstance(output, Mapping):
        output = list(output.values())
    if not isinstance(output, tuple | list):
        raise TypeError(f"the model returned {kind_of(output)}, not a reconstruction, mu and logvar")

    tensors = [part for part in output if isinstance(part, Tensor) and part is not x]
    if len(tensors) > 3:
        tensors = [part for part in tensors if part is not z]
    shapes = ", ".join(str(tuple(part.shape)) for part in tensors)
    if len(tensors) < 3:
        raise ValueError(f"the model returned tensors of the shapes {shapes or 'none'}: three are needed")

    recons = [part for part in tensors if part.shape == x.shape]
    if not recons:
        raise ValueError(f"the model returned tensors of the shapes {shapes}, for points of {tuple(x.shape)}")
    recon = recons[0]
    latents = [part for part in tensors if part is not recon]
    return {"recon": recon, "mu": latents[0], "head": latents[1]}


def _gradients(model: nn.Module, output: Tensor) -> dict[str, float | None]:
    """The norm of each weight's gradient of a summed output, None where none arrives."""
    named = {name: weight for name, weight in model.named_parameters() if weight.requires_grad}
    arrived: tuple[Tensor | None, ...] = (None,) * len(named)
    if output.requires_grad and named:
        arrived = torch.autograd.grad(output.sum(), list(named.values()), allow_unused=True, retain_graph=True)
    norms = [None if gradient is None else float(gradient.norm()) for gradient in arrived]
    return dict(zip(named, norms, strict=True))


def _detached(model: Any, x: Tensor, seed: int, handed: list[Tensor]) -> dict[str, list[str]]:
    """Weights that change mu or the head and get no gradient of it, by output."""

    def call() -> dict[str, Tensor]:
        seed_everything(seed)
        calls = len(handed)
        output = model(x)
        return _outputs(output, x, handed[calls] if len(handed) > calls else None)

    outputs = call()
    weights = dict(model.named_parameters())
    # All gradients first: a graph is of no use once a weight was moved.
    norms = {output: _gradients(model, outputs[output]) for output in ("mu", "head")}
    found: dict[str, list[str]] = {"mu": [], "head": []}
    for name, weight in weights.items():
        without = [output for output, of_output in norms.items() if of_output.get(name, 0.0) is None]
        after = _with_another(weight, call) if without else {}
        for output in without:
            if not torch.allclose(after[output], outputs[output], rtol=1e-3, atol=1e-4, equal_nan=True):
                found[output].append(name)
    return found


def _with_another(weight: Tensor, call: Callable[[], dict[str, Tensor]]) -> dict[str, Tensor]:
    """What a call returns while a weight has other values."""
    kept = weight.detach().clone()
    with torch.no_grad():
        weight.add_(0.1 + 0.1 * weight.abs())
        after = call()
        weight.copy_(kept)
    return after


def _bend(decode: Callable[[Tensor], Tensor], z: Tensor) -> float:
    """Largest second difference of a decoder along random lines, in parts of its first; 0 where it is linear."""
    with torch.no_grad():
        start = torch.randn_like(z) * 3
        step = torch.randn_like(z) * 3
        middle = decode(start)
        second = decode(start + step) - 2 * middle + decode(start - step)
        first = decode(start + step) - middle
        return float(second.abs().max() / first.abs().max().clamp_min(1e-12))
