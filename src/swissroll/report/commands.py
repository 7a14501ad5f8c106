"""Commands to type about a run: each has the settings of the run that it speaks of, and paths as a shell takes them."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from swissroll.config import HELP, PRESETS, REPAIR_COMPONENTS, Config
from swissroll.evaluation.advice import Action, Advice
from swissroll.report.shell import quote

OF_A_MACHINE = ("threads", "device", "engine", "snapshot_every", "eval_every", "data_digest", "label_values")
"""Settings that decide nothing of a model, or that another machine decides or finds for itself."""


def flag(setting: str) -> str:
    """The flag of a setting."""
    return "--" + setting.replace("_", "-")


def resume_command(folder: Path) -> str:
    """The command that goes on with a run."""
    return f"swissroll train --resume {quote(folder)}"


def repair_command(folder: Path, config: Config) -> str:
    """The command that fits a run's prior again: as many Gaussians as it was trained with."""
    command = f"swissroll repair {quote(folder)}"
    if config.components in (0, REPAIR_COMPONENTS):
        return command
    return f"{command} --components {config.components}"


def preset_flags(preset: str, config: Config) -> str:
    """The flags that train a run again with a recipe: what the recipe leaves open stays as the run has it.

    So do settings that the recipe would turn into another aim, or into fewer steps than the run had.
    """
    recipe = PRESETS[preset]
    kept = _kept_beside(recipe, config)
    flags = [f"--preset {preset}"]
    for name in HELP:
        value = getattr(config, name)
        without_flag = recipe[name] if name in recipe else getattr(Config, name)
        is_open = name in kept or (name not in recipe and name not in OF_A_MACHINE)
        if is_open and value != without_flag:
            flags.append(_flag_with(name, _as_seen_from_here(value) if name == "data" else value))
    return " ".join(flags)


def _kept_beside(recipe: Mapping[str, Any], config: Config) -> set[str]:
    """Settings of a recipe that a run has for reasons of its own."""
    kept = set()
    if config.finds_variance:
        # The recipe's small beta makes a small sigma. Where training finds sigma, beta is the weight of the rate.
        kept |= {"beta", "beta_start"}
    if config.steps > recipe.get("steps", config.steps):
        kept.add("steps")
    return kept & set(recipe)


def _as_seen_from_here(path: str) -> Path:
    """The path of a table, from the folder that commands are typed in where it lies below that."""
    place = Path(path)
    return place.relative_to(Path.cwd()) if place.is_relative_to(Path.cwd()) else place


def _flag_with(name: str, value: Any) -> str:
    if value is None:
        return f"{flag(name)} none"
    if isinstance(value, bool):
        return flag(name) if value else f"--no-{flag(name)[2:]}"
    return f"{flag(name)} {quote(value)}"


def advice_line(advice: Advice, folder: Path, config: Config) -> str:
    """One thing to try, with the command to type where it is one.

    Args:
        advice: The advice.
        folder: The run that it is about.
        config: The settings of that run.
    """
    from swissroll.evaluation.wording import TRAIN_WITH_PRIOR, advice_text

    if advice.action is Action.FIT_PRIOR:
        sentence = "Fit the prior to the aggregate posterior"
        if advice.preset:
            sentence += f", in training with {preset_flags(advice.preset, config)}, or now with"
        return f"{sentence}: {repair_command(folder, config)}"
    if advice.action is Action.FINISH_RUN:
        return f"Finish this run first: {resume_command(folder)}"
    if advice.action is Action.TRAIN_PRESET:
        return f"{TRAIN_WITH_PRIOR}: swissroll train {preset_flags(advice.preset, config)}"
    if advice.action is Action.NOTHING and advice.preset:
        return f"Nothing ails this model. For a sharper one: swissroll train {preset_flags(advice.preset, config)}"
    return advice_text(advice)
