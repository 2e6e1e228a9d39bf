"""Bybit through unmodified ccxt, spot and linear: every method that a runner needs."""

from __future__ import annotations

import asyncio
from decimal import Decimal

import ccxt
import ccxt.async_support
import httpx
import pytest

import robotrader_sdk as rt
from runner.testnet.core.settings import Settings
from tests.runner.testnet.conftest import bars_of, blocking_client, ccxt_client, exchange_of

SPOT, PERP = "BTC/USDT", "BTC/USDT:USDT"
BARS = rt.synthetic_bars(400, "1m", seed=3, price=40_000.0).round(1)


def _step(served, bars=1):
    done = httpx.post(f"{served.url}/_control/step", json={"bars": bars, "through_fills": True})
    assert done.status_code == 200, done.text


@pytest.fixture
def served(serve):
    funds = {"USDT": "100000", "BTC": "1"}
    how = Settings(funding_rate=Decimal("0.0002"))
    return serve(exchange_of({SPOT: BARS, PERP: BARS}, balances=funds, settings=how))


@pytest.fixture(params=["sync", "async", "pro"])
def bybit(request, served):
    client = blocking_client("bybit", served, request.param)
    client.load_markets()
    return client


@pytest.mark.parametrize(
    ("symbol", "price", "amount", "kind"),
    [(SPOT, 0.01, 1e-5, "spot"), (PERP, 0.1, 0.001, "swap")],
)
def test_markets_carry_their_precision(bybit, symbol, price, amount, kind):
    market = bybit.market(symbol)
    assert market["precision"]["price"] == price
    assert market["precision"]["amount"] == amount
    assert (market["type"], market["active"], market["quote"]) == (kind, True, "USDT")
    assert market["limits"]["cost"]["min"] == 5 if kind == "spot" else True
    if kind == "swap":
        assert market["limits"]["leverage"] == {"min": 1.0, "max": 100.0}
        assert (market["linear"], market["contractSize"], market["settle"]) == (True, 1.0, "USDT")


@pytest.mark.parametrize("symbol", [SPOT, PERP])
def test_bars_tickers_and_books(served, bybit, symbol):
    _step(served, 300)
    assert bybit.fetch_time() == served.exchange.clock.served_ms
    rows = bybit.fetch_ohlcv(symbol, "1m", limit=4)
    expected = BARS.iloc[297:300][["open", "high", "low", "close"]].to_numpy().tolist()
    assert [row[1:5] for row in rows[:-1]] == expected
    hours = bybit.fetch_ohlcv(symbol, "1h", limit=10)
    assert hours[0][1] == BARS["open"].iloc[0]
    assert hours[1][2] == BARS["high"].iloc[60:120].max()
    first = int(BARS.index[0].timestamp() * 1000)
    assert bybit.fetch_ohlcv(symbol, "1m", since=first, limit=50)[-1][0] == first + 49 * 60_000
    last = BARS["open"].iloc[300]
    ticker = bybit.fetch_ticker(symbol)
    assert (ticker["last"], ticker["bid"] < last < ticker["ask"]) == (last, True)
    book = bybit.fetch_order_book(symbol, 20)
    assert (len(book["bids"]), len(book["asks"])) == (20, 20)
    assert book["bids"][0][0] < last < book["asks"][0][0]


def _found(bybit, order_id, symbol):
    return bybit.fetch_order(order_id, symbol, {"acknowledged": True})


