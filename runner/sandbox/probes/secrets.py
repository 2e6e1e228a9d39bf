"""Attempts at the environment, the memory and the descriptors of others."""

from __future__ import annotations

from typing import Any

from runner.sandbox.probes.probe import Probe, Weaker
from runner.sandbox.probes.reaching import c_library, reaches, reaches_by_number


def read_the_environment_it_was_started_with() -> Any:
    with open("/proc/self/environ", "rb") as file:
        return file.read()


def read_the_environment_of_its_parent() -> Any:
    import os

    with open(f"/proc/{os.getppid()}/environ", "rb") as file:
        return file.read()


def read_the_environment_of_anybody() -> Any:
    import os

    for name in os.listdir("/proc"):
        if name.isdigit() and int(name) != os.getpid():
            try:
                with open(f"/proc/{name}/environ", "rb") as file:
                    return file.read() or name
            except OSError:
                continue
    return None


def read_the_environment_of_the_first_process() -> Any:
    with open("/proc/1/environ", "rb") as file:
        return file.read()


def read_command_lines() -> Any:
    import os

    for name in os.listdir("/proc"):
        if name.isdigit() and int(name) != os.getpid():
            with open(f"/proc/{name}/cmdline", "rb") as file:
                if line := file.read():
                    return line
    return None


def read_its_own_memory_as_a_file() -> Any:
    with open("/proc/self/maps") as maps, open("/proc/self/mem", "rb", buffering=0) as memory:
        memory.seek(int(maps.readline().partition("-")[0], 16))
        return memory.read(4)


def read_the_memory_of_its_parent_as_a_file() -> Any:
    import os

    folder = f"/proc/{os.getppid()}"
    with open(f"{folder}/maps") as maps, open(f"{folder}/mem", "rb", buffering=0) as memory:
        memory.seek(int(maps.readline().partition("-")[0], 16))
        return memory.read(4)


def copy_memory_of_its_parent() -> Any:
    import ctypes
    import os

    library = c_library()
    there = ctypes.cast(library.getpid, ctypes.c_void_p).value  # the same place in both
    here = ctypes.create_string_buffer(8)
    local = (ctypes.c_void_p * 2)(ctypes.addressof(here), 8)
    remote = (ctypes.c_void_p * 2)(there, 8)
    return library.process_vm_readv(os.getppid(), local, 1, remote, 1, 0) > 0


def write_to_memory_of_its_parent() -> Any:
    import ctypes
    import os

    nowhere = (ctypes.c_void_p * 2)(0, 8)
    return reaches("process_vm_writev", os.getppid(), nowhere, 1, nowhere, 1, 0)


def trace_its_parent() -> Any:
    import os

    seize = 0x4206  # unlike attaching it stops nobody
    return c_library().ptrace(seize, os.getppid(), None, None) == 0


def be_traced() -> Any:
    return c_library().ptrace(0, 0, None, None) == 0


def compare_with_its_parent() -> Any:
    import os

    return reaches_by_number("kcmp", os.getpid(), os.getppid(), 1, 0, 0)


def take_a_descriptor_of_another() -> Any:
    return reaches_by_number("pidfd_getfd", -1, 0, 0)


def list_descriptors_of_its_parent() -> Any:
    import os

    return os.listdir(f"/proc/{os.getppid()}/fd")


def measure_the_cpu_time_of_its_parent() -> Any:
    import os
    import time

    return time.clock_gettime((~os.getppid() << 3) | 2) >= 0.0


def find_other_processes_by_their_number() -> Any:
    import os

    return os.sched_getaffinity(os.getppid())


def find_other_processes_by_stat() -> Any:
    import os

    return os.stat("/proc/1").st_ino


def ask_for_the_session_of_another() -> Any:
    import os

    return reaches("getsid", os.getppid())


def ask_for_the_limits_of_another() -> Any:
    import os
    import resource

    return resource.prlimit(os.getppid(), resource.RLIMIT_NOFILE)


def read_the_users_of_the_host() -> Any:
    import pwd

    return pwd.getpwall()


def learn_the_name_of_the_host() -> Any:
    import os

    return os.uname().nodename not in ("", "bot")


def learn_the_memory_of_the_host() -> Any:
    import ctypes

    return reaches("sysinfo", ctypes.create_string_buffer(256))


def learn_the_load_of_the_host() -> Any:
    import os

    return os.getloadavg()


def read_the_kernels_log() -> Any:
    size_of_the_log = 10
    return reaches("klogctl", size_of_the_log, None, 0)


def read_the_kernels_symbols() -> Any:
    with open("/proc/kallsyms") as file:
        return file.readline()


PROBES = [
    Probe(read_the_environment_it_was_started_with),
    Probe(read_the_environment_of_its_parent),
    Probe(read_the_environment_of_anybody),
    Probe(read_the_environment_of_the_first_process, Weaker.FIRST_PROCESS_AS_ROOT),
    Probe(read_command_lines),
    Probe(read_its_own_memory_as_a_file),
    Probe(read_the_memory_of_its_parent_as_a_file, Weaker.BARE_AS_ROOT),
    Probe(copy_memory_of_its_parent, Weaker.BARE_AS_ROOT, is_deadly=True),
    Probe(write_to_memory_of_its_parent, Weaker.BARE_AS_ROOT, is_deadly=True),
    Probe(trace_its_parent, Weaker.BARE_AS_ROOT, is_deadly=True),
    Probe(be_traced, is_deadly=True),
    Probe(compare_with_its_parent, Weaker.BARE_AS_ROOT, is_deadly=True),
    Probe(take_a_descriptor_of_another, Weaker.NO_SECCOMP, is_deadly=True),
    Probe(list_descriptors_of_its_parent, Weaker.BARE_AS_ROOT),
    Probe(measure_the_cpu_time_of_its_parent, Weaker.NO_SECCOMP),
    Probe(find_other_processes_by_their_number, Weaker.NO_SECCOMP),
    Probe(find_other_processes_by_stat, Weaker.NO_NAMESPACES, leaks_at_min=True),
    Probe(ask_for_the_session_of_another, Weaker.NO_SECCOMP),
    Probe(ask_for_the_limits_of_another, Weaker.BARE_AS_ROOT),
    Probe(read_the_users_of_the_host),
    Probe(learn_the_name_of_the_host, Weaker.NO_NAMESPACES, leaks_at_min=True),
    Probe(learn_the_memory_of_the_host, Weaker.NO_SECCOMP),
    Probe(learn_the_load_of_the_host),
    Probe(read_the_kernels_log, Weaker.BARE_AS_ROOT),
    Probe(read_the_kernels_symbols),
]
