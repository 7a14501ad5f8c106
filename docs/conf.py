"""Sphinx settings; `sphinx-build -W --keep-going -b html docs docs/_build/html` builds the pages."""

from importlib.metadata import version as installed_version

project = "swissroll"
author = "the swissroll developers"
copyright = author
version = release = installed_version("swissroll")

extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.napoleon", "sphinx.ext.mathjax"]
myst_enable_extensions = ["amsmath", "dollarmath"]
myst_heading_anchors = 3
exclude_patterns = ["_build", "output"]

html_theme = "furo"
html_title = "swissroll"

autodoc_member_order = "bysource"
autodoc_typehints = "description"
autodoc_typehints_description_target = "documented"
napoleon_numpy_docstring = False
napoleon_use_ivar = True
