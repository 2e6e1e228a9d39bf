"""Fill the holes that imports have left in memory, before bots are forked.

A page is copied as soon as a bot writes to it, and whatever a bot makes goes into some hole that
fits, each in another page. Where there are no holes it goes side by side into fresh pages.
"""

from __future__ import annotations

import ctypes
import mmap
from collections import Counter
from collections.abc import Callable, Sequence

_STEP, _LARGEST_BLOCK = 16, 512
_POOL_BITS, _POOL_HEADER = 14, 48
"""Python's own allocator (Objects/obmalloc.c): pools of 16 KB, each with blocks of one size."""

_MOST_BATCHES = 100
"""An allocator that works otherwise is left alone after that."""

_BYTES_HEADER = 33
_LARGEST_CHUNK = 64 * 1024
"""Below what the C library maps apart from its heap."""

_kept: list[object] = []


def fill_holes() -> None:
    """Have what is made from now on made in pages of its own."""
    for size in range(_STEP, _LARGEST_BLOCK + 1, _STEP):
        _fill_pools(size)
    _fill_heap()


def _fill_pools(size: int) -> None:
    """Take blocks until a whole pool of them is ours: there was none with room left then.

    Two pools' worth at a time, as counting takes blocks too, between one time and the next.
    """
    n_blocks, make = ((1 << _POOL_BITS) - _POOL_HEADER) // size, _maker(size)
    for _ in range(_MOST_BATCHES):
        made = make(2 * n_blocks)
        _kept.append(made)
        pools = Counter(id(one) >> _POOL_BITS for one in made)
        if max(pools.values()) == n_blocks:
            return


def _maker(size: int) -> Callable[[int], Sequence[object]]:
    """What makes objects in blocks of a size, and nothing else in such blocks meanwhile."""
    if size == _STEP:
        return lambda count: [object() for _ in range(count)]
    if size == 2 * _STEP:
        return lambda count: list(range(1 << 40, (1 << 40) + count))
    return lambda count: [bytes(size - _BYTES_HEADER) for _ in range(count)]


def _fill_heap() -> None:
    """Take chunks, the largest first, until the C library has to make its heap longer."""
    library = ctypes.CDLL(None)
    if not hasattr(library, "malloc_trim"):  # another one than that of GNU
        return
    library.malloc.restype = library.sbrk.restype = ctypes.c_void_p
    library.malloc.argtypes = library.malloc_trim.argtypes = [ctypes.c_size_t]
    library.free.argtypes = [ctypes.c_void_p]
    library.malloc_trim(0)
    last_page: int = library.sbrk(0) - mmap.PAGESIZE
    sizes = [_LARGEST_CHUNK >> n for n in range(6)]
    for size in [*sizes, *range(sizes[-1] - _STEP, 0, -_STEP)]:
        while (place := library.malloc(size)) < last_page:
            pass
        library.free(place)