@pytest.mark.parametrize("symbol", [SPOT, PERP])
@pytest.mark.parametrize(
    ("kind", "side", "factor", "params", "status"),
    [
        ("market", "buy", None, {}, "closed"),
        ("market", "sell", None, {}, "closed"),
        ("limit", "buy", 0.99, {}, "open"),
        ("limit", "buy", 1.01, {}, "closed"),
        ("limit", "buy", 0.99, {"timeInForce": "IOC"}, "canceled"),
        ("limit", "buy", 0.99, {"timeInForce": "FOK"}, "canceled"),
        ("limit", "sell", 1.01, {"postOnly": True}, "open"),
        ("limit", "sell", 0.99, {"postOnly": True}, "canceled"),
        ("market", "sell", None, {"triggerPrice": 0.98, "triggerDirection": "descending"}, "open"),
        ("market", "buy", None, {"triggerPrice": 1.02, "triggerDirection": "ascending"}, "open"),
        ("limit", "sell", 0.97, {"triggerPrice": 0.98, "triggerDirection": "descending"}, "open"),
    ],
)
def test_each_order_type_is_made_and_found(bybit, symbol, kind, side, factor, params, status):
    last = bybit.fetch_ticker(symbol)["last"]
    params = {k: round(v * last, 1) if k == "triggerPrice" else v for k, v in params.items()}
    if symbol == SPOT:
        params.pop("triggerDirection", None)
    price = None if factor is None else round(last * factor, 1)
    made = bybit.create_order(symbol, kind, side, 0.01, price, params)
    order = _found(bybit, made["id"], symbol)
    assert (order["status"], order["side"], order["amount"]) == (status, side, 0.01)
    complete = ("id", "timestamp", "datetime", "symbol", "type", "filled", "cost", "timeInForce",
                "remaining", "lastTradeTimestamp")  # fmt: skip
    assert [name for name in complete if order[name] is None] == []
    if status == "closed":
        assert order["average"] == pytest.approx(last)
        rate = 0.001 if symbol == SPOT else 0.00055
        assert order["fee"]["cost"] == pytest.approx(rate * order["cost"])
    is_open = [o["id"] for o in bybit.fetch_open_orders(symbol)] == [made["id"]]
    assert is_open == (status == "open")
    if status == "open":
        bybit.cancel_order(made["id"], symbol)
        assert _found(bybit, made["id"], symbol)["status"] == "canceled"


@pytest.mark.parametrize("symbol", [SPOT, PERP])
def test_a_client_id_finds_and_cancels_and_is_unique_for_good(bybit, symbol):
    last = bybit.fetch_ticker(symbol)["last"]
    order = (symbol, "limit", "buy", 0.01, round(last * 0.95, 1), {"clientOrderId": "my-1"})
    made = bybit.create_order(*order)
    assert made["clientOrderId"] == "my-1"
    (found,) = bybit.fetch_open_orders(symbol, params={"orderLinkId": "my-1"})
    assert found["id"] == made["id"]
    bybit.cancel_order(None, symbol, {"orderLinkId": "my-1"})
    (gone,) = bybit.fetch_canceled_and_closed_orders(symbol, params={"orderLinkId": "my-1"})
    assert gone["status"] == "canceled"
    with pytest.raises(ccxt.InvalidOrder, match="170141" if symbol == SPOT else "110072"):
        bybit.create_order(*order)


@pytest.mark.parametrize("symbol", [SPOT, PERP])
def test_editing_keeps_the_order(bybit, symbol):
    last = bybit.fetch_ticker(symbol)["last"]
    made = bybit.create_order(symbol, "limit", "buy", 0.01, round(last * 0.95, 1))
    bybit.edit_order(made["id"], symbol, "limit", "buy", 0.02, round(last * 0.94, 1))
    (order,) = bybit.fetch_open_orders(symbol)
    assert (order["id"], order["amount"]) == (made["id"], 0.02)
    assert order["price"] == pytest.approx(round(last * 0.94, 1))


@pytest.mark.parametrize("symbol", [SPOT, PERP])
def test_all_orders_are_cancelled_at_once(bybit, symbol):
    last = bybit.fetch_ticker(symbol)["last"]
    for factor in (0.95, 0.96, 0.97):
        bybit.create_order(symbol, "limit", "buy", 0.01, round(last * factor, 1))
    assert len(bybit.cancel_all_orders(symbol)) == 3
    assert bybit.fetch_open_orders(symbol) == []
    assert len(bybit.fetch_canceled_orders(symbol)) == 3
    assert bybit.fetch_balance()["USDT"]["used"] == 0


