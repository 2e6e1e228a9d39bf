"""Attempts at parts of the kernel that no strategy needs."""

from __future__ import annotations

from typing import Any

from runner.sandbox.probes.probe import Probe, Weaker
from runner.sandbox.probes.reaching import (
    c_library,
    number_of,
    reaches,
    reaches_by_number,
    run_machine_code,
)


def queue_work_for_the_kernel() -> Any:
    return reaches_by_number("io_uring_setup", 0, None)


def load_a_program_into_the_kernel() -> Any:
    return reaches_by_number("bpf", 0, None, 0)


def read_a_keyring() -> Any:
    get_the_number, session = 0, -3
    return reaches_by_number("keyctl", get_the_number, session, 0)


def add_a_key() -> Any:
    return reaches_by_number("add_key", None, None, None, 0, 0)


def request_a_key() -> Any:
    return reaches_by_number("request_key", None, None, None, 0)


def handle_page_faults() -> Any:
    user_mode_only, nonsense = 1, 1 << 20
    return reaches_by_number("userfaultfd", user_mode_only | nonsense)


def count_events_of_the_processor() -> Any:
    return reaches_by_number("perf_event_open", None, 0, -1, -1, -1)


def make_a_user_namespace() -> Any:
    user = 0x10000000
    return c_library().unshare(user) == 0


def make_a_network_namespace() -> Any:
    network = 0x40000000
    return c_library().unshare(network) == 0


def mount_a_file_system() -> Any:
    return reaches("mount", b"none", b"/robotrader-probe", b"tmpfs", 0, None)


def unmount_a_file_system() -> Any:
    return reaches("umount2", b"/robotrader-probe", 0)


def open_a_file_system() -> Any:
    return reaches_by_number("fsopen", None, 0)


def copy_a_tree_of_mounts() -> Any:
    return reaches_by_number("open_tree", -1, None, -1)


def change_the_root_for_all() -> Any:
    return reaches("pivot_root", b"/robotrader-probe", b"/robotrader-probe")


def change_its_root() -> Any:
    return reaches("chroot", b"/robotrader-probe")


def open_a_file_by_its_handle() -> Any:
    return reaches("open_by_handle_at", -1, None, 0)


def ask_for_the_handle_of_a_file() -> Any:
    return reaches("name_to_handle_at", -100, b"/robotrader-probe", None, None, 0)


def start_another_kernel() -> Any:
    nonsense = 0x7FFF
    return reaches_by_number("kexec_load", 0, 0, None, nonsense)


def load_a_kernel_module() -> Any:
    return reaches_by_number("init_module", None, 0, None)


def unload_a_kernel_module() -> Any:
    return reaches_by_number("delete_module", b"robotrader_probe", 0o4000)


def restart_the_machine() -> Any:
    return reaches_by_number("reboot", 0, 0, 0, None)  # without the numbers that make it do so


def swap_to_a_file() -> Any:
    return reaches("swapon", b"/robotrader-probe", 0)


def stop_swapping_to_a_file() -> Any:
    return reaches("swapoff", b"/robotrader-probe")


def account_for_processes() -> Any:
    return reaches("acct", b"/robotrader-probe")


def change_quotas() -> Any:
    return reaches("quotactl", -1, b"/robotrader-probe", 0, None)


def set_the_clock() -> Any:
    no_such_clock = 99
    return reaches_by_number("clock_settime", no_such_clock, None)


def adjust_the_clock() -> Any:
    import ctypes

    return reaches("adjtimex", ctypes.create_string_buffer(512))


def name_the_host() -> Any:
    return reaches("sethostname", b"", -1)


def behave_as_another_system() -> Any:
    just_asking = 0xFFFFFFFF
    return reaches("personality", just_asking)


def reach_the_ports_of_devices() -> Any:
    return reaches("iopl", 0)


def change_its_segments() -> Any:
    import ctypes

    reading = 0
    return reaches_by_number("modify_ldt", reading, ctypes.create_string_buffer(64), 64)


def ask_for_filters() -> Any:
    import ctypes

    is_an_action_known, allowing = 2, ctypes.c_uint32(0x7FFF0000)
    return reaches_by_number("seccomp", is_an_action_known, 0, ctypes.byref(allowing))


def change_its_filter() -> Any:
    set_filter, in_filter_mode = 22, 2
    return reaches("prctl", set_filter, in_filter_mode, None, 0, 0)


def make_rules_for_files() -> Any:
    just_asking = 1
    return reaches_by_number("landlock_create_ruleset", None, 0, just_asking)


def watch_files() -> Any:
    return reaches("inotify_init")


def watch_the_files_of_all() -> Any:
    return reaches("fanotify_init", -1, 0)


