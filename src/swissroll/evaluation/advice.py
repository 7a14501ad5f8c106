"""One thing to try, as data: who shows it makes the sentence, or the command, of it."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from enum import Enum
from typing import Any

from swissroll.config import PRESETS, Config

LEAST_SIGMA = 0.02
"""Decoder standard deviation, in data standard deviations, below which a step of beta is too small to matter."""
MOST_SIGMA = 1.0
"""The same, above which the best model ignores its latent."""
MIN_WIDTH = 32
MAX_LR = 20 * Config.lr


class Action(Enum):
    """What to do; the comment beside each names the fields of :class:`Advice` that it uses."""

    CHANGE_SETTING = "change a setting"  # setting, and factor or value; otherwise
    FIT_PRIOR = "fit the prior to the aggregate posterior"  # preset, where one does it in training
    FINISH_RUN = "finish the run"
    TRAIN_PRESET = "train with a preset, whose decoder is trained with the fitted prior"  # preset
    LEARN_SIGMA = "let training find the decoder's sigma"
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
        repair_again: Whether a new run is to be repaired, as the one that the action is about was.
    """

    action: Action = Action.CHANGE_SETTING
    setting: str = ""
    factor: float | None = None
    value: float | None = None
    otherwise: Advice | None = None
    preset: str = ""
    repair_again: bool = False

    @property
    def is_a_try(self) -> bool:
        """Whether it says what to try; not where nothing ails the model."""
        return self.action is not Action.NOTHING


def fit_advice(advice: Advice, config: Config, *, sigma: float, variance: float) -> Advice:
    """The advice, as far as these settings do not follow it already, and with values that can help.

    Args:
        advice: What a rule says.
        config: The settings of the run.
        sigma: The decoder's standard deviation, in data units; nan where it is not known.
        variance: The data's variance, averaged over coordinates; nan where it is not known.
    """
    if advice.preset and not _allows(config, advice.preset):
        advice = dataclasses.replace(advice, preset="")
    if advice.action is Action.FIT_PRIOR and config.refit_prior:
        return beyond_the_fit(config)
    if advice.action is Action.FIT_PRIOR and config.components:
        return dataclasses.replace(advice, preset="")
    if advice.action is Action.NOTHING:
        is_long = config.components and config.steps >= PRESETS["best-long"]["steps"]
        # Where training finds sigma, it is as small as the data ask for.
        is_sharp = is_long or config.finds_variance
        return dataclasses.replace(advice, preset="") if is_sharp else advice
    if advice.action is not Action.CHANGE_SETTING:
        return advice

    if advice.otherwise is not None:
        other = fit_advice(advice.otherwise, config, sigma=sigma, variance=variance)
        advice = dataclasses.replace(advice, otherwise=other)
    if advice.factor is None:
        return advice
    if advice.setting == "beta" and config.max_error is not None:
        # The error is proportional to sigma, and the square of that to beta.
        return dataclasses.replace(advice, setting="max_error", factor=advice.factor**0.5)
    return _land(advice, config, advice.factor, sigma=sigma, variance=variance)


def beyond_the_fit(config: Config) -> Advice:
    """What helps where the prior is fitted already: to fit it again, with whatever number of Gaussians, does not.

    The decoder must be trained with such a prior: by a preset that these settings do not follow yet, or for longer.
    """
    preset = "best-long" if _follows(config, "best") else "best"
    if _follows(config, "best-long") or not _allows(config, preset):
        return Advice(setting="steps", factor=10)
    return Advice(action=Action.TRAIN_PRESET, preset=preset)


def _allows(config: Config, preset: str) -> bool:
    """Whether settings can be combined with a recipe."""
    recipe: dict[str, Any] = PRESETS[preset]
    try:
        dataclasses.replace(config, **recipe)
    except ValueError:
        return False
    return True


def _follows(config: Config, preset: str) -> bool:
    """Whether settings are those of a recipe, or the same for more steps, with any number of Gaussians."""
    recipe = dict(PRESETS[preset])
    steps = recipe.pop("steps", Config.steps)
    for fitted_anyhow in ("components", "refit_prior"):
        del recipe[fitted_anyhow]
    return config.steps >= steps and all(getattr(config, name) == value for name, value in recipe.items())


def _land(advice: Advice, config: Config, factor: float, *, sigma: float, variance: float) -> Advice:
    """The advice to multiply a setting, with the value to set where that multiple would still be of no use."""
    value: float | None = None
    match advice.setting:
        case "beta":
            if config.beta == 0 and factor < 1:
                # No multiple of 0 is another beta.
                return _longer(config)
            # sigma^2 is proportional to beta.
            relative = sigma * factor**0.5 / variance**0.5
            is_useless = relative < LEAST_SIGMA if factor > 1 else relative > MOST_SIGMA
            if config.beta == 0 or is_useless:
                value = Config.beta
        case "steps" | "hidden_dim" if factor < 1:
            # Less of it is what is asked for.
            pass
        case "steps" if config.steps * factor < Config.steps:
            value = Config.steps
        case "hidden_dim" if config.depth == 0:
            # A network without hidden layers has no width.
            return Advice(setting="depth", value=Config.depth)
        case "hidden_dim" if config.hidden_dim * factor < MIN_WIDTH:
            value = Config.hidden_dim
        case "lr" if config.lr * factor > MAX_LR:
            value = Config.lr
    return advice if value is None else dataclasses.replace(advice, factor=None, value=value)


def _longer(config: Config) -> Advice:
    return _land(Advice(setting="steps", factor=10), config, 10.0, sigma=1.0, variance=1.0)
