"""Random small markets and wishes, on a grid where much is touched exactly, for hypothesis."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import pandas as pd
from hypothesis import strategies as st

import robotrader_sdk as rt

from .harness import Ask, Prices, Row, frame
from .wishes import ENTER_SHORT, EXIT_SHORT, AsSignals, Wish, with_wishes

STEP = 0.5
FEES = [rt.Fees(0.0, 0.0), rt.Fees(0.001, 0.002), rt.Fees(-0.0002, 0.0005), rt.Fees(0.02, 0.03)]


@dataclass(frozen=True)
class Case:
    """Bars, wishes and settings of one run."""

    bars: pd.DataFrame
    wishes: list[Wish]
    unit: str
    settings: dict[str, Any]

    def run(self, form: type[rt.Strategy] = AsSignals, **changed: Any) -> rt.BacktestResult:
        strategy = with_wishes(form, self.wishes, self.unit)
        return rt.backtest(strategy, self.bars, **{**self.settings, **changed})


Move = tuple[int, int, int, int]
MOVES: st.SearchStrategy[Move] = st.tuples(
    st.sampled_from([0, 0, 0, 0, 1, -1, 3, -3, 8, -8, 15, -15]),  # gap at the open
    st.integers(-8, 8),  # body
    st.integers(0, 6),  # upper shadow
    st.integers(0, 6),  # lower shadow
)
FLAG_SETS = st.sampled_from([0, 0, 0, 0, 0, 1, 1, 1, 4, 4, 4, 2, 8, 10, 3, 5, 6, 9, 12, 15])
RATES = [0.0, 0.0, 0.0, 0.001, -0.002, 0.02, 0.2]
MAINTENANCE = [0.004, 0.04, [(0, 0.01), (5_000, 0.02, 10), (20_000, 0.1, 3)]]
OFFSETS = st.sampled_from([*[None] * 8, *range(-6, 7)])


def bars_of(moves: list[Move], factor: float) -> pd.DataFrame:
    """Bars from moves in steps; a factor other than 1 takes them off the grid."""
    rows: list[Prices] = []
    last = 200
    for gap, body, above, below in moves:
        opened = max(last + gap, 30)
        last = max(opened + body, 30)
        high, low = max(opened, last) + above, min(opened, last) - below
        rows.append((opened * STEP, high * STEP, low * STEP, last * STEP))
    return frame([(factor * o, factor * h, factor * low, factor * c) for o, h, low, c in rows])


@st.composite
def settings(draw: Any, perpetual: bool | None) -> dict[str, Any]:
    """`perpetual`: always, never, or (None) now and then."""
    paid = ["synthetic", "synthetic", "spot"]
    kinds = {None: [*paid, "linear_perpetual"], True: ["linear_perpetual"], False: paid}
    kind = draw(st.sampled_from(kinds[perpetual]))
    margined = {}
    if kind == "linear_perpetual":
        margined = {
            "max_leverage": 25.0,
            "maintenance_margin": draw(st.sampled_from(MAINTENANCE)),
            "liquidation_fee": draw(st.sampled_from([0.0, 0.0125])),
        }
    return {
        "cash": 10_000.0,
        "fees": draw(st.sampled_from(FEES)),
        "slippage": draw(st.sampled_from([0.0, 0.0, 0.001, 0.013])),
        "instrument": rt.Instrument(
            **margined,
            kind=kind,
            tick_size=draw(st.sampled_from([0.0, STEP, 0.1])),
            lot_size=draw(st.sampled_from([0.0, 0.0, 1.0, 0.001])),
            min_notional=draw(st.sampled_from([0.0, 0.0, 500.0])),
            fee_currency=draw(st.sampled_from(["quote", "base"])) if kind == "spot" else "quote",
        ),
        "fill_at": draw(st.sampled_from(["next_open", "next_open", "next_open", "close"])),
        "limit_fill": draw(st.sampled_from(["through", "touch"])),
    }


@st.composite
def perpetual_terms(draw: Any, bars: pd.DataFrame) -> dict[str, Any]:
    """Leverage, margin mode, funding and mark price over the given bars."""
    rates = draw(st.lists(st.sampled_from(RATES), min_size=len(bars), max_size=len(bars)))
    basis = draw(st.sampled_from([None, 1.0, 0.99, 1.01]))
    return {
        "leverage": draw(st.sampled_from([1.0, 3.0, 10.0, 25.0])),
        "margin": draw(st.sampled_from(["isolated", "cross"])),
        "funding": pd.Series(rates, index=bars.index + pd.Timedelta(minutes=10)),
        "mark": None if basis is None else bars * basis,
        "max_funding_rate": 1.0,
    }


@st.composite
def cases(
    draw: Any,
    n_bars: int = 14,
    unit: str | None = None,
    priced: bool = True,
    perpetual: bool | None = None,
) -> Case:
    """A case of up to so many bars. Priced entries only where the size is a quantity."""
    moves = draw(st.lists(MOVES, min_size=3, max_size=n_bars))
    bars = bars_of(moves, draw(st.sampled_from([1.0, 1.0, 1.00137])))
    chosen = draw(settings(perpetual))
    if chosen["instrument"].is_perpetual:
        chosen |= draw(perpetual_terms(bars))
    unit = unit or draw(st.sampled_from(["quantity", "quantity", "fraction", "notional", "risk"]))
    sizes = {
        "quantity": [1.0, 4.5, 10.0, 10.0, 33.3, 99.0, 400.0, math.nan],
        "fraction": [1.0, 0.5, 0.9999, 0.1, 4.0],
        "notional": [1_000.0, 9_000.0, 123.45],
        "risk": [0.01, 0.02, 0.002],
    }[unit]
    kinds = draw(protection_kinds(unit))
    wishes = []
    for close in bars["close"]:
        flags = draw(FLAG_SETS)
        if chosen["instrument"].kind == "spot":
            flags &= ~(ENTER_SHORT | EXIT_SHORT)
        limit = stop = None
        if priced and unit == "quantity":
            limit, stop = draw(OFFSETS), draw(OFFSETS)
        wishes.append(
            Wish(
                flags,
                limit=math.nan if limit is None else close + limit * STEP,
                stop=math.nan if stop is None else close + stop * STEP,
                valid_bars=draw(st.sampled_from([1, 1, 2, 3, math.inf])),
                size=draw(st.sampled_from(sizes)),
                protection={name: _level(name, value, flags, close) for name, value in kinds},
            )
        )
    return Case(bars, wishes, unit, chosen)


@st.composite
def protection_kinds(draw: Any, unit: str) -> list[tuple[str, float]]:
    """Which protection every entry of a run has: fractions, or distances in steps."""
    fractions = st.sampled_from([0.0, 0.0, 0.02, 0.05, 0.1])
    kinds = {
        "stop_loss": draw(fractions),
        "take_profit": draw(fractions),
        "trailing_stop": draw(fractions),
        "stop_loss_price": draw(st.sampled_from([0, 0, 0, 4, 9])) * STEP,
        "take_profit_price": draw(st.sampled_from([0, 0, 0, 4, 9])) * STEP,
    }
    if unit == "risk" and not kinds["trailing_stop"]:
        kinds["stop_loss"] = 0.05
    return [(name, value) for name, value in kinds.items() if value]


def _level(name: str, value: float, flags: int, close: float) -> float:
    """A distance as a price on the protective side of the close."""
    up = -1.0 if flags & ENTER_SHORT else 1.0
    if name == "stop_loss_price":
        return close - up * value
    return close + up * value if name == "take_profit_price" else value


@st.composite
def asks(draw: Any, closes: list[float]) -> Ask:
    """One order, close or cancel; sizes small enough for several lots."""
    bar = draw(st.integers(0, len(closes) - 1))
    what = draw(st.sampled_from(["buy", "buy", "buy", "sell", "sell", "close"]))
    if what == "close":
        return Ask(bar, what)
    limit, stop = draw(OFFSETS), draw(OFFSETS)
    asked: dict[str, float] = {"quantity": draw(st.sampled_from([1.0, 2.0, 3.5, 40.0]))}
    for name in ("stop_loss", "take_profit", "trailing_stop"):
        if fraction := draw(st.sampled_from([0.0, 0.0, 0.02, 0.05])):
            asked[name] = fraction
    return Ask(
        bar,
        what,
        valid_bars=draw(st.sampled_from([1, 2, math.inf])),
        limit=None if limit is None else closes[bar] + limit * STEP,
        stop=None if stop is None else closes[bar] + stop * STEP,
        asked=asked,
    )


@st.composite
def rows_of_asks(draw: Any) -> Row:
    """A scenario of many orders, several at a bar, without expected fills."""
    bars = bars_of(draw(st.lists(MOVES, min_size=4, max_size=12)), 1.0)
    closes = bars["close"].to_list()
    wanted = draw(st.lists(asks(closes), min_size=2, max_size=12))
    chosen = draw(settings(None))
    instrument = chosen["instrument"]
    margined = {}
    if instrument.is_perpetual:
        rates = draw(st.lists(st.sampled_from(RATES), min_size=len(bars), max_size=len(bars)))
        margined = {
            "leverage": draw(st.sampled_from([1.0, 3.0, 10.0])),
            "margin": draw(st.sampled_from(["isolated", "cross"])),
            "max_leverage": instrument.max_leverage,
            "maintenance": instrument.maintenance_margin,
            "liquidation_fee": instrument.liquidation_fee,
            "funding": dict(enumerate(rates)),
        }
    return Row(
        "random",
        [tuple(row) for row in bars[["open", "high", "low", "close"]].to_numpy().tolist()],
        sorted(wanted, key=lambda ask: ask.bar),
        [],
        fees=chosen["fees"],
        slippage=chosen["slippage"],
        limit_fill=chosen["limit_fill"],
        fill_at=chosen["fill_at"],
        kind=instrument.kind,
        tick=instrument.tick_size,
        lot=instrument.lot_size,
        min_notional=instrument.min_notional,
        fee_currency=instrument.fee_currency,
        **margined,
    )
