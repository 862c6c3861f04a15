"""The operating system's walls, through ctypes alone: Landlock, seccomp, rlimits.

Each function says "ok…" or, in one phrase, why there is no such wall here.
"""

import ctypes
import os
import platform
import resource
import struct
import sys
from collections.abc import Callable

from . import seccomp

_PR_SET_PDEATHSIG, _PR_SET_SECCOMP, _PR_SET_NO_NEW_PRIVS = 1, 22, 38
_SECCOMP_MODE_FILTER = 2
_LANDLOCK_CREATE_RULESET, _LANDLOCK_RESTRICT_SELF = 444, 446
_LANDLOCK_VERSION = 1


class _FilterProgram(ctypes.Structure):
    _fields_ = (("length", ctypes.c_ushort), ("steps", ctypes.c_void_p))


def landlock() -> str:
    """Give up every file, TCP port, outside signal and abstract socket: a ruleset with no rules.

    Source: https://docs.kernel.org/userspace-api/landlock.html, ABI 1 to 7.
    """
    if sys.platform != "linux":
        return "not this operating system"
    libc = ctypes.CDLL(None, use_errno=True)
    libc.syscall.restype = ctypes.c_long
    abi = libc.syscall(
        _LANDLOCK_CREATE_RULESET, None, ctypes.c_size_t(0), ctypes.c_uint32(_LANDLOCK_VERSION)
    )
    if abi < 1:
        return f"not in this kernel ({_errno()})"
    files = (1 << 13) - 1
    for since, bit in ((2, 13), (3, 14), (5, 15)):  # move, truncate, device calls
        files |= (abi >= since) << bit
    rights = struct.pack("<QQQ", files, 3 if abi >= 4 else 0, 3 if abi >= 6 else 0)
    size = 24 if abi >= 6 else 16 if abi >= 4 else 8
    ruleset = libc.syscall(
        _LANDLOCK_CREATE_RULESET,
        ctypes.c_char_p(rights),
        ctypes.c_size_t(size),
        ctypes.c_uint32(0),
    )
    if ruleset < 0:
        return f"no ruleset ({_errno()})"
    try:
        if libc.prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0):
            return f"no_new_privs refused ({_errno()})"
        if libc.syscall(_LANDLOCK_RESTRICT_SELF, ctypes.c_int(ruleset), ctypes.c_uint32(0)):
            return f"refused ({_errno()})"
    finally:
        os.close(ruleset)
    return f"ok (abi {abi})"


def prepare_seccomp() -> Callable[[], str]:
    """Everything of the filter that can be made before the fork; the result applies it."""
    machine = seccomp.MACHINES.get(platform.machine())
    if sys.platform != "linux":
        return lambda: "not this operating system"
    if machine is None:
        return lambda: f"no table of system calls for {platform.machine()}"
    libc = ctypes.CDLL(None, use_errno=True)
    packed = seccomp.build(machine)
    buffer = ctypes.create_string_buffer(packed, len(packed))
    program = _FilterProgram(len(packed) // 8, ctypes.cast(buffer, ctypes.c_void_p).value)

    def apply() -> str:
        # `buffer` is named so that the closure keeps the memory behind `program` alive.
        if libc.prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) or not buffer:
            return f"no_new_privs refused ({_errno()})"
        if libc.prctl(_PR_SET_SECCOMP, _SECCOMP_MODE_FILTER, ctypes.byref(program), 0, 0):
            return f"refused ({_errno()})"
        return "ok"

    return apply


def prepare_seal() -> Callable[[], str]:
    """The last wall of a child: seccomp on Linux, a seatbelt profile on macOS."""
    return _prepare_seatbelt() if sys.platform == "darwin" else prepare_seccomp()


def _prepare_seatbelt() -> Callable[[], str]:
    """Deny everything the profile language knows; untried, so believed only when seen to work.

    Source: sandbox_init(3), deprecated by Apple and still what browsers use.
    """
    library = ctypes.CDLL(None, use_errno=True)

    def apply() -> str:
        complaint = ctypes.c_char_p()
        profile = ctypes.c_char_p(b"(version 1)(deny default)")
        if library.sandbox_init(profile, ctypes.c_uint64(0), ctypes.byref(complaint)):
            return f"refused ({(complaint.value or b'no reason').decode('utf-8', 'replace')})"
        return "ok"

    return apply


def prepare_death_signal() -> Callable[[], None]:
    """What makes a child die with its parent, where the kernel can do that."""
    if sys.platform != "linux":
        return lambda: None
    libc = ctypes.CDLL(None, use_errno=True)
    parent = os.getpid()

    def apply() -> None:
        libc.prctl(_PR_SET_PDEATHSIG, 9, 0, 0, 0)
        if os.getppid() != parent:
            os._exit(0)

    return apply


def limit(*, address_space: int, cpu_s: int) -> None:
    """Limit this process: bytes of address space, CPU seconds, and no files at all."""
    for which, value in (
        (resource.RLIMIT_AS, address_space),
        (resource.RLIMIT_CPU, cpu_s),
        (resource.RLIMIT_FSIZE, 0),
        (resource.RLIMIT_CORE, 0),
        (resource.RLIMIT_NPROC, 0),
        (resource.RLIMIT_NOFILE, 0),
    ):
        hard = resource.getrlimit(which)[1]
        if hard != resource.RLIM_INFINITY:
            value = min(value, hard)  # noqa: PLW2901
        try:
            resource.setrlimit(which, (value, value))
        except (ValueError, OSError):
            # macOS refuses RLIMIT_AS; its level says so.
            if sys.platform == "linux":
                raise


def _errno() -> str:
    return os.strerror(ctypes.get_errno())
