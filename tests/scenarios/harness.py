"""Fill scenarios as tables: hand-made bars, neutral intents, expected fills; and three ways to run.

A row says what a strategy asks for at the close of which bar, in words that are neither
signals nor `ctx` calls. `RUNNERS` turn it into signals for the compiled kernel, into `ctx`
calls for the event loop, and into plain calls of the rules in `robotrader_sdk.trading`.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field, replace
from typing import Any, Literal

import numpy as np
import pandas as pd

import robotrader_sdk as rt
from robotrader_sdk.backtest.config import BacktestConfig
from robotrader_sdk.backtest.perpetual import read_perpetual
from robotrader_sdk.trading import book as books
from robotrader_sdk.trading import matching, placing
from robotrader_sdk.trading.costs import make_terms
from robotrader_sdk.trading.margin import Perpetual
from robotrader_sdk.trading.order import Purpose, RejectReason, SizeUnit
from robotrader_sdk.types import Liquidity, OrderStatus, OrderType, Side

FREE = rt.Fees(maker=0.0, taker=0.0)
SIZES = ("quantity", "notional", "fraction", "risk")
PROTECTION = (
    "stop_loss",
    "take_profit",
    "trailing_stop",
    "stop_loss_price",
    "take_profit_price",
)
Prices = tuple[float, float, float, float]


@dataclass(frozen=True)
class Ask:
    """What is asked for at the close of a bar. A priced order lives one bar unless it says so."""

    bar: int
    what: str  # buy, sell, close, cancel
    nth: int = 0  # which of the asked orders a cancel means
    valid_bars: float = 1
    limit: float | None = None
    stop: float | None = None
    asked: dict[str, float] = field(default_factory=dict)  # size and protection


def buy(bar: int, *, limit: Any = None, stop: Any = None, valid: float = 1, **asked: float) -> Ask:
    return Ask(bar, "buy", valid_bars=valid, limit=limit, stop=stop, asked=asked)


def sell(bar: int, *, limit: Any = None, stop: Any = None, valid: float = 1, **asked: float) -> Ask:
    return Ask(bar, "sell", valid_bars=valid, limit=limit, stop=stop, asked=asked)


def close(bar: int) -> Ask:
    return Ask(bar, "close")


def cancel(bar: int, nth: int) -> Ask:
    return Ask(bar, "cancel", nth=nth)


@dataclass(frozen=True)
class Row:
    """One scenario.

    fills: `"bar side quantity @ price liquidity reason"`, in order.
    rejected: `"bar reason"`, the reason as `RejectReason` names it.
    position, equity: after the last bar; None: not looked at.
    mirrored: also run with every price p as 200 - p and buys as sells.
    event_only: signals can't say it.
    marks: mark prices, a bar each; None: the last price.
    funding: rates by bar, paid an hour's half into it.
    paid: the funding of the whole run.
    """

    name: str
    bars: list[Prices]
    asks: list[Ask]
    fills: list[str]
    rejected: list[str] = field(default_factory=list)
    ambiguous: int = 0
    position: float | None = None
    equity: float | None = None
    bounds: tuple[float, float] | None = None
    mirrored: bool = False
    event_only: bool = False
    cash: float = 10_000.0
    fees: rt.Fees = FREE
    slippage: float = 0.0
    limit_fill: str = "through"
    fill_at: str = "next_open"
    kind: Literal["synthetic", "spot", "linear_perpetual"] = "synthetic"
    tick: float = 0.0
    lot: float = 0.0
    min_notional: float = 0.0
    fee_currency: Literal["quote", "base"] = "quote"
    leverage: float = 1.0
    margin: Literal["isolated", "cross"] = "isolated"
    maintenance: Any = 0.01
    max_leverage: float = 50.0
    liquidation_fee: float = 0.0
    contract_size: float = 1.0
    marks: list[Prices] | None = None
    funding: dict[int, float] | None = None
    paid: float | None = None

    @property
    def instrument(self) -> rt.Instrument:
        perpetual: dict[str, Any] = {}
        if self.kind == "linear_perpetual":
            perpetual = {
                "max_leverage": self.max_leverage,
                "maintenance_margin": self.maintenance,
                "liquidation_fee": self.liquidation_fee,
                "contract_size": self.contract_size,
            }
        return rt.Instrument(
            **perpetual,
            kind=self.kind,
            tick_size=self.tick,
            lot_size=self.lot,
            min_notional=self.min_notional,
            fee_currency=self.fee_currency,
        )

    @property
    def settings(self) -> dict[str, Any]:
        return {
            "cash": self.cash,
            "fees": self.fees,
            "slippage": self.slippage,
            "instrument": self.instrument,
            "fill_at": self.fill_at,
            "limit_fill": self.limit_fill,
            "leverage": self.leverage,
            "margin": self.margin,
            "max_funding_rate": 1.0,
        }

    @property
    def series(self) -> dict[str, Any]:
        """Funding and mark price as `rt.backtest` takes them."""
        if self.kind != "linear_perpetual":
            return {}
        index = frame(self.bars).index
        rates = pd.Series(0.0, index=index + pd.Timedelta(minutes=30))
        for bar, rate in (self.funding or {}).items():
            rates.iloc[bar] = rate
        marks = None if self.marks is None else frame(self.marks)
        return {"funding": rates, "mark": marks}


@dataclass(frozen=True)
class Seen:
    """What a run did, in the row's own words."""

    fills: list[tuple[int, str, float, float, str, str]]
    rejected: list[str]
    ambiguous: int
    position: float
    equity: float
    bounds: tuple[float, float] | None = None
    paid: float = 0.0


