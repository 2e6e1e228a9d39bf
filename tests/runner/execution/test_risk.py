"""Risk: each limit on both sides of its bound, whatever the strategy asked for."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

import pytest

from robotrader_sdk.types import OrderType, Side
from runner.execution.decision import NewOrder
from runner.execution.errors import BotError
from runner.execution.identity import Purpose
from runner.execution.journal.standing import Standing
from runner.execution.journal.tables import BotRow, BotState, LotRow, OrderRow, PositionRow
from runner.execution.risk import RiskGate, read_limits, watch_equity
from tests.runner.execution.journal_rows import PERP, SPOT, START

NOW = START + timedelta(hours=5)
PRICE = Decimal(100)


def bot(**more) -> BotRow:
    given = {
        "id": 1, "capital": Decimal(1_000), "leverage": Decimal(1), "state": BotState.RUNNING,
        "state_reason": "", "risk": {"price_collar": None, "max_orders_per_minute": None},
        "peak_equity": Decimal(1_000), "day_equity": Decimal(1_000), "day": None, "losses": 0,
        "rests_until": None, **more,
    }  # fmt: skip
    return BotRow(**given)


def standing(row: BotRow, held: str = "0", market=SPOT, orders=(), cash: str | None = None):
    quantity = Decimal(held)
    entry_value = quantity * PRICE if market.is_perpetual else Decimal(0)
    position = PositionRow(symbol=market.symbol, quantity=quantity, entry_value=entry_value)
    lot = LotRow(symbol=market.symbol, quantity=abs(quantity), direction=1 if quantity > 0 else -1)
    lots = {market.symbol: [lot]} if quantity else {}
    money = row.capital if cash is None else Decimal(cash)
    if cash is None and not market.is_perpetual:
        money -= quantity * PRICE
    return Standing(row, money, {market.symbol: position}, lots, {market.symbol: list(orders)}, ())


def order(side=Side.BUY, quantity="1", **more) -> NewOrder:
    given = {
        "symbol": SPOT.symbol, "side": side, "type": OrderType.MARKET, "purpose": Purpose.ENTRY,
        "quantity": None if quantity is None else Decimal(quantity), **more,
    }  # fmt: skip
    return NewOrder(**given)


def gate(*, market=SPOT, held="0", recent=0, cash=None, orders=(), last=None, **of_bot) -> RiskGate:
    risk = {"price_collar": None, "max_orders_per_minute": None, **of_bot.pop("limits", {})}
    row = bot(risk=risk, **{"day": NOW.replace(hour=0), **of_bot})
    where, prices = standing(row, held, market, orders, cash), {market.symbol: PRICE}
    watch = watch_equity(row, where.equity(prices), NOW, 60)
    lasts = {} if last is None else {market.symbol: Decimal(last)}
    return RiskGate(where, {market.symbol: market}, prices, recent, watch, NOW, lasts)


def refusal(new: NewOrder, **more) -> str:
    return gate(**more).refusal(new)


CASES = [
    # limits, order, more, what the refusal says ("": it passes)
    ({"max_order_notional": 100}, order(), {}, ""),
    ({"max_order_notional": 99}, order(), {}, "larger than 99"),
    ({"max_position_notional": 300}, order(), {"held": "2"}, ""),
    ({"max_position_notional": 299}, order(), {"held": "2"}, "position of 300"),
    ({"max_orders_per_minute": 3}, order(), {"recent": 2}, ""),
    ({"max_orders_per_minute": 3}, order(), {"recent": 3}, "3 orders a minute"),
    ({"max_daily_loss": "0.1"}, order(), {"cash": "900"}, ""),
    ({"max_daily_loss": "0.1"}, order(), {"cash": "899"}, "day's loss"),
    ({"price_collar": "0.1"}, order(type=OrderType.LIMIT, limit_price=Decimal(90)), {}, ""),
    ({"price_collar": "0.1"}, order(type=OrderType.LIMIT, limit_price=Decimal(89)), {}, "10%"),
    (
        {"price_collar": "0.1"},
        order(type=OrderType.LIMIT, limit_price=Decimal(90)),
        {"last": 105},
        "from the last, 105",
    ),
    ({"price_collar": "0.1"}, order(type=OrderType.STOP, stop_price=Decimal(111)), {}, "10%"),
    ({"allowed_symbols": ["BTC/USDT"]}, order(), {}, ""),
    ({"allowed_symbols": ["ETH/USDT"]}, order(), {}, "not among the symbols"),
    ({}, order(quantity="10"), {}, ""),
    ({}, order(quantity="10.1"), {}, "the bot has 1000.00"),
    ({}, order(quantity="3"), {"held": "7"}, ""),
    ({}, order(quantity="4"), {"held": "7"}, "would be tied up"),
    ({}, order(quantity=None, sizing={"unit": "fraction", "size": 1.0}), {}, ""),
    ({}, order(quantity=None, sizing={"unit": "fraction", "size": 1.1}), {}, "tied up"),
    ({}, order(quantity=None, sizing={"unit": "notional", "size": 1500.0}), {}, "tied up"),
    ({}, order(Side.SELL, "1"), {}, "sells 1 of 0"),
    ({}, order(Side.SELL, "5"), {"held": "5"}, ""),
    ({}, order(Side.SELL, "6"), {"held": "5"}, "sells 6 of 5"),
    ({}, order(Side.SELL, None, sizing={"unit": "notional", "size": 500.0}), {"held": "5"}, ""),
    (
        {},
        order(Side.SELL, None, sizing={"unit": "notional", "size": 501.0}),
        {"held": "5"},
        "of 5 that no other",
    ),
    ({"max_drawdown": "0.1"}, order(), {"cash": "900"}, ""),
    ({"max_drawdown": "0.1"}, order(), {"cash": "899"}, "below its peak"),
    ({"losses_in_a_row": 2}, order(), {"losses": 1}, ""),
    ({"losses_in_a_row": 2}, order(), {"losses": 2}, "rests until"),
    ({"max_daily_loss": "0.1"}, order(), {"cash": "800", "day": NOW - timedelta(days=1)}, ""),
    ({}, order(), {"state": BotState.EXIT_ONLY, "state_reason": "why"}, "only exits: why"),
    ({}, order(), {"state": BotState.PAUSED}, "paused"),
    ({}, order(), {"state": BotState.STOPPED}, "stopped"),
    ({}, order(), {"rests_until": NOW + timedelta(minutes=1)}, "rests until"),
    ({}, order(), {"rests_until": NOW}, ""),
]


@pytest.mark.parametrize(("limits", "new", "more", "said"), CASES)
def test_limits(limits, new, more, said):
    found = refusal(new, limits=limits, **more)
    assert (said in found) if said else found == ""


@pytest.mark.parametrize("state", list(BotState))
def test_an_exit_passes_every_limit_but_a_stop(state):
    limits = {"max_order_notional": 1, "max_orders_per_minute": 1, "max_daily_loss": "0.01"}
    leaves = order(Side.SELL, None, purpose=Purpose.EXIT, sizing={"unit": "position"})
    found = refusal(leaves, held="5", limits=limits, recent=99, cash="1", state=state)
    assert bool(found) is (state in (BotState.PAUSED, BotState.STOPPED))


def test_several_orders_of_one_decision_share_the_capital():
    one = gate()
    assert [bool(one.refusal(order(quantity="4"))) for _ in range(4)] == [False, False, True, True]


def test_what_is_held_is_sold_once():
    """The account may hold more, which is another bot's or its owner's."""
    one = gate(held="5")
    sells = [one.refusal(order(Side.SELL, quantity)) for quantity in ("3", "2", "1")]
    assert sells == ["", "", "it sells 1 of 0 that no other order sells"]
    leaves = order(Side.SELL, None, purpose=Purpose.EXIT, sizing={"unit": "position"})
    two = gate(held="5")
    assert two.refusal(leaves) == ""
    assert "sells 1 of 0" in two.refusal(order(Side.SELL, "1", after=(0,)))


def resting(side, quantity, market=SPOT, **more) -> OrderRow:
    given = {
        "symbol": market.symbol, "side": side, "purpose": Purpose.ENTRY, "sizing": {},
        "quantity": None if quantity is None else Decimal(quantity), "filled": Decimal(0),
        "limit_price": None if quantity is None else Decimal(100),
        "filled_value": Decimal(0), "cancel_wanted": False, "reduce_only": False, **more,
    }  # fmt: skip
    return OrderRow(**given)


def test_what_a_resting_order_sells_is_not_sold_beside_it():
    assert "sells 3 of 2" in refusal(
        order(Side.SELL, "3"), held="5", orders=[resting(Side.SELL, "3")]
    )


SHORT = order(Side.SELL, "10", symbol=PERP.symbol)


@pytest.mark.parametrize(
    ("held", "more", "said"),
    [
        ("10", {}, ["", "", "20"]),  # flat, short 10; two more would be 20
        ("10", {"limits": {"max_position_notional": 900}}, ["", "position of 1000", "1000"]),
        ("10", {"state": BotState.EXIT_ONLY}, ["", "only exits", "only exits"]),
        ("5", {}, ["", "1500", "1500"]),  # the first turns around to short 5
        ("-5", {}, ["1500", "1500", "1500"]),
    ],
)
def test_a_perpetual_can_be_left_once_and_the_rest_opens_something(held, more, said):
    one = gate(market=PERP, held=held, **more)
    for what in said:
        found = one.refusal(SHORT)
        assert (what in found) if what else found == ""


def test_shorts_that_wait_tie_their_margin_up():
    waiting = resting(Side.SELL, "8", PERP)
    new = order(Side.SELL, "3", symbol=PERP.symbol)
    assert "1100.00 would be tied up" in refusal(new, market=PERP, orders=[waiting])


def two_perpetuals(*new: NewOrder) -> list[str]:
    """What is refused of these where 10 of one of two perpetuals are held, all the bot has."""
    row, other = bot(day=NOW.replace(hour=0)), replace(PERP, symbol="ETH/USDT:USDT")
    where = standing(row, "10", PERP)
    prices = {PERP.symbol: PRICE, other.symbol: PRICE}
    watch = watch_equity(row, where.equity(prices), NOW, 60)
    one = RiskGate(where, {PERP.symbol: PERP, other.symbol: other}, prices, 0, watch, NOW)
    return [one.refusal(each) for each in new]


def test_what_waits_for_an_exit_may_use_its_money():
    leaves = order(Side.SELL, "10", symbol=PERP.symbol, reduce_only=True, purpose=Purpose.EXIT)
    enters = order(symbol="ETH/USDT:USDT", quantity="10", purpose=Purpose.REBALANCE)
    assert two_perpetuals(leaves, replace(enters, after=(0,))) == ["", ""]
    assert "2000.00 would be tied up" in two_perpetuals(leaves, enters)[1]


def test_a_weight_counts_what_is_held_of_it_already():
    weighs = order(quantity=None, purpose=Purpose.REBALANCE, sizing={"weight": 0.5})
    limits = {"max_position_notional": 500, "max_order_notional": 100}
    assert refusal(weighs, held="4", limits=limits) == ""
    assert "an order of 200.00" in refusal(weighs, held="3", limits=limits)
    assert "a position of 500.00" in refusal(
        weighs, held="4", limits={"max_position_notional": 499}
    )


def test_entries_that_wait_tie_their_money_up():
    waiting = resting(Side.BUY, "8")
    assert refusal(order(quantity="2"), orders=[waiting]) == ""
    assert "tied up" in refusal(order(quantity="3"), orders=[waiting])


@pytest.mark.parametrize(
    ("waiting", "held", "passes"),
    [
        (resting(Side.BUY, None, sizing={"weight": 0.8}), "0", "2"),
        (resting(Side.BUY, None, sizing={"weight": 0.8}), "3", "2"),  # which 3 are a part of
        (resting(Side.BUY, "8", sizing={"weight": 0.8}), "0", "2"),
        (resting(Side.BUY, "5", sizing={"weight": 0.8}, filled=Decimal(2)), "2", "5"),
        (resting(Side.BUY, None, cost=Decimal(800), filled_value=Decimal(300)), "3", "2"),
    ],
)
@pytest.mark.parametrize("limits", [{}, {"max_position_notional": 1_000}])
def test_what_an_order_by_weight_or_cost_has_left_to_buy_is_tied_up(waiting, held, passes, limits):
    one = gate(held=held, orders=[waiting], limits=limits)
    assert one.refusal(order(quantity=passes)) == ""
    assert one.refusal(order(quantity="0.1"))
    more = order(quantity=str(Decimal(passes) + Decimal("0.1")))
    assert refusal(more, held=held, orders=[waiting], limits=limits)


@pytest.mark.parametrize(("quantity", "passes"), [("30", True), ("31", False)])
def test_on_a_perpetual_the_leverage_counts(quantity, passes):
    found = refusal(order(quantity=quantity, symbol=PERP.symbol), market=PERP, leverage=Decimal(3))
    assert (found == "") is passes


@pytest.mark.parametrize(
    ("margin", "last", "most"),
    [
        ("isolated", "100", "40"),  # 10 at 100 tie up 200
        ("cross", "100", "40"),
        ("isolated", "110", "40"),  # 300 of 1,100, its pnl among them
        ("cross", "110", "44"),  # 220
        ("isolated", "90", "40"),  # 100 of 900
        ("cross", "90", "36"),  # 180: what it has lost is the whole account's
    ],
)
def test_each_position_ties_up_what_backs_it_beside_the_other_kind(margin, last, most):
    """Ten of a perpetual at 100 are held with a leverage of five, and spot is bought at 20."""
    row = bot(day=NOW.replace(hour=0), leverage=Decimal(5), margin_mode=margin)
    where = standing(row, "10", PERP)
    prices = {PERP.symbol: Decimal(last), SPOT.symbol: Decimal(20)}
    watch = watch_equity(row, where.equity(prices), NOW, 60)

    def one() -> RiskGate:
        return RiskGate(where, {PERP.symbol: PERP, SPOT.symbol: SPOT}, prices, 0, watch, NOW)

    assert one().refusal(order(quantity=most)) == ""
    assert "would be tied up" in one().refusal(order(quantity=str(int(most) + 1)))


def test_spot_ties_up_its_whole_value_beside_a_leveraged_perpetual():
    row = bot(day=NOW.replace(hour=0), leverage=Decimal(5))
    where = standing(row, "9", SPOT)
    prices = {PERP.symbol: PRICE, SPOT.symbol: PRICE}
    watch = watch_equity(row, where.equity(prices), NOW, 60)
    one = RiskGate(where, {PERP.symbol: PERP, SPOT.symbol: SPOT}, prices, 0, watch, NOW)
    assert one.refusal(order(quantity="5", symbol=PERP.symbol)) == ""
    assert "1020.00 would be tied up" in one.refusal(order(quantity="1", symbol=PERP.symbol))


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"max_drawdawn": "0.1"}, "max_drawdawn"),
        ({"max_drawdown": "1.5"}, "max_drawdown: Input should be less than 1"),
        ({"max_order_notional": -1}, "max_order_notional: Input should be greater than 0"),
    ],
)
def test_a_limit_that_makes_no_sense_is_said(given, said):
    with pytest.raises(BotError, match=said):
        read_limits(given)


def test_a_drawdown_from_the_peak_lets_a_bot_only_exit():
    row = bot(risk={"max_drawdown": "0.2"})
    watch_equity(row, Decimal(1_500), NOW, 60).note(row)
    assert row.peak_equity == 1_500
    assert watch_equity(row, Decimal(1_200), NOW, 60).reason == ""
    assert "below its peak" in watch_equity(row, Decimal(1_199), NOW, 60).reason


@pytest.mark.parametrize("seconds", [60, 3600, 86_400])
def test_a_day_begins_with_the_equity_at_the_close_that_ends_the_day_before(seconds):
    row, midnight = bot(), NOW.replace(hour=0)
    closes = [
        # how far from midnight a bar closes, the equity then, what the day began with
        (-seconds, 900, 900),
        (0, 800, 900),
        (seconds, 700, 800),
    ]
    before = None
    for away, equity, first in closes:
        now = midnight + timedelta(seconds=away)
        watch_equity(row, Decimal(equity), now, seconds, before).note(row)
        before = Decimal(equity)
        assert row.day_equity == first


def test_after_losses_in_a_row_it_rests():
    row = bot(risk={"losses_in_a_row": 3, "rest_bars": 10}, losses=2)
    watch_equity(row, Decimal(900), NOW, 60).note(row)
    assert row.rests_until is None
    row.losses = 3
    watch_equity(row, Decimal(900), NOW, 60).note(row)
    assert row.rests_until == NOW + timedelta(minutes=10)
    assert row.losses == 0
