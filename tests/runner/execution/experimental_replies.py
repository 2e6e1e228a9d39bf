"""What Kraken, Coinbase and OKX answer, after their public documentation."""

from __future__ import annotations

from typing import Any

ID = "rtk7002ss6kq8001e0"
"""Of the order that they know."""

OKX_ORDER = {
    "instId": "BTC-USDT", "instType": "SPOT", "ordId": "77", "clOrdId": ID, "side": "buy",
    "ordType": "limit", "px": "90", "sz": "2", "accFillSz": "0.5", "avgPx": "90", "state": "live",
    "cTime": "1700000000000", "uTime": "1700000000000", "fee": "0", "feeCcy": "USDT", "tgtCcy": "",
}  # fmt: skip
KRAKEN_ORDER = {
    "refid": None, "cl_ord_id": ID, "status": "open", "opentm": 1700000000.0, "vol": "2",
    "vol_exec": "0.5", "cost": "45", "fee": "0", "price": "90", "stopprice": "0", "limitprice": "0",
    "descr": {"pair": "XBTUSDT", "type": "buy", "ordertype": "limit", "price": "90", "price2": "0",
              "leverage": "none", "order": "", "close": ""},
    "misc": "", "oflags": "fciq",
}  # fmt: skip
COINBASE_ORDER = {
    "order_id": "c-77", "client_order_id": ID, "product_id": "BTC-USDT", "side": "BUY",
    "status": "OPEN", "filled_size": "0.5", "average_filled_price": "90", "total_fees": "0",
    "created_time": "2023-11-14T22:13:20Z", "order_type": "LIMIT", "completion_percentage": "25",
    "order_configuration": {"limit_limit_gtc": {"base_size": "2", "limit_price": "90"}},
}  # fmt: skip
REPLIES: dict[str, dict[str, Any]] = {
    "okx": {
        "/api/v5/public/time": {"code": "0", "data": [{"ts": "1700000000000"}]},
        "/api/v5/public/instruments": {"code": "0", "data": [{
            "instType": "SPOT", "instId": "BTC-USDT", "baseCcy": "BTC", "quoteCcy": "USDT",
            "tickSz": "0.1", "lotSz": "0.001", "minSz": "0.001", "state": "live", "ctVal": "",
            "lever": "1", "maxLmtSz": "1000", "maxMktSz": "1000", "category": "1",
        }]},
        "POST /api/v5/trade/order": {"code": "0", "data": [
            {"ordId": "77", "clOrdId": ID, "sCode": "0", "sMsg": ""}]},
        "POST /api/v5/trade/batch-orders": {"code": "0", "data": [
            {"ordId": "77", "clOrdId": ID, "sCode": "0", "sMsg": ""}]},
        "/api/v5/trade/order": {"code": "0", "data": [OKX_ORDER]},
        "POST /api/v5/trade/cancel-order": {"code": "0", "data": [
            {"ordId": "77", "clOrdId": ID, "sCode": "0", "sMsg": ""}]},
    },
    "kraken": {
        "/0/public/Time": {"error": [], "result": {"unixtime": 1700000000}},
        "/0/public/Assets": {"error": [], "result": {
            "XXBT": {"aclass": "currency", "altname": "XBT", "decimals": 10, "status": "enabled"},
            "USDT": {"aclass": "currency", "altname": "USDT", "decimals": 8, "status": "enabled"}}},
        "/0/public/AssetPairs": {"error": [], "result": {"XBTUSDT": {
            "altname": "XBTUSDT", "wsname": "XBT/USDT", "aclass_base": "currency", "base": "XXBT",
            "aclass_quote": "currency", "quote": "USDT", "cost_decimals": 5, "pair_decimals": 1,
            "lot_decimals": 8, "lot_multiplier": 1, "leverage_buy": [], "leverage_sell": [],
            "fees": [[0, 0.26]], "fees_maker": [[0, 0.16]], "ordermin": "0.0001", "costmin": "0.5",
            "tick_size": "0.1", "status": "online"}}},
        "POST /0/private/AddOrder": {"error": [], "result": {
            "descr": {"order": "buy 2 XBTUSDT @ limit 90"}, "txid": ["K-77"]}},
        "POST /0/private/OpenOrders": {"error": [], "result": {"open": {"K-77": KRAKEN_ORDER}}},
        "POST /0/private/CancelOrder": {"error": [], "result": {"count": 1}},
    },
    "coinbase": {
        "/v2/time": {"data": {"iso": "2023-11-14T22:13:20Z", "epoch": 1700000000}},
        "/api/v3/brokerage/time": {"iso": "2023-11-14T22:13:20Z", "epochSeconds": "1700000000",
                                   "epochMillis": "1700000000000"},
        "/api/v3/brokerage/market/products": {"num_products": 1, "products": [{
            "product_id": "BTC-USDT", "price": "100", "base_increment": "0.001",
            "quote_increment": "0.01", "price_increment": "0.01", "base_min_size": "0.001",
            "base_max_size": "1000", "quote_min_size": "1", "quote_max_size": "100000",
            "base_currency_id": "BTC", "quote_currency_id": "USDT", "status": "online",
            "product_type": "SPOT", "trading_disabled": False, "view_only": False}]},
        "POST /api/v3/brokerage/orders": {"success": True, "success_response": {
            "order_id": "c-77", "product_id": "BTC-USDT", "side": "BUY", "client_order_id": ID},
            "order_configuration": {"limit_limit_gtc": {"base_size": "2", "limit_price": "90"}}},
        "/api/v3/brokerage/orders/historical/batch": {
            "orders": [COINBASE_ORDER], "has_next": False, "cursor": ""},
        "POST /api/v3/brokerage/orders/batch_cancel": {
            "results": [{"success": True, "order_id": "c-77", "failure_reason": ""}]},
    },
}  # fmt: skip

