"""The few system calls that Python has no function for, through the C library.

Numbers are those of x86_64 and aarch64 (asm/unistd.h); on other machines there is no jail.
"""

from __future__ import annotations

import ctypes
import os
import platform

_libc = ctypes.CDLL(None, use_errno=True)

_NUMBERS = {
    "x86_64": {"pivot_root": 155, "seccomp": 317, "capset": 126},
    "aarch64": {"pivot_root": 41, "seccomp": 277, "capset": 91},
}
_ANYWHERE = {
    "close_range": 436,
    "landlock_create_ruleset": 444,
    "landlock_add_rule": 445,
    "landlock_restrict_self": 446,
}

CLONE_NEWNS, CLONE_NEWCGROUP, CLONE_NEWUTS, CLONE_NEWIPC = 0x20000, 0x2000000, 0x4000000, 0x8000000
CLONE_NEWUSER, CLONE_NEWPID, CLONE_NEWNET = 0x10000000, 0x20000000, 0x40000000

PR_SET_PDEATHSIG, PR_SET_DUMPABLE, PR_SET_NO_NEW_PRIVS = 1, 4, 38

MS_RDONLY, MS_NOSUID, MS_NODEV, MS_NOEXEC, MS_REMOUNT = 1, 2, 4, 8, 32
MS_NOATIME, MS_NODIRATIME, MS_BIND, MS_REC, MS_PRIVATE = 1024, 2048, 4096, 16384, 1 << 18
MS_RELATIME = 1 << 21
MNT_DETACH = 2

_CAPABILITY_VERSION_3 = 0x20080522


def is_supported() -> bool:
    """Whether the numbers of this machine's system calls are known."""
    return platform.machine() in _NUMBERS


def system_call(name: str, *arguments: object) -> int:
    """Make a system call; OSError says which one failed."""
    known = {**_ANYWHERE, **_NUMBERS.get(platform.machine(), {})}
    converted = [ctypes.c_long(a) if isinstance(a, int) else a for a in arguments]
    return _checked(_libc.syscall(ctypes.c_long(known[name]), *converted), name)


def control_process(operation: int, argument: int) -> None:
    """prctl(2)."""
    rest = [ctypes.c_ulong(0)] * 3
    _checked(_libc.prctl(operation, ctypes.c_ulong(argument), *rest), f"prctl {operation}")


def unshare(flags: int) -> None:
    """unshare(2): namespaces of one's own."""
    _checked(_libc.unshare(ctypes.c_int(flags)), "unshare")


def mount(source: str | None, target: str, kind: str | None, flags: int, data: str = "") -> None:
    """mount(2)."""
    done = _libc.mount(
        None if source is None else source.encode(),
        target.encode(),
        None if kind is None else kind.encode(),
        ctypes.c_ulong(flags),
        data.encode() or None,
    )
    _checked(done, f"mount {target}")


def unmount(target: str) -> None:
    """umount2(2), at once, whoever still uses it."""
    _checked(_libc.umount2(target.encode(), MNT_DETACH), f"umount {target}")


def drop_capabilities() -> None:
    """Give up every capability, also those that could be taken up again."""

    class Header(ctypes.Structure):
        _fields_ = (("version", ctypes.c_uint32), ("pid", ctypes.c_int))

    header, nothing = Header(_CAPABILITY_VERSION_3, 0), (ctypes.c_uint32 * 6)()
    system_call("capset", ctypes.byref(header), ctypes.byref(nothing))


def _checked(result: int, what: str) -> int:
    if result < 0:
        number = ctypes.get_errno()
        raise OSError(number, f"{what}: {os.strerror(number)}")
    return result
