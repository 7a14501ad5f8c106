"""What a process gives up before it runs somebody's code: time, memory, files, processes, the network, other folders.

Every measure is taken where the system has it, and reported by name where it is. The process that runs the code loads
this file by its path, so it imports the standard library alone.

This protects a grader from mistakes and from simple tricks. It is no wall against an attacker.
Sources: the manual pages setrlimit(2), unshare(2), landlock(7), seccomp(2) and prctl(2) of Linux.
"""

from __future__ import annotations

import ctypes
import os
import platform
import struct
import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from itertools import chain
from pathlib import Path

if sys.platform != "win32":
    import resource

CLONE_NEWUSER = 0x10000000
CLONE_NEWNET = 0x40000000
CAPABILITY_VERSION_3 = 0x20080522
PR_SET_PDEATHSIG = 1
PR_SET_DUMPABLE = 4
PR_SET_NO_NEW_PRIVS = 38
PR_SET_SECCOMP = 22
SECCOMP_MODE_FILTER = 2
SIGKILL = 9

LANDLOCK_CREATE_RULESET = 444
LANDLOCK_ADD_RULE = 445
LANDLOCK_RESTRICT_SELF = 446
LANDLOCK_RULE_PATH_BENEATH = 1
LANDLOCK_READ = 0b1101
"""Execute, read a file, read a folder."""
LANDLOCK_LIST = 0b1000
LANDLOCK_OF_FILES = 0b0111
"""Execute, write and read a file: what a rule for a file, and not a folder, may hold."""
LANDLOCK_ALL = {1: (1 << 13) - 1, 2: (1 << 14) - 1, 3: (1 << 15) - 1}
"""Every right over files that a version of Landlock knows."""

AUDIT_ARCH = {"x86_64": 0xC000003E, "aarch64": 0xC00000B7}
FORBIDDEN_CALLS = {
    "x86_64": {
        "fork": (57, 58, 56, 435),
        "exec": (59, 322),
        "kill": (62, 200, 234, 129, 297, 424, 434),
        "trace": (101, 310, 311),
        "socket": (41, 53),
        "space": (272, 308),
        "io_uring": (425, 426, 427),
    },
    "aarch64": {
        "fork": (220, 435),
        "exec": (221, 281),
        "kill": (129, 130, 131, 138, 240, 424, 434),
        "trace": (117, 270, 271),
        "socket": (198, 199),
        "space": (97, 268),
        "io_uring": (425, 426, 427),
    },
}
"""Numbers of the system calls that the code may not make: new processes and threads, other programs, signals to others,
looking into others, sockets, spaces of its own, and a way around such filters."""
X32_CALLS = 0x40000000
EPERM = 1


def end_with_parent() -> None:
    """Die with the process that started this one, where the system can arrange it."""
    _prctl(PR_SET_PDEATHSIG, SIGKILL)


def hide_memory() -> None:
    """Keep other processes of the same user from reading this one's memory and open files."""
    _prctl(PR_SET_DUMPABLE, 0)


def limit_resources(*, cpu_seconds: int, memory_bytes: int, file_bytes: int) -> list[str]:
    """Bound what this process may take.

    Args:
        cpu_seconds: Seconds of processor time, all questions together.
        memory_bytes: Memory beyond what it has now.
        file_bytes: Size of a file that it writes.

    Returns:
        Names of the limits that are set.
    """
    limits = {
        "cpu time": (resource.RLIMIT_CPU, cpu_seconds),
        "file size": (resource.RLIMIT_FSIZE, file_bytes),
        "open files": (resource.RLIMIT_NOFILE, 64),
        "core files": (resource.RLIMIT_CORE, 0),
    }
    has = _address_space()
    if has is not None:
        limits["memory"] = (resource.RLIMIT_AS, has + memory_bytes)

    done = []
    for name, (kind, value) in limits.items():
        with suppress(OSError, ValueError):
            resource.setrlimit(kind, (value, value))
            done.append(name)
    return done


def forbid_processes() -> list[str]:
    """Allow no new process and no new thread; the superuser is not bound by this, and becomes somebody else first."""
    with suppress(OSError, ValueError):
        resource.setrlimit(resource.RLIMIT_NPROC, (0, 0))
        return ["processes"] if os.getuid() else []
    return []


def _address_space() -> int | None:
    """Bytes of address space that this process has; libraries take some gigabytes of it without using them."""
    try:
        pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[0])
    except (OSError, ValueError, IndexError):
        return None
    return pages * resource.getpagesize()


def leave_network() -> list[str]:
    """Move to a network of its own that leads nowhere, where the system allows it."""
    uid = os.getuid()
    gid = os.getgid()
    _prctl(PR_SET_DUMPABLE, 1)  # Or the files below /proc would belong to the superuser.
    if uid == 0:
        return ["network"] if _unshare(CLONE_NEWNET) else []
    if not _unshare(CLONE_NEWUSER | CLONE_NEWNET):
        return []

    # Without a name in the new space this user could not even make a file.
    with suppress(OSError):
        Path("/proc/self/setgroups").write_text("deny", encoding="ascii")
        Path("/proc/self/uid_map").write_text(f"{uid} {uid} 1", encoding="ascii")
        Path("/proc/self/gid_map").write_text(f"{gid} {gid} 1", encoding="ascii")
    return ["network"]


def become(user: int | None) -> list[str]:
    """Go on as another user, who owns nothing but the private folder; for the superuser alone."""
    if user is None:
        return []
    os.setgroups([])
    os.setgid(user)
    os.setuid(user)
    return ["user"]


