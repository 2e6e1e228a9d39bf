"""Attempts at files."""

from __future__ import annotations

from typing import Any

from runner.sandbox.probes.probe import Probe, Weaker
from runner.sandbox.probes.reaching import (
    c_library,
    clean_up,
    number_of,
    reaches,
    reaches_by_number,
)


def read_a_password_file() -> Any:
    with open("/etc/passwd") as file:
        return file.read(10)


def read_the_top_folder() -> Any:
    import os

    return os.listdir("/")


def list_the_settings_of_the_host() -> Any:
    import os

    return os.listdir("/etc")


def list_the_processes_of_the_host() -> Any:
    import os

    return os.listdir("/proc")


def read_a_device() -> Any:
    with open("/dev/urandom", "rb") as device:
        return device.read(1)


def climb_out_of_a_library_folder() -> Any:
    import os

    folder = os.open("/usr/lib", os.O_RDONLY | os.O_DIRECTORY)
    try:
        file = os.open("../../etc/passwd", os.O_RDONLY, dir_fd=folder)
        os.close(file)
        return file
    finally:
        os.close(folder)


def read_through_the_link_to_the_root() -> Any:
    with open("/proc/self/root" + "/etc/passwd") as file:
        return file.read(10)


def read_the_list_of_mounts() -> Any:
    with open("/proc/self/mountinfo") as file:
        return file.readline()


def stat_a_file() -> Any:
    import os

    return os.stat("/etc/passwd").st_size


def ask_whether_a_file_is_there() -> Any:
    import os

    return os.access("/etc/passwd", os.F_OK)


def read_where_a_link_leads() -> Any:
    import os

    return os.readlink("/proc/self/exe")


def ask_how_full_a_disk_is() -> Any:
    import os

    return os.statvfs("/usr/lib").f_blocks


def read_with_numpy() -> Any:
    import numpy as np

    return len(np.fromfile("/etc/passwd", dtype=np.uint8, count=4))


def map_with_numpy() -> Any:
    import numpy as np

    return np.memmap("/etc/passwd", dtype=np.uint8, mode="r").size


def read_with_pandas() -> Any:
    import pandas as pd

    return len(pd.read_csv("/etc/passwd", sep=":", header=None))


def open_with_the_c_library() -> Any:
    import os

    file = c_library().open(b"/etc/passwd", os.O_RDONLY)
    if file >= 0:
        os.close(file)
    return file >= 0


def open_as_a_stream_of_the_c_library() -> Any:
    import ctypes

    library = c_library()
    library.fopen.restype = ctypes.c_void_p
    stream = library.fopen(b"/etc/passwd", b"r")
    if stream:
        library.fclose(ctypes.c_void_p(stream))
    return stream


def open_by_system_call() -> Any:
    import os

    file = c_library().syscall(number_of("openat"), -100, b"/etc/passwd", os.O_RDONLY)
    if file >= 0:
        os.close(file)
    return file >= 0


def open_by_the_newer_system_call() -> Any:
    import ctypes
    import os

    how = (ctypes.c_uint64 * 3)(os.O_RDONLY, 0, 0)
    size = ctypes.sizeof(how)
    file = c_library().syscall(number_of("openat2"), -100, b"/usr/lib", ctypes.byref(how), size)
    if file >= 0:
        os.close(file)
    return file >= 0


def write_a_file() -> Any:
    import os

    path = f"/tmp/robotrader-probe-file-{os.getpid()}"
    with open(path, "w") as file:
        written = file.write("x")
    clean_up(os.unlink, path)
    return written


def write_with_numpy() -> Any:
    import os

    import numpy as np

    path = f"/tmp/robotrader-probe-{os.getpid()}.npy"
    np.save(path, np.arange(3))
    clean_up(os.unlink, path)
    return path


def create_by_system_call() -> Any:
    import os

    path = f"/tmp/robotrader-probe-created-{os.getpid()}"
    file = c_library().syscall(number_of("creat"), path.encode(), 0o600)
    if file >= 0:
        os.close(file)
        clean_up(os.unlink, path)
    return file >= 0


def make_a_file_without_a_name() -> Any:
    import os

    file = os.open("/tmp", os.O_TMPFILE | os.O_RDWR, 0o600)
    os.close(file)
    return file


def make_a_file_in_memory() -> Any:
    import os

    file = os.memfd_create("robotrader-probe")
    os.close(file)
    return file


def open_a_library_for_writing() -> Any:
    import os

    os.close(os.open(os.__file__, os.O_RDWR))
    return os.__file__


