"""The shape of every reply, field by field and type by type, as the venues document it.

Types: s text, n number as text, i integer, b true or false, l list, d object; ? may be empty or
null. A field that is not in the table, or lacks in the reply, is an error.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

import robotrader_sdk as rt
from runner.testnet.core.settings import Settings
from tests.runner.testnet.conftest import Served, ccxt_client, exchange_of

SPOT, PERP = "BTC/USDT", "BTC/USDT:USDT"
BARS = rt.synthetic_bars(200, "1m", seed=3, price=40_000.0).round(1)

BINANCE_DOCS = "https://developers.binance.com/docs/binance-spot-api-docs/"
BYBIT_DOCS = "https://bybit-exchange.github.io/docs/v5/"

ORDER_ACK = "symbol:s orderId:i orderListId:i clientOrderId:s transactTime:i"
ORDER_RESULT = (
    f"{ORDER_ACK} price:n origQty:n executedQty:n origQuoteOrderQty:n cummulativeQuoteQty:n "
    "status:s timeInForce:s type:s side:s workingTime:i selfTradePreventionMode:s"
)
ORDER = (
    "symbol:s orderId:i orderListId:i clientOrderId:s price:n origQty:n executedQty:n "
    "cummulativeQuoteQty:n status:s timeInForce:s type:s side:s stopPrice:n icebergQty:n time:i "
    "updateTime:i isWorking:b workingTime:i origQuoteOrderQty:n selfTradePreventionMode:s"
)
CANCELED = f"origClientOrderId:s {ORDER_RESULT.replace(' workingTime:i', '')}"
LIST = (
    "orderListId:i contingencyType:s listStatusType:s listOrderStatus:s listClientOrderId:s "
    "transactionTime:i symbol:s orders:l"
)
TICKER = (
    "symbol:s priceChange:n priceChangePercent:n weightedAvgPrice:n prevClosePrice:n lastPrice:n "
    "lastQty:n bidPrice:n bidQty:n askPrice:n askQty:n openPrice:n highPrice:n lowPrice:n volume:n "
    "quoteVolume:n openTime:i closeTime:i firstId:i lastId:i count:i"
)
MARKET = (
    "symbol:s status:s baseAsset:s baseAssetPrecision:i quoteAsset:s quotePrecision:i "
    "quoteAssetPrecision:i baseCommissionPrecision:i quoteCommissionPrecision:i orderTypes:l "
    "icebergAllowed:b ocoAllowed:b otoAllowed:b quoteOrderQtyMarketAllowed:b allowTrailingStop:b "
    "cancelReplaceAllowed:b amendAllowed:b isSpotTradingAllowed:b isMarginTradingAllowed:b "
    "filters:l permissions:l permissionSets:l defaultSelfTradePreventionMode:s "
    "allowedSelfTradePreventionModes:l"
)
LIMIT = {"symbol": "BTCUSDT", "side": "BUY", "type": "LIMIT", "timeInForce": "GTC",
         "quantity": "0.01", "price": "39000"}  # fmt: skip
OCO = {"symbol": "BTCUSDT", "side": "SELL", "quantity": "0.01", "aboveType": "LIMIT_MAKER",
       "abovePrice": "45000", "belowType": "STOP_LOSS", "belowStopPrice": "35000"}  # fmt: skip
S = {"symbol": "BTCUSDT"}

BINANCE = [
    # ccxt's method, what it asks, where in the reply, its fields, the page that states them
    ("publicGetPing", {}, "", "", "rest-api/general-endpoints"),
    ("publicGetTime", {}, "", "serverTime:i", "rest-api/general-endpoints"),
    ("publicGetExchangeInfo", {}, "",
     "timezone:s serverTime:i rateLimits:l exchangeFilters:l symbols:l",
     "rest-api/general-endpoints"),
    ("publicGetExchangeInfo", S, "symbols.0", MARKET, "rest-api/general-endpoints"),
    ("publicGetExchangeInfo", S, "rateLimits.0",
     "rateLimitType:s interval:s intervalNum:i limit:i", "enums"),
    ("publicGetExchangeInfo", S, "symbols.0.filters.0",
     "filterType:s minPrice:n maxPrice:n tickSize:n", "filters"),
    ("publicGetExchangeInfo", S, "symbols.0.filters.1",
     "filterType:s minQty:n maxQty:n stepSize:n", "filters"),
    ("publicGetDepth", S, "", "lastUpdateId:i bids:l asks:l", "rest-api/market-data-endpoints"),
    ("publicGetDepth", S, "bids.0", "0:n 1:n", "rest-api/market-data-endpoints"),
    ("publicGetKlines", {**S, "interval": "1m"}, "0",
     "0:i 1:n 2:n 3:n 4:n 5:n 6:i 7:n 8:i 9:n 10:n 11:n", "rest-api/market-data-endpoints"),
    ("publicGetTicker24hr", S, "", TICKER, "rest-api/market-data-endpoints"),
    ("publicGetTickerPrice", S, "", "symbol:s price:n", "rest-api/market-data-endpoints"),
    ("publicGetTickerBookTicker", S, "", "symbol:s bidPrice:n bidQty:n askPrice:n askQty:n",
     "rest-api/market-data-endpoints"),
    ("publicGetAvgPrice", S, "", "mins:i price:n closeTime:i", "rest-api/market-data-endpoints"),
    ("publicGetTrades", S, "0",
     "id:i price:n qty:n quoteQty:n time:i isBuyerMaker:b isBestMatch:b",
     "rest-api/market-data-endpoints"),
    ("publicGetAggTrades", S, "0", "a:i p:n q:n f:i l:i T:i m:b M:b",
     "rest-api/market-data-endpoints"),
    ("privateGetAccount", {}, "",
     "makerCommission:i takerCommission:i buyerCommission:i sellerCommission:i commissionRates:d "
     "canTrade:b canWithdraw:b canDeposit:b brokered:b requireSelfTradePrevention:b preventSor:b "
     "updateTime:i accountType:s balances:l permissions:l uid:i", "rest-api/account-endpoints"),
    ("privateGetAccount", {}, "balances.0", "asset:s free:n locked:n",
     "rest-api/account-endpoints"),
    ("privateGetAccountCommission", S, "",
     "symbol:s standardCommission:d specialCommission:d taxCommission:d discount:d",
     "rest-api/account-endpoints"),
    ("privatePostOrder", {**LIMIT, "newOrderRespType": "ACK"}, "", ORDER_ACK,
     "rest-api/trading-endpoints"),
    ("privatePostOrder", {**LIMIT, "newOrderRespType": "RESULT"}, "", ORDER_RESULT,
     "rest-api/trading-endpoints"),
    ("privatePostOrder", {**LIMIT, "price": "41000"}, "", f"{ORDER_RESULT} fills:l",
     "rest-api/trading-endpoints"),
    ("privatePostOrder", {**LIMIT, "price": "41000"}, "fills.0",
     "price:n qty:n commission:n commissionAsset:s tradeId:i", "rest-api/trading-endpoints"),
    ("privatePostOrder",
     {**S, "side": "SELL", "type": "STOP_LOSS", "quantity": "0.01", "stopPrice": "35000",
      "newOrderRespType": "RESULT"}, "", f"{ORDER_RESULT} stopPrice:n",
     "rest-api/trading-endpoints"),
    ("privatePostOrderTest", LIMIT, "", "", "rest-api/trading-endpoints"),
    ("privateGetOrder", {**S, "orderId": 1}, "", ORDER, "rest-api/account-endpoints"),
    ("privateGetOpenOrders", S, "0", ORDER, "rest-api/account-endpoints"),
    ("privateGetAllOrders", S, "0", ORDER, "rest-api/account-endpoints"),
    ("privateGetMyTrades", S, "0",
     "symbol:s id:i orderId:i orderListId:i price:n qty:n quoteQty:n commission:n "
     "commissionAsset:s time:i isBuyer:b isMaker:b isBestMatch:b", "rest-api/account-endpoints"),
    ("privatePostOrderCancelReplace",
     {**LIMIT, "cancelReplaceMode": "STOP_ON_FAILURE", "cancelOrderId": 1}, "",
     "cancelResult:s newOrderResult:s cancelResponse:d newOrderResponse:d",
     "rest-api/trading-endpoints"),
    ("privateDeleteOrder", {**S, "origClientOrderId": "shape-2"}, "", CANCELED,
     "rest-api/trading-endpoints"),
    ("privatePostOrderListOco", OCO, "", f"{LIST} orderReports:l", "rest-api/trading-endpoints"),
    ("privatePostOrderListOco", OCO, "orders.0", "symbol:s orderId:i clientOrderId:s",
     "rest-api/trading-endpoints"),
    ("privatePostOrderListOco", OCO, "orderReports.0", ORDER_RESULT,
     "rest-api/trading-endpoints"),
    ("privateGetOpenOrderList", {}, "0", LIST, "rest-api/account-endpoints"),
    ("privateGetOrderList", {"orderListId": 1}, "", LIST, "rest-api/account-endpoints"),
    ("privateGetRateLimitOrder", {}, "0",
     "rateLimitType:s interval:s intervalNum:i limit:i count:i", "rest-api/account-endpoints"),
    ("privateDeleteOpenOrders", S, "0", CANCELED, "rest-api/trading-endpoints"),
    ("sapiGetAccountApiRestrictions", {}, "",
     "ipRestrict:b createTime:i enableReading:b enableSpotAndMarginTrading:b enableWithdrawals:b "
     "enableInternalTransfer:b enableMargin:b enableFutures:b permitsUniversalTransfer:b "
     "enableVanillaOptions:b enableFixApiTrade:b enableFixReadOnly:b "
     "enablePortfolioMarginTrading:b",
     "https://developers.binance.com/docs/wallet/account/api-key-permission"),
    ("sapiGetAssetTradeFee", S, "0", "symbol:s makerCommission:n takerCommission:n",
     "https://developers.binance.com/docs/wallet/asset/trade-fee"),
    ("sapiGetSystemStatus", {}, "", "status:i msg:s",
     "https://developers.binance.com/docs/wallet/others/system-status"),
]  # fmt: skip

BYBIT_ORDER = (
    "orderId:s orderLinkId:s? blockTradeId:s? symbol:s price:n qty:n side:s isLeverage:s? "
    "positionIdx:i orderStatus:s createType:s cancelType:s rejectReason:s avgPrice:n? leavesQty:n "
    "leavesValue:n cumExecQty:n cumExecValue:n cumExecFee:n cumFeeDetail:d timeInForce:s "
    "orderType:s stopOrderType:s? orderIv:s? marketUnit:s? triggerPrice:n? takeProfit:n? "
    "stopLoss:n? ocoTriggerBy:s? tpLimitPrice:n? slLimitPrice:n? tpTriggerBy:s? slTriggerBy:s? "
    "triggerDirection:i triggerBy:s? lastPriceOnCreated:n basePrice:n reduceOnly:b "
    "closeOnTrigger:b placeType:s? smpType:s smpGroup:i smpOrderId:s? slippageToleranceType:s "
    "slippageTolerance:n extraFees:s? createdTime:n updatedTime:n"
)
EXECUTION = (
    "symbol:s orderId:s orderLinkId:s? side:s orderPrice:n orderQty:n leavesQty:n createType:s? "
    "orderType:s stopOrderType:s execFee:n execFeeV2:s? execId:s execPrice:n execQty:n execType:s "
    "execValue:n execTime:n feeCurrency:s isMaker:b feeRate:n tradeIv:s? markIv:s? markPrice:n? "
    "indexPrice:n? underlyingPrice:n? blockTradeId:s? closedSize:n? seq:i extraFees:s?"
)
POSITION = (
    "positionIdx:i riskId:i riskLimitValue:n symbol:s side:s size:n avgPrice:n positionValue:n "
    "tradeMode:i autoAddMargin:i positionStatus:s leverage:n markPrice:n liqPrice:n? bustPrice:n? "
    "positionIM:n positionIMByMp:n positionMM:n positionMMByMp:n positionBalance:n takeProfit:n? "
    "stopLoss:n? trailingStop:n sessionAvgPrice:n? delta:n? gamma:n? vega:n? theta:n? "
    "unrealisedPnl:n curRealisedPnl:n cumRealisedPnl:n adlRankIndicator:i createdTime:n "
    "updatedTime:n seq:i isReduceOnly:b mmrSysUpdatedTime:s? leverageSysUpdatedTime:s? tpslMode:s "
    "breakEvenPrice:n?"
)
WALLET = (
    "accountType:s accountLTV:n? accountIMRate:n accountMMRate:n accountIMRateByMp:n "
    "accountMMRateByMp:n totalEquity:n totalWalletBalance:n totalMarginBalance:n "
    "totalAvailableBalance:n totalPerpUPL:n totalInitialMargin:n totalInitialMarginByMp:n "
    "totalMaintenanceMargin:n totalMaintenanceMarginByMp:n coin:l"
)
COIN = (
    "coin:s equity:n usdValue:n walletBalance:n locked:n spotHedgingQty:n borrowAmount:n "
    "availableToWithdraw:n? accruedInterest:n totalOrderIM:n totalPositionIM:n totalPositionMM:n "
    "unrealisedPnl:n cumRealisedPnl:n bonus:n marginCollateral:b collateralSwitch:b spotBorrow:n"
)
SPOT_TICKER = (
    "symbol:s bid1Price:n bid1Size:n ask1Price:n ask1Size:n lastPrice:n prevPrice24h:n "
    "price24hPcnt:n highPrice24h:n lowPrice24h:n turnover24h:n volume24h:n usdIndexPrice:n"
)
LINEAR_TICKER = (
    f"{SPOT_TICKER.replace(' usdIndexPrice:n', '')} indexPrice:n markPrice:n prevPrice1h:n "
    "openInterest:n openInterestValue:n fundingRate:n nextFundingTime:n fundingIntervalHour:n "
    "fundingCap:n predictedDeliveryPrice:n? basisRate:n? basis:n? basisRateYear:n? "
    "deliveryFeeRate:n? deliveryTime:n preOpenPrice:n? preQty:n? curPreListingPhase:s?"
)
CS, CL = {"category": "spot", **S}, {"category": "linear", **S}
BUY = {"side": "Buy", "orderType": "Limit", "qty": "0.01", "price": "39000"}

BYBIT = [
    ("publicGetV5MarketTime", {}, "", "timeSecond:n timeNano:n", "market/time"),
    ("publicGetV5MarketInstrumentsInfo", CS, "list.0",
     "symbol:s baseCoin:s quoteCoin:s innovation:n status:s marginTrading:s stTag:n "
     "lotSizeFilter:d priceFilter:d riskParameters:d", "market/instrument"),
    ("publicGetV5MarketInstrumentsInfo", CL, "list.0",
     "symbol:s contractType:s status:s baseCoin:s quoteCoin:s launchTime:n deliveryTime:n "
     "deliveryFeeRate:n? priceScale:n leverageFilter:d priceFilter:d lotSizeFilter:d "
     "unifiedMarginTrade:b fundingInterval:i settleCoin:s copyTrading:s upperFundingRate:n "
     "lowerFundingRate:n isPreListing:b preListingInfo:s? riskParameters:d displayName:s?",
     "market/instrument"),
    ("publicGetV5MarketInstrumentsInfo", CL, "list.0.lotSizeFilter",
     "maxOrderQty:n minOrderQty:n qtyStep:n postOnlyMaxOrderQty:n maxMktOrderQty:n "
     "minNotionalValue:n", "market/instrument"),
    ("publicGetV5MarketKline", {**CS, "interval": "1"}, "list.0", "0:n 1:n 2:n 3:n 4:n 5:n 6:n",
     "market/kline"),
    ("publicGetV5MarketMarkPriceKline", {**CL, "interval": "1"}, "list.0", "0:n 1:n 2:n 3:n 4:n",
     "market/mark-kline"),
    ("publicGetV5MarketTickers", CS, "list.0", SPOT_TICKER, "market/tickers"),
    ("publicGetV5MarketTickers", CL, "list.0", LINEAR_TICKER, "market/tickers"),
    ("publicGetV5MarketOrderbook", CS, "", "s:s b:l a:l ts:i u:i seq:i cts:i",
     "market/orderbook"),
    ("publicGetV5MarketRecentTrade", CS, "list.0",
     "execId:s symbol:s price:n size:n side:s time:n isBlockTrade:b isRPITrade:b seq:s",
     "market/recent-trade"),
    ("publicGetV5MarketFundingHistory", CL, "list.0",
     "symbol:s fundingRate:n fundingRateTimestamp:n", "market/history-fund-rate"),
    ("publicGetV5MarketRiskLimit", CL, "list.0",
     "id:i symbol:s riskLimitValue:n maintenanceMargin:n initialMargin:n isLowestRisk:i "
     "maxLeverage:n mmDeduction:n?", "market/risk-limit"),
    ("privateGetV5AccountWalletBalance", {"accountType": "UNIFIED"}, "list.0", WALLET,
     "account/wallet-balance"),
    ("privateGetV5AccountWalletBalance", {"accountType": "UNIFIED"}, "list.0.coin.0", COIN,
     "account/wallet-balance"),
    ("privateGetV5AccountInfo", {}, "",
     "unifiedMarginStatus:i marginMode:s dcpStatus:s timeWindow:i smpGroup:i isMasterTrader:b "
     "spotHedgingStatus:s updatedTime:n", "account/account-info"),
    ("privateGetV5AccountFeeRate", CL, "list.0",
     "symbol:s baseCoin:s? takerFeeRate:n makerFeeRate:n", "account/fee-rate"),
    ("privateGetV5UserQueryApi", {}, "",
     "id:s note:s apiKey:s readOnly:i secret:s? permissions:d ips:l type:i deadlineDay:i "
     "expiredAt:s createdAt:s unified:i uta:i userID:i inviterID:i vipLevel:s mktMakerLevel:s "
     "affiliateID:i rsaPublicKey:s? isMaster:b parentUid:s kycLevel:s kycRegion:s?",
     "user/apikey-info"),
    ("privatePostV5OrderCreate", {**CS, **BUY}, "", "orderId:s orderLinkId:s?",
     "order/create-order"),
    ("privatePostV5OrderAmend", {**CS, "orderLinkId": "shape-1", "qty": "0.02"}, "",
     "orderId:s orderLinkId:s", "order/amend-order"),
    ("privateGetV5OrderRealtime", CS, "list.0", BYBIT_ORDER, "order/open-order"),
    ("privateGetV5OrderRealtime", CL, "list.0", f"{BYBIT_ORDER} tpslMode:s?",
     "order/open-order"),
    ("privateGetV5OrderHistory", CS, "list.0", BYBIT_ORDER, "order/order-list"),
    ("privateGetV5ExecutionList", CS, "list.0", EXECUTION, "order/execution"),
    ("privateGetV5ExecutionList", CL, "list.0", EXECUTION, "order/execution"),
    ("privateGetV5PositionList", CL, "list.0", POSITION, "position"),
    ("privatePostV5OrderCancel", {**CS, "orderLinkId": "shape-1"}, "", "orderId:s orderLinkId:s",
     "order/cancel-order"),
    ("privatePostV5OrderCancelAll", CS, "", "list:l success:s", "order/cancel-all"),
    ("privatePostV5PositionSetLeverage", {**CL, "buyLeverage": "7", "sellLeverage": "7"}, "", "",
     "position/leverage"),
    ("privatePostV5PositionTradingStop", {**CL, "stopLoss": "30000"}, "", "",
     "position/trading-stop"),
]  # fmt: skip


@pytest.fixture
def client(request):
    """A client of an exchange on which something has happened."""
    how = Settings(funding_rate=Decimal("0.0001"))
    funds = {"USDT": "100000", "BTC": "1"}
    served = Served(exchange_of({SPOT: BARS, PERP: BARS}, balances=funds, settings=how))
    venue = "bybit" if request.node.callspec.params["method"].find("V5") > 0 else "binance"
    made = ccxt_client(venue, served)
    made.load_markets()
    resting = ("limit", "buy", 0.01, 38_500.0)
    made.create_order(SPOT, *resting, {"clientOrderId": "shape-1"})
    made.create_order(SPOT, "limit", "buy", 0.01, 38_600.0, {"clientOrderId": "shape-2"})
    made.create_order(SPOT, "market", "buy", 0.01)
    if venue == "bybit":
        made.create_order(PERP, *resting)
        made.create_order(PERP, "market", "buy", 0.01)
    else:
        made.privatePostOrderListOco({**OCO, "belowStopPrice": "34000"})
    for _ in range(2):
        served.call(served.local.driver.step)
    yield made
    served.stop()


@pytest.mark.parametrize(("method", "asked", "where", "fields", "page"), [*BINANCE, *BYBIT])
def test_a_reply_has_the_documented_shape(client, method, asked, where, fields, page):
    """`page` is where the venue states the fields; see BINANCE_DOCS and BYBIT_DOCS."""
    assert page
    if method == "privateDeleteOpenOrders":
        client.privateDeleteOrderList({"symbol": "BTCUSDT", "orderListId": 1})
    reply: Any = getattr(client, method)(dict(asked))
    if "V5" in method:
        assert set(reply) == {"retCode", "retMsg", "result", "retExtInfo", "time"}
        reply = reply["result"]
    for step in where.split(".") if where else ():
        reply = reply[int(step) if isinstance(reply, list) else step]
    if isinstance(reply, list):
        reply = {str(number): value for number, value in enumerate(reply)}
    expected = dict(field.split(":") for field in fields.split())
    assert set(reply) == set(expected)
    assert {name: value for name, value in reply.items() if not _is(value, expected[name])} == {}


def _is(value: Any, kind: str) -> bool:
    """Whether a value is of a kind. Ccxt turns integers in Binance's replies into texts."""
    if kind.endswith("?") and value in ("", None):
        return True
    kind = kind.rstrip("?")
    if kind == "n":
        return isinstance(value, str) and Decimal(value).is_finite()
    if kind == "i":
        return not isinstance(value, bool) and str(value).lstrip("-").isdigit()
    kinds = {"s": str, "b": bool, "l": list, "d": dict}
    return isinstance(value, kinds[kind]) and (kind != "s" or value != "")
