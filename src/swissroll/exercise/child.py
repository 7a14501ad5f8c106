"""The program of the process that runs somebody's code: ``python -I child.py CONTROL FOLDER``.

It imports PyTorch once and then forks for each submission, since importing takes longer than all questions about it. It
holds no law, no reference and no expected number: only what asks the code questions (``asking``). Whatever the code
changes in here, it changes its own answers alone.

The parent sends two pipes over the control socket; the fork takes requests from one and answers into the other.
"""

from __future__ import annotations

import builtins
import gc
import importlib.abc
import importlib.machinery
import importlib.util
import json
import os
import shutil
import signal
import socket
import sys
import tempfile
import time
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from types import ModuleType
from typing import Any, NoReturn

HERE = Path(__file__).resolve().parent
FIRST_USER = 60_000
USERS = 5000
"""Where the superuser grades, the code runs as one of these users."""
MAX_CONTROL_BYTES = 1 << 16

DRAWING = ("matplotlib", "mpl_toolkits", "seaborn", "plotly", "IPython", "ipywidgets", "google")
"""Modules of pictures and of notebooks: nothing is drawn here, so importing them does nothing."""
HELD_BACK = "swissroll"
SYSTEM_FOLDERS = (
    "/usr",
    "/lib",
    "/lib64",
    "/bin",
    "/etc",
    "/opt",
    "/nix",
    "/proc",
    "/sys/devices/system",
    "/dev/urandom",
)
"""What a Python reads beside its own folders."""


class Nothing:
    """Takes every call, and does nothing."""

    def __call__(self, *_: object, **__: object) -> Nothing:
        """Do nothing."""
        return self

    def __getattr__(self, name: str) -> Nothing:
        if name.startswith("__"):
            raise AttributeError(name)
        return self


class _DrawingModule(ModuleType):
    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        return Nothing()


class _Finder(importlib.abc.MetaPathFinder, importlib.abc.Loader):
    """Finds modules that do nothing in the place of those that draw, and of swissroll, which a solution may not use."""

    def find_spec(
        self, fullname: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> importlib.machinery.ModuleSpec | None:
        del path, target
        first = fullname.partition(".")[0]
        if first == HELD_BACK:
            raise ImportError("only swissroll.check is there while this is checked; the functions are yours to write")
        if first not in DRAWING:
            return None
        return importlib.machinery.ModuleSpec(fullname, self, is_package=True)

    def create_module(self, spec: importlib.machinery.ModuleSpec) -> ModuleType:
        return _DrawingModule(spec.name)

    def exec_module(self, module: ModuleType) -> None:
        """There is nothing to run."""
        del module


def main(control_descriptor: int, folder: str) -> NoReturn:
    """Import what every submission needs, then fork whenever the parent asks for it."""
    control = socket.socket(fileno=control_descriptor)
    confinement = _load("confinement")
    confinement.hide_memory()

    import torch

    _load("wire")
    _load("entropy")
    _load("execution")
    _load("asking")
    torch.set_num_threads(1)
    with suppress(ImportError):
        import numpy  # noqa: F401
    with suppress(ImportError):
        import tqdm.auto  # noqa: F401
    _warm_up(torch)
    _hold_back()
    gc.collect()
    gc.freeze()

    _tell(control, {"ready": True})
    _serve(control, folder)
    shutil.rmtree(folder, ignore_errors=True)
    os._exit(0)


def _load(name: str) -> Any:
    """Import a file or folder that lies beside this one, without the package that it is in."""
    folder = HERE / name
    path = folder / "__init__.py" if folder.is_dir() else HERE / f"{name}.py"
    within = [str(folder)] if folder.is_dir() else None
    spec = importlib.util.spec_from_file_location(name, path, submodule_search_locations=within)
    assert spec is not None and spec.loader is not None  # noqa: S101, PT018  It is a file of Python.
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)
    return module


def _warm_up(torch: Any) -> None:
    """Do once what PyTorch imports or builds when it is first used."""
    x = torch.zeros(2, 2, requires_grad=True)
    layer = torch.nn.Sequential(torch.nn.Linear(2, 2), torch.nn.ReLU())
    with torch.random.fork_rng(devices=[]):
        (layer(x).exp() + torch.randn_like(x)).sum().backward()
    torch.distributions.kl_divergence(torch.distributions.Normal(0.0, 1.0), torch.distributions.Normal(0.0, 1.0))


def _hold_back() -> None:
    """Put a swissroll in place that has only a check, which does nothing, so that notebooks that call it run."""
    stub = ModuleType(HELD_BACK)
    stub.check = lambda *_, **__: Nothing()  # type: ignore[attr-defined]
    sys.modules[HELD_BACK] = stub

    # Where it is installed to be edited, it has a folder or a finder of its own, which nothing else needs.
    sys.path[:] = [one for one in sys.path if one == _packages() or not _holds(one)]
    sys.meta_path[:] = [one for one in sys.meta_path if not type(one).__module__.startswith("__editable__")]
    sys.meta_path.insert(0, _Finder())


def _packages() -> str:
    """The folder that PyTorch is installed in."""
    return str(Path(str(sys.modules["torch"].__file__)).parents[1])


def _holds(folder: str) -> bool:
    return (Path(folder) / HELD_BACK).is_dir()


def _serve(control: socket.socket, folder: str) -> None:
    """Start and end processes as the parent says, until it is gone."""
    private_folders: dict[int, str] = {}
    while True:
        message, descriptors, _, _ = socket.recv_fds(control, MAX_CONTROL_BYTES, 2)
        if not message:
            # Whoever gave the orders is gone.
            for pid in private_folders:
                _end(pid, 0.0)
            break
        order = json.loads(message)
        if order["do"] == "start":
            private = tempfile.mkdtemp(dir=folder)
            pid = os.fork()
            if pid == 0:
                control.close()
                _run(descriptors[0], descriptors[1], private, order)
            for descriptor in descriptors:
                os.close(descriptor)
            private_folders[pid] = private
            _tell(control, {"pid": pid})
        else:
            status = _end(order["pid"], float(order["grace_seconds"]))
            shutil.rmtree(private_folders.pop(order["pid"], ""), ignore_errors=True)
            _tell(control, {"status": status})