def test_a_spot_order_by_cost(bybit):
    made = bybit.create_market_buy_order_with_cost(SPOT, 1000)
    assert 999 < _found(bybit, made["id"], SPOT)["cost"] <= 1000


@pytest.mark.parametrize("symbol", [SPOT, PERP])
def test_take_profit_and_stop_loss_start_with_the_fill(served, bybit, symbol):
    last = bybit.fetch_ticker(symbol)["last"]
    made = bybit.create_order(
        symbol, "limit", "buy", 0.01, round(last * 1.001, 1),
        {"stopLoss": {"triggerPrice": round(last * 0.8, 1)},
         "takeProfit": {"triggerPrice": round(last * 1.0015, 1)}},
    )  # fmt: skip
    assert _found(bybit, made["id"], symbol)["status"] == "closed"
    kinds = {o["info"]["stopOrderType"]: o["status"] for o in bybit.fetch_open_orders(symbol)}
    assert kinds == {"StopLoss": "open", "TakeProfit": "open"}
    for _ in range(390):
        if not bybit.fetch_open_orders(symbol):
            break
        _step(served)
    sold = bybit.fetch_my_trades(symbol)[-1]
    assert (sold["side"], sold["amount"]) == ("sell", 0.01)
    assert sold["price"] >= round(last * 1.0015, 1)


def test_leverage_margin_and_a_position_from_open_to_close(bybit):
    bybit.set_leverage(5, PERP)
    with pytest.raises(ccxt.BadRequest, match="110043"):
        bybit.set_leverage(5, PERP)
    bybit.set_margin_mode("isolated")
    last = bybit.fetch_ticker(PERP)["last"]
    bybit.create_order(PERP, "market", "buy", 0.05)
    (position,) = bybit.fetch_positions([PERP])
    assert (position["side"], position["contracts"], position["leverage"]) == ("long", 0.05, 5.0)
    assert position["entryPrice"] == pytest.approx(last)
    assert position["initialMargin"] == pytest.approx(0.05 * last / 5)
    assert position["liquidationPrice"] < last
    complete = ("markPrice", "notional", "maintenanceMargin", "timestamp", "collateral")
    assert [name for name in complete if position[name] is None] == []
    assert bybit.fetch_balance()["USDT"]["used"] == pytest.approx(0.05 * last / 5)
    bybit.create_order(PERP, "market", "sell", 0.05, None, {"reduceOnly": True})
    assert bybit.fetch_position(PERP)["contracts"] == 0
    with pytest.raises(ccxt.InvalidOrder, match="110017"):
        bybit.create_order(PERP, "market", "sell", 0.05, None, {"reduceOnly": True})


def test_protection_of_a_position_is_set_changed_and_taken_back(bybit):
    last = bybit.fetch_ticker(PERP)["last"]
    bybit.create_order(PERP, "market", "buy", 0.05)
    stop = {"category": "linear", "symbol": "BTCUSDT", "positionIdx": 0, "tpslMode": "Full"}
    bybit.create_order(PERP, "market", "sell", 0.05, None,
                       {"stopLossPrice": last * 0.9, "takeProfitPrice": last * 1.2})  # fmt: skip

    def protection():
        orders = bybit.fetch_open_orders(PERP)
        return {o["info"]["stopOrderType"]: o["triggerPrice"] for o in orders}

    assert protection() == {
        "StopLoss": pytest.approx(last * 0.9, abs=0.1),
        "TakeProfit": pytest.approx(last * 1.2, abs=0.1),
    }
    bybit.privatePostV5PositionTradingStop({**stop, "stopLoss": f"{last * 0.95:.1f}"})
    assert protection()["StopLoss"] == pytest.approx(last * 0.95, abs=0.1)
    assert protection()["TakeProfit"] == pytest.approx(last * 1.2, abs=0.1)
    bybit.privatePostV5PositionTradingStop({**stop, "stopLoss": "0", "takeProfit": "0"})
    assert protection() == {}
    with pytest.raises(ccxt.BadRequest, match="beyond base_price"):
        bybit.privatePostV5PositionTradingStop({**stop, "stopLoss": f"{last * 1.1:.1f}"})


