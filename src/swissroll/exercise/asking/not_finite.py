"""Find where a loss stops being a finite number."""

from __future__ import annotations

import traceback
from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import Tensor
from torch.overrides import TorchFunctionMode

from .errors import files_of
from .finding import Found

KINDS = {
    "division": {"div", "true_divide", "divide", "reciprocal", "rsqrt", "truediv", "rtruediv", "rdiv", "itruediv"},
    "logarithm": {"log", "log2", "log10", "log1p", "logsumexp", "log_softmax"},
    "root": {"sqrt"},
    "exponential": {"exp", "exp2", "expm1"},
    "power": {"pow", "rpow", "ipow", "float_power"},
}
"""What a student would call PyTorch's functions."""


class _FirstNotFinite(TorchFunctionMode):
    """Remembers the first result that is nan or infinite."""

    def __init__(self, files: set[str | None]) -> None:
        super().__init__()
        self.files = files
        self.name = ""
        self.line: int | None = None
        self.depends = False

    def __torch_function__(
        self,
        func: Callable[..., Any],
        types: Any,
        args: tuple[Any, ...] = (),
        kwargs: Mapping[str, Any] | None = None,
    ) -> Any:
        result = func(*args, **(kwargs or {}))
        if not self.name and isinstance(result, Tensor) and result.is_floating_point():
            with torch._C.DisableTorchFunction():
                if not bool(torch.isfinite(result.detach()).all()):
                    self.name = getattr(func, "__name__", "").strip("_") or "function"
                    self.depends = result.requires_grad
                    lines = [one.lineno for one in traceback.extract_stack() if one.filename in self.files]
                    self.line = lines[-1] if lines else None
        return result


def first_not_finite(
    found: Found, compute: Callable[[dict[str, Tensor]], Any], values: Mapping[str, Tensor]
) -> dict[str, Any]:
    """Which operation first gave a number that is not finite, and whether it depends on the two terms' arguments.

    Args:
        found: The solution.
        compute: Computes its loss of the reconstruction, mu and the head.
        values: These arguments.

    Returns:
        ``{"kind", "line", "of_recon", "of_latents"}``: what the operation is called, its line in the solution's own
        file, and what it was computed from.
    """
    seen = []
    for names in ({"recon"}, {"mu", "head"}):
        watch = _FirstNotFinite(files_of(found))
        leaves = {name: value.clone().requires_grad_(name in names) for name, value in values.items()}
        with watch:
            compute(leaves)
        seen.append(watch)
    kinds = [kind for kind, functions in KINDS.items() if seen[0].name in functions]
    return {
        "kind": kinds[0] if kinds else seen[0].name,
        "line": seen[0].line,
        "of_recon": seen[0].depends,
        "of_latents": seen[1].depends,
    }
