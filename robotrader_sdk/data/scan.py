"""One fast pass over bars that only answers: is anything wrong?

`robotrader_sdk.data.faults` says what; the two agree (a property test holds them together).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from robotrader_sdk.compiled import compiled, uniform

Floats = NDArray[np.float64]

_CHUNK = 1 << 16
_NOT_A_TIME: int = np.iinfo(np.int64).min  # pandas' NaT
_FAR: int = np.iinfo(np.int64).max


def scan(times: NDArray[np.int64], prices: list[Floats], volume: Floats) -> tuple[bool, bool, int]:
    """Whether the times and prices are sound, the volumes are, and the smallest time step.

    `prices` are open, high, low and close. Arrays of any memory layout; they are read in
    chunks, so that a strided column is never copied whole.
    """
    sound, volume_sound, smallest = True, True, _FAR
    for start in range(0, times.size, _CHUNK):
        # One row of overlap, so that the step between two chunks is seen.
        chunk = slice(start, start + _CHUNK + 1)
        floats = [uniform(array[chunk], np.float64) for array in (*prices, volume)]
        chunk_sound, chunk_volume_sound, step = _scan(uniform(times[chunk], np.int64), *floats)
        sound = sound and chunk_sound
        volume_sound = volume_sound and chunk_volume_sound
        smallest = min(smallest, step)
    return sound, volume_sound, int(smallest)


@compiled
def _scan(
    times: NDArray[np.int64],
    open_: Floats,
    high: Floats,
    low: Floats,
    close: Floats,
    volume: Floats,
) -> tuple[bool, bool, int]:
    sound = times[0] != _NOT_A_TIME
    volume_sound = True
    for i in range(open_.size):
        # A NaN fails every comparison. `&`, not `and`: without branches this is vectorised.
        sound &= (
            (low[i] > 0.0)
            & (low[i] <= open_[i])
            & (open_[i] <= high[i])
            & (low[i] <= close[i])
            & (close[i] <= high[i])
            & (high[i] < np.inf)
        )
        volume_sound &= (volume[i] >= 0.0) & (volume[i] < np.inf)
    smallest = _FAR
    for i in range(1, times.size):
        sound &= times[i] > times[i - 1]  # a difference to NaT would overflow
        step = times[i] - times[i - 1]
        if step < smallest:
            smallest = step
    return sound, volume_sound, smallest