def expected_fill(text: str) -> tuple[int, str, float, float, str, str]:
    """`"1 buy 2 @ 100 taker entry"` as bar, side, quantity, price, liquidity, reason."""
    bar, side, quantity, at, price, liquidity, reason = text.split()
    assert at == "@", text
    return int(bar), side, float(quantity), float(price), liquidity, reason


def frame(bars: list[Prices]) -> pd.DataFrame:
    """Hourly bars of these prices."""
    index = pd.date_range("2024-01-01", periods=len(bars), freq="h", tz="UTC", name="open_time")
    columns = ["open", "high", "low", "close"]
    table = pd.DataFrame(np.array(bars, float), columns=columns, index=index)
    return table.assign(volume=1.0)


class Asks(rt.Strategy):
    """The row's asks as `ctx` calls."""

    warmup_bars = 0
    asks: list[Ask]

    def fresh(self) -> rt.Strategy:
        again = type(self)()
        again.asks = self.asks
        return again

    def init(self, bars: Any) -> None:
        self.made: list[Any] = []

    def on_bar(self, ctx: rt.Context) -> None:
        for ask in self.asks:
            if ask.bar != ctx.bar_number:
                continue
            if ask.what == "cancel":
                ctx.cancel(self.made[ask.nth])
            elif ask.what == "close":
                self.made.append(ctx.close_position())
            else:
                place = ctx.buy if ask.what == "buy" else ctx.sell
                priced = ask.limit is not None or ask.stop is not None
                life = int(ask.valid_bars) if priced and ask.valid_bars < math.inf else None
                order = place(
                    limit_price=ask.limit, stop_price=ask.stop, valid_bars=life, **ask.asked
                )
                self.made.append(order)


class AsksAsSignals(rt.Strategy):
    """The row's asks as signals; the row has at most one entry a bar and one unit of size."""

    asks: list[Ask]

    def fresh(self) -> rt.Strategy:
        again = type(self)()
        again.asks = self.asks
        return again

    def signals(self, bars: pd.DataFrame) -> rt.Signals:
        n_bars = len(bars)
        flags: dict[str, Any] = {
            name: np.zeros(n_bars, bool)
            for name in ("enter_long", "exit_long", "enter_short", "exit_short")
        }
        columns: dict[str, Any] = {}
        for ask in self.asks:
            if ask.what == "close":
                flags["exit_long"][ask.bar] = flags["exit_short"][ask.bar] = True
                continue
            flags["enter_long" if ask.what == "buy" else "enter_short"][ask.bar] = True
            values = dict(ask.asked)
            if ask.limit is not None:
                values["entry_limit_price"] = ask.limit
            if ask.stop is not None:
                values["entry_stop_price"] = ask.stop
            for name, value in values.items():
                # What another entry does not ask for must be no more than absent.
                columns.setdefault(name, np.full(n_bars, np.nan))[ask.bar] = value
            columns.setdefault("valid_bars", np.ones(n_bars))[ask.bar] = ask.valid_bars
        for flag in [k for k, v in flags.items() if k.startswith("exit") and v.any()]:
            # A close with an entry is a reversal, which the entry alone says already.
            entry = "enter_long" if flag == "exit_long" else "enter_short"
            flags[flag] &= ~flags[entry]
        return rt.Signals(**flags, **columns)


def _seen(result: rt.BacktestResult) -> Seen:
    orders = result.order_table
    refused = orders[orders["status"] == OrderStatus.REJECTED]
    fills = [
        (
            int(f["bar"]),
            Side(f["side"]).label,
            float(f["quantity"]),
            float(f["price"]),
            Liquidity(f["liquidity"]).label,
            Purpose(f["purpose"]).label,
        )
        for f in result.fill_table
    ]
    position = float(result.fill_table["position"][-1]) if len(fills) else 0.0
    return Seen(
        fills,
        [f"{o['ended']} {RejectReason(o['reject_reason']).name.lower()}" for o in refused],
        result.n_ambiguous,
        position,
        float(result.equity_values[-1]),
        (result.pnl_pessimistic, result.pnl_optimistic),
        float(result.lot_table["funding"].sum()),
    )


def run_kernel(row: Row) -> Seen:
    """Through signals and the compiled kernel."""
    strategy = AsksAsSignals()
    strategy.asks = row.asks
    return _seen(rt.backtest(strategy, frame(row.bars), **row.settings, **row.series))


