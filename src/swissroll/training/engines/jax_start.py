"""JAX as the fast engine uses it: how it starts, which of its settings hold, and on which device it computes."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from functools import cache
from pathlib import Path
from types import ModuleType
from typing import Any

from swissroll.errors import Fix, FixableError


def import_jax(threads: int | None = None) -> ModuleType:
    """JAX, started with this many CPU threads, its compiled programs kept on disk.

    The number of threads is decided once a process, by the first call.

    Raises:
        ValueError: JAX is not installed, or does not start.
    """
    flags = os.environ.get("XLA_FLAGS", "")
    if flags:
        _require_start_with(flags)
    try:
        import jax

        with _environment("NPROC", None if threads is None else str(threads)):
            jax.devices()
    except ModuleNotFoundError as error:
        if error.name != "jax":
            raise _explain_start(error) from None
        raise FixableError("engine 'xla' needs JAX, which is not installed.", Fix.INSTALL_JAX) from None
    # A broken installation may raise anything.
    except Exception as error:
        raise _explain_start(error) from None
    _keep_programs(jax)
    return jax


@cache
def _require_start_with(flags: str) -> None:
    """Start JAX in a process of its own first: at a flag that XLA does not know, it ends the process."""
    del flags
    command = [sys.executable, "-c", "import jax; jax.devices()"]
    tried = subprocess.run(command, capture_output=True, text=True, errors="replace", check=False)  # noqa: S603
    lines = tried.stderr.strip().splitlines()
    if tried.returncode and any("XLA_FLAGS" in line for line in lines[-1:]):
        # Without the time and the place in its source.
        raise _explain_start(lines[-1].rpartition("] ")[2])


def _explain_start(reason: object) -> FixableError:
    first = str(reason).strip().partition("\n")[0].rstrip(".")
    return FixableError(f"JAX, which engine 'xla' needs, does not start: {first:.300}.", Fix.MEND_JAX)


@contextmanager
def _environment(name: str, value: str | None) -> Iterator[None]:
    """Set a variable of the environment for a while: XLA reads the number of its threads there when it starts."""
    before = os.environ.get(name)
    if value is not None:
        os.environ[name] = value
    try:
        yield
    finally:
        if before is None:
            os.environ.pop(name, None)
        else:
            os.environ[name] = before


@contextmanager
def ordinary_jax(jax: Any) -> Iterator[None]:
    """Compute as JAX does by default, in full precision, whatever its settings for the process are."""
    with ExitStack() as settings:
        settings.enter_context(jax.default_matmul_precision("highest"))
        settings.enter_context(jax.disable_jit(False))
        settings.enter_context(jax.transfer_guard("allow"))
        settings.enter_context(jax.numpy_rank_promotion("allow"))
        settings.enter_context(jax.numpy_dtype_promotion("standard"))
        # The loop itself looks for numbers that are not finite, and says where the first one was.
        settings.enter_context(jax.debug_nans(False))
        settings.enter_context(jax.debug_infs(False))
        yield


def _keep_programs(jax: Any) -> None:
    """Keep compiled programs on disk, for the next process; JAX_COMPILATION_CACHE_DIR names another folder."""
    if jax.config.jax_compilation_cache_dir is None:
        cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
        jax.config.update("jax_compilation_cache_dir", str(cache / "swissroll" / "xla"))
    jax.config.update("jax_persistent_cache_min_compile_time_secs", 0.0)
    jax.config.update("jax_persistent_cache_min_entry_size_bytes", -1)


def find_device(jax: ModuleType, device: str) -> Any:
    """The JAX device for a config's, 'auto' being JAX's own choice; raises ValueError where it has none."""
    names = {"cuda": "cuda", "cpu": "cpu"}
    if device == "auto":
        return jax.devices()[0]
    try:
        return jax.devices(names[device])[0]
    except (KeyError, RuntimeError):
        raise ValueError(f"JAX has no device {device!r} here; choose device 'cpu' or engine 'torch'.") from None
