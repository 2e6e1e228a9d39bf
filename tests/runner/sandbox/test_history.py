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


def _packed(bars: pd.DataFrame) -> bytes:
    times = pd.DatetimeIndex(bars.index).as_unit("ns").asi8
    return times.tobytes() + bars.to_numpy().T.tobytes()


@pytest.mark.parametrize("rows", [[5, 4], [4, 5, 5], [3], [2]])
def test_bars_that_are_not_newer_are_refused(rows: list[int]) -> None:
    history = History(COLUMNS)
    history.extend(_packed(BARS.iloc[:4]))
    with pytest.raises(WireError, match="not newer"):
        history.extend(_packed(BARS.iloc[rows]))


@pytest.mark.parametrize(
    ("rows", "said"),
    [
        ([0, 1, 2, 3, 5, 4], "bar 5 is not newer"),
        ([0, 1, 2, 3, 4, 5, 5, 6], "bar 6"),
        ([0, 1, 2, 3, 3], "bar 4"),
        ([0, 1, 2, 3, 2], "bar 4"),
        ([0, 1, 2, 3, 2, 3, 4], "bar 4"),
    ],
)
def test_bars_out_of_order_never_leave(rows: list[int], said: str) -> None:
    outgoing = Outgoing("A/B", COLUMNS)
    outgoing.unsent(BARS.iloc[:4])
    with pytest.raises(SandboxError, match=f"A/B are not in order: {said}"):
        outgoing.unsent(BARS.iloc[rows])
    assert outgoing.unsent(BARS.iloc[:6]) == [_packed(BARS.iloc[4:6])]


def test_a_first_bar_without_a_time_is_out_of_order() -> None:
    index = pd.DatetimeIndex([pd.NaT, *BARS.index[1:3]])
    with pytest.raises(SandboxError, match=r"bar 0 is .* or has no time"):
        Outgoing("A/B", COLUMNS).unsent(BARS.iloc[:3].set_axis(index))


_SIX = BARS.iloc[:6]
_UNFIT = {
    "a column twice": (_SIX[[*COLUMNS, "close"]], "have close more than once; one each of open"),
    "two of all": (pd.concat([_SIX, _SIX], axis=1), "open, high, low, close, volume more than"),
    "a column less": (_SIX[["open", "close"]], "lack high, low, volume; one each of open"),
    "words": (_SIX.assign(close="much"), "are not all numbers"),
    "no times": (_SIX.reset_index(drop=True), "a RangeIndex of int64, has no times"),
    "fractions": (_SIX.set_axis([0.5, 1.5, 2.5, 3.5, 4.5, 5.5]), "has no times"),
    "words for times": (_SIX.set_axis(list("abcdef")), "A/B.* has no times"),
}


@pytest.mark.parametrize(("bars", "said"), _UNFIT.values(), ids=_UNFIT)
def test_bars_that_can_not_be_sent_are_an_error_each_time(bars: pd.DataFrame, said: str) -> None:
    outgoing = Outgoing("A/B", COLUMNS)
    for _ in range(2):
        with pytest.raises(SandboxError, match=said):
            outgoing.unsent(bars)
    assert outgoing.unsent(_SIX) == [_packed(_SIX)]


def test_times_in_an_index_of_objects_are_times() -> None:
    assert (_arrived(_SIX.set_axis(_SIX.index.astype(object)), 0).index == _SIX.index).all()


def test_a_history_without_bars_has_nothing_to_send() -> None:
    assert Outgoing("A/B", COLUMNS).unsent(pd.DataFrame(columns=list(COLUMNS))) == []


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
