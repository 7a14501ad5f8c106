"""Submissions that loop, crash, lie, or reach out: each answers its own question with one line, and the rest goes on.

Oracle: what the right solution answers to the same request, and the files, processes and modules that are there after.
"""

from __future__ import annotations

import os
import platform
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch

import swissroll
from swissroll.exercise import child
from swissroll.exercise.asking import find
from swissroll.exercise.checking import check_subject
from swissroll.exercise.misconceptions.source import solution
from swissroll.exercise.sandbox import SandboxedSubject
from swissroll.exercise.subject import LocalSubject
from swissroll.exercise.submission import Cell, parse_cells
from swissroll.exercise.warm_process import Limits, Sandbox
from tests.exercise.hostile import RIGHT, with_loss, with_sampler

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")

MU = torch.tensor([[0.0, 1.0], [2.0, -1.0]])
DRAW = {"kind": "draw", "calls": [{"mu": MU, "head": MU, "seed": 1, "training": True, "cotangent": None}]}
LOSS = {
    "kind": "loss", "recon": torch.zeros(1, 2, 2), "x": torch.zeros(1, 2, 2), "mu": torch.ones(1, 2, 2),
    "head": torch.zeros(1, 2, 2), "beta": [1.0], "gradients": False, "probe": "plain",
}  # fmt: skip
QUICK = Limits(cpu_seconds=0.3)
IMPATIENT = Limits(cpu_seconds=0.3, wall_seconds=2.0)
"""For what waits, or refuses to be interrupted, and for nothing else: a busy machine may take longer over an answer."""


@pytest.fixture(scope="module")
def sandbox() -> Iterator[Sandbox]:
    with Sandbox() as one:
        yield one


def subject(code: str, sandbox: Sandbox, limits: Limits = QUICK) -> SandboxedSubject:
    return SandboxedSubject(parse_cells("a.py", [Cell("", code)], []), sandbox, limits)


def draw_of(answer: dict[str, Any]) -> dict[str, Any]:
    """The one draw of an answer, or its error."""
    return dict(answer["draws"][0]) if "draws" in answer else answer


def sampler_says(body: str, sandbox: Sandbox, before: str = "", limits: Limits = QUICK) -> str:
    """What a question about the sampler is answered; that about the loss is answered rightly whatever happens there."""
    with subject(with_sampler(body, before), sandbox) as one:
        one.ask({"kind": "describe"})
        one.limits = limits
        first = draw_of(one.ask(DRAW))
        one.limits = QUICK
        assert float(one.ask(LOSS)["loss"][0]) == 0.5
        again = draw_of(one.ask(DRAW))
    assert first.get("error") == again.get("error")
    return f"{first['error']}: {first['message']}" if "error" in first else "answered"


def test_a_right_solution_answers_as_it_does_here(sandbox: Sandbox) -> None:
    with subject(RIGHT, sandbox) as one:
        drawn = draw_of(one.ask(DRAW))
        assert one.problems == []
    torch.manual_seed(1)
    torch.testing.assert_close(drawn["z"], MU + torch.randn(2, 2) * (0.5 * MU).exp(), rtol=0, atol=0)


def test_noise_that_takes_many_calls_is_judged_as_it_is_here(sandbox: Sandbox) -> None:
    code = solution(sampler="return mu + torch.exp(0.5 * logvar) * torch.randn(mu.shape[1])")
    namespace: dict[str, Any] = {}
    exec(compile(code, "a.py", "exec"), namespace)  # noqa: S102  It is the test's own.
    here = check_subject(LocalSubject(find(namespace)), parts=["reparameterize"])
    with subject(code, sandbox, Limits()) as one:
        there = check_subject(one, parts=["reparameterize"])
    assert [law.law for law in here.failed] == ["reparameterize.independent"]
    assert [(law.law, law.passed) for law in there.evidence] == [(law.law, law.passed) for law in here.evidence]


def test_a_name_that_a_line_makes_which_is_not_run_is_no_error_of_the_code(sandbox: Sandbox) -> None:
    with subject(with_sampler("return mu + width", "width = train()\n"), sandbox) as one:
        told = draw_of(one.ask(DRAW))
    assert told["error"] == "NotRun"
    assert told["message"].startswith("it needs width")
    with subject(with_sampler("return mu + width"), sandbox) as one:
        assert draw_of(one.ask(DRAW))["error"] == "NameError"


