"""Public names that are imported when they are first used, so that importing a package costs nothing.

if TYPE_CHECKING:
from swissroll.training.loop import Training as Training
else:
public = LazyNames(__name__, {"loop": ["Training"]})
__all__ = public.names
__getattr__ = public.load
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from importlib import import_module
from typing import Any


class LazyNames:
    """The public names of a package, and the modules that define them.

    Attributes:
        package: The package's full name.
        names: Its public names, sorted.
    """

    def __init__(self, package: str, names_of_module: Mapping[str, Sequence[str]]) -> None:
        self.package = package
        self._module_of_name: dict[str, str] = {}
        for module, names in names_of_module.items():
            self._module_of_name.update(dict.fromkeys(names, f"{package}.{module}"))
        self.names = sorted(self._module_of_name)

    def load(self, name: str) -> Any:
        """Import the module that defines a name; the package's ``__getattr__``.

        Raises:
            AttributeError: It is no public name of the package.
        """
        if name not in self._module_of_name:
            raise AttributeError(f"module {self.package!r} has no attribute {name!r}")
        return getattr(import_module(self._module_of_name[name]), name)
