"""Many runs: planned from a few axes, computed by many processes, compiled into one table."""

import lazy_loader

# Which names there are, and where, is written in __init__.pyi; each is imported when it is first used.
__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
