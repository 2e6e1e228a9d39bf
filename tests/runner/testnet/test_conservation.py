"""Whatever is ordered, cancelled and replayed: no unit is created or lost, locks end at zero."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import robotrader_sdk as rt
from robotrader_sdk.types import OrderType, Side
from runner.testnet.core.exchange import Exchange
from runner.testnet.core.orders import Request
from runner.testnet.core.refusals import RefusedError
from runner.testnet.core.session import advance, finish_bar
from runner.testnet.core.settings import Settings
from tests.runner.testnet.conftest import exchange_of

SPOT, PERP = "BTC/USDT", "BTC/USDT:USDT"
BARS = rt.synthetic_bars(40, "1m", seed=11, price=40_000.0, volatility=10.0)

SIDES = st.sampled_from([Side.BUY, Side.SELL])
AWAY = st.integers(-40, 40).map(lambda ticks: Decimal(ticks) / 1000)
SIZES = st.integers(1, 60).map(lambda n: Decimal(n) / 1000)
KINDS = st.sampled_from(["market", "cost", "limit", "stop", "stop_limit", "oco", "otoco"])
ACTS = st.one_of(
    st.tuples(st.just("order"), KINDS, SIDES, AWAY, SIZES),
    st.tuples(st.just("cancel"), st.integers(0, 9)),
    st.tuples(st.just("amend"), st.integers(0, 9), AWAY, SIZES),
    st.tuples(st.just("step"), st.integers(1, 3)),
)


def _request(exchange: Exchange, symbol: str, kind: str, side: Side, away: Decimal,
             quantity: Decimal, **more) -> Request:  # fmt: skip
    market = exchange.markets[symbol]
    quantity *= 1 if symbol == SPOT else 6  # leveraged, so that losses reach the margin
    last = exchange.last_price(market)
    price, other = market.price(last * (1 + away)), market.price(last * (1 + away * 2))
    by_kind = {
        "market": {"type": OrderType.MARKET, "quantity": quantity},
        "cost": {"type": OrderType.MARKET, "cost": quantity * 40_000},
        "limit": {"type": OrderType.LIMIT, "quantity": quantity, "price": price},
        "stop": {"type": OrderType.STOP, "quantity": quantity, "trigger": price},
        "stop_limit": {
            "type": OrderType.STOP_LIMIT, "quantity": quantity, "trigger": price, "price": other
        },
    }  # fmt: skip
    return Request(symbol=symbol, side=side, **by_kind[kind], **more)


def _order(exchange: Exchange, symbol: str, kind: str, side: Side, away: Decimal,
           quantity: Decimal) -> None:  # fmt: skip
    if kind not in ("oco", "otoco"):
        exchange.submit("alice", _request(exchange, symbol, kind, side, away, quantity))
        return
    wide = max(abs(away), Decimal("0.001"))
    legs_side = side if kind == "oco" else Side(-side)
    up, down = legs_side > 0, legs_side < 0
    legs = [
        _request(exchange, symbol, "limit", legs_side, wide if down else -wide, quantity),
        _request(exchange, symbol, "stop", legs_side, wide if up else -wide, quantity),
    ]
    if kind == "oco":
        exchange.lists.submit_oco("alice", "", legs)
    else:
        working = _request(exchange, symbol, "limit", side, away, quantity)
        exchange.lists.submit_otoco("alice", "", working, legs)


def _do(exchange: Exchange, symbol: str, act: tuple) -> None:
    live = exchange.records.open_orders("alice")
    try:
        if act[0] == "order":
            _order(exchange, symbol, *act[1:])
        elif act[0] == "cancel" and live:
            exchange.cancel(live[act[1] % len(live)])
        elif act[0] == "amend" and live:
            order = live[act[1] % len(live)]
            market = exchange.markets[symbol]
            price = market.price(exchange.last_price(market) * (1 + act[2]))
            has_price = order.price is not None
            exchange.amend(order, quantity=act[3], price=price if has_price else None)
        elif act[0] == "step" and not exchange.tape.is_over:
            for _ in range(act[1]):
                if not exchange.tape.is_over:
                    advance(exchange)
    except RefusedError:
        pass


def _check_spot(exchange: Exchange, start: dict[str, Decimal]) -> None:
    """Balances are the start and all executions; locks are those of live orders."""
    account = exchange.accounts["alice"]
    expected = dict(start)
    for trade in exchange.records.trades:
        expected["BTC"] += trade.side * trade.quantity
        expected["USDT"] -= trade.side * trade.cost
        expected[trade.fee_asset] = expected.get(trade.fee_asset, Decimal(0)) - trade.fee
    for asset, amount in expected.items():
        balance = account.balance(asset)
        assert balance.total == amount
        assert balance.free >= 0
        assert balance.locked >= 0
        locks = [lock.amount for lock in account.locks.values() if lock.asset == asset]
        assert balance.locked == sum(locks, Decimal(0))


def _cancel_all(exchange: Exchange) -> None:
    while live := exchange.records.open_orders("alice"):
        exchange.cancel(live[0])


@pytest.mark.parametrize("fee_asset", ["received", "quote", "BNB"])
@given(acts=st.lists(ACTS, max_size=25), fraction=st.sampled_from(["1", "0.4"]))
@settings(max_examples=60, deadline=None)
def test_spot_balances_are_what_the_executions_say(fee_asset, acts, fraction):
    how = Settings(fill_fraction=Decimal(fraction), fee_rates={"BNB": Decimal(300)})
    start = {"USDT": Decimal(5000), "BTC": Decimal("0.1"), "BNB": Decimal("0.01")}
    funds = {asset: str(amount) for asset, amount in start.items()}
    exchange = exchange_of({SPOT: BARS}, balances=funds, settings=how, fee_asset=fee_asset)
    for act in acts:
        _do(exchange, SPOT, act)
        _check_spot(exchange, start)
    _cancel_all(exchange)
    _check_spot(exchange, start)
    account = exchange.accounts["alice"]
    assert all(balance.locked == 0 for balance in account.balances.values())
    assert account.locks == {}
    assert all(len(book) == 0 for book in exchange.working.values())


@pytest.mark.parametrize("isolated", [True, False])
@given(acts=st.lists(ACTS, max_size=25), fraction=st.sampled_from(["1", "0.4"]),
       leverage=st.sampled_from(["1", "10", "50"]))  # fmt: skip
@settings(max_examples=60, deadline=None)
def test_a_wallet_is_the_start_and_what_positions_realized(isolated, acts, fraction, leverage):
    how = Settings(fill_fraction=Decimal(fraction), funding_rate=Decimal("0.001"))
    exchange = exchange_of({PERP: BARS}, balances={"USDT": "500"}, settings=how)
    linear = exchange.linear
    if isolated:
        linear.set_margin_mode("alice", isolated=True)
    if leverage != "10":
        linear.set_leverage("alice", PERP, Decimal(leverage))
    position, account = linear.position("alice", PERP), exchange.accounts["alice"]
    for act in acts:
        if act[0] != "order" or act[1] not in ("oco", "otoco", "cost"):
            _do(exchange, PERP, act)
        _check_linear(exchange, Decimal(500))
    _cancel_all(exchange)
    assert account.balance("USDT").locked == position.margin
    if exchange.tape.is_over:
        return
    finish_bar(exchange)
    _check_linear(exchange, Decimal(500))


def _check_linear(exchange: Exchange, start: Decimal) -> None:
    position = exchange.linear.position("alice", PERP)
    account = exchange.accounts["alice"]
    balance = account.balance("USDT")
    trades = exchange.records.trades
    signed = [trade for trade in trades if trade.kind != "funding"]
    assert position.quantity == sum((t.side * t.quantity for t in signed), Decimal(0))
    spent = sum((t.side * t.cost for t in signed), Decimal(0)) - position.entry_value
    paid = sum((trade.fee for trade in trades), Decimal(0))
    assert balance.total == start - spent - paid
    assert balance.free >= -Decimal("1e-8")
    assert balance.locked >= 0
    locks = sum((lock.amount for lock in account.locks.values()), Decimal(0))
    assert balance.locked == locks + position.margin
    if not position.quantity:
        assert (position.entry_value, position.margin) == (0, 0)
