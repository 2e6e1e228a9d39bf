"""Fill contract, rule 12: what signals become, given the position, in all three forms."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pytest

import robotrader_sdk as rt
from robotrader_sdk.trading.order import Purpose, RejectReason
from robotrader_sdk.types import OrderStatus, Side

from .harness import FREE, Prices, frame
from .wishes import (
    ENTER_LONG,
    ENTER_SHORT,
    EXIT_LONG,
    EXIT_SHORT,
    AsSignals,
    ByHand,
    Wish,
    run_plainly,
    with_wishes,
)

STILL: Prices = (100, 101, 99, 100)
SETTINGS: dict[str, Any] = {
    "cash": 10_000.0,
    "fees": FREE,
    "slippage": 0.0,
    "instrument": rt.Instrument(),
    "fill_at": "next_open",
    "limit_fill": "through",
}
NONE = Wish()
LONG = Wish(ENTER_LONG)
SHORT = Wish(ENTER_SHORT)
STOPPED = Wish(ENTER_LONG, protection={"stop_loss": 0.05})
OUT = Wish(EXIT_LONG | EXIT_SHORT)


@dataclass(frozen=True)
class Case:
    """Wishes bar by bar, and what should fill: `"bar side quantity @ price reason"`."""

    name: str
    wishes: list[Wish]
    fills: list[str]
    bars: list[Prices] = field(default_factory=lambda: [STILL] * 6)
    unit: str = "quantity"
    rejected: list[str] = field(default_factory=list)
    conflicts: int = 0


CASES = [
    Case("enter long from flat", [LONG], ["1 buy 1 @ 100 entry"]),
    Case("enter short from flat", [SHORT], ["1 sell 1 @ 100 entry"]),
    Case("same-side enter in a long is ignored", [LONG, LONG, LONG], ["1 buy 1 @ 100 entry"]),
    Case("same-side enter in a short is ignored", [SHORT, SHORT], ["1 sell 1 @ 100 entry"]),
    Case(
        "opposite enter reverses a long",
        [LONG, SHORT],
        ["1 buy 1 @ 100 entry", "2 sell 1 @ 100 reversal", "2 sell 1 @ 100 entry"],
    ),
    Case(
        "opposite enter reverses a short",
        [SHORT, LONG],
        ["1 sell 1 @ 100 entry", "2 buy 1 @ 100 reversal", "2 buy 1 @ 100 entry"],
    ),
    Case("exit long", [LONG, Wish(EXIT_LONG)], ["1 buy 1 @ 100 entry", "2 sell 1 @ 100 exit"]),
    Case("exit short", [SHORT, Wish(EXIT_SHORT)], ["1 sell 1 @ 100 entry", "2 buy 1 @ 100 exit"]),
    Case("exit long leaves a short alone", [SHORT, Wish(EXIT_LONG)], ["1 sell 1 @ 100 entry"]),
    Case("exit short leaves a long alone", [LONG, Wish(EXIT_SHORT)], ["1 buy 1 @ 100 entry"]),
    Case("exit without a position", [OUT, NONE], []),
    Case(
        "exit and same-side enter in a long: exit only",
        [LONG, Wish(ENTER_LONG | EXIT_LONG)],
        ["1 buy 1 @ 100 entry", "2 sell 1 @ 100 exit"],
    ),
    Case("exit and long enter from flat: nothing", [Wish(ENTER_LONG | EXIT_LONG)], []),
    Case("exit and short enter from flat: nothing", [Wish(ENTER_SHORT | EXIT_SHORT)], []),
    Case(
        "exit and same-side enter in a short: exit only",
        [SHORT, Wish(ENTER_SHORT | EXIT_SHORT)],
        ["1 sell 1 @ 100 entry", "2 buy 1 @ 100 exit"],
    ),
    Case(
        "exit and opposite enter reverse",
        [LONG, Wish(ENTER_SHORT | EXIT_LONG)],
        ["1 buy 1 @ 100 entry", "2 sell 1 @ 100 reversal", "2 sell 1 @ 100 entry"],
    ),
    Case("both enters from flat: neither", [Wish(ENTER_LONG | ENTER_SHORT)], [], conflicts=1),
    Case(
        "both enters in a long: neither",
        [LONG, Wish(ENTER_LONG | ENTER_SHORT)],
        ["1 buy 1 @ 100 entry"],
        conflicts=1,
    ),
    Case(
        "both enters and an exit: the exit",
        [LONG, Wish(ENTER_LONG | ENTER_SHORT | EXIT_LONG)],
        ["1 buy 1 @ 100 entry", "2 sell 1 @ 100 exit"],
        conflicts=1,
    ),
    Case(
        "NaN in a size rejects that entry, the next one stands",
        [Wish(ENTER_LONG, size=math.nan), LONG],
        ["2 buy 1 @ 100 entry"],
        rejected=["0 nan_input"],
    ),
    Case(
        "NaN in a stop-loss rejects that entry",
        [Wish(ENTER_LONG, protection={"stop_loss": math.nan})],
        [],
        rejected=["0 nan_input"],
    ),
    Case(
        "NaN in a size at a bar without entry means nothing",
        [LONG, Wish(size=math.nan), Wish(EXIT_LONG, size=math.nan)],
        ["1 buy 1 @ 100 entry", "3 sell 1 @ 100 exit"],
    ),
    Case(
        "a priced entry lives for one bar",
        [Wish(ENTER_LONG, limit=98)],
        [],
        bars=[STILL, STILL, (100, 101, 90, 95)],
    ),
    Case(
        "a priced entry that waits is cancelled by an exit of its side",
        [Wish(ENTER_LONG, limit=98, valid_bars=math.inf), Wish(EXIT_LONG)],
        [],
        bars=[STILL, STILL, (100, 101, 90, 95)],
    ),
    Case(
        "a priced entry that waits is not cancelled by an exit of the other side",
        [Wish(ENTER_LONG, limit=98, valid_bars=math.inf), Wish(EXIT_SHORT)],
        ["2 buy 1 @ 98 entry"],
        bars=[STILL, STILL, (100, 101, 90, 95)],
    ),
    Case(
        "a new enter replaces the entry that waits",
        [
            Wish(ENTER_LONG, limit=98, valid_bars=math.inf),
            Wish(ENTER_LONG, limit=95, size=2, valid_bars=math.inf),
        ],
        ["2 buy 2 @ 95 entry"],
        bars=[STILL, STILL, (100, 101, 90, 95)],
    ),
    Case(
        "NaN as an entry price is a market entry",
        [Wish(ENTER_LONG, limit=math.nan, stop=math.nan)],
        ["1 buy 1 @ 100 entry"],
    ),
    Case(
        "a priced reversal is one order for both",
        [LONG, Wish(ENTER_SHORT, limit=105, size=2)],
        ["1 buy 1 @ 100 entry", "2 sell 3 @ 105 entry"],
        bars=[STILL, STILL, (100, 106, 99, 100)],
    ),
    Case(
        "a priced reversal that does not fill leaves the position",
        [LONG, Wish(ENTER_SHORT, limit=105, size=2)],
        ["1 buy 1 @ 100 entry"],
        bars=[STILL, STILL, (100, 105, 99, 100)],
    ),
    Case(
        "an exit with a priced opposite enter closes at once and waits",
        [LONG, Wish(ENTER_SHORT | EXIT_LONG, limit=105)],
        ["1 buy 1 @ 100 entry", "2 sell 1 @ 100 reversal", "2 sell 1 @ 105 entry"],
        bars=[STILL, STILL, (100, 106, 99, 100)],
    ),
    Case(
        "a reversal to a rejected entry still closes",
        [LONG, Wish(ENTER_SHORT, size=math.nan)],
        ["1 buy 1 @ 100 entry", "2 sell 1 @ 100 exit"],
        rejected=["1 nan_input"],
    ),
    Case(
        "re-entry is possible at the bar of the stop-loss",
        [STOPPED, NONE, STOPPED],
        ["1 buy 1 @ 100 entry", "2 sell 1 @ 95 stop_loss", "3 buy 1 @ 100 entry"],
        bars=[STILL, STILL, (100, 101, 94, 96), STILL],
    ),
]


def _fill(fill: Any) -> tuple[int, str, float, float, str]:
    side, reason = Side(fill["side"]).label, Purpose(fill["purpose"]).label
    return int(fill["bar"]), side, float(fill["quantity"]), float(fill["price"]), reason


def _wanted(text: str) -> tuple[int, str, float, float, str]:
    bar, side, quantity, _, price, reason = text.split()
    return int(bar), side, float(quantity), float(price), reason


@pytest.mark.parametrize("form", ["signals", "by hand", "plain"])
@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_signals_become(case: Case, form: str) -> None:
    bars = frame(case.bars)
    wishes = [*case.wishes, *[NONE] * (len(bars) - len(case.wishes))]
    run: Any
    if form == "plain":
        run = run_plainly(bars, wishes, case.unit, SETTINGS)
    else:
        strategy = with_wishes(AsSignals if form == "signals" else ByHand, wishes, case.unit)
        run = rt.backtest(strategy, bars, **SETTINGS)
        refused = run.order_table[run.order_table["status"] == OrderStatus.REJECTED]
        seen = [f"{o['ended']} {RejectReason(o['reject_reason']).name.lower()}" for o in refused]
        assert seen == case.rejected
    assert [_fill(fill) for fill in run.fill_table] == [_wanted(text) for text in case.fills]
    if form != "by hand":  # an event strategy has no signals that could contradict each other
        assert run.n_conflicts == case.conflicts


def test_booleans_with_holes_are_false_there() -> None:
    class Holes(rt.Strategy):
        def signals(self, bars: Any) -> rt.Signals:
            enter = bars["close"].gt(0).astype(object)
            enter.iloc[0] = math.nan
            enter.iloc[2:] = None
            return rt.Signals(enter_long=enter, quantity=1)

    fills = rt.backtest(Holes(), frame([STILL] * 5)).fills
    assert fills["time"].tolist() == [frame([STILL] * 5).index[2]]


def test_numbers_with_holes_are_booleans_too() -> None:
    class Holes(rt.Strategy):
        def signals(self, bars: Any) -> rt.Signals:
            return rt.Signals(enter_long=np.array([np.nan, 0.0, 1.0, np.nan]), quantity=1)

    fills = rt.backtest(Holes(), frame([STILL] * 4)).fills
    assert fills["time"].tolist() == [frame([STILL] * 4).index[3]]


def test_spot_refuses_enter_short() -> None:
    with pytest.raises(rt.errors.InstrumentError, match="enter_short"):
        strategy = with_wishes(AsSignals, [SHORT, NONE], "quantity")
        rt.backtest(strategy, frame([STILL] * 2), instrument=rt.Instrument(kind="spot"))


@pytest.mark.parametrize(("warmup", "first"), [(0, 1), (2, 3), (4, 5)])
@pytest.mark.parametrize("form", [AsSignals, ByHand])
def test_nothing_trades_before_the_warmup(form: type[Any], warmup: int, first: int) -> None:
    class Warm(form):  # type: ignore[misc,valid-type]
        warmup_bars = warmup

    bars = frame([STILL] * 6)
    result = rt.backtest(with_wishes(Warm, [LONG] * 6, "quantity"), bars)
    assert result.fill_table["bar"].tolist() == [first]


@pytest.mark.parametrize("form", [AsSignals, ByHand])
def test_the_minimum_notional_of_a_priced_reversal_is_that_of_the_whole_order(
    form: type[Any],
) -> None:
    wishes = [Wish(ENTER_LONG, size=10), Wish(ENTER_SHORT, limit=105, size=1), NONE]
    bars = frame([STILL, STILL, (100, 106, 99, 100)])
    settings = {**SETTINGS, "instrument": rt.Instrument(min_notional=500)}
    result = rt.backtest(with_wishes(form, wishes, "quantity"), bars, **settings)
    assert result.fills["quantity"].tolist() == [10.0, 11.0]
    assert result.rejected.empty


@pytest.mark.parametrize("form", [AsSignals, ByHand])
def test_a_priced_reversal_beyond_the_cash_is_rejected_when_it_arrives(form: type[Any]) -> None:
    wishes = [Wish(ENTER_SHORT, size=10), Wish(ENTER_LONG, limit=99, size=25), NONE]
    bars = frame([STILL, STILL, (80, 81, 79, 80)])
    settings = {**SETTINGS, "cash": 2_000.0}
    result = rt.backtest(with_wishes(form, wishes, "quantity"), bars, **settings)
    assert result.fills["quantity"].tolist() == [10.0]
    assert result.rejected["time"].tolist() == [bars.index[1]]