SLOW = "TimeLimit: it did not come to an end in its time"
REFUSED = "PermissionError: it tried to start a process or to open a connection, which is not allowed here"


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ("while True:\n    pass", SLOW),
        ("import os\nos._exit(0)", "Exited: it ended its own process (os._exit)"),
        ("import ctypes\nctypes.string_at(0)", "Exited: it made its process crash (SIGSEGV)"),
        ("raise SystemExit", "SystemExit: it ended the program (exit, quit or sys.exit)"),
        ("raise KeyboardInterrupt", "KeyboardInterrupt: "),
        ("input('how many? ')", "EOFError: input() has nobody to answer it while this is checked"),
        ("return self.reparameterize(mu, logvar)", "RecursionError: maximum recursion depth exceeded"),
        ("print('x' * 10**6)", "answered"),
        ("return mu * float('nan')", "answered"),
    ],
)
def test_what_keeps_a_question_from_its_answer_is_the_answer(body: str, said: str, sandbox: Sandbox) -> None:
    assert sampler_says(body, sandbox) == said


@pytest.mark.parametrize(
    "body",
    [
        "import time\ntime.sleep(60)",
        "while True:\n    try:\n        while True:\n            pass\n    except BaseException:\n        pass",
        "import signal\nsignal.setitimer(signal.ITIMER_PROF, 0)\nwhile True:\n    pass",
    ],
)
def test_what_waits_or_is_not_interrupted_is_ended_by_the_clock(body: str, sandbox: Sandbox) -> None:
    assert sampler_says(body, sandbox, limits=IMPATIENT) == SLOW


def test_the_loop_is_named_by_its_first_line(sandbox: Sandbox) -> None:
    with subject(with_sampler("x = 0\nwhile True:\n    x += 1\n    x -= 1"), sandbox) as one:
        where = one.ask(DRAW)["where"]
    line = int(where.removeprefix("line "))
    assert with_sampler("x = 0\nwhile True:").splitlines()[line - 1].strip() == "while True:"


def test_a_message_of_the_code_moves_no_cursor(sandbox: Sandbox) -> None:
    assert sampler_says("raise ValueError('a\\x1b[31m red \\u202e b')", sandbox) == "ValueError: a [31m red   b"


def test_a_loop_costs_its_time_once(sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    with subject(with_sampler("while True:\n    pass"), sandbox) as one:
        one.ask(DRAW)
        # From here on there is no process to ask.
        monkeypatch.setattr(sandbox, "start_fork", None)
        for _ in range(50):
            assert one.ask(DRAW)["error"] == "TimeLimit"


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="needs a limit of memory")
@pytest.mark.parametrize("body", ["torch.zeros(10**10)", "[0] * 10**10", "bytearray(1 << 34)", "x = 'x' * (1 << 34)"])
def test_gigabytes_are_refused(body: str, sandbox: Sandbox) -> None:
    assert sampler_says(body, sandbox) == "MemoryLimit: it asked for more memory than it may have"


HAS_FILTER = sys.platform.startswith("linux") and platform.machine() in ("x86_64", "aarch64")


@pytest.mark.skipif(not HAS_FILTER, reason="needs a filter of system calls")
@pytest.mark.parametrize(
    "body",
    [
        "import os\nwhile True:\n    os.fork()",
        "import os\nos.execv('/bin/true', ['true'])",
        "import subprocess\nsubprocess.run(['/bin/true'])",
        "import threading\nthreading.Thread(target=print).start()",
        "import os\nos.kill(os.getppid(), 9)",
        "import os\nos.kill(-1, 9)",
        "import socket\nsocket.create_connection(('192.0.2.1', 80))",
        "import socket\nsocket.socketpair()",
    ],
)
def test_no_process_no_signal_and_no_connection(body: str, sandbox: Sandbox) -> None:
    said = sampler_says(body, sandbox)
    assert said.partition(": ")[2] == REFUSED.partition(": ")[2]


def confined(sandbox: Sandbox) -> list[str]:
    with subject(RIGHT, sandbox) as one:
        one.ask({"kind": "describe"})
        return one.confined


def test_files_of_others_are_neither_read_nor_written(sandbox: Sandbox, tmp_path: Path) -> None:
    if "folders" not in confined(sandbox):
        pytest.skip("needs Landlock")
    secret = tmp_path / "secret"
    secret.write_text("42")
    for body in (
        f"open({str(secret)!r}).read()",
        f"open({str(tmp_path / 'new')!r}, 'w')",
        f"open({str(secret)!r}, 'w')",
    ):
        assert "it tried to use a file outside of its own folder" in sampler_says(body, sandbox)
    assert [path.name for path in tmp_path.iterdir()] == ["secret"]
    assert secret.read_text() == "42"


