"""One thing to try, as data: who shows it makes the sentence, or the command, of it."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum


class Action(Enum):
    """What to do; the comment beside each names the fields of :class:`Advice` that it uses."""

    CHANGE_SETTING = "change a setting"  # setting, and factor or value; otherwise
    FIT_PRIOR = "fit the prior to the aggregate posterior"  # preset, where one does it in training
    FINISH_RUN = "finish the run"  # folder
    REPAIR_ORIGINAL = "repair the original run again"  # folder, components
    NOTHING = "nothing ails the model"  # preset, where one makes a sharper model


@dataclass(frozen=True, kw_only=True)
class Advice:
    """One thing to try.

    Attributes:
        action: What to do.
        setting: The setting to change, by its name in :class:`swissroll.Config`.
        factor: What to multiply the setting by.
        value: What to set it to, where that is not a multiple of what it is.
        otherwise: What to try if that changes nothing.
        preset: The name of a recipe (:data:`swissroll.config.PRESETS`) that helps.
        folder: The run that the action is about.
        components: Gaussians for the mixture that is to be fitted.
    """

    action: Action = Action.CHANGE_SETTING
    setting: str = ""
    factor: float | None = None
    value: float | None = None
    otherwise: Advice | None = None
    preset: str = ""
    folder: str = ""
    components: int | None = None
