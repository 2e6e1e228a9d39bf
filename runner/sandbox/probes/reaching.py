"""Whether a system call gets through to the kernel: sent along with the probes, which share it.

A filter answers EPERM or with death, so any other answer is the kernel's own, also that it knows
no such call or that the arguments make no sense.
"""

from __future__ import annotations

import contextlib
import ctypes
import errno
import mmap
import os
from collections.abc import Callable

_STOPPED = (errno.EPERM, errno.EACCES)
_NUMBERS = {
    "x86_64": {
        "add_key": 248,
        "bpf": 321,
        "capset": 126,
        "clock_settime": 227,
        "delete_module": 176,
        "init_module": 175,
        "ioprio_set": 251,
        "kcmp": 312,
        "kexec_load": 246,
        "keyctl": 250,
        "openat": 257,
        "perf_event_open": 298,
        "reboot": 169,
        "request_key": 249,
        "seccomp": 317,
        "umask": 95,
        "userfaultfd": 323,
        # these two are of x86_64 alone
        "creat": 85,
        "modify_ldt": 154,
    },
    "aarch64": {
        "add_key": 217,
        "bpf": 280,
        "capset": 91,
        "clock_settime": 112,
        "delete_module": 106,
        "init_module": 105,
        "ioprio_set": 30,
        "kcmp": 272,
        "kexec_load": 104,
        "keyctl": 219,
        "openat": 56,
        "perf_event_open": 241,
        "reboot": 142,
        "request_key": 218,
        "seccomp": 277,
        "umask": 166,
        "userfaultfd": 282,
    },
}
_ANYWHERE = {
    "clone3": 435,
    "fsopen": 430,
    "io_uring_setup": 425,
    "landlock_create_ruleset": 444,
    "open_tree": 428,
    "openat2": 437,
    "pidfd_getfd": 438,
}


def c_library() -> ctypes.CDLL:
    """The C library, which a process always has."""
    return ctypes.CDLL(None, use_errno=True)


def number_of(call: str) -> int:
    """The number of a system call on this machine."""
    return {**_ANYWHERE, **_NUMBERS[os.uname().machine]}[call]


def reaches(function: str, *arguments: object) -> str:
    """How the kernel answers a function of the C library; "" where it is not reached."""
    ctypes.set_errno(0)
    wide = [ctypes.c_long(a) if isinstance(a, int) else a for a in arguments]
    result = getattr(c_library(), function)(*wide)
    if result >= 0:
        return f"the kernel answers {result}"
    number = ctypes.get_errno()
    return "" if number in _STOPPED else f"the kernel answers {errno.errorcode.get(number, number)}"


def reaches_by_number(call: str, *arguments: object) -> str:
    """The same for a system call, past the C library."""
    return reaches("syscall", number_of(call), *arguments)


def clean_up(function: Callable[..., object], *arguments: object) -> None:
    """Take something back, which counts as got also where that is not allowed."""
    with contextlib.suppress(OSError):
        function(*arguments)


def run_machine_code(code: bytes) -> int:
    """What a function of one's own machine code returns."""
    anonymous = mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS
    anything = mmap.PROT_READ | mmap.PROT_WRITE | mmap.PROT_EXEC
    page = mmap.mmap(-1, mmap.PAGESIZE, flags=anonymous, prot=anything)
    page.write(code)
    address = ctypes.addressof(ctypes.c_char.from_buffer(page))
    result: int = ctypes.CFUNCTYPE(ctypes.c_int)(address)()
    return result
