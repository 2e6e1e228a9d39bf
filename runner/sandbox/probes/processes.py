"""Attempts to start processes and threads, and to act on those of others."""

from __future__ import annotations

from typing import Any

from runner.sandbox.probes.probe import Probe, Weaker
from runner.sandbox.probes.reaching import (
    clean_up,
    reaches,
    reaches_by_number,
    run_machine_code,
)


def fork() -> Any:
    import os

    child = os.fork()
    if child == 0:
        os._exit(0)
    clean_up(os.waitpid, child, 0)
    return child


def vfork() -> Any:
    import os

    # vfork; in the child exit(0) at once; in the parent return what vfork returned
    child = run_machine_code(
        b"\xb8\x3a\x00\x00\x00\x0f\x05\x85\xc0\x75\x09\x31\xff\xb8\x3c\x00\x00\x00\x0f\x05\xc3"
    )
    if child > 0:
        clean_up(os.waitpid, child, 0)
    return child > 0


def clone_with_the_newer_call() -> Any:
    import ctypes
    import errno

    reaches_by_number("clone3", None, 0)
    return ctypes.get_errno() == errno.EINVAL


def start_a_thread() -> Any:
    import threading

    done: list[bool] = []
    thread = threading.Thread(target=done.append, args=(True,))
    thread.start()
    thread.join()
    return done


def start_threads_of_a_pool() -> Any:
    from concurrent.futures import ThreadPoolExecutor

    with ThreadPoolExecutor(1) as pool:
        return pool.submit(bool, 1).result()


def run_a_program() -> Any:
    import subprocess

    return subprocess.run(["/bin/true"]).returncode == 0


def run_a_command_in_a_shell() -> Any:
    import os

    return os.system("true") == 0


def spawn_a_program() -> Any:
    import os

    child = os.posix_spawn("/bin/true", ["true"], {})
    clean_up(os.waitpid, child, 0)
    return child


def become_another_program() -> Any:
    return reaches("execve", b"/robotrader-probe", None, None)


def wait_for_a_child() -> Any:
    return reaches("waitpid", -1, None, 1)


def signal_its_parent() -> Any:
    import os

    os.kill(os.getppid(), 0)
    return True


def signal_everybody() -> Any:
    import os

    os.kill(-1, 0)
    return True


def signal_its_group() -> Any:
    import os

    os.killpg(0, 0)
    return True


def signal_itself() -> Any:
    import os

    os.kill(os.getpid(), 0)
    return True


def signal_a_thread() -> Any:
    import signal
    import threading

    signal.pthread_kill(threading.get_ident(), 0)
    return True


def queue_a_signal() -> Any:
    import os

    return reaches("sigqueue", os.getpid(), 0, 0)


def hold_its_parent_by_a_descriptor() -> Any:
    import os

    descriptor = os.pidfd_open(os.getppid())
    os.close(descriptor)
    return descriptor


def signal_by_a_descriptor() -> Any:
    import errno
    import signal

    try:
        signal.pidfd_send_signal(-1, 0)
    except OSError as error:
        return error.errno == errno.EBADF


def set_a_timer() -> Any:
    import signal

    return signal.setitimer(signal.ITIMER_REAL, 0.0)


def raise_its_priority() -> Any:
    import os

    os.setpriority(os.PRIO_PROCESS, 0, -5)
    return True


def change_its_priority() -> Any:
    return reaches("setpriority", 0, 0, 19)


def change_the_priority_of_its_parent() -> Any:
    import os

    os.setpriority(os.PRIO_PROCESS, os.getppid(), 0)
    return True


def move_to_other_processors() -> Any:
    import os

    os.sched_setaffinity(0, os.sched_getaffinity(0))
    return True


def move_its_parent_to_other_processors() -> Any:
    import os

    os.sched_setaffinity(os.getppid(), os.sched_getaffinity(0))
    return True


def be_scheduled_in_real_time() -> Any:
    import os

    os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(1))
    os.sched_setscheduler(0, os.SCHED_OTHER, os.sched_param(0))
    return True


def change_how_it_is_scheduled() -> Any:
    import os

    os.sched_setscheduler(0, os.SCHED_BATCH, os.sched_param(0))
    return True


