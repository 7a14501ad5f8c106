"""Training: one loop that yields what happened, and the engines that compute its steps."""

from __future__ import annotations

from typing import TYPE_CHECKING

from swissroll.lazy import LazyNames

if TYPE_CHECKING:
    from swissroll.training.build import Plan as Plan
    from swissroll.training.build import build_model as build_model
    from swissroll.training.build import decide as decide
    from swissroll.training.build import held_out_points as held_out_points
    from swissroll.training.build import loss_of as loss_of
    from swissroll.training.loop import DivergedError as DivergedError
    from swissroll.training.loop import Record as Record
    from swissroll.training.loop import Terms as Terms
    from swissroll.training.loop import Training as Training
    from swissroll.training.loop import evaluate_loss as evaluate_loss
    from swissroll.training.many import Outcome as Outcome
    from swissroll.training.many import train_many as train_many
else:
    _public = LazyNames(
        __name__,
        {
            "build": ["Plan", "build_model", "decide", "held_out_points", "loss_of"],
            "loop": ["DivergedError", "Record", "Terms", "Training", "evaluate_loss"],
            "many": ["Outcome", "train_many"],
        },
    )
    __all__ = _public.names
    __getattr__ = _public.load
