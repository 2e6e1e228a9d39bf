"""A program that starts processes to be killed.

It imports what takes long, then obeys lines: `start JOB FOLDER ...` forks a child for the job
and answers with its pid, `wait PID` answers how that child ended (0, or minus the signal).
Jobs: `write FOLDER` stores the same month over and over, `stripe FOLDER K` every fourth hour of
a month, `download FOLDER URL` runs load_bars.
"""

from __future__ import annotations

import os
import sys
from itertools import count
from pathlib import Path

import ccxt  # noqa: F401 - before the forks, for it takes long
import numpy as np

sys.path.insert(0, str(Path(__file__).parent))

from binance_server import HOUR, local_binance, milliseconds

from robotrader_sdk.data.cache import BarCache
from robotrader_sdk.data.download import load_bars
from robotrader_sdk.data.month_file import Market
from robotrader_sdk.types import Timeframe

MARKET = Market("binance", "BTC/USDT", Timeframe(3600))
MONTH = (milliseconds("2024-01-01"), milliseconds("2024-02-01"))
PERIOD = ("2021-01-01", "2024-01-01")


def write(folder: Path) -> None:
    """Every version of the month holds one number throughout, its own."""
    cache = BarCache(folder, MARKET)
    times = np.arange(*MONTH, HOUR, dtype=np.float64)
    for version in count(1):
        rows = np.column_stack([times, *[np.full(len(times), float(version))] * 5])
        cache.add(rows, [MONTH])


def stripe(folder: Path, number: int) -> None:
    cache = BarCache(folder, MARKET)
    for time in range(MONTH[0] + number * HOUR, MONTH[0] + 100 * HOUR, 4 * HOUR):
        cache.add(np.array([[time, 1.0, 1.0, 1.0, 1.0, number]]), [(time, time + HOUR)])


def download(folder: Path, url: str) -> None:
    load_bars(local_binance(url), "BTC/USDT", "1h", *PERIOD, cache=folder, progress=False)


def run(job: str, folder: Path, argument: str) -> None:
    if job == "write":
        write(folder)
    elif job == "stripe":
        stripe(folder, int(argument))
    else:
        download(folder, argument)


def main() -> None:
    for line in sys.stdin:
        command, *words = line.split()
        if command == "start":
            answer = os.fork()
            if answer == 0:
                run(words[0], Path(words[1]), words[-1])
                os._exit(0)
        else:
            _, status = os.waitpid(int(words[0]), 0)
            answer = os.waitstatus_to_exitcode(status)
        sys.stdout.write(f"{answer}\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
