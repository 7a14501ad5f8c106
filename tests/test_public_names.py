"""Public names of the packages: each can be imported, and costs nothing before it is used."""

from __future__ import annotations

import ast
import subprocess
import sys
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest

PACKAGES = ["model", "training", "evaluation", "runs", "report", "sweep"]


def stub_of(package: Any) -> ast.Module:
    return ast.parse(Path(package.__file__).with_suffix(".pyi").read_text(encoding="utf-8"))


@pytest.mark.parametrize("name", ["swissroll", *(f"swissroll.{name}" for name in PACKAGES)])
def test_every_public_name_is_the_one_that_a_type_checker_sees(name: str) -> None:
    package = import_module(name)
    imports = [node for node in ast.walk(stub_of(package)) if isinstance(node, ast.ImportFrom)]
    seen = {str(alias.asname): (node.module, alias.name) for node in imports for alias in node.names}
    assert set(package.__all__) == set(seen)
    for public, (module, defined) in seen.items():
        assert getattr(package, public) is getattr(import_module(f"{name}.{module}"), defined)


@pytest.mark.parametrize("name", PACKAGES)
def test_no_public_name_is_hidden_by_a_module_of_the_package(name: str) -> None:
    package = import_module(f"swissroll.{name}")
    modules = {path.stem for path in Path(str(package.__file__)).parent.glob("*.py")}
    assert modules.isdisjoint(package.__all__)


@pytest.mark.parametrize("name", ["", *(f".{name}" for name in PACKAGES)])
def test_an_unknown_name_is_refused(name: str) -> None:
    package = import_module(f"swissroll{name}")
    with pytest.raises(AttributeError, match=f"swissroll{name}.*Trainer"):
        _ = package.Trainer


def test_importing_the_packages_loads_neither_torch_nor_numpy() -> None:
    imports = "\n".join(f"import swissroll.{name}" for name in PACKAGES)
    code = f"import sys\n{imports}\nprint(sorted({{'torch', 'numpy', 'matplotlib'}} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"