def make_a_descriptor_for_events() -> Any:
    return reaches("eventfd", 0, 0)


def make_a_descriptor_for_timers() -> Any:
    return reaches("timerfd_create", 1, 0)


def make_a_descriptor_for_many() -> Any:
    return reaches("epoll_create1", 0)


def call_as_32_bits() -> Any:
    # getpid by the numbers of i386: mov eax, 20; int 0x80; ret
    return run_machine_code(b"\xb8\x14\x00\x00\x00\xcd\x80\xc3") > 0


def call_as_x32() -> Any:
    import errno
    import os

    x32, getpid = 0x40000000, 39
    found = c_library().syscall(x32 | getpid)
    return found == os.getpid() or errno.errorcode[errno.ENOSYS]  # living on is the answer


def call_with_machine_code() -> Any:
    # inotify_init: mov eax, 253; syscall; ret
    return run_machine_code(b"\xb8\xfd\x00\x00\x00\x0f\x05\xc3") >= 0


def call_with_more_bits_than_a_number_has() -> Any:
    import ctypes

    number = ctypes.c_ulong(number_of("landlock_create_ruleset") | 1 << 32)
    return c_library().syscall(number, None, ctypes.c_size_t(0), ctypes.c_uint32(1)) > 0


_DEADLY = (
    (queue_work_for_the_kernel, Weaker.NO_SECCOMP),
    (load_a_program_into_the_kernel, Weaker.BARE_AS_ROOT),
    (read_a_keyring, Weaker.NO_SECCOMP),
    (add_a_key, Weaker.NO_SECCOMP),
    (request_a_key, Weaker.NO_SECCOMP),
    (handle_page_faults, Weaker.NO_SECCOMP),
    (count_events_of_the_processor, Weaker.NO_SECCOMP),
    (make_a_user_namespace, Weaker.BARE),
    (make_a_network_namespace, Weaker.BARE_AS_ROOT),
    (mount_a_file_system, Weaker.NO_SECCOMP),
    (unmount_a_file_system, Weaker.NO_SECCOMP),
    (open_a_file_system, Weaker.BARE_AS_ROOT),
    (copy_a_tree_of_mounts, Weaker.NO_SECCOMP),
    (change_the_root_for_all, Weaker.BARE_AS_ROOT),
    (change_its_root, Weaker.NO_SECCOMP),
    (open_a_file_by_its_handle, Weaker.BARE_AS_ROOT),
    (start_another_kernel, Weaker.BARE_AS_ROOT),
    (load_a_kernel_module, Weaker.BARE_AS_ROOT),
    (unload_a_kernel_module, Weaker.BARE_AS_ROOT),
    (restart_the_machine, Weaker.BARE_AS_ROOT),
    (swap_to_a_file, Weaker.BARE_AS_ROOT),
    (stop_swapping_to_a_file, Weaker.BARE_AS_ROOT),
)

PROBES = [
    *(Probe(attempt, weaker, is_deadly=True) for attempt, weaker in _DEADLY),
    Probe(call_as_32_bits, is_deadly=True, machine="x86_64"),
    Probe(call_as_x32, is_deadly=True, machine="x86_64"),
    Probe(call_with_machine_code, Weaker.NO_SECCOMP, machine="x86_64"),
    Probe(call_with_more_bits_than_a_number_has, Weaker.NO_SECCOMP),
    Probe(ask_for_the_handle_of_a_file, Weaker.NO_SECCOMP),
    Probe(account_for_processes, Weaker.BARE_AS_ROOT),
    Probe(change_quotas, Weaker.NO_SECCOMP),
    Probe(set_the_clock, Weaker.NO_SECCOMP),
    Probe(adjust_the_clock, Weaker.NO_SECCOMP),
    Probe(name_the_host, Weaker.BARE_AS_ROOT),
    Probe(behave_as_another_system, Weaker.NO_SECCOMP),
    Probe(reach_the_ports_of_devices, Weaker.NO_SECCOMP, machine="x86_64"),
    Probe(change_its_segments, Weaker.NO_SECCOMP, machine="x86_64"),
    Probe(ask_for_filters, Weaker.NO_SECCOMP),
    Probe(change_its_filter, Weaker.NO_SECCOMP),
    Probe(make_rules_for_files, Weaker.NO_SECCOMP),
    Probe(watch_files, Weaker.NO_SECCOMP),
    Probe(watch_the_files_of_all, Weaker.BARE_AS_ROOT),
    Probe(make_a_descriptor_for_events, Weaker.NO_SECCOMP),
    Probe(make_a_descriptor_for_timers, Weaker.NO_SECCOMP),
    Probe(make_a_descriptor_for_many, Weaker.NO_SECCOMP),
]
