"""Files that are handed in: what of them is run, and the one line on those that hold nothing.

Oracle: the names that running a file's kept statements leaves, counted by hand.
"""

from __future__ import annotations

import ast
import json
from pathlib import Path
from typing import Any

import pytest

from swissroll.exercise import submission as submissions
from swissroll.exercise.submission import SubmissionError, read_submission


def notebook(*sources: str, language: str = "python", **more: Any) -> str:
    """A notebook with a heading and then cells of code."""
    cells: list[dict[str, Any]] = [{"cell_type": "markdown", "metadata": {}, "source": ["# Title"]}]
    for source in sources:
        lines = source.splitlines(keepends=True)
        cells.append({"cell_type": "code", "metadata": {}, "outputs": [], "execution_count": None, "source": lines})
    metadata = {"language_info": {"name": language}}
    return json.dumps({"nbformat": 4, "nbformat_minor": 5, "metadata": metadata, "cells": cells} | more)


def read(folder: Path, text: str | bytes, name: str = "a.py") -> submissions.Submission:
    path = folder / name
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return read_submission(path)


def kept(submission: submissions.Submission) -> list[str]:
    """The statements that are run."""
    statements = ast.parse(submission.source).body
    return [ast.unparse(statements[place]) for place in submission.keep]


@pytest.mark.parametrize(
    "statement",
    [
        "import torch",
        "from torch import nn",
        "def f(x):\n    return x",
        "class A:\n    pass",
        "beta = 0.01",
        "LOG = math.log(2 * math.pi)",
        "device = torch.device('cuda' if torch.cuda.is_available() else 'cpu')",
        "sizes = (2, [3, 4], {'a': -1})",
        "VAE.reparameterize = reparameterize",
        "f = lambda x: train(x)",
        "x: int = 3",
        "try:\n    import a\nexcept ImportError:\n    a = None",
        "if torch.cuda.is_available():\n    device = 'cuda'\nelse:\n    device = 'cpu'",
    ],
)
def test_imports_functions_classes_and_constants_are_run(statement: str, tmp_path: Path) -> None:
    assert kept(read(tmp_path, statement)) == [statement]


@pytest.mark.parametrize(
    "statement",
    [
        "model = VAE()",
        "train()",
        "for i in range(10):\n    pass",
        "while True:\n    pass",
        "with open('x') as f:\n    pass",
        "x = [train() for _ in range(3)]",
        "data = generate(10000)",
        "x = open('/etc/passwd').read()",
        "del x",
        "'text'",
        "assert f()",
        "if True:\n    train()",
        "plt.show()",
    ],
)
def test_nothing_else_is_run(statement: str, tmp_path: Path) -> None:
    assert kept(read(tmp_path, statement)) == []


@pytest.mark.parametrize(
    "source",
    [
        "from torch import distributions as td\nPRIOR = td.Normal(0.0, 1.0)",
        "import torch.distributions as D\nPRIOR = D.Independent(D.Normal(torch.zeros(2), torch.ones(2)), 1)",
        "from torch.distributions import MultivariateNormal as MVN\nPRIOR = MVN(torch.zeros(2), torch.eye(2))",
        "import numpy\nLOG = numpy.log(2 * numpy.pi)",
        "from numpy import log as ln\nLOG = ln(2)",
        "from math import log\nLOG = log(2)",
        "import torch as t\nONE = t.ones(1).to(t.device('cpu'))",
        "from torch import nn as layers\nact = layers.GELU()",
        "from functools import partial\nbig = partial(f, hidden_dim=3)",
        "import torch\nGEN = torch.Generator().manual_seed(7)",
        "import torch\nNOISE = torch.randn(128, 2)",
        "import torch\nNOISE = torch.empty(128, 2).normal_()",
        "import torch\nimport numpy as np\nNOISE = torch.from_numpy(np.random.randn(128, 2)).float()",
        "import numpy as np\nNOISE = np.random.default_rng(0).standard_normal((128, 2))",
    ],
)
def test_a_constant_is_one_by_whatever_name_its_function_was_imported(source: str, tmp_path: Path) -> None:
    assert "\n".join(kept(read(tmp_path, source))) == source


@pytest.mark.parametrize(
    "source",
    [
        "from train import log\nLOG = log(2)",
        "from torch import load as tensor\nx = tensor('x')",
        "model = VAE().to(device)",
        "model = model.to(device)",
        "x = td.Normal(0.0, 1.0).sample()",
    ],
)
def test_a_borrowed_name_makes_no_constant(source: str, tmp_path: Path) -> None:
    assert kept(read(tmp_path, source)) == [line for line in source.splitlines() if " import " in line]


def test_names_of_what_was_left_out_are_kept(tmp_path: Path) -> None:
    assert read(tmp_path, "model, losses = train()\nfor i in range(3):\n    y = i\n").left_out == [
        "i", "losses", "model", "y",
    ]  # fmt: skip


def test_magics_and_shell_lines_are_left_out_and_told(tmp_path: Path) -> None:
    source = "%matplotlib inline\n!pip install torch\nfiles = !ls\ntorch?\nbeta = 2\nif beta:\n    %time f()\n"
    found = read(tmp_path, notebook(source), "a.ipynb")
    assert [line for line in kept(found) if line != "pass"] == ["beta = 2", "if beta:\n    pass"]
    assert found.notes == ["cell 2: shell commands and magics were left out: only Python is checked."]


