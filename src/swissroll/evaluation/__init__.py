"""What a trained model is worth, in numbers, and what ails it; needs no folder."""

import lazy_loader

# Which names there are, and where, is written in __init__.pyi; each is imported when it is first used.
__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
