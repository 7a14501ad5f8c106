"""Draw the tables and plots of docs/performance.md from results.

python -m benchmarks.render runs/bench/results.jsonl --into docs
"""

from __future__ import annotations

import argparse
from pathlib import Path

from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator, StrMethodFormatter

from benchmarks import growth, tables
from benchmarks.engines import WIDTHS
from benchmarks.side_by_side import read_results
from benchmarks.tables import Case, Row, read_case

COLOURS = {"notebook": "#7f7f7f", "swissroll, torch": "#0072b2", "swissroll, xla": "#d55e00"}
OTHERS = "#56b4e9"
FAR = 2.5
"""A ceiling further off than so many of the longest bars is left out of a panel."""
MARKERS = {"notebook": "s", "swissroll, torch": "o", "swissroll, xla": "^"}


def texts(rows: list[Row]) -> dict[str, str]:
    """The included files by name."""
    found = {
        "performance-machine": tables.machine_table(rows),
        "performance-ceiling": tables.ceiling_table(rows, WIDTHS),
        "performance-sweeps": tables.sweep_table(rows),
        "performance-whole": tables.whole_table(rows),
        "performance-million": tables.million_table(rows),
        "performance-missing": tables.missing_table(rows),
        "quality": tables.quality_table(rows),
    }
    return found | {f"performance-{width}": tables.speed_table(rows, width) for width in WIDTHS}


def draw_speed(rows: list[Row]) -> Figure:
    """Steps a second of everything, a panel a width; ceilings as lines, where they are not far off the panel."""
    figure = Figure(figsize=(11, 3.6), layout="constrained")
    for axes, width in zip(figure.subplots(1, len(WIDTHS)), WIDTHS, strict=True):
        case = read_case(rows, f"width {width}")
        labels = [label for label in case.rates if not label.startswith("products")][::-1]
        for place, label in enumerate(labels):
            draw_bar(axes, case, place, label)
        longest = max(map(case.median, labels), default=1.0)
        near = [c for c in tables.ceilings(rows, width).values() if c < FAR * longest]
        for ceiling in near:
            axes.axvline(ceiling, color="black", lw=0.8, ls=":")
        axes.set(yticks=range(len(labels)), yticklabels=labels, xlim=(0, 1.1 * max([longest, *near])))
        axes.set(title=f"hidden width {width}", xlabel="model-steps/s")
        axes.tick_params(labelsize=7)
    return figure


def draw_bar(axes: Axes, case: Case, place: int, label: str) -> None:
    """The median as a bar, each round as a dot."""
    colour = next((c for name, c in COLOURS.items() if label.startswith(name)), OTHERS)
    if label.startswith("swissroll") and label.endswith("xla"):
        colour = COLOURS["swissroll, xla"]
    axes.barh(place, case.median(label), color=colour, height=0.7)
    rates = list(case.rates[label].values())
    axes.plot(rates, [place] * len(rates), "|", color="black", ms=5)


def draw_growth(rows: list[Row]) -> Figure:
    """Steps a second against width, batch, and runs in one program."""
    figure = Figure(figsize=(9, 3.4), layout="constrained")
    left, middle, right = figure.subplots(1, 3)
    for axes, what, label in ((left, "width", "hidden width"), (middle, "batch", "points in a step, at width 256")):
        for name in COLOURS:
            draw_line(axes, rows, f"grow {what} ", "", name, name)
        axes.set(xlabel=label)
    left.legend(fontsize=7, frameon=False)
    for width, colour in ((32, "#d55e00"), (256, "#009e73")):
        draw_line(right, rows, "grow runs ", f" at {width}", "swissroll, xla", f"width {width}", colour)
    right.set(xlabel="runs in one process, on one core")
    right.legend(fontsize=7, frameon=False)
    for axes, ticks in ((left, growth.WIDTHS), (middle, growth.BATCHES), (right, growth.RUNS)):
        axes.set(xscale="log", yscale="log")
        axes.set_xticks(ticks, [str(tick) for tick in ticks])
        axes.minorticks_off()
        axes.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
        axes.yaxis.set_major_formatter(StrMethodFormatter("{x:,.0f}"))
        axes.tick_params(axis="x", labelsize=7)
    left.set(ylabel="model-steps/s")
    return figure


def draw_line(
    axes: Axes, rows: list[Row], start: str, end: str, label: str, shown: str, colour: str | None = None
) -> None:
    """One contender's medians, every round as a dot."""
    names = [c for c in dict.fromkeys(row["case"] for row in rows) if c.startswith(start) and c.endswith(end or c[-1])]
    found = {float(c.removeprefix(start).removesuffix(end)): read_case(rows, c) for c in names}
    points = {x: case for x, case in sorted(found.items()) if label in case.rates}
    colour = colour or COLOURS[label]
    axes.plot([*points], [case.median(label) for case in points.values()], MARKERS[label] + "-", c=colour, label=shown)
    for x, case in points.items():
        rates = list(case.rates[label].values())
        axes.plot([x] * len(rates), rates, "_", color=colour, ms=5, alpha=0.6)


def main() -> None:
    """Write everything for which there are results."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("results", type=Path, nargs="?", default=Path("runs/bench/results.jsonl"))
    parser.add_argument("--into", type=Path, help="docs; a quick run's go to runs/bench/docs")
    given = parser.parse_args()
    rows = read_results(given.results)
    quick = any(row.get("quick") for row in rows)
    into = given.into or (Path("runs/bench/docs") if quick else Path("docs"))
    for folder in ("output", "pictures"):
        (into / folder).mkdir(parents=True, exist_ok=True)
    for name, text in texts(rows).items():
        if text:
            (into / "output" / f"{name}.md").write_text(text, encoding="utf-8")
    drawings = {"performance-speed": ("width ", draw_speed), "performance-growth": ("grow ", draw_growth)}
    for name, (case, drawn) in drawings.items():
        if not any(row["case"].startswith(case) for row in rows):
            continue
        figure = drawn(rows)
        FigureCanvasAgg(figure)
        figure.savefig(into / "pictures" / f"{name}.png", dpi=110)
    print(into / "performance.md")


if __name__ == "__main__":
    main()
