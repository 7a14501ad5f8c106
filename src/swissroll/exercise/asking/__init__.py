"""Put questions to somebody's solution: plain values in, plain values out.

This folder is run by itself in a student's process, too: it imports PyTorch, NumPy and the standard library only, and
knows nothing of what a right answer is.

``find(namespace)`` looks for the solution's parts, and ``answer(found, request)`` asks them. Requests and answers are
dicts of str, int, float, bool, None, ``torch.Tensor``, and lists or dicts of these. B is a number of points, L of
latent dimensions, D of data dimensions. ``head`` is what the encoder returns beside mu: a log-variance, as a rule.

What goes wrong in the solution is an answer as well::

    {"error": "TypeError", "message": "...", "line": 12}      line: in the solution's own file, or None

Requests and their answers
--------------------------
``{"kind": "describe"}`` -> ``{"reparameterize": part, "loss": part, "vae": part, "arrangement": word}``
    A part is None where it was not found, else ``{"name", "parameters": [names]}``; the loss has also ``"roles"`` (what
    each parameter is handed: model, x, beta, recon, mu, head) and ``"has_beta"``, and the sampler ``"is_method"``.
    ``arrangement`` is what the VAE's forward returns: "standard" (reconstruction, mu, head), "other", or None where
    that is not known.

``{"kind": "draw", "calls": [{"mu": (B, L), "head": (B, L), "seed": int | None, "training": bool,
"cotangent": (B, L) | None, "sizes": {name: int} | None, "counted": bool}]}`` -> ``{"draws": [draw]}``
    Calls reparameterize once for each entry, in turn, on one and the same model, or on a new one where sizes are
    given. Every source of random numbers is seeded before a call whose seed is not None. A draw is an error, or
    ``{"z", "mu_after", "head_after", "lines", "next", "grad_mu", "grad_head"}``: what came, the two arguments
    afterwards, the lines of Python that it took where they were to be counted (else None), one number drawn from each
    generator (PyTorch's, NumPy's, Python's) afterwards, and the gradients of ``(z * cotangent).sum()``, None where none
    arrives or none was asked for.

``{"kind": "elsewhere", "mu": (B, L), "head": (B, L)}`` -> ``{"float64": said, "cuda": said, "mps": said}``
    Calls reparameterize in float64 and on each device that is there; ``said`` is an error, or {} where a latent of the
    same shape, kind and device came.

``{"kind": "loss", "recon": (n, B, D), "x": (n, B, D), "mu": (n, B, L), "head": (n, B, L), "beta": [n floats],
"gradients": bool, "probe": "plain" | "own", "seeds": [n ints] | None, "draws": bool}``
-> ``{"loss": (n,) float64, "shape": [ints], "returned": type name,
"decoded": [words], "points": [words], "shift": [n floats], "x_changed": bool,
"training": bool, "grad_recon", "grad_mu", "grad_head"}``
    Computes the loss n times, each time with every source of random numbers seeded where seeds are given.
    A solution that takes a model is handed a probe that returns the given values: a plain one, or the solution's own
    VAE with encode, reparameterize and decode replaced. Its latent is a draw of the solution's sampler where ``draws``
    says so. ``decoded`` says what the probe's decoder was handed: "z", "mu", "other", or "" where it was not asked.
    ``points`` says whether its encoder was handed the loss's own points: "x", "other" or "", and ``shift`` how far they
    lie from these on average. ``training`` is the mode that the model, which was in training mode, is left in.
    Gradients are stacked, and None unless asked for, and where none arrives. The first case that fails is the answer,
    with its index as ``"case"``.

``{"kind": "not finite", "recon", "x", "mu", "head", "beta", "probe"}``, as of a loss
-> ``{"kind": word, "line": int | None, "of_recon": bool, "of_latents": bool}``
    Computes the loss of the first case, and says which operation first gave nan or an infinite number ("division",
    "logarithm", "root", "exponential", "power", or PyTorch's name of it; "" where none did), in which line, and whether
    it was computed from the reconstruction, or from mu and the head.

``{"kind": "model", "sizes": {name: int}, "seed": int, "x": (B, D), "training": bool, "gain": float | None,
"plant": bool, "trace": bool}`` -> ``{"encoded": [[mu, head], [mu, head]] | None, "outputs": {"recon", "mu", "head",
"count"}, "planted": bool, "handed", "handed_again": (B, L) | None, "redecoded": (B, D) | None, "gradients": {name:
norm | None}, "bend": float | None, "detached": {"mu": [names], "head": [names]}}``
    Builds ``VAE(**sizes)``, with its own weights or random ones, encodes x twice, calls it on x twice, and says what
    the decoder was handed each time. A planted sampler returns ``2 * mu - head + 1``, where the model has a sampler
    as a method.
    ``redecoded`` is what the decoder makes of what it was handed, asked again. Gradients are of the sum of the
    reconstruction. ``bend`` is the decoder's second difference along random lines, 0 where it is linear.
    ``detached``, where ``trace`` asks for it, names the weights that change an output and get no gradient of it.
"""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from typing import Any

import torch

from .errors import as_answer
from .finding import Found, find, names_of, roles_of
from .loss import answer_loss, answer_not_finite, own_probe
from .model import answer_model
from .randomness import own_random_numbers
from .sampler import answer_draw, answer_elsewhere

__all__ = ["Found", "answer", "find"]


def answer(found: Found, request: Mapping[str, Any]) -> dict[str, Any]:
    """What the solution says to a request, as the head of this file has it. The caller's random numbers stay."""
    kinds = {
        "describe": _describe,
        "draw": answer_draw,
        "elsewhere": answer_elsewhere,
        "loss": answer_loss,
        "not finite": answer_not_finite,
        "model": answer_model,
    }
    with own_random_numbers(), torch.enable_grad(), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            return kinds[request["kind"]](found, request)
        except Exception as error:  # Anything may be raised by somebody else's code, and all of it is an answer.
            return as_answer(error, found)


def _describe(found: Found, request: Mapping[str, Any]) -> dict[str, Any]:  # noqa: ARG001
    described: dict[str, Any] = {"reparameterize": None, "loss": None, "vae": None, "arrangement": None}
    if found.reparameterize is not None:
        names = names_of(found.reparameterize)
        described["reparameterize"] = {
            "name": getattr(found.reparameterize, "__name__", "reparameterize"),
            "parameters": names[1:] if found.is_method else names,
            "is_method": found.is_method,
        }
    if found.loss is not None:
        described["loss"] = {
            "name": getattr(found.loss, "__name__", "loss"),
            "parameters": names_of(found.loss),
            "roles": list(roles_of(found.loss).values()),
            "has_beta": "beta" in roles_of(found.loss).values(),
        }
    if found.vae is not None:
        described["vae"] = {"name": found.vae.__name__, "parameters": names_of(found.vae)}
        described["arrangement"] = _arrangement(found)
    return described


def _arrangement(found: Found) -> str | None:
    recon = torch.rand(2, 2)
    mu = torch.rand(2, 2)
    head = torch.rand(2, 2)
    try:
        output = own_probe(found, recon, mu, head)[0](torch.rand(2, 2))
    except Exception:  # A forward that fails is told of where it is asked.
        return None
    if isinstance(output, Mapping):
        return "other"
    if not isinstance(output, tuple | list) or not all(
        any(part is one for part in output) for one in (recon, mu, head)
    ):
        return None
    is_standard = len(output) == 3 and output[0] is recon and output[1] is mu
    return "standard" if is_standard else "other"