def test_a_percent_sign_in_python_is_no_magic(tmp_path: Path) -> None:
    source = 'text = """\n%matplotlib inline\n!ls\n"""\ny = (7\n% 4)\n'
    found = read(tmp_path, notebook(source), "a.ipynb")
    assert kept(found) == ["text = '\\n%matplotlib inline\\n!ls\\n'", "y = 7 % 4"]
    assert found.notes == []


def test_a_cell_of_another_language_is_left_out_and_one_that_is_timed_is_not(tmp_path: Path) -> None:
    found = read(tmp_path, notebook("%%bash\nls -l\n", "%%time\nbeta = 3\n"), "a.ipynb")
    assert "beta = 3" in kept(found)
    assert found.notes[0] == "cell 2: a cell of %%bash was left out: only Python is checked."


def test_a_syntax_error_costs_its_cell_and_is_told_with_its_line(tmp_path: Path) -> None:
    found = read(tmp_path, notebook("beta = 1", "x = 2\ndef f(:\n    pass", "gamma = 3"), "a.ipynb")
    assert kept(found) == ["beta = 1", "gamma = 3"]
    assert found.notes == ["cell 3: line 2: syntax error (invalid syntax). The cell was left out."]


def test_lines_are_named_by_cell(tmp_path: Path) -> None:
    found = read(tmp_path, notebook("a = 1\nb = 2", "c = 3\nd = 4\n"), "a.ipynb")
    line = found.source.splitlines().index("d = 4") + 1
    assert found.place(line) == "cell 3, line 2"
    assert found.place(None) == ""
    assert read(tmp_path, "a = 1\nb = 2").place(2) == "line 2"


@pytest.mark.parametrize(
    ("text", "name", "line"),
    [
        ("", "a.py", "a.py holds no code."),
        ("  \n\n", "a.py", "a.py holds no code."),
        ("", "a.ipynb", "a.ipynb is empty."),
        (notebook(), "a.ipynb", "a.ipynb holds no code."),
        ("{}", "a.ipynb", "a.ipynb is not a notebook: it has no cells."),
        ("[1]", "a.ipynb", "a.ipynb is not a notebook: it has no cells."),
        ("[" * 10**5, "a.ipynb", "a.ipynb is not a notebook. Save it again in Jupyter, and hand in that file."),
        (notebook("x <- 3", language="R"), "a.ipynb", "a.ipynb is a notebook in r; only Python is checked."),
        (b"\x89PNG\r\n\x1a\n\xff", "a.ipynb", "a.ipynb is not a text in UTF-8. Save it again, and hand in that file."),
        (b"a = 1\0", "a.py", "a.py is not a text. Save it again, and hand in that file."),
        ("def f(:", "a.py", "a.py: line 1: syntax error (invalid syntax)."),
        ("x = " + "(" * 500 + ")" * 500, "a.py", "a.py: line 1: syntax error (too many nested parentheses)."),
        ("x = " + "-" * 10**5 + "1", "a.py", "a.py: the code is nested too deeply to be read."),
    ],
)
def test_a_file_without_code_has_its_one_line(text: str | bytes, name: str, line: str, tmp_path: Path) -> None:
    with pytest.raises(SubmissionError) as raised:
        read(tmp_path, text, name)
    assert str(raised.value) == line


def test_too_large_a_file_is_not_opened(tmp_path: Path) -> None:
    path = tmp_path / "a.ipynb"
    with path.open("wb") as file:
        file.truncate(submissions.MAX_FILE_BYTES + 1)
    with pytest.raises(SubmissionError, match="has 64 MB; at most 64 MB are read"):
        read_submission(path)


def test_outputs_do_not_count(tmp_path: Path) -> None:
    whole = json.loads(notebook("beta = 1"))
    whole["cells"][1]["outputs"] = [{"output_type": "stream", "text": "x" * (11 << 20)}]
    found = read(tmp_path, json.dumps(whole), "a.ipynb")
    assert kept(found) == ["beta = 1"]
    assert found.notes == ["The file has 11 MB. Its outputs were not read."]


def test_old_and_odd_notebooks_are_read(tmp_path: Path) -> None:
    old = {"nbformat": 3, "metadata": {}, "worksheets": [{"cells": [{"cell_type": "code", "input": ["beta = 1"]}]}]}
    assert kept(read(tmp_path, json.dumps(old), "a.ipynb")) == ["beta = 1"]
    odd = {
        "metadata": 3,
        "cells": [None, 4, {"cell_type": "code", "source": "a = 1"}, {"cell_type": "code", "source": 7}],
    }
    assert kept(read(tmp_path, json.dumps(odd), "a.ipynb")) == ["a = 1"]
    assert kept(read(tmp_path, b"\xef\xbb\xbfbeta = 1\r\n")) == ["beta = 1"]


def test_what_a_solution_has_no_use_for_is_named(tmp_path: Path) -> None:
    source = "import gc, torch\nfrom ctypes import cdll\ndef f():\n    import sys\n    return sys._getframe().f_back\n"
    assert read(tmp_path, source).look_at == ["_getframe", "ctypes", "f_back", "gc"]
    assert read(tmp_path, "import torch\nimport os, sys\n").look_at == []
