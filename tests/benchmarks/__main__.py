"""`make bench`: every speed and size that the project promises, as ratios measured in one run."""

from __future__ import annotations

import argparse
import sys
from dataclasses import dataclass

import numpy as np

from tests.benchmarks import (
    jail,
    load,
    local_exchange,
    markets,
    memory,
    ours,
    peers,
    portfolio,
    startup,
)
from tests.benchmarks.clock import medians
from tests.runner import postgresql


@dataclass(frozen=True)
class Promise:
    """A figure and the bar it has to keep."""

    name: str
    figure: float
    bar: float
    at_most: bool
    detail: str

    @property
    def kept(self) -> bool:
        return self.figure <= self.bar if self.at_most else self.figure >= self.bar

    def __str__(self) -> str:
        sign = "<=" if self.at_most else ">="
        verdict = "kept" if self.kept else "MISSED"
        return (
            f"{self.name:<52}{self.figure:>8.2f}  {sign} {self.bar:<5g} {verdict:<7} {self.detail}"
        )


def vectorised_promises(n_bars: int, rounds: int) -> list[Promise]:
    bars = markets.random_walk(n_bars)
    jobs = {
        "ours": lambda: ours.vectorised(bars),
        "vectorbt numba": peers.vectorbt_job(bars, "numba"),
        "vectorbt rust": peers.vectorbt_job(bars, "rust"),
        "raptorbt": peers.raptorbt_job(bars),
    }
    trades = {name: job()[1] for name, job in jobs.items()}
    if len(set(trades.values())) > 1:
        sys.stdout.write(f"note: the number of trades differs: {trades}\n")
    taken = medians(jobs, rounds)
    detail = ", ".join(f"{name} {1e3 * seconds:.0f} ms" for name, seconds in taken.items())
    best = min(taken["vectorbt numba"], taken["vectorbt rust"])
    size = f"{n_bars:,} bars"
    return [
        Promise(f"{size}: times faster than vectorbt", best / taken["ours"], 5.0, False, detail),
        Promise(
            f"{size}: times faster than raptorbt",
            taken["raptorbt"] / taken["ours"],
            2.5,
            False,
            "",
        ),
    ]


def event_promises(n_bars: int, rounds: int) -> list[Promise]:
    bars = markets.random_walk(n_bars)
    taken = medians(
        {"ours": lambda: ours.event(bars), "backtesting.py": peers.backtesting_py_job(bars)}, rounds
    )
    detail = ", ".join(f"{name} {1e6 * s / n_bars:.2f} us a bar" for name, s in taken.items())
    ratio = taken["backtesting.py"] / taken["ours"]
    name = f"event form, {n_bars:,} bars: times faster than backtesting.py"
    return [Promise(name, ratio, 5.0, False, detail)]


def portfolio_promises(n_symbols: int, n_bars: int, rounds: int) -> list[Promise]:
    frames = portfolio.daily_bars(n_symbols, n_bars)
    weights = portfolio.month_end_weights(frames)
    jobs = {"ours": portfolio.our_job(frames, weights), "bt": portfolio.bt_job(frames, weights)}
    equity = {name: job() for name, job in jobs.items()}
    taken = medians(jobs, rounds)
    detail = ", ".join(f"{name} {1e3 * seconds:.0f} ms" for name, seconds in taken.items())
    size = f"{n_symbols} symbols x {n_bars:,} days"
    differs = float(np.abs(equity["ours"] / equity["bt"] - 1.0).max())
    return [
        Promise(f"{size}: time / that of bt", taken["ours"] / taken["bt"], 0.25, True, detail),
        Promise(f"{size}: equity beside bt's, 1e-9", differs * 1e9, 1.0, True, ""),
    ]


def scaling_promises(small: int, large: int, rounds: int) -> list[Promise]:
    bars = {n: markets.random_walk(n) for n in (small, large)}
    taken = medians({str(n): lambda n=n: ours.vectorised(bars[n]) for n in bars}, rounds)
    a_bar = {n: taken[str(n)] / n for n in bars}
    detail = ", ".join(f"{n:,}: {1e9 * seconds:.0f} ns a bar" for n, seconds in a_bar.items())
    name = f"time a bar at {large:,} / at {small:,} bars"
    return [Promise(name, a_bar[large] / a_bar[small], 1.3, True, detail)]


def memory_promises(n_bars: int) -> list[Promise]:
    multiple = memory.peak_over_bars(n_bars)
    return [Promise(f"{n_bars:,} bars: peak memory / size of the bars", multiple, 4.0, True, "")]


