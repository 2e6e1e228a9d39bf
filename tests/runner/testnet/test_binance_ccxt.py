"""Binance through unmodified ccxt: every method that a runner needs."""

from __future__ import annotations

import asyncio
from decimal import Decimal

import ccxt
import ccxt.async_support
import httpx
import pytest

import robotrader_sdk as rt
from runner.testnet.core.settings import Settings
from tests.runner.testnet.conftest import blocking_client, ccxt_client, exchange_of

SYMBOL = "BTC/USDT"
BARS = rt.synthetic_bars(400, "1m", seed=3, price=40_000.0).round(2)


def _step(served, bars=1):
    done = httpx.post(f"{served.url}/_control/step", json={"bars": bars, "through_fills": True})
    assert done.status_code == 200, done.text


@pytest.fixture
def served(serve):
    funds = {"USDT": "100000", "BTC": "1", "BNB": "5"}
    return serve(exchange_of({SYMBOL: BARS, "SOL/USDT": BARS}, balances=funds))


@pytest.fixture(params=["sync", "async", "pro"])
def binance(request, served):
    client = blocking_client("binance", served, request.param)
    client.load_markets()
    return client


def test_markets_carry_their_precision_and_limits(binance):
    market = binance.market(SYMBOL)
    assert market["precision"] == {"amount": 1e-5, "price": 0.01, "base": 1e-8, "quote": 1e-8}
    assert market["limits"]["amount"]["min"] == 1e-5
    assert market["limits"]["cost"]["min"] == 5.0
    assert (market["active"], market["spot"], market["type"]) == (True, True, "spot")
    assert set(binance.symbols) == {SYMBOL, "SOL/USDT"}


def test_time_and_status(served, binance):
    assert binance.fetch_time() == served.exchange.clock.served_ms
    assert binance.fetch_status()["status"] == "ok"


def test_bars_are_paged_and_the_last_is_open(served, binance):
    _step(served, 250)
    first = int(BARS.index[0].timestamp() * 1000)
    pages, since = [], first
    while page := binance.fetch_ohlcv(SYMBOL, "1m", since=since, limit=100):
        pages.append(len(page))
        since = page[-1][0] + 60_000
    assert pages == [100, 100, 51]
    closed = binance.fetch_ohlcv(SYMBOL, "1m", limit=3)[:-1]
    expected = BARS.iloc[248:250][["open", "high", "low", "close"]].to_numpy().tolist()
    assert [row[1:5] for row in closed] == expected
    forming = binance.fetch_ohlcv(SYMBOL, "1m", limit=1)[0]
    assert forming[1:5] == [BARS["open"].iloc[250]] * 4


def test_coarser_bars_are_those_of_the_sdk(served, binance):
    _step(served, 300)
    rows = binance.fetch_ohlcv(SYMBOL, "1h", limit=10)
    expected = rt.resample(BARS.iloc[:300], "1h")
    assert len(rows) == 6
    for row, (_, bar) in zip(rows[:-1], expected.iloc[:5].iterrows(), strict=True):
        assert row[1:5] == [bar["open"], bar["high"], bar["low"], bar["close"]]
        assert row[5] == pytest.approx(bar["volume"])


def test_tickers_and_the_book_stand_around_the_price(served, binance):
    _step(served, 20)
    last = BARS["open"].iloc[20]
    ticker = binance.fetch_ticker(SYMBOL)
    assert (ticker["last"], ticker["bid"] < last < ticker["ask"]) == (last, True)
    assert binance.fetch_tickers([SYMBOL])[SYMBOL]["last"] == last
    assert binance.fetch_last_prices([SYMBOL])[SYMBOL]["price"] == last
    assert binance.fetch_bids_asks([SYMBOL])[SYMBOL]["bid"] == ticker["bid"]
    book = binance.fetch_order_book(SYMBOL, 10)
    bids, asks = [b[0] for b in book["bids"]], [a[0] for a in book["asks"]]
    assert (len(bids), len(asks)) == (10, 10)
    assert bids == sorted(bids, reverse=True)
    assert asks == sorted(asks)
    assert bids[0] < last < asks[0]