def test_funding_rates_and_what_was_paid(served, bybit):
    rate = bybit.fetch_funding_rate(PERP)
    assert (rate["fundingRate"], rate["fundingTimestamp"] % 28_800_000) == (0.0002, 0)
    bybit.create_order(PERP, "market", "buy", 0.05)
    _step(served, 2)
    (paid,) = bybit.fetch_funding_rate_history(PERP)
    assert paid["fundingRate"] == 0.0002
    (row,) = bybit.privateGetV5ExecutionList({"category": "linear", "execType": "Funding"})[
        "result"
    ]["list"]
    assert float(row["execFee"]) == pytest.approx(0.0002 * 0.05 * BARS["open"].iloc[0])


def test_a_liquidation_is_told_as_one(serve):
    falling = [(100.0, 100.5, 99.5, 100.0), (100.0, 100.0, 80.0, 81.0), (81.0, 82.0, 80.0, 81.0)]
    how = Settings(funding_rate=Decimal(0))
    served = serve(exchange_of({PERP: bars_of(*falling)}, balances={"USDT": "1000"}, settings=how))
    bybit = ccxt_client("bybit", served, options={"defaultType": "swap"})
    bybit.load_markets()
    bybit.set_margin_mode("isolated")
    bybit.create_order(PERP, "market", "buy", 10)
    _step(served, 2)
    assert bybit.fetch_position(PERP)["contracts"] == 0
    told = bybit.privateGetV5ExecutionList({"category": "linear"})["result"]["list"]
    assert [row["execType"] for row in told] == ["BustTrade", "Trade"]
    assert 900 - 1 < bybit.fetch_balance()["USDT"]["total"] < 910


def test_a_key_tells_what_it_may_do(served, bybit):
    told = bybit.privateGetV5UserQueryApi()["result"]
    assert (told["readOnly"], told["permissions"]["Spot"]) == (0, ["SpotTrade"])
    assert (told["permissions"]["Wallet"], told["uta"]) == ([], 1)
    key = served.exchange.keys["test-key"]
    key.permissions = frozenset({"read", "withdraw"})
    told = bybit.privateGetV5UserQueryApi()["result"]
    assert (told["permissions"]["Spot"], "Withdraw" in told["permissions"]["Wallet"]) == ([], True)


def test_fees_and_tiers(bybit):
    assert bybit.fetch_trading_fee(PERP)["taker"] == 0.00055
    assert bybit.fetch_trading_fee(SPOT)["maker"] == 0.001
    tiers = bybit.fetch_market_leverage_tiers(PERP)
    assert tiers[0]["maxLeverage"] == 100
    assert tiers[0]["maintenanceMarginRate"] == 0.005


def test_the_async_client_works_and_two_clients_may_share_a_key(served):
    async def trade():
        clients = [ccxt_client("bybit", served, kind=ccxt.async_support) for _ in range(2)]
        try:
            last = (await clients[0].fetch_ticker(SPOT))["last"]
            price = round(last * 0.95, 1)
            made = await asyncio.gather(
                *(c.create_order(SPOT, "limit", "buy", 0.01, price) for c in clients * 5)
            )
            seen = await clients[1].fetch_open_orders(SPOT)
            await asyncio.gather(*(clients[0].cancel_order(m["id"], SPOT) for m in made))
            left = await clients[1].fetch_open_orders(SPOT)
            return len({m["id"] for m in made}), len(seen), left
        finally:
            for client in clients:
                await client.close()

    assert asyncio.run(trade()) == (10, 10, [])
