"""What a fresh process pays: imports, the first backtest, and compiling once."""

from __future__ import annotations

import tempfile

from tests.benchmarks.clock import medians, run_fresh

FIRST_BACKTEST = """
import robotrader_sdk as rt
class Cross(rt.Strategy):
    def signals(self, bars):
        fast, slow = rt.ta.sma(bars.close, 10), rt.ta.sma(bars.close, 50)
        return rt.Signals(
            enter_long=rt.ta.crossed_above(fast, slow), exit_long=rt.ta.crossed_below(fast, slow)
        )
rt.backtest(Cross(), {bars}).stats
"""
SHORT = FIRST_BACKTEST.format(bars='rt.sample_bars("AAPL")')
LONG = "from tests.benchmarks.markets import random_walk" + FIRST_BACKTEST.format(
    bars="random_walk(200_000)"
)

SNIPPETS = {
    "import vectorbt": "import vectorbt",
    "import robotrader_sdk": "import robotrader_sdk",
    "import pandas, pydantic": "import pandas, pydantic",
    "rt.Strategy; rt.backtest": "import robotrader_sdk as rt; rt.Strategy; rt.backtest",
    "import pandas, numba": "import pandas, numba",
    "first backtest, cached": SHORT,
    "long first backtest, cached": LONG,
}


def measure(rounds: int, *, with_vectorbt: bool = True) -> dict[str, float]:
    """The median seconds of each snippet in a fresh interpreter."""
    snippets = {n: c for n, c in SNIPPETS.items() if with_vectorbt or "vectorbt" not in n}
    return medians({n: lambda code=c: run_fresh(code) for n, c in snippets.items()}, rounds)


def compile_seconds() -> float:
    """What the first long backtest on a machine takes longer than the next ones."""
    with tempfile.TemporaryDirectory() as folder:
        first = run_fresh(LONG, NUMBA_CACHE_DIR=folder)
        second = run_fresh(LONG, NUMBA_CACHE_DIR=folder)
    return first - second