def startup_promises(rounds: int) -> list[Promise]:
    taken = startup.measure(rounds)
    light = taken["import robotrader_sdk"] / taken["import vectorbt"]
    names = taken["rt.Strategy; rt.backtest"] / taken["import pandas, pydantic"]
    first = taken["first backtest, cached"] / taken["import pandas, numba"]
    compiled = taken["long first backtest, cached"] / taken["import pandas, numba"]
    seconds = {name: f"{value:.2f} s" for name, value in taken.items()}
    return [
        Promise("import robotrader_sdk / import vectorbt", light, 0.1, True, str(seconds)),
        Promise("rt.Strategy; rt.backtest / import pandas, pydantic", names, 1.3, True, ""),
        Promise("first backtest, cached / import pandas, numba", first, 1.4, True, ""),
        Promise("the same of 200,000 bars, compiled", compiled, 1.4, True, ""),
        Promise("compiling once, s", startup.compile_seconds(), 12.0, True, ""),
    ]


def exchange_promises(n_orders: int, n_bars: int, rounds: int) -> list[Promise]:
    runs = [local_exchange.signed_requests_a_second(n_orders) for _ in range(rounds)]
    promises = []
    for venue in runs[0]:
        rates = sorted(run[venue] for run in runs)
        detail = f"{rates[0]:.0f} to {rates[-1]:.0f}, creations and cancellations"
        name = f"local exchange, {venue}: signed requests a second"
        promises.append(Promise(name, float(np.median(rates)), 2000.0, False, detail))
    local_exchange.seconds_for_bars(2_000)  # machine code is loaded
    seconds = local_exchange.seconds_for_bars(n_bars)
    name = f"local exchange, {n_bars:,} bars with 100 orders resting, s"
    return [*promises, Promise(name, seconds, 60.0, True, "")]


def load_promises(n_bots: int, n_bars: int) -> list[Promise]:
    few = load.measure(n_bots // 10, n_bars)
    measured = [load.measure(n_bots, n_bars)]
    programs = postgresql.programs()
    if programs is None:
        sys.stdout.write("note: PostgreSQL is not installed, so only SQLite is measured\n")
    else:
        with postgresql.serving(programs) as url:
            measured.append(load.measure(n_bots, n_bars, url))
    promises = []
    for one in measured:
        detail = (
            f"{one.ticks_a_second:.0f} ticks/s, {one.orders_a_second:.1f} orders/s "
            f"({one.n_orders}), close to submit p50 {one.latency_p50:.2f} s "
            f"p99 {one.latency_p99:.2f} s, {one.cpu_ms_a_tick:.1f} ms CPU a tick, "
            f"{one.memory_mb:.0f} MB"
        )
        name = f"{n_bots:,} bots, {one.database}: a minute's bars, s"
        promises.append(Promise(name, n_bots / one.ticks_a_second, 60.0, True, detail))
        name = f"{n_bots:,} bots, {one.database}: requests for bars, over a tenth's"
        promises.append(Promise(name, one.requests / few.requests, 1.0, True, ""))
    return promises


def jail_promises(n_bots: int, n_bars: int) -> list[Promise]:
    one = jail.measure(n_bots, n_bars)
    added = max(calm for calm, _ in one.added_ms.values())
    shown = {**one.added_ms, "a bare round trip": one.bare_ms}
    detail = ", ".join(
        f"{name} {calm:.2f} ms ({median:.2f} in the median stretch)"
        for name, (calm, median) in shown.items()
    )
    everybody = (
        f"{one.start_all_seconds:.1f} s to start, {one.ticks_a_second:.0f} first bars/s, "
        f"{one.memory_all_mb:.0f} MB in all"
    )
    return [
        Promise("jail: start of a bot, ms", one.start_ms, 25.0, True, f"level {one.level}"),
        Promise("jail: memory of a light bot, MB", one.light_mb, 4.0, True, "private and dirty"),
        Promise("jail: added to a bar of an event strategy, ms", added, 0.3, True, detail),
        Promise("jail: bots alive at once", one.n_alive, n_bots, False, everybody),
    ]


GROUPS = (
    "vectorised", "event", "portfolio", "scaling", "memory", "startup", "exchange", "load", "jail",
)  # fmt: skip


def main() -> int:
    parser = argparse.ArgumentParser(prog="make bench", description=__doc__)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--only", choices=GROUPS)
    asked = parser.parse_args()
    groups = {
        "vectorised": lambda: vectorised_promises(1_000_000, asked.rounds),
        "event": lambda: event_promises(100_000, asked.rounds),
        "portfolio": lambda: portfolio_promises(200, 5 * 365 + 1, asked.rounds),
        "scaling": lambda: scaling_promises(1_000_000, 10_000_000, max(3, asked.rounds // 2)),
        "memory": lambda: memory_promises(1_000_000),
        "startup": lambda: startup_promises(asked.rounds),
        "load": lambda: load_promises(1_000, 5),
        "jail": lambda: jail_promises(1_000, 4_000),
        "exchange": lambda: exchange_promises(4_000, 1_000_000, max(3, asked.rounds // 2)),
    }
    promises = []
    for name, group in groups.items():
        if asked.only in (None, name):
            for promise in group():
                sys.stdout.write(f"{promise}\n")
                sys.stdout.flush()
                promises.append(promise)
    return 0 if all(promise.kept for promise in promises) else 1


if __name__ == "__main__":
    sys.exit(main())