ALGO = {
    "algoId": "99", "algoClOrdId": ID, "clOrdId": "", "ordId": "", "instId": "BTC-USDT",
    "instType": "SPOT", "side": "sell", "ordType": "conditional", "sz": "2", "actualSz": "",
    "slTriggerPx": "80", "slOrdPx": "-1", "tpTriggerPx": "", "tpOrdPx": "", "state": "live",
    "cTime": "1700000000000", "uTime": "1700000000000",
}  # fmt: skip
TAKEN = {"code": "0", "data": [{"algoId": "99", "algoClOrdId": ID, "sCode": "0", "sMsg": ""}]}

FILLS = {
    "kraken": ("POST /0/private/TradesHistory", {"error": [], "result": {"count": 1, "trades": {
        "T-1": {"ordertxid": "K-77", "pair": "XBTUSDT", "time": 1700000000.5, "type": "buy",
                "ordertype": "limit", "price": "90", "cost": "45", "fee": "0.1", "vol": "0.5",
                "margin": "0", "misc": ""}}}}),
    "coinbase": ("/api/v3/brokerage/orders/historical/fills", {"cursor": "", "fills": [{
        "entry_id": "e-1", "trade_id": "T-1", "order_id": "c-77", "trade_type": "FILL",
        "trade_time": "2023-11-14T22:13:20.5Z", "price": "90", "size": "0.5", "side": "BUY",
        "commission": "0.1", "product_id": "BTC-USDT", "liquidity_indicator": "MAKER",
        "size_in_quote": False}]}),
    "okx": ("/api/v5/trade/fills-history", {"code": "0", "data": [{
        "instType": "SPOT", "instId": "BTC-USDT", "tradeId": "T-1", "ordId": "77", "clOrdId": ID,
        "billId": "1", "fillPx": "90", "fillSz": "0.5", "side": "buy", "execType": "M",
        "feeCcy": "BTC", "fee": "-0.0005", "ts": "1700000000500"}]}),
}  # fmt: skip

LACKING = {
    "kraken": {"error": ["EOrder:Insufficient funds"]},
    "coinbase": {"success": False, "error_response": {
        "error": "INSUFFICIENT_FUND", "message": "Insufficient balance in source account",
        "preview_failure_reason": "PREVIEW_INSUFFICIENT_FUND"}},
    "okx": {"code": "1", "data": [{
        "ordId": "", "clOrdId": ID, "sCode": "51008", "sMsg": "Insufficient balance"}]},
}  # fmt: skip