def drop_capabilities() -> None:
    """Give up what the superuser, or one in a space of its own, may do beyond others."""
    header = struct.pack("=Ii", CAPABILITY_VERSION_3, 0)
    library = _library()
    if library is not None:
        library.capset(header, bytes(24))


def close_folders(readable: Iterable[str], hidden: Iterable[str], writable: str) -> list[str]:
    """Leave nothing to read but some folders, and nothing to write but one, where the system has Landlock.

    Args:
        readable: Folders and files to read; those that are missing are passed over.
        hidden: Folders that may lie in those, and are not to be read.
        writable: The private folder.
    """
    version = _call(LANDLOCK_CREATE_RULESET, None, 0, 1)
    if version < 1:
        return []
    rights = LANDLOCK_ALL[min(version, max(LANDLOCK_ALL))]
    attribute = struct.pack("=Q", rights)
    ruleset = _call(LANDLOCK_CREATE_RULESET, attribute, len(attribute), 0)
    if ruleset < 0:
        return []

    try:
        for path in _around(readable, [Path(one).resolve() for one in hidden]):
            _allow_beneath(ruleset, path, LANDLOCK_READ)
        for path in hidden:
            # Python lists the folders that it looks for modules in.
            _allow_beneath(ruleset, str(Path(path).parent), LANDLOCK_LIST)
        _allow_beneath(ruleset, "/dev/null", LANDLOCK_OF_FILES)
        _allow_beneath(ruleset, writable, rights)
        _prctl(PR_SET_NO_NEW_PRIVS, 1)
        return ["folders"] if _call(LANDLOCK_RESTRICT_SELF, ruleset, 0) == 0 else []
    finally:
        os.close(ruleset)


def _around(paths: Iterable[str], hidden: list[Path]) -> Iterator[str]:
    """Folders and files that hold all of some, but for what is hidden: a rule that allows a folder allows all in it."""
    for path in paths:
        whole = Path(path).resolve()
        if not any(one == whole or one.is_relative_to(whole) for one in hidden):
            yield str(whole)
        elif whole not in hidden and whole.is_dir():
            with suppress(OSError):
                yield from _around([str(inner) for inner in whole.iterdir()], hidden)


def _allow_beneath(ruleset: int, path: str, rights: int) -> None:
    try:
        descriptor = os.open(path, os.O_PATH | os.O_CLOEXEC)
    except OSError:
        return
    try:
        allowed = rights if Path(path).is_dir() else rights & LANDLOCK_OF_FILES
        rule = struct.pack("=Qi", allowed, descriptor)
        _call(LANDLOCK_ADD_RULE, ruleset, LANDLOCK_RULE_PATH_BENEATH, rule, 0)
    finally:
        os.close(descriptor)


def forbid_calls() -> list[str]:
    """Refuse system calls that make processes, threads or sockets or reach other processes, by seccomp."""
    machine = platform.machine()
    if not sys.platform.startswith("linux") or machine not in AUDIT_ARCH or struct.calcsize("P") != 8:
        return []

    numbers = sorted(chain.from_iterable(FORBIDDEN_CALLS[machine].values()))
    program = _filter_program(AUDIT_ARCH[machine], numbers)
    buffer = ctypes.create_string_buffer(program, len(program))
    header = struct.pack("@HP", len(program) // 8, ctypes.addressof(buffer))

    _prctl(PR_SET_NO_NEW_PRIVS, 1)
    pointer = ctypes.create_string_buffer(header, len(header))
    return ["system calls"] if _prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, ctypes.addressof(pointer)) else []


def _filter_program(architecture: int, numbers: list[int]) -> bytes:
    """A BPF program that refuses some calls with EPERM and allows the others."""
    load = 0x20  # BPF_LD | BPF_W | BPF_ABS
    equal = 0x15  # BPF_JMP | BPF_JEQ | BPF_K
    at_least = 0x35  # BPF_JMP | BPF_JGE | BPF_K
    give_back = 0x06  # BPF_RET | BPF_K
    refuse = 0x00050000 | EPERM
    allow = 0x7FFF0000

    # Another architecture's numbers mean other calls: those are refused as a whole.
    count = len(numbers)
    program = [
        (load, 0, 0, 4),
        (equal, 0, count + 3, architecture),
        (load, 0, 0, 0),
        (at_least, count + 1, 0, X32_CALLS),
    ]
    for place, number in enumerate(numbers):
        program.append((equal, count - place, 0, number))
    program.append((give_back, 0, 0, allow))
    program.append((give_back, 0, 0, refuse))
    return b"".join(struct.pack("=HBBI", *instruction) for instruction in program)


def _library() -> ctypes.CDLL | None:
    if not sys.platform.startswith("linux"):
        return None
    return ctypes.CDLL(None, use_errno=True)


def _prctl(option: int, value: int, other: int = 0) -> bool:
    library = _library()
    if library is None:
        return False
    arguments = [ctypes.c_ulong(one) for one in (value, other, 0, 0)]
    return int(library.prctl(option, *arguments)) == 0


def _unshare(flags: int) -> bool:
    library = _library()
    return library is not None and int(library.unshare(flags)) == 0


def _call(number: int, *arguments: int | bytes | None) -> int:
    """Make a system call by its number."""
    library = _library()
    if library is None:
        return -1
    convert: Callable[[int | bytes | None], object] = lambda one: ctypes.c_long(one) if isinstance(one, int) else one  # noqa: E731
    return int(library.syscall(ctypes.c_long(number), *map(convert, arguments)))
