"""Adam by PyTorch's functional form: the steps of ``torch.optim.Adam`` to the last bit.

That class would import PyTorch's compiler and a computer algebra system before the first step, which takes a second.

Source: Kingma and Ba (2015), "Adam: A Method for Stochastic Optimization", algorithm 1.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor
from torch.optim.adam import adam

from swissroll.training.engines.engine import State


class Adam:
    """Parameters, the moments of their gradients, and the step that moves them.

    Args:
        parameters: What to move, on one device.
        lr: Learning rate; may be set between two steps.
        fused: Use PyTorch's fused kernel: faster, and equal to the plain one but for rounding.
    """

    def __init__(self, parameters: Sequence[Tensor], *, lr: float, fused: bool) -> None:
        self.parameters = parameters
        self.lr = lr
        self.fused = fused

        # The fused kernel counts its steps on the parameters' device.
        counter_device = parameters[0].device if fused else "cpu"
        self.moments = {
            "step": [torch.zeros((), device=counter_device) for _ in parameters],
            "exp_avg": [torch.zeros_like(p, requires_grad=False) for p in parameters],
            "exp_avg_sq": [torch.zeros_like(p, requires_grad=False) for p in parameters],
        }

    def zero_grad(self) -> None:
        """Let go of the gradients."""
        for parameter in self.parameters:
            parameter.grad = None

    @torch.no_grad()
    def step(self) -> None:
        """Move the parameters by their gradients; those without one stay."""
        gradients = {i: p.grad for i, p in enumerate(self.parameters) if p.grad is not None}

        def those_with_gradient(values: Sequence[Tensor]) -> list[Tensor]:
            return [values[i] for i in gradients]

        adam(
            those_with_gradient(self.parameters),
            list(gradients.values()),
            those_with_gradient(self.moments["exp_avg"]),
            those_with_gradient(self.moments["exp_avg_sq"]),
            [],
            those_with_gradient(self.moments["step"]),
            fused=self.fused or None,
            amsgrad=False,
            beta1=0.9,
            beta2=0.999,
            lr=self.lr,
            weight_decay=0.0,
            eps=1e-8,
            maximize=False,
        )

    def state(self) -> State:
        """The moments and step counts themselves, by parameter and kind: '3.exp_avg'."""
        state = {}
        for kind, values in self.moments.items():
            for i, value in enumerate(values):
                state[f"{i}.{kind}"] = value
        return state

    def load_state(self, state: State) -> None:
        """Take over moments and step counts; an empty state sets them to zero.

        Raises:
            KeyError: The state lacks one.
            RuntimeError: One does not fit.
        """
        for key, value in self.state().items():
            if state:
                value.copy_(state[key])
            else:
                value.zero_()