@pytest.mark.parametrize(
    ("kind", "side", "amount", "factor", "params", "status"),
    [
        ("market", "buy", 0.01, None, {}, "closed"),
        ("market", "sell", 0.01, None, {}, "closed"),
        ("limit", "buy", 0.01, 0.99, {}, "open"),
        ("limit", "buy", 0.01, 1.01, {}, "closed"),
        ("limit", "buy", 0.01, 0.99, {"timeInForce": "IOC"}, "expired"),
        ("limit", "buy", 0.01, 0.99, {"timeInForce": "FOK"}, "expired"),
        ("limit", "sell", 0.01, 1.01, {"postOnly": True}, "open"),
        ("market", "sell", 0.01, None, {"stopLossPrice": 0.98}, "open"),
        ("market", "buy", 0.01, None, {"triggerPrice": 1.02}, "open"),
        ("market", "sell", 0.01, None, {"takeProfitPrice": 1.02}, "open"),
        ("limit", "sell", 0.01, 0.975, {"stopLossPrice": 0.98}, "open"),
        ("limit", "sell", 0.01, 1.02, {"takeProfitPrice": 1.02}, "open"),
    ],
)
def test_each_order_type_is_made_and_found(binance, kind, side, amount, factor, params, status):
    last = binance.fetch_ticker(SYMBOL)["last"]
    params = {k: round(v * last, 2) if k.endswith("Price") else v for k, v in params.items()}
    price = None if factor is None else round(last * factor, 2)
    made = binance.create_order(
        SYMBOL, kind, side, amount, price, {**params, "newOrderRespType": "FULL"}
    )
    found = binance.fetch_order(made["id"], SYMBOL)
    for order in (made, found):
        assert (order["status"], order["side"], order["amount"]) == (status, side, amount)
        complete = {"id", "clientOrderId", "timestamp", "datetime", "symbol", "type", "filled",
                    "remaining", "cost", "timeInForce"}  # fmt: skip
        if order is made and any(name.endswith("Price") for name in params):
            # Ccxt takes workingTime for the time, which is -1 for an order that has not triggered.
            complete -= {"datetime"}
        assert [name for name in complete if order[name] is None] == []
    if status == "closed":
        assert made["average"] == pytest.approx(last)
        assert made["fee"] == {"currency": "USDT", "cost": pytest.approx(0.001 * made["cost"])}
        assert len(made["trades"]) == 1
    if status == "open":
        assert [o["id"] for o in binance.fetch_open_orders(SYMBOL)] == [made["id"]]
        assert binance.cancel_order(made["id"], SYMBOL)["status"] == "canceled"
        assert binance.fetch_order(made["id"], SYMBOL)["status"] == "canceled"


def test_a_market_order_by_cost_spends_no_more(binance):
    made = binance.create_market_buy_order_with_cost(SYMBOL, 1000)
    assert 999 < made["cost"] <= 1000
    sold = binance.create_market_sell_order_with_cost(SYMBOL, 500)
    assert 499 < sold["cost"] <= 500


def test_an_order_filled_in_parts_has_all_its_trades(serve):
    how = Settings(fill_fraction=Decimal("0.4"))
    served = serve(exchange_of({SYMBOL: BARS}, settings=how, balances={"USDT": "100000"}))
    binance = ccxt_client("binance", served)
    last = binance.fetch_ticker(SYMBOL)["last"]
    made = binance.create_order(SYMBOL, "limit", "buy", 0.01, round(last * 1.01, 2))
    assert (made["status"], made["filled"]) == ("open", 0.004)
    _step(served, 3)
    done = binance.fetch_order(made["id"], SYMBOL)
    trades = binance.fetch_my_trades(SYMBOL, params={"orderId": made["id"]})
    assert (done["status"], [trade["amount"] for trade in trades]) == (
        "closed",
        [0.004, 0.004, 0.002],
    )
    assert sum(trade["cost"] for trade in trades) == pytest.approx(done["cost"])
    assert trades[0]["takerOrMaker"] == "taker"
    complete = ("id", "order", "timestamp", "symbol", "side", "price", "fee", "takerOrMaker")
    assert [name for name in complete if trades[0][name] is None] == []


