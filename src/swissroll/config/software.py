"""The software that decides a run's bits, by its versions."""

from __future__ import annotations

from contextlib import suppress
from platform import python_version


def versions(*, xla: bool = False) -> dict[str, str]:
    """Versions of what decides a run's bits, those of the fast engine too where it is asked for and installed."""
    from importlib.metadata import PackageNotFoundError, version

    from swissroll import __version__

    found = {"python": python_version(), "swissroll": __version__}
    for name in ("torch", "numpy"):
        found[name] = version(name)

    if xla:
        with suppress(PackageNotFoundError):
            found |= {name: version(name) for name in ("jax", "jaxlib")}
    return found
