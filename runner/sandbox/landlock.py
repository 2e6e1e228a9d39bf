"""Landlock: which files a process may open, whatever its user id (landlock(7))."""

from __future__ import annotations

import ctypes
import os
from collections.abc import Sequence

from runner.sandbox.system_calls import system_call

_VERSION = 1
"""The flag that asks for the version."""

_READ_FILE, _READ_DIR = 4, 8
_PATH_BENEATH = 1

_FIRST_RIGHTS = (1 << 13) - 1
_REFER, _TRUNCATE, _IOCTL_DEV = 1 << 13, 1 << 14, 1 << 15
_TCP_BIND_AND_CONNECT = 3
_ABSTRACT_SOCKETS_AND_SIGNALS = 3


class _Ruleset(ctypes.Structure):
    _fields_ = (
        ("files", ctypes.c_uint64),
        ("network", ctypes.c_uint64),
        ("scoped", ctypes.c_uint64),
    )


class _PathBeneath(ctypes.Structure):
    _pack_ = 1
    _fields_ = (("access", ctypes.c_uint64), ("folder", ctypes.c_int32))


def version() -> int:
    """The kernel's version of Landlock; 0 if it has none."""
    try:
        return system_call("landlock_create_ruleset", None, ctypes.c_size_t(0), _VERSION)
    except OSError:
        return 0


def make_ruleset(readable: Sequence[str]) -> int:
    """A ruleset in which these folders may be read, and nothing else be done; its descriptor.

    It is made once; each bot restricts itself by it. OSError where the kernel has no Landlock.
    """
    has = version()
    ruleset = _Ruleset(_file_rights(has), 0, 0)
    if has >= 4:
        ruleset.network = _TCP_BIND_AND_CONNECT
    if has >= 6:
        ruleset.scoped = _ABSTRACT_SOCKETS_AND_SIGNALS
    size = ctypes.c_size_t(8 if has < 4 else 16 if has < 6 else 24)
    descriptor = system_call("landlock_create_ruleset", ctypes.byref(ruleset), size, 0)
    for folder in readable:
        _allow(descriptor, folder)
    return descriptor


def restrict_self(ruleset: int) -> None:
    """Live by a ruleset from now on; needs NO_NEW_PRIVS."""
    system_call("landlock_restrict_self", ruleset, 0)


def _file_rights(has: int) -> int:
    rights = _FIRST_RIGHTS
    for since, right in ((2, _REFER), (3, _TRUNCATE), (5, _IOCTL_DEV)):
        if has >= since:
            rights |= right
    return rights


def _allow(ruleset: int, folder: str) -> None:
    place = os.open(folder, os.O_PATH | os.O_CLOEXEC)
    try:
        rule = _PathBeneath(_READ_FILE | _READ_DIR, place)
        system_call("landlock_add_rule", ruleset, _PATH_BENEATH, ctypes.byref(rule), 0)
    finally:
        os.close(place)
