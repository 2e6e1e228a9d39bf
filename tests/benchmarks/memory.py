"""Peak memory of a vectorised run above the imports, as a multiple of the bars' own size."""

from __future__ import annotations

import subprocess
import sys

_CODE = """
import sys
from pathlib import Path
from tests.benchmarks import markets, ours

def resident(name):
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith(name):
            return int(line.split()[1]) * 1024

ours.vectorised(markets.random_walk(200_000))  # everything compiled and loaded
imported = resident("VmRSS")
bars = markets.random_walk(int(sys.argv[1]))
Path("/proc/self/clear_refs").write_text("5")  # forget the peak of making the bars
ours.vectorised(bars)
print((resident("VmHWM") - imported) / (bars.memory_usage(index=True).sum()))
"""


def peak_over_bars(n_bars: int) -> float:
    """Peak resident memory above the imports / size of the bars (which it contains)."""
    done = subprocess.run(
        [sys.executable, "-c", _CODE, str(n_bars)], capture_output=True, text=True, check=True
    )
    return float(done.stdout.split()[-1])
