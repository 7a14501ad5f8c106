"""Draw the density of docs/density.md: its regions, its most unusual rows, and rows that the model makes.

python docs/density_picture.py
"""

from __future__ import annotations

from io import BytesIO
from pathlib import Path
from time import process_time
from typing import Any

import numpy as np
import pandas
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from PIL import Image
from sklearn.datasets import load_wine

from swissroll import VAEDensity
from swissroll.report.colours import DATA, GENERATED, RECONSTRUCTION, REFERENCE
from swissroll.report.style import house_style

PICTURE = Path(__file__).resolve().parent / "pictures" / "density.png"
COLUMNS = ["alcohol", "color_intensity"]
REGIONS = {0.5: "50 %", 0.9: "90 %", 0.99: "99 %"}
CELLS = 120
"""Grid points per column at which the density is computed."""
UNUSUAL = 3
"""Rows that are named."""


def draw_regions(ax: Axes, density: VAEDensity, rows: Any) -> None:
    """Lines around the regions that hold a share of the model's rows, and the rows; the most unusual are named."""
    lows = rows.min().to_numpy()
    highs = rows.max().to_numpy()
    margin = 0.15 * (highs - lows)
    first, second = (np.linspace(*ends, CELLS) for ends in zip(lows - margin, highs + margin, strict=True))
    grid = np.stack(np.meshgrid(first, second), axis=-1).reshape(-1, 2)
    outside = density.anomaly_probability(pandas.DataFrame(grid, columns=COLUMNS)).reshape(CELLS, CELLS)

    # A row lies in the region of 90 % where at most 90 % of the model's own rows have a higher density.
    levels = sorted(1 - share for share in REGIONS)
    lines = ax.contour(first, second, outside, levels=levels, colors=REFERENCE, linewidths=1)
    names = {level: REGIONS[round(1 - level, 2)] for level in lines.levels}
    for label in ax.clabel(lines, fmt=names, fontsize="small"):
        label.set(zorder=5, bbox={"facecolor": "white", "edgecolor": "none", "pad": 0})

    probability = density.anomaly_probability(rows)
    ax.scatter(*rows.to_numpy().T, s=8, color=DATA, zorder=3)
    for index in probability.argsort()[:UNUSUAL]:
        place = rows.iloc[index].to_numpy()
        ax.scatter(*place, s=40, color=RECONSTRUCTION, marker="x", zorder=4)
        ax.annotate(
            f"row {rows.index[index]}: {probability[index]:.3f}",
            place,
            xytext=(0, 7),
            textcoords="offset points",
            ha="center",
            fontsize="small",
            bbox={"facecolor": "white", "edgecolor": "none", "pad": 0.5},
        )


def draw_picture(density: VAEDensity, rows: Any) -> Figure:
    """Regions and unusual rows on the left, rows of the model on the right."""
    figure = Figure(figsize=(9, 4), layout="constrained")
    regions, drawn = figure.subplots(1, 2, sharex=True, sharey=True)
    draw_regions(regions, density, rows)
    regions.set_title("rows, regions, and the three most unusual rows")
    drawn.scatter(*density.sample(len(rows)).T, s=8, color=GENERATED)
    drawn.set_title("as many rows that the model makes")
    for ax in (regions, drawn):
        ax.set_xlabel("alcohol, %")
    regions.set_ylabel("colour intensity")
    return figure


def main() -> None:
    """Fit the page's example, print how long it took, and draw it."""
    rows = load_wine(as_frame=True).data[COLUMNS]
    began = process_time()
    density = VAEDensity(random_state=0).fit(rows)
    seconds = process_time() - began
    print(f"fit of {len(rows)} rows of {len(COLUMNS)} columns: {seconds:.1f} s of one core")

    file = BytesIO()
    with house_style():
        draw_picture(density, rows).savefig(file, format="png", dpi=130)
    image = Image.open(file).convert("RGB")
    image.quantize(128, dither=Image.Dither.NONE).save(PICTURE, optimize=True)
    print(PICTURE)


if __name__ == "__main__":
    main()
