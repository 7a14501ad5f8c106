"""The command ``lint``: judge anybody's loss, sampler or model by the laws of the mathematics."""

from __future__ import annotations

import difflib
import importlib
import importlib.util
import inspect
import json
import sys
from collections.abc import Callable
from contextlib import redirect_stdout
from pathlib import Path
from types import ModuleType
from typing import Any

from swissroll import checks
from swissroll.cli.terminal import CommandError, Flag, Json

EXAMPLE = "Name it as module:function, such as mypackage.losses:vae_loss or losses.py:vae_loss."
MEND_IT = "Mend that first, and call this again."
FOUND = 1
"""Exit code where an error was found."""


def lint(target: str, /, *, loss: str | None = None, as_json: Json = False, strict: Flag = False) -> int:
    """Say which convention a VAE's loss has, and what in it cannot be right: any loss, sampler, KL term or model.

    The module is imported, and so its code runs on this machine, with your rights. The exit code is 0 if no error was
    found, 1 if one was found, and 2 if nothing could be judged: no such module, or a function that cannot be called.

    Parameters
    ----------
    target
        module:name or file.py:name. A loss of (recon, x, mu, logvar), with beta or without; a sampler or KL term of
        (mu, logvar); a score of points; a model with encode and decode. A class, or a function, that takes no
        arguments is called, and what it makes is judged.
    loss
        The loss of a model, where it is no method of it: module:name or file.py:name.
    as_json
        Print JSON.
    strict
        Exit code 1 also if there are only warnings.
    """
    # What somebody's module prints is none of the results.
    with redirect_stdout(sys.stderr):
        thing = _made(target, load(target))
        its_loss = None if loss is None else load(loss)

        from swissroll.exercise.linting.finding import ERROR, WARNING
        from swissroll.exercise.linting.lint import lint as judge

        result = judge(thing, its_loss)
    print(json.dumps(result.to_json(), indent=2) if as_json else result)
    levels = (ERROR, WARNING) if strict else (ERROR,)
    return FOUND if result.at(*levels) or not result.checked else 0


def load(target: str) -> Any:
    """What a target names; its module is imported.

    Raises:
        CommandError: There is no such module or name, or importing it fails.
    """
    place, _, name = target.rpartition(":")
    if not place or not name:
        raise CommandError(f"{checks.short(target)} names no function.", EXAMPLE)
    found: Any = _import(place)
    for part in name.split("."):
        if not hasattr(found, part):
            near = difflib.get_close_matches(part, dir(found), n=1)
            advice = f"Did you mean {near[0]}?" if near else EXAMPLE
            raise CommandError(f"{place} has no {name}.", advice)
        owner = found
        found = getattr(owner, part)
        if isinstance(owner, type) and _is_method(owner, part):
            reason = f"{target} is a method of a class, and there is no object to call it on."
            raise CommandError(reason, f"Name the class: {place}:{owner.__qualname__}")
    return found


def _is_method(owner: type, name: str) -> bool:
    """Whether a name of a class is a function that needs an object of it."""
    return inspect.isfunction(inspect.getattr_static(owner, name))


def _import(place: str) -> ModuleType:
    # As for python -m: what lies in the folder that the command was typed in can be imported.
    here = str(Path.cwd())
    if here not in sys.path:
        sys.path.insert(0, here)
    try:
        return _import_file(Path(place)) if place.endswith(".py") else importlib.import_module(place)
    except (Exception, SystemExit) as error:
        reason = " ".join(str(error).split())
        kind = type(error).__name__
        # A module that was found fails by its own code.
        is_missing = isinstance(error, ModuleNotFoundError) and str(error.name) in (place, *_packages_of(place))
        advice = EXAMPLE if is_missing or isinstance(error, FileNotFoundError) else MEND_IT
        raise CommandError(f"{place} cannot be imported: {kind}: {reason}.".replace("..", "."), advice) from error


def _packages_of(place: str) -> list[str]:
    """The packages that a module lies in: a and a.b of a.b.c."""
    parts = place.split(".")
    return [".".join(parts[:number]) for number in range(1, len(parts))]


def _import_file(path: Path) -> ModuleType:
    if not path.is_file():
        raise FileNotFoundError(f"there is no file {path}")
    spec = importlib.util.spec_from_file_location(path.stem, path)
    if spec is None or spec.loader is None:
        raise ImportError(f"{path} is no Python file")
    module = importlib.util.module_from_spec(spec)
    # Classes look for their module there, such as to be copied.
    sys.modules[path.stem] = module
    spec.loader.exec_module(module)
    return module


def _made(target: str, thing: Any) -> Any:
    """What a class, or a function without arguments, makes; other things as they are."""
    if not isinstance(thing, type) and not _takes_nothing(thing):
        return thing
    make: Callable[[], Any] = thing
    try:
        return make()
    except Exception as error:
        reason = " ".join(str(error).split())
        advice = "Name a function without arguments that makes it."
        raise CommandError(f"{target} cannot be called: {type(error).__name__}: {reason}.", advice) from error


def _takes_nothing(thing: Any) -> bool:
    if not inspect.isfunction(thing):
        return False
    return not inspect.signature(thing).parameters
