"""Which colour stands for which thing: the same in all figures, on the pages and in the notebook's pictures.

A latent and what is decoded from it share a colour: draws from the prior and generated points, posteriors and
reconstructions. Every colour has a contrast of at least 3 to 1 with the light page and with the dark one, which leaves
a narrow range of luminance, and marks are opaque. Things that are drawn over one another are told apart by readers
with any kind of colour vision.

Source of the limit: WCAG 2.2, success criterion 1.4.11.
"""

from __future__ import annotations

from matplotlib.colors import LinearSegmentedColormap

DATA = "#0072B2"
"""Points of the data."""
HELD_OUT = DATA
"""The loss on held-out points, which are those that figures draw."""
RECONSTRUCTION = "#D55E00"
"""What is decoded from q(z|x)."""
POSTERIOR = RECONSTRUCTION
"""The encoder's Gaussians q(z|x), and draws from them."""
GENERATED = "#009E73"
"""What is decoded from draws of the prior."""
PRIOR = GENERATED
"""Draws from the prior p(z)."""
GRID = "#CC79A7"
"""A decoded grid of latents, which is no sample of the model."""
TRUE_POSTERIOR = "#7A5FD0"
"""The density p(z|x)."""
REFERENCE = "#808080"
"""Lines to read other marks by: the prior's rings and components, what joins pairs."""
TRAINING = REFERENCE
"""The loss on training batches."""

WORDS = {
    DATA: "blue",
    RECONSTRUCTION: "orange",
    GENERATED: "green",
    GRID: "pink",
    TRUE_POSTERIOR: "violet",
    REFERENCE: "grey",
}
"""What a caption calls each colour."""

DRAWN_TOGETHER = (
    (DATA, RECONSTRUCTION),
    (DATA, GENERATED),
    (DATA, GRID),
    (HELD_OUT, TRAINING),
    (POSTERIOR, PRIOR),
    (POSTERIOR, TRUE_POSTERIOR),
)
"""Colours of things that a figure draws over one another."""

LEVELS = (DATA, RECONSTRUCTION, GENERATED, GRID, "#B08000", TRUE_POSTERIOR, REFERENCE)
"""Colours of values that stand for no thing of their own, such as those of a sweep's axis; a shape goes with each."""

COORDINATE_STOPS = (
    "#2261DD",
    "#6655DE",
    "#8F4BD2",
    "#B142B9",
    "#CB3C97",
    "#DE3B6E",
    "#E7453B",
    "#DA6505",
    "#C67F09",
)
"""Colours of the coordinate t along the data's curve, at even places."""
COORDINATE = LinearSegmentedColormap.from_list("coordinate", COORDINATE_STOPS)
