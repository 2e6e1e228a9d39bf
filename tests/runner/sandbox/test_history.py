"""Bars on their way to a bot: as they were, however their owner keeps them."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from robotrader_sdk.data.synthetic import synthetic_bars
from robotrader_sdk.strategy.context import COLUMNS
from runner.sandbox.errors import SandboxError, WireError
from runner.sandbox.history import History
from runner.sandbox.outgoing import Outgoing
from tests.runner.sandbox.jails import MARKET, RICH, Prison, flat_bars, spawn
from tests.runner.sandbox.test_bots import Counts

BARS = synthetic_bars(3_000, "1h", seed=1)


def _arrived(bars: pd.DataFrame, *first_rows: int) -> pd.DataFrame:
    history, outgoing = History(COLUMNS), Outgoing("A/B", COLUMNS)
    for end in (*first_rows[1:], len(bars)):
        for data in outgoing.unsent(bars.iloc[:end]):
            history.extend(data)
    return history.frame()


@pytest.mark.parametrize("unit", ["s", "ms", "us", "ns"])
@pytest.mark.parametrize("first_rows", [(0,), (0, 2_000), (0, 2_998, 2_999)])
def test_times_arrive_whatever_their_unit(unit: str, first_rows: tuple[int, ...]) -> None:
    index = pd.DatetimeIndex(BARS.index).as_unit(unit)
    arrived = _arrived(BARS.set_axis(index), *first_rows)
    assert (arrived.index == BARS.index).all()
    np.testing.assert_array_equal(arrived.to_numpy(), BARS.to_numpy())


def test_columns_arrive_whatever_their_order_and_kind() -> None:
    odd = BARS.assign(volume=np.arange(len(BARS)), note=1.0)[["note", *reversed(COLUMNS)]]
    arrived = _arrived(odd, 0, 2_500)
    assert list(arrived.columns) == list(COLUMNS)
    np.testing.assert_array_equal(arrived.to_numpy(), odd[list(COLUMNS)].to_numpy(np.float64))


@pytest.mark.parametrize("rows", [[5, 4], [4, 5, 5], [3], [2]])
def test_bars_that_are_not_newer_are_refused(rows: list[int]) -> None:
    history = History(COLUMNS)
    for data in Outgoing("A/B", COLUMNS).unsent(BARS.iloc[:4]):
        history.extend(data)
    with pytest.raises(WireError, match="not newer"):
        for data in Outgoing("A/B", COLUMNS).unsent(BARS.iloc[rows]):
            history.extend(data)


@pytest.mark.parametrize("change", ["an earlier start", "a bar less", "another unit of time"])
def test_a_history_that_is_not_the_one_it_was_is_an_error(prison: Prison, change: str) -> None:
    bars = flat_bars(6)[MARKET.symbol]
    index = pd.DatetimeIndex(bars.index)
    changed = {
        "an earlier start": bars.set_axis(index - pd.Timedelta("1h")),
        "a bar less": bars.iloc[:3],
        "another unit of time": bars.set_axis(index.as_unit("s")),
    }[change]

    async def work() -> bool:
        bot = await spawn(prison.jail, Counts)
        try:
            await bot.decide({MARKET.symbol: bars.iloc[:5]}, RICH)
            return (await bot.decide({MARKET.symbol: changed}, RICH)).is_decided
        finally:
            await bot.kill()

    if change == "another unit of time":
        assert prison.run(work())
    else:
        with pytest.raises(SandboxError, match="may only grow at its end"):
            prison.run(work())