def _end(pid: int, grace_seconds: float) -> int | None:
    """End a process and its group; returns how it ended by itself, as os.waitpid says it, or None."""
    last = time.monotonic() + grace_seconds
    found, status = os.waitpid(pid, os.WNOHANG)
    while not found and time.monotonic() < last:
        time.sleep(0.005)
        found, status = os.waitpid(pid, os.WNOHANG)

    with suppress(OSError):
        os.killpg(pid, signal.SIGKILL)
    if found:
        return status
    with suppress(OSError):
        os.kill(pid, signal.SIGKILL)
    os.waitpid(pid, 0)
    return None


def _tell(control: socket.socket, message: dict[str, Any]) -> None:
    control.sendall(json.dumps(message).encode() + b"\n")


def _run(requests: int, answers: int, private: str, order: dict[str, Any]) -> NoReturn:
    """Give up what the code must not have, then answer; never returns."""
    code = 70
    try:
        requests, answers = _move_descriptors(requests, answers)
        done = _confine(private, order)
        sys.modules["entropy"].repeat_entropy()
        _answer_all(requests, answers, done, float(order["cpu_seconds"]))
        code = 0
    except EOFError:
        code = 0
    finally:
        os._exit(code)


def _move_descriptors(requests: int, answers: int) -> tuple[int, int]:
    """Keep the two pipes and close all else; what the code prints goes nowhere."""
    kept = [os.dup(requests), os.dup(answers)]
    nowhere = os.open(os.devnull, os.O_RDWR)
    for number in (0, 1, 2):
        os.dup2(nowhere, number)
    for number in range(3, 256):
        if number not in kept:
            with suppress(OSError):
                os.close(number)
    return kept[0], kept[1]


def _confine(private: str, order: dict[str, Any]) -> list[str]:
    """Give up rights; returns the names of the measures that this system has."""
    confinement = sys.modules["confinement"]
    user = _other_user()
    os.setsid()
    confinement.end_with_parent()
    if user is not None:
        os.chown(private, user, user)
    os.chdir(private)
    os.environ.clear()
    os.environ.update(HOME=private, TMPDIR=private, LANG="C.UTF-8", MPLBACKEND="agg", CUDA_VISIBLE_DEVICES="")
    tempfile.tempdir = None
    builtins.input = _refuse_input
    signal.signal(signal.SIGINT, signal.SIG_DFL)

    done = confinement.limit_resources(
        cpu_seconds=int(order["total_cpu_seconds"]),
        memory_bytes=int(order["memory_bytes"]),
        file_bytes=int(order["file_bytes"]),
    )
    done += confinement.leave_network()
    done += confinement.become(user)
    confinement.drop_capabilities()
    done += confinement.forbid_processes()
    done += confinement.close_folders(_readable(), _hidden(), private)
    done += confinement.forbid_calls()
    return list(done)


def _other_user() -> int | None:
    """Another user's number where this is the superuser and the others may read PyTorch's files; otherwise None."""
    if os.getuid() != 0:
        return None
    for module in ("torch", "ast"):
        path = Path(str(sys.modules[module].__file__)).resolve()
        if not path.stat().st_mode & 0o004 or not all(parent.stat().st_mode & 0o001 for parent in path.parents):
            return None
    return FIRST_USER + os.getpid() % USERS


def _readable() -> list[str]:
    """Folders that Python and its packages lie in."""
    folders = {path for path in (sys.prefix, sys.base_prefix, *sys.path) if path}

    # Some installers only link a package, and leave it where they unpacked it.
    linked: set[str] = set()
    for folder in sys.path:
        if folder and Path(folder).is_dir():
            linked.update(os.path.realpath(entry) for entry in os.scandir(folder) if entry.is_symlink())
    return [*SYSTEM_FOLDERS, *folders, *linked]


def _hidden() -> list[str]:
    """Where swissroll itself lies, for who removes what keeps it from being imported."""
    return [str(HERE.parent), *(str(Path(one) / HELD_BACK) for one in sys.path if _holds(one))]


def _refuse_input(*_: object) -> NoReturn:
    raise EOFError("input() has nobody to answer it while this is checked")


def _answer_all(requests: int, answers: int, confined: list[str], seconds: float) -> None:
    """Answer requests until there are no more."""
    wire: Any = sys.modules["wire"]
    asking: Any = sys.modules["asking"]
    execution: Any = sys.modules["execution"]
    found: Any = None
    while True:
        request = wire.receive(requests)
        nonce = request["nonce"]
        body = request["request"]
        try:
            if body.get("kind") == "load":
                # Importing takes longer than answering.
                with execution.limited(5 * seconds):
                    namespace, problems = execution.load(body["source"], body["keep"])
                    found = asking.find(namespace)
                answer = {"problems": problems, "confined": confined}
            else:
                with execution.limited(seconds):
                    answer = asking.answer(found, body)
            message = wire.pack({"nonce": nonce, "answer": answer})
        except (KeyError, wire.WireError) as error:
            message = wire.pack({"nonce": nonce, "answer": execution.describe(error)})
        except BaseException as error:
            message = wire.pack({"nonce": nonce, "answer": execution.describe(error)})
        wire.send(answers, message)


if __name__ == "__main__":
    main(int(sys.argv[1]), sys.argv[2])
