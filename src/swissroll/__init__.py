"""A laboratory for variational autoencoders on data that a person can see.

Names are imported when first used, so that ``import swissroll`` does not wait for PyTorch.
"""

from typing import Any

import lazy_loader

# Which names there are, and where, is written in __init__.pyi.
_load, _list_names, __all__ = lazy_loader.attach_stub(__name__, __file__)

__version__ = "0.2.0"


def __getattr__(name: str) -> Any:
    return _load(name)


def __dir__() -> list[str]:
    return [*_list_names(), "__version__"]
