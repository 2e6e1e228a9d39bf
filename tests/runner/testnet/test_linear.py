"""Linear perpetuals: margin, funding and liquidation are those of the backtest."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

import pandas as pd
import pytest

import robotrader_sdk as rt
from robotrader_sdk.types import OrderType, Side
from runner.testnet.core.orders import Request
from runner.testnet.core.perpetual_series import PerpetualSeries
from runner.testnet.core.refusals import Reason, RefusedError
from runner.testnet.core.session import advance, finish_bar
from runner.testnet.core.settings import Settings
from tests.runner.testnet.conftest import bars_of, exchange_of

PERP = "BTC/USDT:USDT"
FLAT = [(100.0, 100.0, 100.0, 100.0)]


def perpetual(*rows, balance="1000", leverage="10", isolated=True, settings=None, marks=None,
              funding=None):  # fmt: skip
    bars = bars_of(*rows)
    settings = settings or Settings(funding_rate=Decimal(0))
    exchange = exchange_of({PERP: bars}, balances={"USDT": balance}, settings=settings)
    market = exchange.markets[PERP]
    series = PerpetualSeries(
        exchange.tape.series[PERP], market.funding_interval_minutes, mark=marks, funding=funding
    )
    exchange.linear.give(PERP, series)
    if isolated:
        exchange.linear.set_margin_mode("alice", isolated=True)
    if Decimal(leverage) != 10:
        exchange.linear.set_leverage("alice", PERP, Decimal(leverage))
    return exchange


def order(quantity, side=Side.BUY, **more):
    given = {"type": OrderType.MARKET, "quantity": Decimal(quantity), **more}
    return Request(symbol=PERP, side=side, **given)


def test_margin_is_posted_and_given_back():
    exchange = perpetual(*FLAT, (100.0, 110.0, 100.0, 110.0), (110.0, 110.0, 110.0, 110.0))
    exchange.submit("alice", order("2"))
    position = exchange.linear.position("alice", PERP)
    usdt = exchange.accounts["alice"].balance("USDT")
    assert (position.quantity, position.entry_price, position.margin) == (2, 100, 20)
    assert (usdt.free, usdt.locked) == (Decimal(1000) - 20 - Decimal("0.11"), 20)
    finish_bar(exchange)
    finish_bar(exchange)
    exchange.submit("alice", order("2", Side.SELL, reduce_only=True))
    assert (position.quantity, position.entry_value, position.margin, usdt.locked) == (0, 0, 0, 0)
    assert usdt.free == 1000 + 20 - Decimal("0.11") - Decimal("0.121")


def test_a_turn_closes_and_opens():
    exchange = perpetual(*FLAT, *FLAT)
    exchange.submit("alice", order("2"))
    exchange.submit("alice", order("5", Side.SELL))
    position = exchange.linear.position("alice", PERP)
    assert (position.quantity, position.entry_value, position.margin) == (-3, -300, 30)


@pytest.mark.parametrize(
    ("quantity", "side", "more", "reason"),
    [
        ("110", Side.BUY, {}, Reason.INSUFFICIENT_MARGIN),
        ("1", Side.SELL, {"reduce_only": True}, Reason.REDUCE_ONLY),
        ("0.0005", Side.BUY, {}, Reason.LOT_SIZE),
        ("0.04", Side.BUY, {}, Reason.NOTIONAL),
    ],
)
def test_what_margin_or_market_do_not_allow_is_refused(quantity, side, more, reason):
    exchange = perpetual(*FLAT, *FLAT)
    with pytest.raises(RefusedError) as refused:
        exchange.submit("alice", order(quantity, side, **more))
    assert refused.value.reason is reason
    usdt = exchange.accounts["alice"].balance("USDT")
    assert (usdt.free, usdt.locked) == (1000, 0)


def test_an_order_sets_its_margin_aside_while_it_works():
    exchange = perpetual(*FLAT, *FLAT)
    usdt = exchange.accounts["alice"].balance("USDT")
    resting = order("2", type=OrderType.LIMIT, price=Decimal(90))
    made = exchange.submit("alice", resting)
    assert usdt.locked == 18 + Decimal("0.099")
    exchange.cancel(made)
    assert (usdt.free, usdt.locked) == (1000, 0)


def test_a_reducing_order_fills_no_more_than_is_left():
    exchange = perpetual(*FLAT, (100.0, 120.0, 100.0, 120.0), *FLAT)
    exchange.submit("alice", order("2"))
    limit = {"type": OrderType.LIMIT, "reduce_only": True}
    exchange.submit("alice", order("2", Side.SELL, price=Decimal(105), **limit))
    exchange.submit("alice", order("2", Side.SELL, price=Decimal(110), **limit))
    for _ in range(3):
        finish_bar(exchange)
    assert exchange.linear.position("alice", PERP).quantity == 0
    assert [trade.price for trade in exchange.records.trades] == [100, 105]
    assert exchange.records.open_orders("alice") == []


@pytest.mark.parametrize("isolated", [True, False])
@pytest.mark.parametrize("side", [Side.BUY, Side.SELL])
def test_liquidation_is_where_the_backtest_has_it(isolated, side):
    falling = [(100.0, 100.5, 99.5, 100.0), *[(100.0 - 9 * side * k, *sorted(
        (100.0 - 9 * side * k, 100.0 - 9 * side * (k + 1)), reverse=True),
        100.0 - 9 * side * (k + 1)) for k in range(8)]]  # fmt: skip
    exchange = perpetual(*falling, balance="200", leverage="5", isolated=isolated)
    market = exchange.markets[PERP]
    finish_bar(exchange)
    exchange.submit("alice", order("4", side))
    expected = exchange.linear.liquidation_price(exchange.linear.position("alice", PERP))
    while not exchange.tape.is_over:
        finish_bar(exchange)
    run = rt.backtest(
        _always(side),
        bars_of(*falling),
        cash=200,
        fees=rt.Fees(maker=float(market.maker_fee), taker=float(market.taker_fee)),
        instrument=replace(market.instrument(), liquidation_fee=float(market.taker_fee)),
        leverage=5,
        margin="isolated" if isolated else "cross",
    )
    ours = exchange.records.trades
    assert [trade.kind for trade in ours] == ["trade", "liquidation"]
    assert float(ours[-1].price) == pytest.approx(float(expected), abs=0.1)
    theirs = run.fills["price"].to_list()
    assert [float(trade.price) for trade in ours] == pytest.approx(theirs, abs=0.1)
    balance = float(exchange.accounts["alice"].balance("USDT").total)
    assert balance == pytest.approx(run.equity.iloc[-1], abs=0.01)


def _always(side: Side) -> rt.Strategy:
    class Always(rt.Strategy):
        def signals(self, bars: pd.DataFrame) -> rt.Signals:
            first = pd.Series(False, index=bars.index)
            first.iloc[0] = True
            side_name = "enter_long" if side is Side.BUY else "enter_short"
            return rt.Signals(**{side_name: first}, quantity=4.0)

    return Always()


def test_funding_is_paid_from_longs_to_shorts_at_its_instants():
    bars = bars_of(*FLAT * 5)
    rates = pd.Series([0.001, 0.0005], index=[bars.index[1], bars.index[3]])
    exchange = perpetual(*FLAT * 5, funding=rates)
    exchange.submit("alice", order("2"))
    paid = Decimal("0.11")
    usdt = exchange.accounts["alice"].balance("USDT")
    for bar in range(5):
        finish_bar(exchange)
        paid += {1: Decimal("0.2"), 3: Decimal("0.1")}.get(bar, Decimal(0))
        assert usdt.total == 1000 - paid
    funding = [trade for trade in exchange.records.trades if trade.kind == "funding"]
    assert [trade.fee for trade in funding] == [Decimal("0.2"), Decimal("0.1")]
    assert exchange.linear.position("alice", PERP).margin == 20


def test_a_mark_price_of_its_own_liquidates():
    bars = bars_of(*FLAT * 4)
    mark = pd.Series([100.0, 100.0, 85.0, 100.0], index=bars.index)
    exchange = perpetual(*FLAT * 4, marks=mark)
    exchange.submit("alice", order("2"))
    stops = [advance(exchange) for _ in range(2)]
    assert [stop.at for stop in stops] == ["close", "close"]
    assert exchange.records.trades[-1].kind == "liquidation"


def test_protection_of_an_order_starts_with_its_fill_and_one_ends_the_other():
    exchange = perpetual(*FLAT, (100.0, 100.0, 94.0, 96.0), (96.0, 130.0, 96.0, 130.0), *FLAT)
    entry = order("2", type=OrderType.LIMIT, price=Decimal(95))
    legs = [
        order("2", Side.SELL, type=OrderType.STOP, trigger=Decimal(90), reduce_only=True),
        order("2", Side.SELL, type=OrderType.STOP, trigger=Decimal(120), rises=True,
              reduce_only=True),
    ]  # fmt: skip
    made = exchange.lists.submit_bracket("alice", "", entry, legs)
    states = lambda: [exchange.records.orders[n].state.value for n in made.orders]  # noqa: E731
    assert states() == ["NEW", "PENDING_NEW", "PENDING_NEW"]
    for _ in range(2):
        finish_bar(exchange)
    assert states() == ["FILLED", "NEW", "NEW"]
    finish_bar(exchange)
    assert states() == ["FILLED", "EXPIRED", "FILLED"]
    assert exchange.linear.position("alice", PERP).quantity == 0


def test_leverage_and_margin_mode_keep_to_their_bounds():
    exchange = perpetual(*FLAT, *FLAT, isolated=False)
    for leverage, reason in (("101", Reason.LEVERAGE), ("10", Reason.NOTHING_CHANGES)):
        with pytest.raises(RefusedError) as refused:
            exchange.linear.set_leverage("alice", PERP, Decimal(leverage))
        assert refused.value.reason is reason
    exchange.submit("alice", order("2"))
    with pytest.raises(RefusedError) as refused:
        exchange.linear.set_margin_mode("alice", isolated=True)
    assert refused.value.reason is Reason.POSITION_EXISTS
    exchange.linear.set_leverage("alice", PERP, Decimal(4))
    assert exchange.linear.position("alice", PERP).margin == 50
    assert exchange.accounts["alice"].balance("USDT").locked == 50
