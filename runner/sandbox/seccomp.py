"""The system calls that a bot may make; everything else is refused, some of it with death.

libseccomp compiles the filter once, in the zygote; a bot installs the finished program.
"""

from __future__ import annotations

import ctypes
import errno
import mmap
import os
from typing import Any

from runner.sandbox.system_calls import system_call

ALLOWED = (  # noqa: SIM905 - a hundred quotes would hide the words
    # what is open already, and files for reading (what may be opened is Landlock's to say)
    "read write readv writev pread64 lseek close dup fadvise64 "
    "fstat newfstatat stat lstat statx readlink readlinkat access faccessat faccessat2 "
    "getdents64 getcwd poll ppoll select pselect6 "
    # memory and threads that exist
    "brk munmap mremap madvise mincore membarrier futex set_robust_list rseq "
    "sched_yield "
    # its own signals
    "rt_sigaction rt_sigprocmask rt_sigreturn sigaltstack restart_syscall "
    # time, and who it is
    "nanosleep gettimeofday time getcpu times getrusage "
    "getpid gettid getppid getuid geteuid getgid getegid getresuid getresgid getgroups getpgrp "
    "uname getrandom exit exit_group"
).split()

FATAL = (  # noqa: SIM905 - as above
    # no strategy calls these by accident
    "ptrace process_vm_readv process_vm_writev bpf perf_event_open userfaultfd "
    "io_uring_setup io_uring_enter io_uring_register "
    "mount umount2 pivot_root chroot setns unshare fsopen open_tree move_mount "
    "kexec_load init_module finit_module delete_module add_key keyctl request_key "
    "open_by_handle_at pidfd_getfd kcmp reboot swapon swapoff"
).split()

_O_TMPFILE = 0o20000000
_WRITING = os.O_ACCMODE | os.O_CREAT | os.O_TRUNC | os.O_APPEND | _O_TMPFILE
_MAP_SHARED_OR_GROWSDOWN = 0x1 | 0x100
_FCNTL_GETFD, _FCNTL_SETFD, _FCNTL_GETFL, _FCNTL_DUPFD_CLOEXEC = 1, 2, 3, 1030

_LAST_CLOCK = 11
"""CLOCK_TAI."""

_SET_MODE_FILTER = 1


class _Program(ctypes.Structure):
    _fields_ = (("length", ctypes.c_ushort), ("instructions", ctypes.c_void_p))


class Filter:
    """A compiled filter, ready to be installed."""

    def __init__(self, instructions: bytes) -> None:
        self._memory = ctypes.create_string_buffer(instructions, len(instructions))
        pointer = ctypes.cast(self._memory, ctypes.c_void_p)
        self._program = _Program(len(instructions) // 8, pointer)

    def install(self) -> None:
        """Live by it from now on, for ever; needs NO_NEW_PRIVS."""
        system_call("seccomp", _SET_MODE_FILTER, 0, ctypes.byref(self._program))


def compile_filter() -> Filter:
    """Compile the filter; ImportError or RuntimeError where libseccomp is missing."""
    import pyseccomp

    made = pyseccomp.SyscallFilter(pyseccomp.ERRNO(errno.EPERM))
    # Calls by the numbers of another architecture (int 0x80) or of x32 never come through.
    made.set_attr(pyseccomp.Attr.ACT_BADARCH, pyseccomp.KILL_PROCESS)
    for name in ALLOWED:
        _add(made, pyseccomp.ALLOW, name)
    for name in FATAL:
        _add(made, pyseccomp.KILL_PROCESS, name)
    _add_conditional(made, pyseccomp)
    for name, number in (("clone3", errno.ENOSYS), ("openat2", errno.ENOSYS)):
        _add(made, pyseccomp.ERRNO(number), name)
    _add(made, pyseccomp.ERRNO(errno.ENOTTY), "ioctl")
    return Filter(_exported(made))


def _add_conditional(made: Any, pyseccomp: Any) -> None:
    """What is allowed with some arguments only."""
    argument, allow = pyseccomp.Arg, pyseccomp.ALLOW
    _add(made, allow, "openat", argument(2, pyseccomp.MASKED_EQ, _WRITING, 0))
    _add(made, allow, "open", argument(1, pyseccomp.MASKED_EQ, _WRITING, 0))
    # RLIMIT_DATA counts neither shared nor growing mappings, so there are none.
    growing = argument(3, pyseccomp.MASKED_EQ, _MAP_SHARED_OR_GROWSDOWN, 0)
    _add(made, allow, "mmap", growing)
    # Nor is it counted when a mapping of more than half of the space that is left is made writable.
    _add(made, allow, "mprotect", argument(2, pyseccomp.MASKED_EQ, mmap.PROT_WRITE, 0))
    # Negative clocks are those of other processes, whose number and work they tell.
    for name in ("clock_gettime", "clock_getres", "clock_nanosleep"):
        _add(made, allow, name, argument(0, pyseccomp.LE, _LAST_CLOCK))
    for command in (_FCNTL_GETFD, _FCNTL_SETFD, _FCNTL_GETFL, _FCNTL_DUPFD_CLOEXEC):
        _add(made, allow, "fcntl", argument(1, pyseccomp.EQ, command))
    own, reading = argument(0, pyseccomp.EQ, 0), argument(2, pyseccomp.EQ, 0)
    _add(made, allow, "sched_getaffinity", own)
    _add(made, allow, "prlimit64", own, reading)


def _add(made: Any, action: int, name: str, *conditions: Any) -> None:
    """Add a rule; a call that this architecture or libseccomp lacks needs none."""
    import pyseccomp

    if pyseccomp.resolve_syscall(pyseccomp.Arch.NATIVE, name) >= 0:
        made.add_rule(action, name, *conditions)


def _exported(made: Any) -> bytes:
    reading, writing = os.pipe()
    try:
        with os.fdopen(writing, "wb") as stream:
            made.export_bpf(stream)
        with os.fdopen(reading, "rb", closefd=False) as stream:
            return stream.read()
    finally:
        os.close(reading)