def make_a_folder() -> Any:
    import os

    path = f"/tmp/robotrader-probe-folder-{os.getpid()}"
    os.mkdir(path)
    clean_up(os.rmdir, path)
    return path


def make_a_symbolic_link() -> Any:
    import os

    path = f"/tmp/robotrader-probe-link-{os.getpid()}"
    os.symlink("/etc/passwd", path)
    clean_up(os.unlink, path)
    return path


def make_a_pipe_with_a_name() -> Any:
    import os

    path = f"/tmp/robotrader-probe-pipe-{os.getpid()}"
    os.mkfifo(path)
    clean_up(os.unlink, path)
    return path


def make_a_hard_link() -> Any:
    return reaches("link", b"/robotrader-probe", b"/robotrader-probe-too")


def rename_a_file() -> Any:
    return reaches("rename", b"/robotrader-probe", b"/robotrader-probe-too")


def remove_a_file() -> Any:
    return reaches("unlink", b"/robotrader-probe")


def truncate_a_file() -> Any:
    return reaches("truncate", b"/robotrader-probe", 0)


def change_a_mode() -> Any:
    return reaches("chmod", b"/robotrader-probe", 0o777)


def change_an_owner() -> Any:
    return reaches("chown", b"/robotrader-probe", 0, 0)


def change_a_time() -> Any:
    return reaches("utimensat", -100, b"/robotrader-probe", None, 0)


def set_an_attribute() -> Any:
    return reaches("setxattr", b"/robotrader-probe", b"user.probe", b"x", 1, 0)


def read_an_attribute() -> Any:
    return reaches("getxattr", b"/robotrader-probe", b"user.probe", None, 0)


def change_the_working_folder() -> Any:
    return reaches("chdir", b"/")


def change_the_mask_of_new_files() -> Any:
    return reaches_by_number("umask", 0o077)


def control_a_descriptor() -> Any:
    import ctypes

    bytes_that_wait = 0x541B
    return c_library().ioctl(3, bytes_that_wait, ctypes.byref(ctypes.c_int())) == 0


PROBES = [
    Probe(read_a_password_file),
    Probe(read_the_top_folder, Weaker.NO_LANDLOCK),
    Probe(list_the_settings_of_the_host),
    Probe(list_the_processes_of_the_host),
    Probe(read_a_device),
    Probe(climb_out_of_a_library_folder),
    Probe(read_through_the_link_to_the_root),
    Probe(read_the_list_of_mounts),
    Probe(stat_a_file, Weaker.NO_NAMESPACES, leaks_at_min=True),
    Probe(ask_whether_a_file_is_there, Weaker.NO_NAMESPACES, leaks_at_min=True),
    Probe(read_where_a_link_leads, Weaker.NO_NAMESPACES, leaks_at_min=True),
    Probe(ask_how_full_a_disk_is, Weaker.NO_SECCOMP),
    Probe(read_with_numpy),
    Probe(map_with_numpy),
    Probe(read_with_pandas),
    Probe(open_with_the_c_library),
    Probe(open_as_a_stream_of_the_c_library),
    Probe(open_by_system_call),
    Probe(open_by_the_newer_system_call, Weaker.NO_SECCOMP),
    Probe(write_a_file),
    Probe(write_with_numpy),
    Probe(create_by_system_call, machine="x86_64"),
    Probe(make_a_file_without_a_name),
    Probe(make_a_file_in_memory, Weaker.NO_SECCOMP),
    Probe(open_a_library_for_writing, Weaker.BARE_AS_ROOT),
    Probe(make_a_folder),
    Probe(make_a_symbolic_link),
    Probe(make_a_pipe_with_a_name),
    Probe(make_a_hard_link, Weaker.NO_SECCOMP),
    Probe(rename_a_file, Weaker.NO_SECCOMP),
    Probe(remove_a_file, Weaker.NO_SECCOMP),
    Probe(truncate_a_file, Weaker.NO_SECCOMP),
    Probe(change_a_mode, Weaker.NO_SECCOMP),
    Probe(change_an_owner, Weaker.NO_SECCOMP),
    Probe(change_a_time, Weaker.NO_SECCOMP),
    Probe(set_an_attribute, Weaker.NO_SECCOMP),
    Probe(read_an_attribute, Weaker.NO_SECCOMP),
    Probe(change_the_working_folder, Weaker.NO_SECCOMP),
    Probe(change_the_mask_of_new_files, Weaker.NO_SECCOMP),
    Probe(control_a_descriptor, Weaker.NO_SECCOMP),
]
