"""Training speed at three widths: the notebook's loop, the peers, JAX by hand, and ours, beside the ceiling."""

from __future__ import annotations

from dataclasses import replace

from benchmarks.side_by_side import Bench, Entry

WIDTHS = (32, 256, 1024)
SWEEP = {32: 64, 256: 16, 1024: 4}
"""Runs of a sweep, by width."""
OURS = ("ours-torch", "ours-xla")
RUN, RUNS = {32: 1, 256: 2.5, 1024: 4}, {32: 2, 256: 14, 1024: 4}
"""How much longer than others' steps one run of ours is timed, and several: with a start and an end, they are long."""
ONE, PAIR = (0,), (0, 1)
SINGLES: dict[str, tuple[str, tuple[int, ...] | None]] = {
    "notebook": ("notebook", None),
    "notebook, one core": ("notebook-one", ONE),
    "Lightning": ("lightning", None),
    "pythae": ("pythae", None),
    "JAX by hand, one core": ("scan", ONE),
    "JAX by hand, all cores": ("scan", None),
    "swissroll, torch": ("ours-torch", None),
    "swissroll, xla": ("ours-xla", None),
}
"""Those that train one model: which contender, and on which cores."""
PRODUCTS: dict[str, tuple[str, tuple[int, ...] | None]] = {
    "torch, one core": ("torch", ONE),
    "torch, all cores": ("torch", None),
    "jax, one core": ("jax", ONE),
    "jax, all cores": ("jax", None),
    "jax, two processes": ("jax", PAIR),
}
"""Who multiplies matrices, and on which cores."""


def singles(width: int, seconds: float) -> list[Entry]:
    """Those that train one model; at the greatest width, nobody is held to one core."""
    return [
        Entry(label=label, name=name, width=width, cores=cores, seconds=seconds * (RUN[width] if name in OURS else 1))
        for label, (name, cores) in SINGLES.items()
        if cores is None or width != WIDTHS[-1]
    ]


def many(width: int, seconds: float) -> list[Entry]:
    """Those that train several models at once, in two processes."""
    runs = SWEEP[width]
    entries = [
        Entry(label="JAX by hand, two processes", name="scan", width=width, seconds=seconds),
        Entry(label=f"swissroll, {runs} runs, xla", name="batch-xla", width=width, models=runs // 2,
              seconds=seconds * RUNS[width]),
    ]  # fmt: skip
    return [replace(entry, cores=PAIR) for entry in entries]


def products(name: str, width: int, seconds: float) -> list[Entry]:
    """Matrix products in PyTorch and JAX on one core, on all, and in two processes."""
    return [
        Entry(label=f"products, {label}", name=f"{name}-{by}", width=width, cores=cores, seconds=seconds)
        for label, (by, cores) in PRODUCTS.items()
    ]


def whole_sweeps(bench: Bench) -> None:
    """Sweeps as the command computes them, measured and written, by one worker and by two."""
    for width, steps in ((32, 1000), (256, 500)):
        sweeps = [
            Entry(label=f"sweep, {workers} workers", name="sweep-xla", width=width, models=SWEEP[width],
                  workers=workers, steps=100 if bench.quick else steps)
            for workers in (1, 2)
        ]  # fmt: skip
        entries = [Entry(label="notebook", name="notebook", width=width), *sweeps]
        bench.compare(f"sweep {width}", entries, rounds=2, budget=40)


def measure(bench: Bench) -> None:
    """A case of large products; then, for each width, one of contenders with their step's products among them."""
    seconds, rounds, budget = (0.3, 3, 40) if bench.quick else (1.0, 5, 200)
    bench.compare("large", products("large", 0, seconds / 4), rounds=rounds, budget=25)
    for width in WIDTHS[:2] if bench.quick else WIDTHS:
        long = seconds * (8 if width == WIDTHS[-1] else 1)
        entries = [*singles(width, long), *many(width, long), *products("products", width, seconds / 3)]
        bench.compare(f"width {width}", entries, rounds=rounds, budget=budget, least=3)
    if not bench.quick:
        whole_sweeps(bench)
