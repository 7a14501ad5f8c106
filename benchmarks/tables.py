"""From rows of results to tables: medians over rounds, ratios within a round, and fractions of the ceiling."""

from __future__ import annotations

import statistics
from collections import defaultdict
from dataclasses import dataclass
from typing import Any

from benchmarks.ceiling import LARGE_FLOPS
from benchmarks.million import GROUP
from benchmarks.shapes import step_flops

Row = dict[str, Any]


@dataclass(frozen=True)
class Case:
    """The rows of one comparison.

    Attributes:
        entries: What each contender was, by label.
        rates: Its model-steps a second by round, by label.
        memory: Its peak of resident memory, MiB, by label.
        missing: Why those that are missing are, by label.
    """

    entries: dict[str, Row]
    rates: dict[str, dict[int, float]]
    memory: dict[str, float]
    missing: dict[str, str]

    def median(self, label: str) -> float:
        """Model-steps a second, the median over rounds."""
        return statistics.median(self.rates[label].values())

    def ratios(self, label: str, to: str) -> list[float]:
        """Ratios to another contender in the same round, ascending."""
        mine, others = self.rates[label], self.rates.get(to, {})
        return sorted(mine[i] / others[i] for i in mine if i in others)


def read_case(rows: list[Row], case: str) -> Case:
    """Gather the rows of a case."""
    entries, missing, memory = dict[str, Row](), dict[str, str](), dict[str, float]()
    rates: dict[str, dict[int, float]] = defaultdict(dict)
    for row in (row for row in rows if row["case"] == case):
        if row["kind"] == "entry":
            entries[row["label"]] = row
        elif row["kind"] == "missing":
            missing[row["label"]] = row["why"]
        elif row["kind"] == "timing":
            label = row["label"]
            steps = entries.get(label, {}).get("model_steps", 1)
            rates[label][row["round"]] = steps / row["seconds"]
            memory[label] = max(memory.get(label, 0.0), row["peak_mib"])
    return Case(entries, dict(rates), memory, missing)


def table(head: list[str], rows: list[list[str]]) -> str:
    """A table in Markdown."""
    lines = [head, ["---"] * len(head), *rows]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


def spread(ratios: list[float]) -> str:
    """A median and its range: 2.91 (2.80 to 3.02)."""
    if not ratios:
        return ""
    return f"{statistics.median(ratios):.2f} ({ratios[0]:.2f} to {ratios[-1]:.2f})"


def ceilings(rows: list[Row], width: int) -> dict[str, float]:
    """Steps a second that this machine's matrix products would allow, by what is multiplied."""
    large, own = read_case(rows, "large"), read_case(rows, f"width {width}")
    found = {}
    if large.rates:
        found["large products"] = max(map(large.median, large.rates)) * LARGE_FLOPS / step_flops(width)
    mine = [own.median(label) for label in own.rates if label.startswith("products")]
    if mine:
        found["its own products"] = max(mine)
    return found


def speed_table(rows: list[Row], width: int) -> str:
    """Everything that trained at a width, and its matrix products with nothing between them."""
    case, top = read_case(rows, f"width {width}"), ceilings(rows, width)
    lines = []
    for label in sorted(case.rates, key=lambda label: label.startswith("products")):
        rate, entry = case.median(label), case.entries[label]
        ratios = [spread(case.ratios(label, other)) for other in ("notebook", by_hand(case, entry))]
        shares = [f"{100 * rate / ceiling:.0f} %" for ceiling in top.values()]
        rest = [f"{entry['first']:.1f}", f"{case.memory[label]:,.0f}", entry["way"]]
        shown = label.replace("products,", "products alone,")
        lines.append([shown, f"{rate:,.0f}", *ratios, *shares, *rest])
    shares = [f"of {name}" for name in top]
    heads = ["steps/s", "times the notebook's", "times JAX by hand", *shares, "first s", "MiB", "fastest way"]
    return table(["", *heads], lines)


def by_hand(case: Case, entry: Row) -> str:
    """The scan written by hand that a contender is to be measured against: as many processes, else the fastest."""
    labels = [label for label, other in case.entries.items() if other["name"] == "scan" and label in case.rates]
    alike = [label for label in labels if (len(case.entries[label]["cores"] or "") > 1) == (entry["models"] > 1)]
    return max(alike, key=case.median, default="")


def ceiling_table(rows: list[Row], widths: tuple[int, ...]) -> str:
    """What the products reach, in GFLOP/s."""
    cases = {"large": read_case(rows, "large")} | {f"width {w}": read_case(rows, f"width {w}") for w in widths}
    flops = {"large": LARGE_FLOPS} | {f"width {w}": step_flops(w) for w in widths}
    labels = list(cases["large"].rates)
    lines = [
        [label.removeprefix("products, ")]
        + [f"{c.median(label) * flops[n] / 1e9:,.0f}" if label in c.rates else "" for n, c in cases.items()]
        for label in labels
    ]
    heads = [f"{name}" for name in cases]
    return table(["GFLOP/s", *heads], lines)


def whole_table(rows: list[Row]) -> str:
    """From a cold shell to the pictures."""
    case = read_case(rows, "whole")
    lines = [
        [label, f"{1 / case.median(label):.1f}", spread(case.ratios(label, "notebook, executed")),
         f"{case.memory[label]:,.0f}"]
        for label in case.rates
    ]  # fmt: skip
    return table(["", "seconds", "times as fast as the notebook", "MiB, all processes"], lines)


