"""The system calls a child may make: an allow-list as a classic BPF program.

A labeling program needs memory and the processor, nothing else. Calls that ask a harmless
question (open, stat …) are answered "not permitted", which Python reports as an ordinary
exception; every other call ends the process, which is reported as `security`.

Source: seccomp(2), linux/seccomp.h, linux/bpf_common.h; call numbers from the kernel's
arch/x86/entry/syscalls/syscall_64.tbl and include/uapi/asm-generic/unistd.h.
"""

import struct
from collections.abc import Iterable
from dataclasses import dataclass

ALLOW, KILL, REFUSE = 0x7FFF0000, 0x80000000, 0x00050000 | 13  # 13 is EACCES
_LOAD, _EQUAL, _AT_LEAST, _ANY_BIT, _RETURN = 0x20, 0x15, 0x35, 0x45, 0x06
_NUMBER, _ARCH, _THIRD_ARGUMENT = 0, 4, 32
_PROT_EXEC = 4
_X32_CALLS = 0x40000000

ALLOWED = (
    "brk", "munmap", "mremap", "madvise", "futex", "clock_gettime", "rt_sigreturn",
    "rt_sigprocmask", "sigaltstack", "sched_yield", "getrusage", "restart_syscall",
    "exit", "exit_group",
)  # fmt: skip
REFUSED = (
    "open", "openat", "stat", "lstat", "newfstatat", "statx", "fstat", "access", "faccessat",
    "faccessat2", "readlink", "readlinkat", "getcwd", "getdents64", "ioctl", "getrandom",
    "getpid", "gettid", "tgkill", "prlimit64", "rseq", "read", "write", "lseek", "close",
)  # fmt: skip
NOT_EXECUTABLE = ("mmap", "mprotect")


@dataclass(frozen=True, slots=True)
class Machine:
    """One processor family: its audit number and its call numbers."""

    audit: int
    calls: dict[str, int]


MACHINES = {
    "x86_64": Machine(
        0xC000003E,
        {
            "read": 0, "write": 1, "open": 2, "close": 3, "stat": 4, "fstat": 5, "lstat": 6,
            "lseek": 8, "mmap": 9, "mprotect": 10, "munmap": 11, "brk": 12,
            "rt_sigprocmask": 14, "rt_sigreturn": 15, "ioctl": 16, "access": 21,
            "sched_yield": 24, "mremap": 25, "madvise": 28, "getpid": 39, "exit": 60,
            "getcwd": 79, "readlink": 89, "getrusage": 98, "sigaltstack": 131, "gettid": 186,
            "futex": 202, "getdents64": 217, "restart_syscall": 219, "clock_gettime": 228,
            "exit_group": 231, "tgkill": 234, "openat": 257, "newfstatat": 262,
            "readlinkat": 267, "faccessat": 269, "prlimit64": 302, "getrandom": 318,
            "statx": 332, "rseq": 334, "faccessat2": 439,
        },
    ),
    "aarch64": Machine(
        0xC00000B7,
        {
            "getcwd": 17, "ioctl": 29, "faccessat": 48, "openat": 56, "close": 57,
            "getdents64": 61, "lseek": 62, "read": 63, "write": 64, "readlinkat": 78,
            "newfstatat": 79, "fstat": 80, "exit": 93, "exit_group": 94, "futex": 98,
            "clock_gettime": 113, "sched_yield": 124, "restart_syscall": 128, "tgkill": 131,
            "sigaltstack": 132, "rt_sigprocmask": 135, "rt_sigreturn": 139, "getrusage": 165,
            "getpid": 172, "gettid": 178, "brk": 214, "munmap": 215, "mremap": 216,
            "mmap": 222, "mprotect": 226, "madvise": 233, "prlimit64": 261, "getrandom": 278,
            "statx": 291, "rseq": 293, "faccessat2": 439,
        },
    ),
}  # fmt: skip


def build(machine: Machine) -> bytes:
    """The filter for one machine, as packed instructions.

    Returns:
        8 bytes per instruction: operation, jump if true, jump if false, operand.
    """
    steps = [
        (_LOAD, 0, 0, _ARCH),
        (_EQUAL, 1, 0, machine.audit),
        (_RETURN, 0, 0, KILL),
        (_LOAD, 0, 0, _NUMBER),
    ]
    if machine is MACHINES["x86_64"]:
        # The x32 calls share this architecture's number and would slip past the list.
        steps += [(_AT_LEAST, 0, 1, _X32_CALLS), (_RETURN, 0, 0, KILL)]
    for number in _numbers(machine, ALLOWED):
        steps += [(_EQUAL, 0, 1, number), (_RETURN, 0, 0, ALLOW)]
    for number in _numbers(machine, REFUSED):
        steps += [(_EQUAL, 0, 1, number), (_RETURN, 0, 0, REFUSE)]
    for number in _numbers(machine, NOT_EXECUTABLE):
        steps += [
            (_EQUAL, 0, 4, number),
            (_LOAD, 0, 0, _THIRD_ARGUMENT),
            (_ANY_BIT, 0, 1, _PROT_EXEC),
            (_RETURN, 0, 0, REFUSE),
            (_RETURN, 0, 0, ALLOW),
        ]
    steps.append((_RETURN, 0, 0, KILL))
    return b"".join(struct.pack("<HBBI", *step) for step in steps)


def _numbers(machine: Machine, names: Iterable[str]) -> list[int]:
    return [machine.calls[name] for name in names if name in machine.calls]
