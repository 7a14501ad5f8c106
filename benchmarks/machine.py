"""Names the machine and the versions that the numbers hold for."""

from __future__ import annotations

import os
import platform
import subprocess
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

PACKAGES = ("swissroll", "torch", "numpy", "jax", "jaxlib", "distributed", "nbclient", "matplotlib")
PEERS = ("torch", "lightning", "pythae", "pydantic", "numpy")


def machine(peers_python: Path) -> dict[str, Any]:
    """Processor, cores, vector instructions, memory, versions, and the load before the first timing."""
    cpu = _cpuinfo()
    flags = set(cpu.get("flags", "").split())
    vector = next((name for name in ("avx512f", "avx2", "avx", "sse4_2") if name in flags), "unknown")
    return {
        "processor": cpu.get("model name", platform.processor() or platform.machine()),
        "cores": len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count(),
        "threads a core": _threads_a_core(cpu),
        "vector": vector.upper() + (", FMA" if "fma" in flags else ""),
        "memory_gib": round(_memory_gib(), 1),
        "system": f"{platform.system()} {platform.machine()}",
        "python": platform.python_version(),
        "versions": {name: _version(name) for name in PACKAGES},
        "peers": _versions_of(peers_python),
        "load": round(os.getloadavg()[0], 2) if hasattr(os, "getloadavg") else None,
    }


def _cpuinfo() -> dict[str, str]:
    path = Path("/proc/cpuinfo")
    text = path.read_text(encoding="utf-8").split("\n\n", 1)[0] if path.exists() else ""
    return {key.strip(): value.strip() for key, _, value in (line.partition(":") for line in text.splitlines())}


def _threads_a_core(cpu: dict[str, str]) -> int:
    return int(cpu.get("siblings", 1)) // max(1, int(cpu.get("cpu cores", 1)))


def _memory_gib() -> float:
    try:
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    except (ValueError, OSError):
        return float("nan")


def _version(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError:
        return "absent"


def _versions_of(python: Path) -> dict[str, str]:
    if not python.exists():
        return {}
    code = "import sys; from importlib.metadata import version; print(*map(version, sys.argv[1:]))"
    found = subprocess.run([python, "-c", code, *PEERS], capture_output=True, text=True, check=False)
    return dict(zip(PEERS, found.stdout.split(), strict=False))