def sweep_table(rows: list[Row]) -> str:
    """Whole sweeps against the notebook's loop."""
    lines = []
    for name in dict.fromkeys(row["case"] for row in rows if row["case"].startswith("sweep ")):
        case = read_case(rows, name)
        for label in (label for label in case.rates if label != "notebook"):
            entry = case.entries[label]
            steps = entry["model_steps"] // entry["models"]
            workers = label.removeprefix("sweep, ").replace("1 workers", "1 worker")
            what = f"{entry['models']} runs of {steps:,} steps at {entry['width']}, {workers}"
            seconds = entry["model_steps"] / case.median(label)
            lines.append([what, f"{seconds:.1f}", f"{case.median(label):,.0f}", spread(case.ratios(label, "notebook"))])
    return table(["", "seconds", "steps/s", "times the notebook's"], lines)


def quality_table(rows: list[Row]) -> str:
    """Seconds to the notebook's final quality."""
    found = [row for row in rows if row["kind"] == "quality"]
    names = ("loss", "median", "p90", "sliced_w2")
    lines = []
    for row in found:
        plain, ours = row["notebook"], row["cached"]
        worth = [", ".join(f"{values[name]:.4f}" for name in names) for values in (plain, ours)]
        steps = f"{ours['steps']}" if row["reached"] else f"not in {ours['steps']}"
        cells = [str(row["width"]), str(row["seed"]), worth[0], f"{plain['seconds']:.2f}", steps, worth[1]]
        lines.append([*cells, f"{ours['seconds']:.2f}", f"{row['cold']['seconds']:.2f}"])
    text = table(
        ["best's width", "seed", "notebook: loss, median, p90, sliced W2", "s", "best: steps",
         "loss, median, p90, sliced W2", "s, cached", "s, cold"], lines,
    )  # fmt: skip
    told = [quality_line(width, [r for r in found if r["width"] == width]) for width in {r["width"]: 0 for r in found}]
    return text + "\n" + "\n".join(told) if found else ""


def quality_line(width: int, found: list[Row]) -> str:
    """The medians of the ratios."""

    def ratio(how: str, what: str) -> float:
        return statistics.median(float(row["notebook"][what]) / float(row[how][what]) for row in found)

    return (
        f"width {width}, median over seeds: {ratio('cached', 'steps'):.1f} times fewer steps; "
        f"{ratio('cached', 'seconds'):.1f} times fewer seconds with programs cached, "
        f"{ratio('cold', 'seconds'):.1f} cold\n"
    )


def machine_table(rows: list[Row]) -> str:
    """The machine and the versions."""
    found = next((row for row in rows if row["kind"] == "machine"), None)
    if found is None:
        return ""
    versions = ", ".join(f"{k} {v}" for k, v in found["versions"].items())
    peers = ", ".join(f"{k} {v}" for k, v in found["peers"].items()) or "absent"
    lines = [
        ["processor", f"{found['processor']}, {found['vector']}"],
        ["cores", f"{found['cores']}, {found['threads a core']} thread(s) each"],
        ["memory", f"{found['memory_gib']} GiB"],
        ["system", f"{found['system']}, Python {found['python']}"],
        ["versions", versions],
        ["the peers'", peers],
        ["load before the first timing", f"{found['load']}" + (" (a quick run)" if found["quick"] else "")],
    ]
    return table(["", ""], lines)


def missing_table(rows: list[Row]) -> str:
    """What could not be measured, and why."""
    found = [[row["case"], row["label"], row["why"]] for row in rows if row["kind"] == "missing"]
    return "\n" + table(["where", "left out", "why"], found) if found else "\n"


def million_table(rows: list[Row]) -> str:
    """What was measured, and what it makes of a million runs."""
    found = [row for row in rows if row["case"].startswith("million")]
    lines = [_MILLION[row["kind"]](row) for row in found if row["kind"] in _MILLION]
    for kind in _GROWING:
        ordered = sorted((row for row in found if row["kind"] == kind), key=lambda row: int(row["runs"]))
        lines += [_grows(row, ordered[0]) for row in ordered]
    return table(["measured", "at", "it took", "a million runs"], lines)


def _groups(row: Row) -> list[str]:
    rate = row["groups"] / row["seconds"]
    way = "through Dask" if row["kind"] == "cluster" else "through local processes"
    load = f"{row['bytes'] / 1e3:.0f} kB a run back" if row["bytes"] else "nothing back"
    hours = 1e6 / GROUP / rate / 3600
    what = f"empty groups of {GROUP} {way}, {load}"
    return [what, f"{row['groups']} groups", f"{rate:,.0f} groups/s", f"{hours:.2f} h"]


def _bytes(row: Row) -> list[str]:
    took = f"{row['disk'] / 1e3:.0f} kB on disk, {row['wire_back'] / 1e3:.0f} kB back, {row['wire_out']:.0f} B out"
    whole = f"{row['disk'] * 1e6 / 1e9:,.0f} GB on disk in {1e6 * len(row['files']):,.0f} files"
    return [f"a run of 1,000 steps at width {row['width']}", "1 run", took, whole]


def _grows(row: Row, least: Row) -> list[str]:
    """What a step over some runs took, and what each run beyond the fewest ones makes of a million."""
    took = f"{row['seconds']:.2f} s, {row['peak_mib']:,.0f} MiB, {row['written'] / 1e6:.2f} MB written"
    cells = [_GROWING[row["kind"]], f"{row['runs']:,} runs", took]
    if row is least:
        return [*cells, ""]
    scale = 1e6 / (row["runs"] - least["runs"])
    minutes, gib, written = (
        max(0.0, float(row[name]) - float(least[name])) * scale / unit
        for name, unit in (("seconds", 60), ("peak_mib", 1024), ("written", 1e6))
    )
    return [*cells, f"{minutes:,.1f} min, {gib:,.1f} GiB more, {written:,.0f} MB"]


_MILLION = {"cluster": _groups, "processes": _groups, "bytes": _bytes}
_GROWING = {"plan": "planning", "table": "table.csv", "page": "report.html"}