@pytest.mark.parametrize(
    ("fee_asset", "currency"), [("received", "BTC"), ("quote", "USDT"), ("BNB", "BNB")]
)
def test_fees_are_paid_in_what_is_set(serve, fee_asset, currency):
    how = Settings(fee_rates={"BNB": Decimal(250)})
    funds = {"USDT": "1000", "BNB": "1"}
    served = serve(exchange_of({SYMBOL: BARS}, settings=how, balances=funds, fee_asset=fee_asset))
    binance = ccxt_client("binance", served)
    made = binance.create_order(SYMBOL, "market", "buy", 0.01)
    worth = {"BTC": made["average"], "USDT": 1.0, "BNB": 250.0}[currency]
    assert made["fee"]["currency"] == currency
    assert made["fee"]["cost"] * worth == pytest.approx(0.001 * made["cost"], rel=1e-4)
    balance = binance.fetch_balance()
    fee = made["fee"]["cost"]
    assert balance["BTC"]["total"] == pytest.approx(0.01 - (fee if currency == "BTC" else 0))


def test_balances_show_what_orders_have_locked(binance):
    last = binance.fetch_ticker(SYMBOL)["last"]
    price = round(last * 0.95, 2)
    binance.create_order(SYMBOL, "limit", "buy", 0.1, price)
    balance = binance.fetch_balance()
    assert balance["USDT"]["used"] == pytest.approx(0.1 * price * 1.001)
    assert balance["USDT"]["total"] == 100_000
    binance.cancel_all_orders(SYMBOL)
    assert binance.fetch_balance()["USDT"]["used"] == 0


def test_editing_replaces_the_order(binance):
    last = binance.fetch_ticker(SYMBOL)["last"]
    made = binance.create_order(SYMBOL, "limit", "buy", 0.01, round(last * 0.95, 2))
    edited = binance.edit_order(made["id"], SYMBOL, "limit", "buy", 0.02, round(last * 0.94, 2))
    assert edited["id"] != made["id"]
    (left,) = binance.fetch_open_orders(SYMBOL)
    assert (left["id"], left["amount"]) == (edited["id"], 0.02)
    assert [o["id"] for o in binance.fetch_canceled_orders(SYMBOL)] == [made["id"]]


def test_an_oco_has_every_legs_id_and_one_leg_ends_the_other(served, binance):
    last = binance.fetch_ticker(SYMBOL)["last"]
    made = binance.privatePostOrderListOco({
        "symbol": "BTCUSDT", "side": "SELL", "quantity": "0.01", "listClientOrderId": "list-1",
        "aboveType": "LIMIT_MAKER", "abovePrice": f"{last * 1.004:.2f}",
        "aboveClientOrderId": "above-1", "belowType": "STOP_LOSS",
        "belowStopPrice": f"{last * 0.5:.2f}", "belowClientOrderId": "below-1",
    })  # fmt: skip
    assert made["listClientOrderId"] == "list-1"
    assert [order["clientOrderId"] for order in made["orders"]] == ["above-1", "below-1"]
    for _ in range(390):
        if not binance.fetch_open_orders(SYMBOL):
            break
        _step(served, 10)
    by_id = {o["clientOrderId"]: o["status"] for o in binance.fetch_orders(SYMBOL)}
    assert by_id == {"above-1": "closed", "below-1": "expired"}
    assert (
        binance.privateGetOrderList({"origClientOrderId": "list-1"})["listOrderStatus"]
        == "ALL_DONE"
    )


