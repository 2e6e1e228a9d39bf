"""Attempts at more memory than is allowed: `preflight.LIMITS` allows 64 MB, and 128 MB of space."""

from __future__ import annotations

from typing import Any

from runner.sandbox.probes.probe import Probe, Weaker
from runner.sandbox.probes.reaching import c_library, reaches


def ten_gigabytes_of_arrays() -> Any:
    import numpy as np

    return len([np.empty(1 << 30, np.uint8) for _ in range(10)])


def one_large_array() -> Any:
    import numpy as np

    return len(np.empty(96 << 20, np.uint8))


def many_small_objects() -> Any:
    kept = []
    for _ in range(96):
        kept.append(bytearray(1 << 20))
    return len(kept)


def one_large_array_of_bytes() -> Any:
    return len(bytearray(96 << 20))


def memory_that_is_shared() -> Any:
    import mmap

    with mmap.mmap(-1, 96 << 20) as mapped:  # shared by default
        return len(mapped)


def memory_that_grows_downwards() -> Any:
    import mmap

    grows_down = 0x100
    flags = mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS | grows_down
    with mmap.mmap(-1, 96 << 20, flags=flags) as mapped:
        return len(mapped)


def memory_that_is_made_writable_later() -> Any:
    import ctypes
    import mmap

    size = 96 << 20
    library, failed = c_library(), ctypes.c_void_p(-1).value
    library.mmap.restype = ctypes.c_void_p
    flags = mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS
    place = library.mmap(None, ctypes.c_size_t(size), 0, flags, -1, ctypes.c_long(0))
    if place == failed:
        return None
    where = ctypes.c_void_p(place)
    done = library.mprotect(where, ctypes.c_size_t(size), mmap.PROT_READ | mmap.PROT_WRITE)
    library.munmap(where, ctypes.c_size_t(size))
    return done == 0


def memory_that_is_enlarged_later() -> Any:
    import mmap

    with mmap.mmap(-1, 1 << 20, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS) as mapped:
        mapped.resize(96 << 20)
        return len(mapped)


def a_terabyte_of_space() -> Any:
    import mmap

    no_reserve = 0x4000
    flags = mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS | no_reserve
    with mmap.mmap(-1, 1 << 40, flags=flags, prot=0) as mapped:
        return len(mapped)


def more_of_the_heap() -> Any:
    import ctypes

    size = 96 << 20
    library, failed = c_library(), ctypes.c_void_p(-1).value
    library.sbrk.restype = ctypes.c_void_p
    place = library.sbrk(ctypes.c_long(size))
    if place == failed:
        return None
    library.sbrk(ctypes.c_long(-size))
    return place


def shared_memory_of_system_v() -> Any:
    library = c_library()
    segment = library.shmget(0, 1 << 20, 0o600)
    if segment >= 0:
        library.shmctl(segment, 0, None)
    return segment >= 0


def a_message_queue_of_system_v() -> Any:
    library = c_library()
    queue = library.msgget(0, 0o600)
    if queue >= 0:
        library.msgctl(queue, 0, None)
    return queue >= 0


def semaphores_of_system_v() -> Any:
    library = c_library()
    semaphores = library.semget(0, 1, 0o600)
    if semaphores >= 0:
        library.semctl(semaphores, 0, 0)
    return semaphores >= 0


def shared_memory_with_a_name() -> Any:
    import os

    library, name = c_library(), f"/robotrader-probe-{os.getpid()}".encode()
    segment = library.shm_open(name, os.O_CREAT | os.O_RDWR, 0o600)
    if segment >= 0:
        os.close(segment)
        library.shm_unlink(name)
    return segment >= 0


def a_message_queue_with_a_name() -> Any:
    import os

    library, name = c_library(), f"/robotrader-probe-{os.getpid()}".encode()
    queue = library.mq_open(name, os.O_CREAT | os.O_RDWR, 0o600, None)
    if queue >= 0:
        os.close(queue)
        library.mq_unlink(name)
    return queue >= 0


def memory_that_stays_in_memory() -> Any:
    import ctypes

    return c_library().mlock(ctypes.create_string_buffer(4096), ctypes.c_size_t(4096)) == 0


def unlock_memory() -> Any:
    return reaches("munlockall")


def many_descriptors() -> Any:
    import os

    made: list[int] = []
    try:
        while len(made) < 100:
            made.append(os.dup(0))
    finally:
        for descriptor in made:
            os.close(descriptor)
    return made


PROBES = [
    Probe(ten_gigabytes_of_arrays, Weaker.NO_LIMITS),
    Probe(one_large_array, Weaker.NO_LIMITS),
    Probe(many_small_objects, Weaker.NO_LIMITS),
    Probe(one_large_array_of_bytes, Weaker.NO_LIMITS),
    Probe(memory_that_is_shared, Weaker.NO_SECCOMP),
    Probe(memory_that_grows_downwards, Weaker.NO_SECCOMP),
    Probe(memory_that_is_made_writable_later, Weaker.NO_SECCOMP),
    Probe(memory_that_is_enlarged_later, Weaker.NO_LIMITS),
    Probe(a_terabyte_of_space, Weaker.NO_LIMITS),
    Probe(more_of_the_heap, Weaker.NO_LIMITS),
    Probe(shared_memory_of_system_v, Weaker.NO_SECCOMP),
    Probe(a_message_queue_of_system_v, Weaker.NO_SECCOMP),
    Probe(semaphores_of_system_v, Weaker.NO_SECCOMP),
    Probe(shared_memory_with_a_name),
    Probe(a_message_queue_with_a_name),
    Probe(memory_that_stays_in_memory),
    Probe(unlock_memory, Weaker.NO_SECCOMP),
    Probe(many_descriptors, Weaker.NO_LIMITS),
]
