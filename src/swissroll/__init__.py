"""A laboratory for variational autoencoders on data that a person can see.

Names are imported when first used, so that ``import swissroll`` does not wait for PyTorch.
"""

from typing import Any

import lazy_loader

# Which names there are, and where, is written in __init__.pyi.
_load, _list_names, __all__ = lazy_loader.attach_stub(__name__, __file__)


def __getattr__(name: str) -> Any:
    if name == "__version__":
        from importlib.metadata import version

        return version("swissroll")
    return _load(name)


def __dir__() -> list[str]:
    return [*_list_names(), "__version__"]
