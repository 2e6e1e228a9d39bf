"""Bybit's shapes of markets and their risk limits.

Sources: https://bybit-exchange.github.io/docs/v5/market/instrument and
https://bybit-exchange.github.io/docs/v5/market/risk-limit
"""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from runner.testnet.core.exchange import Exchange
from runner.testnet.core.markets import Market
from runner.testnet.numbers import plain

_LARGEST = "1000000000"


def row(exchange: Exchange, market: Market) -> dict[str, Any]:
    """A row of instruments-info."""
    is_open = market.status == "TRADING" and market.symbol not in exchange.closed_markets
    status = "Trading" if is_open else "Closed"
    return _linear(market, status) if market.linear else _spot(market, status)


def risk_limits(market: Market) -> list[dict[str, Any]]:
    """The tiers of a perpetual."""
    rows = []
    for number, tier in enumerate(market.tiers):
        is_last = number + 1 == len(market.tiers)
        ends = _LARGEST if is_last else plain(market.tiers[number + 1].notional_floor)
        leverage = min(tier.max_leverage, market.max_leverage)
        rows.append(
            {
                "id": number + 1,
                "symbol": market.id,
                "riskLimitValue": ends,
                "maintenanceMargin": plain(tier.maintenance_rate),
                "initialMargin": plain(round(1 / leverage, 8)),
                "isLowestRisk": int(number == 0),
                "maxLeverage": plain(leverage),
                "mmDeduction": "",
            }
        )
    return rows


def quote_step(market: Market) -> Decimal:
    """The step of what an order by cost may spend."""
    return market.tick_size * market.lot_size


def _spot(market: Market, status: str) -> dict[str, Any]:
    return {
        "symbol": market.id,
        "baseCoin": market.base,
        "quoteCoin": market.quote,
        "innovation": "0",
        "status": status,
        "marginTrading": "none",
        "stTag": "0",
        "lotSizeFilter": {
            "basePrecision": plain(market.lot_size),
            "quotePrecision": plain(quote_step(market)),
            "minOrderQty": plain(market.min_quantity),
            "maxOrderQty": plain(market.max_quantity),
            "minOrderAmt": plain(market.min_notional),
            "maxOrderAmt": plain(market.max_notional) if market.max_notional else _LARGEST,
            "maxLimitOrderQty": plain(market.max_quantity),
            "maxMarketOrderQty": plain(market.market_max_quantity or market.max_quantity),
            "postOnlyMaxLimitOrderSize": plain(market.max_quantity),
        },
        "priceFilter": {"tickSize": plain(market.tick_size)},
        "riskParameters": {"priceLimitRatioX": "0.05", "priceLimitRatioY": "0.05"},
    }


def _linear(market: Market, status: str) -> dict[str, Any]:
    return {
        "symbol": market.id,
        "contractType": "LinearPerpetual",
        "status": status,
        "baseCoin": market.base,
        "quoteCoin": market.quote,
        "launchTime": "1584230400000",
        "deliveryTime": "0",
        "deliveryFeeRate": "",
        "priceScale": str(max(-int(market.tick_size.normalize().as_tuple().exponent), 0)),
        "leverageFilter": {
            "minLeverage": "1",
            "maxLeverage": plain(market.max_leverage),
            "leverageStep": "0.01",
        },
        "priceFilter": {
            "minPrice": plain(market.min_price),
            "maxPrice": plain(market.max_price),
            "tickSize": plain(market.tick_size),
        },
        "lotSizeFilter": {
            "maxOrderQty": plain(market.max_quantity),
            "minOrderQty": plain(market.min_quantity),
            "qtyStep": plain(market.lot_size),
            "postOnlyMaxOrderQty": plain(market.max_quantity),
            "maxMktOrderQty": plain(market.market_max_quantity or market.max_quantity),
            "minNotionalValue": plain(market.min_notional),
        },
        "unifiedMarginTrade": True,
        "fundingInterval": market.funding_interval_minutes,
        "settleCoin": market.settle,
        "copyTrading": "none",
        "upperFundingRate": "0.00375",
        "lowerFundingRate": "-0.00375",
        "isPreListing": False,
        "preListingInfo": None,
        "riskParameters": {"priceLimitRatioX": "0.05", "priceLimitRatioY": "0.1"},
        "displayName": "",
    }