def read_and_write_first() -> Any:
    its_own, nonsense = 1, 0xFFFF
    return reaches_by_number("ioprio_set", its_own, 0, nonsense)


def become_root() -> Any:
    import os

    os.setuid(0)
    return True


def become_another_bot() -> Any:
    import os

    other = 600_777
    os.setresuid(other, other, other)
    return True


def join_the_group_of_root() -> Any:
    import os

    os.setgroups([0])
    return True


def change_its_group() -> Any:
    import os

    os.setgid(600_777)
    return True


def gain_capabilities() -> Any:
    return reaches_by_number("capset", None, None)


def leave_its_session() -> Any:
    import os

    return reaches("setpgid", os.getpid(), -1)


def be_open_to_inspection() -> Any:
    set_dumpable = 4
    return reaches("prctl", set_dumpable, 1, 0, 0, 0)


def outlive_its_parent() -> Any:
    set_signal_at_the_parents_death = 1
    return reaches("prctl", set_signal_at_the_parents_death, 0, 0, 0, 0)


def keep_capabilities() -> Any:
    set_keep_capabilities = 8
    return reaches("prctl", set_keep_capabilities, 1, 0, 0, 0)


def change_its_limits() -> Any:
    import resource

    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    return True


def raise_its_limits() -> Any:
    import resource

    for kind in range(16):
        most, hardest = resource.getrlimit(kind)
        if most == resource.RLIM_INFINITY:
            continue
        more = most + 1
        try:
            resource.setrlimit(kind, (more, hardest if hardest < 0 else max(more, hardest)))
        except (OSError, ValueError):
            continue
        resource.setrlimit(kind, (most, hardest))
        return f"limit {kind}"
    return None


def join_namespaces() -> Any:
    return reaches("setns", -1, 0)


PROBES = [
    Probe(fork),
    Probe(vfork, machine="x86_64"),
    Probe(clone_with_the_newer_call, Weaker.NO_SECCOMP),
    Probe(start_a_thread),
    Probe(start_threads_of_a_pool),
    Probe(run_a_program),
    Probe(run_a_command_in_a_shell),
    Probe(spawn_a_program),
    Probe(become_another_program, Weaker.NO_SECCOMP),
    Probe(wait_for_a_child, Weaker.NO_SECCOMP),
    Probe(signal_its_parent),
    Probe(signal_everybody),
    Probe(signal_its_group, Weaker.NO_SECCOMP),
    Probe(signal_itself, Weaker.NO_SECCOMP),
    Probe(signal_a_thread, Weaker.NO_SECCOMP),
    Probe(queue_a_signal, Weaker.NO_SECCOMP),
    Probe(hold_its_parent_by_a_descriptor, Weaker.NO_SECCOMP),
    Probe(signal_by_a_descriptor, Weaker.NO_SECCOMP),
    Probe(set_a_timer, Weaker.NO_SECCOMP),
    Probe(raise_its_priority, Weaker.BARE_AS_ROOT),
    Probe(change_its_priority, Weaker.NO_SECCOMP),
    Probe(change_the_priority_of_its_parent),
    Probe(move_to_other_processors, Weaker.NO_SECCOMP),
    Probe(move_its_parent_to_other_processors),
    Probe(be_scheduled_in_real_time, Weaker.BARE_AS_ROOT),
    Probe(change_how_it_is_scheduled, Weaker.NO_SECCOMP),
    Probe(read_and_write_first, Weaker.NO_SECCOMP),
    Probe(become_root, Weaker.BARE_AS_ROOT),
    Probe(become_another_bot, Weaker.BARE_AS_ROOT),
    Probe(join_the_group_of_root, Weaker.BARE_AS_ROOT),
    Probe(change_its_group, Weaker.BARE_AS_ROOT),
    Probe(gain_capabilities, Weaker.NO_SECCOMP),
    Probe(leave_its_session, Weaker.NO_SECCOMP),
    Probe(be_open_to_inspection, Weaker.NO_SECCOMP),
    Probe(outlive_its_parent, Weaker.NO_SECCOMP),
    Probe(keep_capabilities, Weaker.NO_SECCOMP),
    Probe(change_its_limits, Weaker.NO_SECCOMP),
    Probe(raise_its_limits),
    Probe(join_namespaces, Weaker.NO_SECCOMP, is_deadly=True),
]