def run_events(row: Row) -> Seen:
    """Through `on_bar` and the event loop."""
    strategy = Asks()
    strategy.asks = row.asks
    return _seen(rt.backtest(strategy, frame(row.bars), **row.settings, **row.series))


def run_plain(row: Row) -> Seen:
    """Through the rules as they stand, uncompiled."""
    terms = make_terms(
        row.instrument,
        row.fees,
        row.slippage,
        leverage=row.leverage,
        isolated=row.margin == "isolated",
        fill_on_touch=row.limit_fill == "touch",
    )
    config = BacktestConfig(**row.settings)
    data = read_perpetual(frame(row.bars), config, **{"funding": None, "mark": None, **row.series})
    perp = None if data is None else data.rules
    book = books.opened(books.new_tables(books.new_ledger(row.cash), terms, 64))
    made: list[int] = []
    for bar, prices in enumerate(row.bars):
        open_, high, low, close_ = map(float, prices)
        matching.match_bar(book, bar, open_, high, low, False, perp)
        asks = [ask for ask in row.asks if ask.bar == bar]
        for ask in asks:
            _ask_plainly(book, bar, close_, ask, made, perp)
        if asks and row.fill_at == "close":
            matching.match_bar(book, bar, close_, close_, close_, True, perp)
    result = rt.BacktestResult.from_book(
        strategy=AsksAsSignals(),
        config=config,
        bars=frame(row.bars),
        book=book,
        equity=np.array([books.equity_at(book, row.bars[-1][3])]),
        warmup_bars=0,
        indicators={},
    )
    return replace(_seen(result), bounds=None)


def _ask_plainly(
    book: books.Book,
    bar: int,
    close_: float,
    ask: Ask,
    made: list[int],
    perp: Perpetual | None,
) -> None:
    held = book.position["held"]
    if ask.what == "cancel":
        books.end_order(book, made[ask.nth], OrderStatus.CANCELLED, bar)
        books.sweep(book, bar)
        return
    if ask.what == "close":
        if held == 0.0:
            return
        side = Side.SELL if held > 0 else Side.BUY
        made.append(placing.append_order(book, bar, side, OrderType.MARKET, Purpose.EXIT))
        placing.admit(book, bar, close_, made[-1], 0.0, perp)
        return
    side = Side.BUY if ask.what == "buy" else Side.SELL
    against = 0.0 if placing.pending_exit(book, bar) >= 0 else -side * held
    exits = 0 < ask.asked.get("quantity", 0.0) <= against
    kind = {
        (True, True): OrderType.MARKET,
        (False, True): OrderType.LIMIT,
        (True, False): OrderType.STOP,
        (False, False): OrderType.STOP_LIMIT,
    }[ask.limit is None, ask.stop is None]
    purpose = Purpose.EXIT if exits else Purpose.ENTRY
    made.append(placing.append_order(book, bar, side, kind, purpose))
    order = book.orders[made[-1]]
    order["limit"] = math.nan if ask.limit is None else ask.limit
    order["stop"] = math.nan if ask.stop is None else ask.stop
    order["size_unit"], order["size"] = SizeUnit.FRACTION, 1.0
    for name in SIZES:
        if name in ask.asked:
            order["size_unit"], order["size"] = SizeUnit[name.upper()], ask.asked[name]
    for name in PROTECTION:
        order[name] = ask.asked.get(name, 0.0)
    if kind is not OrderType.MARKET and ask.valid_bars < math.inf:
        order["last"] = bar + int(ask.valid_bars)
    placing.admit(book, bar, close_, made[-1], 0.0, perp)


RUNNERS = {"kernel": run_kernel, "events": run_events, "plain": run_plain}


def mirror(row: Row) -> Row:
    """The same market upside down: every price p as 200 - p, every buy a sell.

    Fractions keep their meaning where they are taken of 100, the middle.
    """
    prices = {"stop_loss_price", "take_profit_price"}

    def flipped(ask: Ask) -> Ask:
        return replace(
            ask,
            what={"buy": "sell", "sell": "buy"}.get(ask.what, ask.what),
            limit=None if ask.limit is None else 200.0 - ask.limit,
            stop=None if ask.stop is None else 200.0 - ask.stop,
            asked={k: 200.0 - v if k in prices else v for k, v in ask.asked.items()},
        )

    def other_side(text: str) -> str:
        bar, side, quantity, price, liquidity, reason = expected_fill(text)
        side = {"buy": "sell", "sell": "buy"}[side]
        return f"{bar} {side} {quantity!r} @ {200.0 - price!r} {liquidity} {reason}"

    return replace(
        row,
        name=f"mirrored: {row.name}",
        bars=[(200.0 - o, 200.0 - low, 200.0 - h, 200.0 - c) for o, h, low, c in row.bars],
        asks=[flipped(ask) for ask in row.asks],
        fills=[other_side(text) for text in row.fills],
        position=None if row.position is None else -row.position,
    )
