"""Compile the lab's kernel to WebAssembly: python src/swissroll/web/lab/kernel/build.py (needs PyPI's ziglang).

The module is committed, so that nobody needs a compiler; the same compiler makes the same bytes.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

SOURCE = Path(__file__).resolve().parent
MODULE = SOURCE.parent / "kernel.wasm"
FLAGS = (
    "--target=wasm32-freestanding",
    "-O3",
    "-std=c11",
    "-Wall",
    "-Wextra",
    "-Werror",
    # Vectors of the fixed instruction set; a multiplication and an addition are never joined into one.
    "-msimd128",
    "-mbulk-memory",
    "-ffp-contract=off",
    "-fno-math-errno",
    # No names or paths of the machine that it was built on.
    "-g0",
    "-nostdlib",
    "-Wl,--no-entry",
    "-Wl,--strip-all",
    "-Wl,-z,stack-size=65536",
)


def build(module: Path) -> None:
    """Compile all files of this folder into one module."""
    sources = sorted(path.name for path in SOURCE.glob("*.c"))
    command = [sys.executable, "-m", "ziglang", "cc", *FLAGS, *sources, "-o", str(module)]
    subprocess.run(command, cwd=SOURCE, check=True)  # noqa: S603


if __name__ == "__main__":
    build(Path(sys.argv[1]).resolve() if len(sys.argv) > 1 else MODULE)
    size = MODULE.stat().st_size
    sys.stdout.write(f"{MODULE.name}: {size} bytes\n")
