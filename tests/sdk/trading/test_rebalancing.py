"""From weights to quantities: what a rebalance costs, and what of it can be afforded."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from robotrader_sdk.trading.costs import Fees, make_terms, taker_price
from robotrader_sdk.trading.costs import whole_lots as lots_by_rule
from robotrader_sdk.trading.instrument import Instrument
from robotrader_sdk.trading.rebalancing import (
    Desk,
    growing,
    perpetual_quantity,
    shrinking,
    taker_prices,
    whole_lots,
)
from robotrader_sdk.types import Side

MANY = settings(max_examples=150, deadline=None)
NAN = math.nan


def desk(
    price: list[float], held: list[float], fee: float = 0.0, slippage: float = 0.0, lot: float = 0.0
) -> Desk:
    prices, many = np.array(price, float), np.ones(len(price))
    return Desk(
        price=prices,
        buy_price=prices * (1 + slippage),
        sell_price=prices * (1 - slippage),
        held=np.array(held, float),
        fee=fee * many,
        lot_size=lot * many,
    )


def test_what_shrinks_and_what_grows() -> None:
    one = desk([100, 50, 10, 20], [50, 0, 100, -100])
    weights = np.array([0.25, 0.5, NAN, 0.1])
    # 5,000 + 1,000 - 2,000 + cash of 6,000
    assert shrinking(one, weights, 10_000).tolist() == [-25, 0, 0, 100]
    after = desk([100, 50, 10, 20], [25, 0, 100, 0])
    assert growing(after, weights, 10_000, tied=0).tolist() == pytest.approx([0, 100, 0, 50])


def test_what_stays_leaves_less_for_what_grows() -> None:
    one = desk([100, 50, 10], [0, 0, 0])
    weights = np.array([0.4, 0.4, NAN])
    # Of 10,000, 4,000 are tied elsewhere: 8,000 are wanted, 6,000 there.
    assert growing(one, weights, 10_000, tied=4_000).tolist() == pytest.approx([30, 60, 0])


def test_a_position_never_shrinks_for_another_to_grow() -> None:
    one = desk([100, 50], [70, 0])
    weights = np.array([0.72, 0.4])
    # In proportion A would get 6,429; it keeps its 7,000, B gets the rest.
    assert growing(one, weights, 10_000, tied=0).tolist() == pytest.approx([0, 60])


def test_without_money_nothing_grows() -> None:
    one = desk([100], [0])
    assert growing(one, np.array([0.5]), 10_000, tied=10_000).tolist() == [0]
    assert growing(one, np.array([0.5]), 10_000, tied=20_000).tolist() == [0]


def test_float_noise_is_no_trade() -> None:
    one = desk([100], [50 * (1 + 1e-13)])
    assert shrinking(one, np.array([0.5]), 10_000).tolist() == [0]
    one = desk([100], [50 * (1 - 1e-13)])
    assert growing(one, np.array([0.5]), 10_000, tied=0).tolist() == [0]


def test_less_than_a_lot_between_what_is_held_and_wanted_is_no_trade() -> None:
    # Fees in base leave 49.95 of 50 bought in lots of 1: no lot can be bought or sold to get there.
    one = desk([100, 100], [49.95, 20.4], lot=1)
    assert growing(one, np.array([0.5, 0.2]), 10_000, tied=0).tolist() == [0, 0]
    assert shrinking(one, np.array([0.5, 0.2]), 10_000).tolist() == [0, 0]
    # A close sells all of it, and an entry of less than a lot is made, to be refused and listed.
    one = desk([100, 100], [0.4, 0.0], lot=1)
    assert shrinking(one, np.array([0.0, 0.005]), 10_000).tolist() == [-0.4, 0]
    assert growing(one, np.array([0.0, 0.005]), 10_000, tied=0).tolist() == [0, 0.5]


def test_what_is_not_wanted_is_closed_however_little_it_is() -> None:
    assert shrinking(desk([1e-9], [1e-9]), np.array([0.0]), 10_000).tolist() == [-1e-9]


def test_whole_lots_are_rounded_towards_nothing_held() -> None:
    one = desk([300, 300], [10, -10], lot=1.0)
    assert shrinking(one, np.array([0.1, -0.1]), 10_000).tolist() == [-7, 7]
    none = desk([300, 7_000], [0, 0], lot=1.0)
    added = growing(none, np.array([-0.5, 0.5]), 10_000, tied=0)
    assert added[0] == -16
    assert added[1] == pytest.approx(5 / 7)  # less than a lot: given as it is, to be refused


def test_a_perpetuals_quantity_has_its_fee_inside() -> None:
    assert perpetual_quantity(0.5, 10_000, 100, 0.01, 0.0) == pytest.approx(5_000 / 101)
    assert perpetual_quantity(-2.0, 10_000, 300, 0.0, 1.0) == -66


@st.composite
def cases(draw: Any) -> tuple[Desk, Any, float]:
    """A desk of an account that owes nothing, weights up to a gross of 1, and its equity."""
    size = draw(st.integers(1, 5))
    numbers = st.integers(1, 1_000)
    price = np.array(draw(st.lists(numbers, min_size=size, max_size=size)), float)
    value = np.array(draw(st.lists(st.integers(-99, 99), min_size=size, max_size=size)), float)
    parts = np.array(draw(st.lists(st.integers(-9, 9), min_size=size, max_size=size)), float)
    weights = parts / max(np.abs(parts).sum(), 1.0)
    weights[np.array(draw(st.lists(st.booleans(), min_size=size, max_size=size)))] = NAN
    held = value / price
    fee, slip = draw(st.sampled_from([0, 0.001, 0.1])), draw(st.sampled_from([0, 0.002, 0.1]))
    one = desk(price.tolist(), held.tolist(), fee, slip)
    cash = draw(st.integers(1, 500))
    equity = float(np.abs(value).sum() + cash)
    return one, weights, equity


@MANY
@given(cases())
def test_a_rebalance_ends_at_the_weights_of_what_is_left(case: Any) -> None:
    one, weights, equity = case
    sold = shrinking(one, weights, equity)
    cost, _ = one.cost(sold)
    after = Desk(**{**one.__dict__, "held": one.held + sold})
    bought = growing(after, weights, equity - cost, tied=0.0)
    more, _ = after.cost(bought)
    left = equity - cost - more
    held = after.held + bought
    values = np.abs(held) * one.price
    assert values.sum() <= left * (1 + 1e-9)
    wanted = ~np.isnan(weights)
    assert (np.sign(held[wanted]) == np.sign(weights[wanted]))[held[wanted] != 0].all()
    # No more than the weight but where it was kept; all of it where nothing was left alone.
    if wanted.all():
        np.testing.assert_allclose(held * one.price, weights * left, atol=equity * 1e-8)
    assert (values[wanted] <= np.abs(weights[wanted]) * left + equity * 1e-8).all()
    assert (held[~wanted] == one.held[~wanted]).all()


@MANY
@given(
    st.floats(0.0, 1e7),
    st.sampled_from([0.0, 1.0, 0.1, 0.25, 0.001, 5.0]),
    st.sampled_from([0.0, 0.001, 0.05]),
    st.booleans(),
)
def test_steps_are_those_of_the_rules(value: float, step: float, slip: float, near: bool) -> None:
    if near and step:
        value = round(value / step) * step
    terms = make_terms(Instrument(tick_size=step, lot_size=step), Fees(), slip)[0]
    one, size, slips = np.array([value]), np.array([step]), np.array([slip])
    assert whole_lots(one, size)[0] == pytest.approx(lots_by_rule(terms, value), rel=1e-12)
    assert whole_lots(-one, size)[0] == -whole_lots(one, size)[0]
    for side in Side:
        theirs = taker_price(terms, side, value, NAN)
        assert taker_prices(one, side, slips, size)[0] == pytest.approx(theirs, rel=1e-12)
