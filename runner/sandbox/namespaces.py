"""A view of the machine that holds nothing: namespaces of one's own, and a root of few folders."""

from __future__ import annotations

import os
import socket
from collections.abc import Sequence
from pathlib import Path

from runner.sandbox import system_calls as sys_calls
from runner.sandbox.system_calls import mount, system_call, unshare

_EVERYTHING_ELSE = (
    sys_calls.CLONE_NEWNS
    | sys_calls.CLONE_NEWNET
    | sys_calls.CLONE_NEWIPC
    | sys_calls.CLONE_NEWUTS
    | sys_calls.CLONE_NEWCGROUP
    | sys_calls.CLONE_NEWPID
)
_MOUNT_POINT = "/tmp"  # noqa: S108 - covered by the new root, nothing is put into it
_OLD_ROOT = "/old"
_KEPT_FLAGS = {
    os.ST_NOEXEC: sys_calls.MS_NOEXEC,
    os.ST_NOATIME: sys_calls.MS_NOATIME,
    os.ST_NODIRATIME: sys_calls.MS_NODIRATIME,
    os.ST_RELATIME: sys_calls.MS_RELATIME,
}
"""What a mount in a user namespace must keep of the mount it is made of."""


def enter_namespaces(*, as_user: bool) -> None:
    """Leave all namespaces; the next child is process 1 of its own.

    as_user: through a user namespace, in which an ordinary user may do it.
    """
    if as_user:
        user, group = os.getuid(), os.getgid()
        unshare(sys_calls.CLONE_NEWUSER)
        for name, text in (
            ("setgroups", "deny"),
            ("uid_map", f"{user} {user} 1"),
            ("gid_map", f"{group} {group} 1"),
        ):
            Path(f"/proc/self/{name}").write_text(text)
    unshare(_EVERYTHING_ELSE)


def swap_root(readable: Sequence[str]) -> None:
    """A root in memory with these folders, read-only, at their own paths, and nothing else."""
    folders = [(folder, os.open(folder, os.O_PATH | os.O_CLOEXEC)) for folder in readable]
    mount(None, "/", None, sys_calls.MS_REC | sys_calls.MS_PRIVATE)
    few_and_small = "size=256k,nr_inodes=512,mode=755"
    flags = sys_calls.MS_NOSUID | sys_calls.MS_NODEV
    mount("tmpfs", _MOUNT_POINT, "tmpfs", flags, few_and_small)
    for link in ("/lib", "/lib64"):  # where these are links into /usr
        if Path(link).is_symlink():
            Path(_MOUNT_POINT + link).symlink_to(Path(link).readlink())
    for folder, descriptor in folders:
        # By descriptor, since what lies below the mount point is covered by now.
        _bind_read_only(f"/proc/self/fd/{descriptor}", _MOUNT_POINT + folder)
        os.close(descriptor)
    Path(_MOUNT_POINT + _OLD_ROOT).mkdir()
    system_call("pivot_root", _MOUNT_POINT.encode(), (_MOUNT_POINT + _OLD_ROOT).encode())
    os.chdir("/")
    sys_calls.unmount(_OLD_ROOT)
    Path(_OLD_ROOT).rmdir()
    read_only = sys_calls.MS_BIND | sys_calls.MS_REMOUNT | sys_calls.MS_RDONLY | flags
    mount(None, "/", None, read_only)
    socket.sethostname("bot")


def _bind_read_only(source: str, target: str) -> None:
    Path(target).mkdir(parents=True, exist_ok=True)
    mount(source, target, None, sys_calls.MS_BIND | sys_calls.MS_REC)
    has = os.statvfs(target).f_flag
    flags = sys_calls.MS_BIND | sys_calls.MS_REMOUNT | sys_calls.MS_RDONLY
    flags |= sys_calls.MS_NOSUID | sys_calls.MS_NODEV
    for kept, flag in _KEPT_FLAGS.items():
        if has & kept:
            flags |= flag
    mount(None, target, None, flags)
