"""Draw every distribution of the catalogue into docs/pictures/distributions.png.

python docs/data_gallery.py
"""

from __future__ import annotations

from io import BytesIO
from pathlib import Path

from matplotlib.figure import Figure
from PIL import Image

from swissroll.data import DISTRIBUTIONS
from swissroll.report.distribution_picture import scatter_in_plane, scatter_in_space
from swissroll.report.style import house_style
from swissroll.reproducibility import rng

PICTURE = Path(__file__).resolve().parent / "pictures" / "distributions.png"
ROWS = 3
COLUMNS = 5
SIDE = 1.9
"""Side of a panel, in inches."""
POINTS = 1000
EXTENT = 1.1


def draw_gallery() -> Figure:
    """A panel for each distribution, without noise."""
    figure = Figure(figsize=(COLUMNS * SIDE, ROWS * (SIDE + 0.25)))
    for place, (name, entry) in enumerate(DISTRIBUTIONS.items(), start=1):
        source = entry.make(0.0)
        drawn = source.sample(POINTS, generator=rng.generator(42, "data"))
        if source.data_dim == 3:
            ax = figure.add_subplot(ROWS, COLUMNS, place, projection="3d")
            scatter_in_space(ax, drawn, size=3)
            ax.set(xlabel="", ylabel="", zlabel="", xticklabels=[], yticklabels=[], zticklabels=[])
        else:
            ax = figure.add_subplot(ROWS, COLUMNS, place)
            # A Gaussian has no edge.
            farthest = float(drawn.points.abs().max())
            scatter_in_plane(ax, drawn, max(EXTENT, farthest), size=3)
            ax.set(xlabel="", ylabel="", xticks=[], yticks=[])
        ax.set_title(name, fontfamily="monospace")
    figure.subplots_adjust(0.02, 0.02, 0.98, 0.94, 0.08, 0.18)
    return figure


def main() -> None:
    file = BytesIO()
    with house_style():
        draw_gallery().savefig(file, format="png", dpi=130)
    image = Image.open(file).convert("RGB")
    image.quantize(128, dither=Image.Dither.NONE).save(PICTURE, optimize=True)
    print(PICTURE)


if __name__ == "__main__":
    main()