def test_an_otoco_starts_its_legs_when_it_has_filled(served, binance):
    last = binance.fetch_ticker(SYMBOL)["last"]
    binance.privatePostOrderListOtoco({
        "symbol": "BTCUSDT", "listClientOrderId": "list-2", "workingType": "LIMIT",
        "workingSide": "BUY", "workingPrice": f"{last * 1.01:.2f}", "workingQuantity": "0.01",
        "workingTimeInForce": "GTC", "workingClientOrderId": "work-2", "pendingSide": "SELL",
        "pendingQuantity": "0.01", "pendingAboveType": "LIMIT_MAKER",
        "pendingAbovePrice": f"{last * 1.5:.2f}", "pendingAboveClientOrderId": "above-2",
        "pendingBelowType": "STOP_LOSS_LIMIT", "pendingBelowStopPrice": f"{last * 0.5:.2f}",
        "pendingBelowPrice": f"{last * 0.49:.2f}", "pendingBelowTimeInForce": "GTC",
        "pendingBelowClientOrderId": "below-2",
    })  # fmt: skip
    by_id = {o["clientOrderId"]: o["status"] for o in binance.fetch_orders(SYMBOL)}
    assert by_id == {"work-2": "closed", "above-2": "open", "below-2": "open"}
    assert len(binance.privateGetOpenOrderList()) == 1
    binance.cancel_all_orders(SYMBOL)
    assert binance.fetch_open_orders(SYMBOL) == []
    assert binance.privateGetOpenOrderList() == []


def test_a_client_id_is_unique_among_open_orders_only(binance):
    last = binance.fetch_ticker(SYMBOL)["last"]
    price = round(last * 0.95, 2)
    first = binance.create_order(SYMBOL, "limit", "buy", 0.01, price, {"clientOrderId": "mine"})
    with pytest.raises(ccxt.InvalidOrder, match="Duplicate order sent"):
        binance.create_order(SYMBOL, "limit", "buy", 0.01, price, {"clientOrderId": "mine"})
    found = binance.fetch_order(None, SYMBOL, {"origClientOrderId": "mine"})
    assert found["id"] == first["id"]
    binance.cancel_order(None, SYMBOL, {"origClientOrderId": "mine"})
    again = binance.create_order(SYMBOL, "limit", "buy", 0.01, price, {"clientOrderId": "mine"})
    assert again["id"] != first["id"]


@pytest.mark.parametrize(
    ("permissions", "trading", "withdrawals"),
    [
        ({"read"}, False, False),
        ({"read", "spot"}, True, False),
        ({"read", "withdraw"}, False, True),
    ],
)
def test_a_key_tells_what_it_may_do(served, permissions, trading, withdrawals):
    served.exchange.keys["test-key"].permissions = frozenset(permissions)
    client = ccxt_client("binance", served)
    client.load_markets()
    allowed = client.sapiGetAccountApiRestrictions()
    assert allowed["enableSpotAndMarginTrading"] is trading
    assert allowed["enableWithdrawals"] is withdrawals
    assert allowed["enableReading"] is True


def test_fees_of_all_markets(binance):
    fees = binance.fetch_trading_fees()
    assert (fees[SYMBOL]["maker"], fees[SYMBOL]["taker"]) == (0.001, 0.001)


def test_a_symbol_without_stop_market_orders_is_known_as_such(binance):
    last = binance.fetch_ticker("SOL/USDT")["last"]
    with pytest.raises(ccxt.InvalidOrder, match="not allowed for SOL/USDT market orders"):
        binance.create_order(
            "SOL/USDT", "market", "buy", 1, None, {"triggerPrice": round(last * 1.02, 2)}
        )


def test_the_async_client_works_and_two_clients_may_share_a_key(served):
    async def trade():
        clients = [ccxt_client("binance", served, kind=ccxt.async_support) for _ in range(2)]
        try:
            last = (await clients[0].fetch_ticker(SYMBOL))["last"]
            price = round(last * 0.95, 2)
            made = await asyncio.gather(
                *(c.create_order(SYMBOL, "limit", "buy", 0.01, price) for c in clients * 5)
            )
            seen = await clients[1].fetch_open_orders(SYMBOL)
            await asyncio.gather(*(clients[0].cancel_order(m["id"], SYMBOL) for m in made))
            return (
                len({m["id"] for m in made}),
                len(seen),
                await clients[1].fetch_open_orders(SYMBOL),
            )
        finally:
            for client in clients:
                await client.close()

    assert asyncio.run(trade()) == (10, 10, [])
