"""Whole ticks and lots: a price never passes what the trader has set, a quantity never grows."""

from __future__ import annotations

from decimal import Decimal

import pytest

from robotrader_sdk.types import Side
from runner.execution.broker import Market
from runner.execution.rounding import share_of
from runner.execution.rules import Rules


def market_of(tick: str = "0.05", lot: str = "0.003") -> Market:
    return Market(
        symbol="BTC/USDT", base="BTC", quote="USDT", tick_size=Decimal(tick), lot_size=Decimal(lot)
    )


@pytest.mark.parametrize(
    ("side", "price", "rounded"),
    [
        (Side.BUY, "100.09", "100.05"),
        (Side.SELL, "100.06", "100.10"),
        (Side.BUY, "100.05", "100.05"),
        (Side.SELL, "100.05", "100.05"),
        (Side.BUY, "0.04", "0.00"),
    ],
)
def test_a_limit_price_is_rounded_so_that_it_is_not_passed(side, price, rounded):
    market = market_of()
    assert market.order_price(side, Decimal(price)) == Decimal(rounded)
    assert Rules.of(market).order_price(side, float(price)) == Decimal(rounded)


@pytest.mark.parametrize(
    ("quantity", "rounded"), [("0.0089999", "0.006"), ("0.009", "0.009"), ("0.002", "0")]
)
def test_a_quantity_is_rounded_down(quantity, rounded):
    market = market_of()
    assert market.lots(Decimal(quantity)) == Decimal(rounded)
    assert Rules.of(market).lots(float(quantity)) == Decimal(rounded)


def test_what_has_no_step_stays_as_it_is():
    market = market_of("0", "0")
    odd = Decimal("12345678901234567890.123456789012345678")
    assert market.lots(odd) == odd
    assert market.order_price(Side.SELL, odd) == odd


def test_sums_are_exact_beyond_the_digits_of_a_default_decimal():
    market = market_of(lot="0.000000000000000001")
    odd = Decimal("12345678901234567890.123456789012345678")
    assert market.lots(odd) == odd
    assert share_of(odd, Decimal(1), Decimal(1)) == odd
