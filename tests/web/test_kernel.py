"""The lab's kernel: its functions, its generator, and that the committed module is its source's."""

from __future__ import annotations

import math
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from tests.web.conftest import Node
from tests.web.javascript import LAB

KERNEL = LAB / "kernel"


def compiler() -> Path | None:
    """A Python that has the compiler: the one of 'make web', or this one."""
    candidates = [LAB.parents[3] / ".venv-web" / "bin" / "python", Path(sys.executable)]
    for python in candidates:
        if python.exists():
            found = subprocess.run([str(python), "-c", "import ziglang"], capture_output=True, check=False)
            if found.returncode == 0:
                return python
    return None


def test_the_committed_module_is_what_its_source_compiles_to(tmp_path: Path) -> None:
    python = compiler()
    if python is None:
        pytest.skip("needs ziglang: make web")
    rebuilt = tmp_path / "kernel.wasm"
    subprocess.run([str(python), str(KERNEL / "build.py"), str(rebuilt)], check=True, capture_output=True)
    assert rebuilt.read_bytes() == (LAB / "kernel.wasm").read_bytes(), "the module is not its source's: make web"


FUNCTIONS = {
    "exp": [-745.0, -700.0, -20.5, -1e-9, 0.0, 1e-300, 0.1, 1.0, 88.7, 709.0],
    "log": [5e-324, 1e-300, 0.3, 0.70711, 1.0, 1.0000001, 1.41421356, 2.0, 17.3, 1e300],
    "sin": [-1e5, -4.7, -1e-9, 0.0, 0.785, 1.5707963267948966, 3.141592653589793, 14.13, 1234.5],
    "cos": [-1e5, -4.7, -1e-9, 0.0, 0.785, 1.5707963267948966, 3.141592653589793, 14.13, 1234.5],
}


@pytest.mark.parametrize("name", FUNCTIONS)
def test_functions_are_those_of_libm_to_two_units_in_the_last_place(node: Node, name: str) -> None:
    values = FUNCTIONS[name]
    found = node(f"answer(input.map(kernel.{name}))", values)
    for x, value in zip(values, found, strict=True):
        expected = getattr(math, name)(x)
        # Near a zero of sine or cosine, the rest of pi is what is left.
        assert abs(value - expected) <= max(2 * math.ulp(expected), 1e-17), x


DRAWS_SCRIPT = """
const generator = kernel.generator(input, "noise");
const uniforms = Array.from({ length: 20000 }, () => generator.uniform());
const below = Array.from({ length: 20000 }, () => generator.below(7));
answer({ uniforms, below, normals: generator.normals(20001) });
"""


@pytest.mark.parametrize("seed", [0, 42, 2**53 - 1])
def test_draws_have_the_moments_of_their_distributions(node: Node, seed: int) -> None:
    found = node(DRAWS_SCRIPT, seed)
    uniforms = torch.tensor(found["uniforms"], dtype=torch.float64)
    normals = torch.tensor(found["normals"], dtype=torch.float64)
    counts = torch.bincount(torch.tensor(found["below"]), minlength=7)

    # Five standard errors each.
    assert uniforms.mean().item() == pytest.approx(0.5, abs=5 * (1 / 12 / 20000) ** 0.5)
    assert uniforms.min() >= 0
    assert uniforms.max() < 1
    assert normals.mean().item() == pytest.approx(0, abs=5 / 20000**0.5)
    assert normals.var().item() == pytest.approx(1, abs=5 * (2 / 20000) ** 0.5)
    assert (normals**4).mean().item() == pytest.approx(3, abs=5 * (96 / 20000) ** 0.5)
    assert (normals[1:] * normals[:-1]).mean().item() == pytest.approx(0, abs=5 / 20000**0.5)
    assert len(counts) == 7
    assert (counts - 20000 / 7).abs().max() < 5 * (20000 / 7) ** 0.5


def test_sources_of_two_purposes_or_seeds_share_no_number(node: Node) -> None:
    script = """
    const draw = (seed, purpose) => Array.from(kernel.generator(seed, purpose).normals(100));
    answer([draw(1, "data"), draw(1, "noise"), draw(2, "data"), draw(1, "data")]);
    """
    data, noise, other, again = node(script)
    assert data == again
    assert not set(data) & set(noise)
    assert not set(data) & set(other)
