"""Market files: our own, the venue's, an older one, and what can't be read."""

from __future__ import annotations

import json
from decimal import Decimal
from importlib import resources

import httpx
import pytest

import robotrader_sdk as rt
from runner.errors import TestnetError
from runner.testnet.core.market_file import read_markets
from runner.testnet.setup import Wanted, build
from tests.runner.testnet.conftest import Served, bars_of

OWN = json.loads(resources.files("runner.testnet.core").joinpath("markets.json").read_text())


def test_most_symbols_have_stops_and_lists_and_one_has_no_stop_market_orders():
    spot = [market for market in read_markets() if not market.linear]
    stops = [market for market in spot if "STOP_LOSS" in market.order_types]
    assert len(stops) == len(spot) - 1
    assert all(market.oco_allowed and market.otoco_allowed for market in stops)
    (without,) = [market for market in spot if market not in stops]
    assert "STOP_LOSS_LIMIT" in without.order_types


@pytest.mark.parametrize("row", OWN["symbols"], ids=lambda row: row["symbol"])
def test_every_filter_of_a_symbol_is_read(row):
    (market,) = [m for m in read_markets() if m.id == row["symbol"] and not m.linear]
    filters = {one["filterType"]: one for one in row["filters"]}
    assert market.tick_size == Decimal(filters["PRICE_FILTER"]["tickSize"])
    assert market.lot_size == Decimal(filters["LOT_SIZE"]["stepSize"])
    assert market.max_quantity == Decimal(filters["LOT_SIZE"]["maxQty"])
    assert market.market_max_quantity == Decimal(filters["MARKET_LOT_SIZE"]["maxQty"])
    assert market.min_notional == Decimal(filters["NOTIONAL"]["minNotional"])
    percent = filters["PERCENT_PRICE_BY_SIDE"]
    assert market.ask_multiplier_down == Decimal(percent["askMultiplierDown"])
    assert market.iceberg_parts == filters["ICEBERG_PARTS"]["limit"]
    assert market.max_orders == filters["MAX_NUM_ORDERS"]["maxNumOrders"]
    assert market.max_stop_orders == filters["MAX_NUM_ALGO_ORDERS"]["maxNumAlgoOrders"]
    assert market.max_order_lists == filters["MAX_NUM_ORDER_LISTS"]["maxNumOrderLists"]


def test_what_is_served_can_be_given_again(tmp_path):
    bars = bars_of((1, 2, 1, 2), (2, 3, 2, 3))
    first = Served(build(Wanted(bars={"BTC/USDT": bars})).exchange)
    told = httpx.get(f"{first.url}/api/v3/exchangeInfo").json()
    first.stop()
    file = tmp_path / "exchangeInfo.json"
    file.write_text(json.dumps(told))
    (again,) = read_markets(file)
    (own,) = [market for market in read_markets() if market.symbol == "BTC/USDT"]
    assert again == own


def test_an_older_exchange_info_is_read_too(real_bars):
    markets = read_markets(real_bars / "binance_BTC-USDT_exchangeInfo_2022-12.json")
    (market,) = [one for one in markets if one.symbol == "BTC/USDT"]
    assert "STOP_LOSS" not in market.order_types
    assert market.min_notional == 10
    assert market.tick_size == Decimal("0.01")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("{", "is not in the exchange's shape"),
        ("[]", "is not in the exchange's shape"),
        ("{}", 'has no "symbols"'),
        ('{"symbols": [{"symbol": "X"}]}', "symbol X"),
        ('{"symbols": [7]}', "symbol 7"),
    ],
)
def test_what_is_no_market_file_is_told(tmp_path, text, said):
    file = tmp_path / "markets.json"
    file.write_text(text)
    with pytest.raises(TestnetError, match=said):
        read_markets(file)


def test_a_market_file_that_is_not_there_is_told(tmp_path):
    with pytest.raises(TestnetError, match="can't be read"):
        read_markets(tmp_path / "none.json")


def test_bars_of_a_market_that_is_not_in_the_file_are_told():
    with pytest.raises(TestnetError, match="there is no market 'DOGE/USDT'"):
        build(Wanted(bars={"DOGE/USDT": rt.synthetic_bars(10)}))