def test_its_own_folder_is_its_own_small_and_gone_afterwards(sandbox: Sandbox) -> None:
    assert sampler_says("open('mine', 'w').write('x')", sandbox) == "answered"
    too_large = "f = open('mine', 'wb')\nwhile True:\n    f.write(bytes(1 << 20))\n    f.flush()"
    assert sampler_says(too_large, sandbox) == "OSError: [Errno 27] File too large"

    reveal = "import os\nraise ValueError(os.getcwd())"
    folder = Path(sampler_says(reveal, sandbox).partition(": ")[2])
    assert folder.parent.is_dir()
    assert not folder.exists()


def test_the_environment_is_empty(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SECRET_TOKEN", "42")
    with Sandbox() as fresh:
        assert "SECRET_TOKEN" not in sampler_says("import os\nraise ValueError(sorted(os.environ))", fresh)
        read = "raise ValueError(open('/proc/self/environ').read().count('SECRET_TOKEN'))"
        assert sampler_says(read, fresh).startswith(("ValueError: 0", "PermissionError"))


WRITE_EVERYWHERE = """
import os
for n in range(3, 64):
    try:
        os.write(n, BYTES)
    except OSError:
        pass
"""


@pytest.mark.parametrize(
    "forged", ["b'x' * 1000", "bytes(8)", "bytes([0, 0, 0, 2, 0, 0, 0, 0]) + b'{}'", "b'\\xff' * 64"]
)
def test_bytes_in_the_checkers_channel_are_no_answer(forged: str, sandbox: Sandbox) -> None:
    body = WRITE_EVERYWHERE.replace("BYTES", forged)
    assert sampler_says(body, sandbox) == "Protocol: the code wrote into the checker's own channel"


def test_a_closed_channel_is_no_answer(sandbox: Sandbox) -> None:
    said = sampler_says("import os\nos.closerange(3, 256)", sandbox)
    assert said == "Protocol: the code closed the checker's own channel"


LOOK_AT_FRAMES = """
import sys
frame = sys._getframe()
found = []
while frame:
    found += [*frame.f_globals, *frame.f_locals]
    frame = frame.f_back
raise ValueError(sorted(name for name in found if name.lower() in SECRETS))
"""
LOOK_AT_OBJECTS = """
import gc
found = [getattr(one, '__name__', '') for one in gc.get_objects() if type(one) is type]
raise ValueError(sorted(name for name in found if name.lower() in SECRETS))
"""
LOOK_AT_MODULES = """
import sys
raise ValueError(sorted(name for name in sys.modules if name.startswith('swissroll.')))
"""


@pytest.mark.parametrize("body", [LOOK_AT_FRAMES, LOOK_AT_OBJECTS, LOOK_AT_MODULES])
def test_nothing_of_the_checker_lies_in_the_process(body: str, sandbox: Sandbox) -> None:
    secrets = "SECRETS = {'evidence', 'law', 'question', 'questions', 'misconception', 'checkresult', 'expected'}\n"
    assert sampler_says(body, sandbox, before=secrets) == "ValueError: []"


@pytest.mark.parametrize(
    "body",
    [
        "import swissroll.exercise.laws",
        "from swissroll import VAE",
        "import swissroll\nswissroll.VAE",
        "import sys\nsys.modules.pop('swissroll', 0)\nimport swissroll.model",
        "import importlib\nimportlib.import_module('swissroll.model.vae')",
    ],
)
def test_swissrolls_own_functions_are_no_solution(body: str, sandbox: Sandbox) -> None:
    assert sampler_says(body, sandbox).partition(":")[0] in ("ImportError", "ModuleNotFoundError", "AttributeError")


def test_swissroll_is_not_found_where_its_guard_is_removed(sandbox: Sandbox) -> None:
    if "folders" not in confined(sandbox):
        pytest.skip("needs Landlock")
    package = Path(str(swissroll.__file__)).parent
    path = str(package.parent)
    lines = [
        "import sys",
        "sys.modules.pop('swissroll', 0)",
        "sys.meta_path[:] = [one for one in sys.meta_path if type(one) is type]",
        f"sys.path.insert(0, {path!r})",
        "import swissroll.model.vae",
    ]
    found = "\n".join(lines)
    assert sampler_says(found, sandbox).partition(":")[0] in ("ImportError", "ModuleNotFoundError", "PermissionError")


def test_a_notebook_that_calls_the_check_runs(sandbox: Sandbox) -> None:
    before = "import swissroll\nfrom swissroll import check\n"
    assert sampler_says("swissroll.check(self).raise_if_failed()\ncheck(3)", sandbox, before) == "answered"


def test_a_patched_torch_changes_its_own_answers_alone(sandbox: Sandbox) -> None:
    patch = (
        "import torch\ntorch.randn_like = torch.zeros_like\ntorch.equal = lambda *_: True\ntorch.Tensor.__eq__ = None\n"
    )
    before = torch.randn_like
    with subject(patch + RIGHT, sandbox) as one:
        patched = draw_of(one.ask(DRAW))["z"]
    assert torch.equal(patched, MU)
    assert torch.randn_like is before
    with subject(RIGHT, sandbox) as one:
        assert not torch.equal(draw_of(one.ask(DRAW))["z"], MU)


def test_what_one_submission_leaves_is_not_there_for_the_next(sandbox: Sandbox) -> None:
    with subject(with_sampler("import builtins\nbuiltins.left = 1"), sandbox) as one:
        one.ask(DRAW)
    assert sampler_says("left", sandbox) == "NameError: name 'left' is not defined"


def test_what_fails_at_import_is_told_and_the_rest_runs(sandbox: Sandbox) -> None:
    broken = "import nothing_here\nimport seaborn as sns\nfrom google.colab import drive\nclass A:\n    x = 1 / 0\n"
    with subject(broken + RIGHT, sandbox) as one:
        assert "z" in draw_of(one.ask(DRAW))
        assert one.problems == [
            "line 1: ModuleNotFoundError: No module named 'nothing_here'.",
            "line 5: ZeroDivisionError: division by zero.",
        ]


@pytest.mark.parametrize(
    ("code", "problem"),
    [
        ("class A:\n    while True:\n        pass\n", "line 2: it did not come to an end in its time."),
        ("class A:\n    import os\n    os._exit(0)\n", "it ended its own process (os._exit)."),
    ],
)
def test_what_ends_the_import_is_the_answer_to_all(code: str, problem: str, sandbox: Sandbox) -> None:
    with subject(code + RIGHT, sandbox, Limits(cpu_seconds=0.1)) as one:
        assert "error" in one.ask(DRAW)
        assert "error" in one.ask(LOSS)
        assert one.problems == [problem]


def test_a_loop_in_the_loss_leaves_the_sampler_its_answers(sandbox: Sandbox) -> None:
    with subject(with_loss("while True:\n    pass"), sandbox) as one:
        assert "z" in draw_of(one.ask(DRAW))
        assert one.ask(LOSS)["error"] == "TimeLimit"
        assert "z" in draw_of(one.ask(DRAW))


def test_a_warm_process_that_was_killed_is_started_again() -> None:
    with Sandbox() as one:
        with subject(RIGHT, one) as first:
            first.ask(DRAW)
        assert one._process is not None
        one._process.kill()
        one._process.wait()
        with subject(RIGHT, one) as second:
            assert "z" in draw_of(second.ask(DRAW))


KILLED = """
import time
from swissroll.exercise import child
from swissroll.exercise.warm_process import Limits, Sandbox
one = Sandbox()
one.start_fork(Limits())
print(one._folder, flush=True)
time.sleep(600)
"""


def test_nothing_is_left_of_a_grader_that_was_killed() -> None:
    with subprocess.Popen([sys.executable, "-c", KILLED], stdout=subprocess.PIPE, text=True) as grader:
        assert grader.stdout is not None
        folder = Path(grader.stdout.readline().strip())
        assert len(list(folder.iterdir())) == 1
        grader.kill()
    last = time.monotonic() + 60
    while folder.exists() and time.monotonic() < last:
        time.sleep(0.01)
    assert not folder.exists()


def test_packages_that_are_only_linked_can_be_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    unpacked = tmp_path / "unpacked" / "package"
    unpacked.mkdir(parents=True)
    site = tmp_path / "site-packages"
    site.mkdir()
    (site / "package").symlink_to(unpacked)
    monkeypatch.setattr(sys, "path", ["", str(site), str(tmp_path / "python311.zip")])
    assert str(unpacked) in child._readable()
